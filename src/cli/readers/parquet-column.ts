/**
 * What are the values of one column of a Parquet row group, in order, without holding the row group?
 *
 * A row group may be the whole file (a million vectors are one, as most writers write them), so the pages of a column
 * are read and decoded one after the other. A row of a list may begin in one page and end in the next: the last row of
 * a page is kept back until its end is sure. Headers, encodings and nesting are decoded by hyparquet. Reader layer of
 * the command line.
 */
import type { ColumnMetaData, DecodedArray, PageHeader, SchemaTree } from "hyparquet";
import { assembleNested } from "hyparquet/src/assemble.js";
import { parquetHeader, readPage } from "hyparquet/src/column.js";
import { convert, DEFAULT_PARSERS } from "hyparquet/src/convert.js";
import { getTreePath, isFlatColumn } from "hyparquet/src/schema.js";
import { compressors } from "hyparquet-compressors";
import { LynseError } from "../../errors.js";
import { zstdBytesMax } from "./zstd-size.js";

type ColumnDecoder = Parameters<typeof readPage>[2];

/** Reads bytes `[start, end)` of the file. */
export type ReadBytes = (start: number, end: number) => Promise<Uint8Array>;

/** Bytes looked at for a page header; statistics make some longer, which are looked at again. */
const headerBytes = 16 * 1024;
/** Bytes of one page, compressed or not: writers keep to a megabyte, or a hundred at most. */
const pageBytesMax = 2 ** 28;
/** Values of one page, which a few bytes can stand for; and of one row. Writers keep to some ten thousand. */
const pageValuesMax = 2 ** 23;

/** One physical column: numbers, texts, or lists of them. */
class LeafColumn {
  readonly #read: ReadBytes;
  readonly #decoder: ColumnDecoder;
  readonly #isFlat: boolean;
  readonly #end: number;
  #offset: number;
  #dictionary: DecodedArray | undefined;
  /** Rows that are complete, and how many of them were taken. */
  #rows: DecodedArray = [];
  #taken = 0;
  /** The last row of the pages so far, where it may go on in the next page. */
  #unfinished: unknown[] = [];
  /** Values of the pages that have nothing but that row. */
  #unfinishedValues = 0;

