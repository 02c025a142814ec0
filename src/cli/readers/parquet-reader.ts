/**
 * Which rows are in a Parquet file?
 *
 * Read by row groups, and by parts of a row group where the file has page indexes; only the wanted columns are read.
 * Whole numbers beyond 2^53 cannot be JSON numbers and are an error unless the user asks for text; times become
 * ISO-8601 text; null is a missing value. The format is decoded by hyparquet. Reader layer of the command line.
 */
import type { FileHandle } from "node:fs/promises";
import { open } from "node:fs/promises";
import type { AsyncBuffer, DecodedArray, FileMetaData, RowGroup } from "hyparquet";
import { parquetMetadataAsync, parquetScan, parquetSchema } from "hyparquet";
import { compressors } from "hyparquet-compressors";
import { LynseError } from "../../errors.js";
import { limits } from "../../limits.js";
import { fileError } from "./byte-source.js";
import { typedValue } from "./column-typing.js";
import type { ColumnType, RowReader, SourceRow } from "./row-reader.js";
import { setValue } from "./set-value.js";

/** Rows handed out at once, and read at once where page indexes allow it. */
const pieceRows = 1024;
/** Uncompressed bytes of a row group that has to be decoded whole: about three times as much is in memory then. */
const groupBytesMax = 2 ** 30;

export interface ParquetOptions {
  /** Columns to read; null for all. */
  readonly columns: readonly string[] | null;
  /** Types that the user decided, by column. */
  readonly types: ReadonlyMap<string, ColumnType>;
}

export class ParquetReader implements RowReader {
  readonly name: string;
  readonly placeUnit = "row";
  readonly rowCount: number;
  readonly #handle: FileHandle;
  readonly #file: AsyncBuffer;
  readonly #metadata: FileMetaData;
  readonly #columns: readonly string[];
  readonly #types: ReadonlyMap<string, ColumnType>;
  #rowsRead = 0;

  private constructor(
    name: string,
    handle: FileHandle,
    file: AsyncBuffer,
    metadata: FileMetaData,
    columns: readonly string[],
    types: ReadonlyMap<string, ColumnType>,
  ) {
    this.name = name;
    this.rowCount = Number(metadata.num_rows);
    this.#handle = handle;
    this.#file = file;
    this.#metadata = metadata;
    this.#columns = columns;
    this.#types = types;
  }

  static async open(name: string, options: ParquetOptions): Promise<ParquetReader> {
    let handle: FileHandle | undefined;
    try {
      handle = await open(name, "r");
      const status = await handle.stat();
      if (status.isDirectory()) throw Object.assign(new Error("is a directory"), { code: "EISDIR" });
      const file = asyncBuffer(handle, status.size);
      const metadata = await readMetadata(name, file);
      const columns = chooseColumns(name, metadata, options);
      return new ParquetReader(name, handle, file, metadata, columns, options.types);
    } catch (error) {
      await handle?.close();
      throw error instanceof LynseError ? error : fileError(name, error);
    }
  }

  shareRead(): number | null {
    return this.rowCount === 0 ? 1 : this.#rowsRead / this.rowCount;
  }

  notes(): readonly string[] {
    return [];
  }

  async *pieces(): AsyncGenerator<readonly SourceRow[]> {
    let groupStart = 0;
    for (const group of this.#metadata.row_groups) {
      const groupRows = Number(group.num_rows);
      const step = this.#rowsAtOnce(group, groupStart);
      for (let from = groupStart; from < groupStart + groupRows; from += step) {
        yield* this.#readRows(from, Math.min(from + step, groupStart + groupRows));
      }
      groupStart += groupRows;
    }
  }

  async close(): Promise<void> {
    await this.#handle.close();
  }

  /** Rows that one read decodes: a piece where every column has its page index, otherwise the row group. */
  #rowsAtOnce(group: RowGroup, groupStart: number): number {
    const wanted = group.columns.filter((chunk) => this.#columns.includes(chunk.meta_data?.path_in_schema[0] ?? ""));
    if (wanted.every((chunk) => Boolean(chunk.offset_index_offset))) return pieceRows;
    const bytes = wanted.reduce((sum, chunk) => sum + Number(chunk.meta_data?.total_uncompressed_size ?? 0), 0);
    const rows = Number(group.num_rows);
    if (bytes <= groupBytesMax) return rows;
    const fittingRows = Math.max(1, Math.floor((rows * groupBytesMax) / bytes / 1000) * 1000);
    throw new LynseError(
      "LIMIT_EXCEEDED",
      `${this.name}: the row group at row ${groupStart + 1} has ${bytes} bytes without page index, and at most ` +
        `${groupBytesMax} are read at once; write the file with page indexes (pyarrow: write_page_index=True) ` +
        `or with smaller row groups (row_group_size=${Math.min(fittingRows, 100_000)})`,
      { file: this.name, limit: "groupBytesMax", max: groupBytesMax, got: bytes },
    );
  }