  constructor(read: ReadBytes, schema: SchemaTree, chunk: ColumnMetaData) {
    const schemaPath = getTreePath(schema, chunk.path_in_schema);
    const element = schemaPath.at(-1)?.element;
    if (element === undefined) throw new Error(`column ${chunk.path_in_schema.join(".")} is not in the schema`);
    this.#read = read;
    this.#decoder = {
      pathInSchema: chunk.path_in_schema,
      type: chunk.type,
      codec: chunk.codec,
      element,
      schemaPath,
      parsers: DEFAULT_PARSERS,
      compressors,
    };
    this.#isFlat = isFlatColumn(schemaPath);
    const start = Number(chunk.dictionary_page_offset || chunk.data_page_offset);
    this.#offset = start;
    this.#end = start + Number(chunk.total_compressed_size);
  }

  /** The next `count` rows. */
  async take(count: number): Promise<DecodedArray> {
    const parts: DecodedArray[] = [];
    for (let missing = count; missing > 0; ) {
      const part = this.#rows.slice(this.#taken, this.#taken + missing);
      this.#taken += part.length;
      missing -= part.length;
      if (part.length > 0) parts.push(part);
      if (missing > 0) await this.#nextPage();
    }
    const [only] = parts;
    return parts.length === 1 && only !== undefined ? only : parts.flatMap((part) => Array.from<unknown>(part));
  }

  async #nextPage(): Promise<void> {
    this.#taken = 0;
    if (this.#offset >= this.#end) {
      this.#rows = this.#unfinished;
      this.#unfinished = [];
      if (this.#rows.length > 0) return;
      throw new Error(`column ${this.#decoder.pathInSchema.join(".")} has fewer rows than its row group`);
    }
    const { header, headerLength } = await this.#readHeader();
    const size = header.compressed_page_size;
    const largest = Math.max(size, Number(header.uncompressed_page_size));
    const start = this.#offset + headerLength;
    if (size < 0 || start + size > this.#end) throw new Error(`a page of ${size} bytes`);
    checkLimit("pageBytesMax", largest, pageBytesMax, "bytes");
    const valueCount = header.data_page_header?.num_values ?? header.data_page_header_v2?.num_values;
    const values = Number(valueCount ?? header.dictionary_page_header?.num_values ?? 0);
    if (!(values >= 0)) throw new Error(`a page of ${values} values`);
    checkLimit("pageValuesMax", values, pageValuesMax, "values");
    const page = await this.#read(start, start + size);
    if (this.#decoder.codec === "ZSTD")
      checkLimit("pageBytesMax", zstdBytesMax(pageData(page, header)), pageBytesMax, "bytes");
    this.#offset = start + size;
    const reader = { view: new DataView(page.buffer, page.byteOffset, page.byteLength), offset: 0 };
    const before = this.#isFlat ? undefined : this.#unfinished;
    this.#rows = [];
    if (header.type === "INDEX_PAGE" || valueCount === 0) return;
    const { data } = readPage(reader, header, this.#decoder, this.#dictionary, before, 0);
    if (data === undefined) throw new Error(`a page of type ${header.type} without values`);
    if (header.type === "DICTIONARY_PAGE") {
      this.#dictionary = convert(data, this.#decoder);
    } else if (this.#isFlat) {
      this.#rows = data;
    } else {
      this.#rows = data.slice(0, -1);
      this.#unfinished = Array.from<unknown>(data.slice(-1));
      this.#unfinishedValues = (data.length > 1 ? 0 : this.#unfinishedValues) + values;
      checkLimit("pageValuesMax", this.#unfinishedValues, pageValuesMax, "values in one row");
    }
  }

  /** A header's length is known only when it is read, so one that is longer than what was looked at is read again. */
  async #readHeader(): Promise<{ header: PageHeader; headerLength: number }> {
    for (let length = headerBytes; ; length *= 16) {
      const end = Math.min(this.#offset + length, this.#end);
      const bytes = await this.#read(this.#offset, end);
      const reader = { view: new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength), offset: 0 };
      try {
        return { header: parquetHeader(reader), headerLength: reader.offset };
      } catch (error) {
        if (end === this.#end || length > pageBytesMax) throw error;
      }
    }
  }
}

/** The part of a page that is compressed: ahead of it, the second version has its levels as they are. */
function pageData(page: Uint8Array, { data_page_header_v2: head }: PageHeader): Uint8Array {
  if (head === undefined) return page;
  if (head.is_compressed === false) return new Uint8Array(0);
  return page.subarray(head.definition_levels_byte_length + head.repetition_levels_byte_length);
}

function checkLimit(limit: string, got: number, max: number, unit: string): void {
  if (got <= max) return;
  const size = Number.isFinite(got) ? `${got} ${unit}` : `more ${unit} than can be counted`;
  throw new LynseError("LIMIT_EXCEEDED", `a page of ${size}; at most ${max} are read`, { limit, max });
}

/** A column of the schema's first level, with everything nested in it. */
export class ParquetColumn {
  readonly name: string;
  readonly #node: SchemaTree;
  readonly #leaves: ReadonlyMap<string, LeafColumn>;

  constructor(read: ReadBytes, schema: SchemaTree, node: SchemaTree, chunks: readonly ColumnMetaData[]) {
    this.name = node.element.name;
    this.#node = node;
    this.#leaves = new Map(
      chunks
        .filter((chunk) => chunk.path_in_schema[0] === this.name)
        .map((chunk) => [chunk.path_in_schema.join("."), new LeafColumn(read, schema, chunk)]),
    );
  }

  /** The values of the next `count` rows. */
  async take(count: number): Promise<ArrayLike<unknown>> {
    const values = new Map<string, DecodedArray>();
    for (const [path, leaf] of this.#leaves) values.set(path, await leaf.take(count));
    if (this.#node.children.length > 0) assembleNested(values, this.#node, DEFAULT_PARSERS);
    const assembled = values.get(this.name);
    if (assembled === undefined) throw new Error(`column ${this.name} has no values in a row group`);
    return assembled;
  }
}