  async *#readRows(rowStart: number, rowEnd: number): AsyncGenerator<readonly SourceRow[]> {
    const data: DecodedArray[] = [];
    try {
      const scan = await parquetScan({
        file: this.#file,
        metadata: this.#metadata,
        columns: [...this.#columns],
        compressors,
      });
      for (const column of this.#columns) data.push(await scan.readColumn({ column, rowStart, rowEnd }));
    } catch (error) {
      throw damaged(this.name, error, rowStart);
    }
    for (let from = rowStart; from < rowEnd; from += pieceRows) {
      const rows: SourceRow[] = [];
      let failure: LynseError | null = null;
      const end = Math.min(from + pieceRows, rowEnd);
      for (let row = from; row < end && failure === null; row += 1) {
        const values = this.#values(data, row - rowStart, row + 1);
        if (values instanceof LynseError) failure = values;
        else rows.push({ line: row + 1, values });
      }
      this.#rowsRead += rows.length;
      if (rows.length > 0) yield rows;
      if (failure !== null) throw failure;
    }
  }

  #values(data: readonly DecodedArray[], at: number, row: number): Record<string, unknown> | LynseError {
    const values: Record<string, unknown> = {};
    for (let column = 0; column < data.length; column += 1) {
      const raw: unknown = data[column]?.[at];
      if (raw === null || raw === undefined) continue;
      const name = this.#columns[column] ?? "";
      try {
        setValue(values, name, convert(raw, this.#types.get(name) ?? null, 0));
      } catch (error) {
        const reason = error instanceof Error ? error.message : String(error);
        return new LynseError(
          "INVALID_ARGUMENT",
          `${this.name} row ${row}, column ${JSON.stringify(name)}: ${reason}`,
          {
            file: this.name,
            row,
            column: name,
          },
        );
      }
    }
    return values;
  }
}

/** A Parquet value as JSON; what cannot be one throws with the reason and what to do. */
function convert(raw: unknown, type: ColumnType | null, depth: number): unknown {
  if (depth > limits.fieldDepthMax) throw new Error(`nested deeper than ${limits.fieldDepthMax} levels`);
  if (raw === null || raw === undefined) return null;
  if (raw instanceof Date) return Number.isNaN(raw.getTime()) ? null : raw.toISOString();
  if (raw instanceof Uint8Array) throw new Error("binary values cannot be stored; leave the column out with --columns");
  if (typeof raw === "object") {
    if (Array.isArray(raw)) return raw.map((value) => convert(value, null, depth + 1));
    if (ArrayBuffer.isView(raw))
      return Array.from(raw as unknown as ArrayLike<unknown>, (v) => convert(v, null, depth));
    const record: Record<string, unknown> = {};
    for (const [name, value] of Object.entries(raw)) setValue(record, name, convert(value, null, depth + 1));
    return record;
  }
  if (type === "text") return String(raw);
  if (typeof raw === "bigint") {
    const number = Number(raw);
    if (Number.isSafeInteger(number)) return number;
    throw new Error(`${raw} is beyond the whole numbers that JSON keeps exactly; read it as text: --types COLUMN=text`);
  }
  if (type === null || typeof raw !== "string") return raw;
  const value = typedValue(raw, type);
  if (value === undefined) throw new Error(`${JSON.stringify(raw.slice(0, 40))} is no ${type}; correct --types`);
  return value;
}

function asyncBuffer(handle: FileHandle, byteLength: number): AsyncBuffer {
  return {
    byteLength,
    async slice(start: number, end = byteLength): Promise<ArrayBuffer> {
      const bytes = new Uint8Array(end - start);
      for (let done = 0; done < bytes.length; ) {
        const { bytesRead } = await handle.read(bytes, done, bytes.length - done, start + done);
        if (bytesRead === 0) throw new Error(`the file ends at byte ${start + done}`);
        done += bytesRead;
      }
      return bytes.buffer;
    },
  };
}

async function readMetadata(name: string, file: AsyncBuffer): Promise<FileMetaData> {
  try {
    if (file.byteLength < 12) throw new Error("the file is too short");
    return await parquetMetadataAsync(file);
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error);
    throw new LynseError(
      "INVALID_ARGUMENT",
      `${name}: not a readable Parquet file (${reason}); is it complete, and really Parquet?`,
      { file: name },
      error,
    );
  }
}

function chooseColumns(name: string, metadata: FileMetaData, options: ParquetOptions): string[] {
  const known = parquetSchema(metadata).children.map((child) => child.element.name);
  for (const column of [...(options.columns ?? []), ...options.types.keys()]) {
    if (known.includes(column)) continue;
    throw new LynseError(
      "INVALID_ARGUMENT",
      `${name}: there is no column ${JSON.stringify(column)}; there are ${known.join(", ")}`,
      { file: name, column, columns: known },
    );
  }
  return options.columns === null ? known : known.filter((column) => options.columns?.includes(column));
}

function damaged(name: string, error: unknown, row: number): LynseError {
  const reason = error instanceof Error ? error.message : String(error);
  return new LynseError(
    "INVALID_ARGUMENT",
    `${name}: the rows from ${row + 1} on cannot be decoded (${reason}); is the file complete?`,
    { file: name, row: row + 1 },
    error,
  );
}
