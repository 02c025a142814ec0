/**
 * Which rows are in a Parquet file?
 *
 * Read by row groups, a thousand rows at a time; only the wanted columns are read. Whole numbers beyond 2^53
 * cannot be JSON numbers and are an error unless the user asks for text; times become ISO-8601 text; null is a missing
 * value. The format is decoded by hyparquet. Reader layer of the command line.
 */
import type { FileHandle } from "node:fs/promises";
import { open } from "node:fs/promises";
import { type AsyncBuffer, type FileMetaData, parquetMetadataAsync, parquetSchema, type RowGroup } from "hyparquet";
import { LynseError } from "../../errors.js";
import { limits } from "../../limits.js";
import { fileError } from "./byte-source.js";
import { typedValue } from "./column-typing.js";
import { ParquetColumn, type ReadBytes } from "./parquet-column.js";
import type { ColumnType, RowReader, SourceRow } from "./row-reader.js";
import { setValue } from "./set-value.js";

/** Rows handed out at once. */
const pieceRows = 1024;

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
  readonly #read: ReadBytes;
  readonly #metadata: FileMetaData;
  readonly #columns: readonly string[];
  readonly #types: ReadonlyMap<string, ColumnType>;
  #rowsRead = 0;

  private constructor(
    name: string,
    handle: FileHandle,
    read: ReadBytes,
    metadata: FileMetaData,
    columns: readonly string[],
    types: ReadonlyMap<string, ColumnType>,
  ) {
    this.name = name;
    this.rowCount = Number(metadata.num_rows);
    this.#handle = handle;
    this.#read = read;
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
      const read = byteReader(handle);
      const slice = async (start: number, end = status.size): Promise<ArrayBuffer> => (await read(start, end)).buffer;
      const metadata = await readMetadata(name, { byteLength: status.size, slice });
      const columns = chooseColumns(name, metadata, options);
      return new ParquetReader(name, handle, read, metadata, columns, options.types);
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
    for (const group of this.#metadata.row_groups) {
      const columns = this.#openColumns(group);
      const rowEnd = this.#rowsRead + Number(group.num_rows);
      while (this.#rowsRead < rowEnd) {
        const count = Math.min(pieceRows, rowEnd - this.#rowsRead);
        const data = await this.#take(columns, count);
        const rows: SourceRow[] = [];
        for (let at = 0; at < count; at += 1) {
          const line = this.#rowsRead + at + 1;
          const values = this.#values(data, at, line);
          rows.push(values instanceof LynseError ? { line, values: {}, failure: values } : { line, values });
        }
        this.#rowsRead += count;
        yield rows;
      }
    }
  }

  async close(): Promise<void> {
    await this.#handle.close();
  }

  #openColumns(group: RowGroup): ParquetColumn[] {
    try {
      const schema = parquetSchema(this.#metadata);
      const chunks = group.columns.flatMap((chunk) => chunk.meta_data ?? []);
      return schema.children
        .filter((node) => this.#columns.includes(node.element.name))
        .map((node) => new ParquetColumn(this.#read, schema, node, chunks));
    } catch (error) {
      throw damaged(this.name, error, this.#rowsRead);
    }
  }

  async #take(columns: readonly ParquetColumn[], count: number): Promise<ArrayLike<unknown>[]> {
    try {
      const data: ArrayLike<unknown>[] = [];
      for (const column of columns) data.push(await column.take(count));
      return data;
    } catch (error) {
      throw damaged(this.name, error, this.#rowsRead);
    }
  }

  #values(data: readonly ArrayLike<unknown>[], at: number, row: number): Record<string, unknown> | LynseError {
    const values: Record<string, unknown> = {};
    for (let column = 0; column < data.length; column += 1) {
      const raw = data[column]?.[at];
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
    if (Array.isArray(raw)) return isNumbers(raw) ? raw : raw.map((value) => convert(value, null, depth + 1));
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

/** True for most vectors, which then need no copy. */
function isNumbers(values: readonly unknown[]): boolean {
  for (const value of values) if (typeof value !== "number") return false;
  return true;
}

function byteReader(handle: FileHandle): (start: number, end: number) => Promise<Uint8Array<ArrayBuffer>> {
  return async (start, end) => {
    const bytes = new Uint8Array(end - start);
    for (let done = 0; done < bytes.length; ) {
      const { bytesRead } = await handle.read(bytes, done, bytes.length - done, start + done);
      if (bytesRead === 0) throw new Error(`the file ends at byte ${start + done}`);
      done += bytesRead;
    }
    return bytes;
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
  // Rows without columns would cost nothing, however many the file declares.
  if (known.length === 0) throw new LynseError("INVALID_ARGUMENT", `${name}: the file has no columns`, { file: name });
  return options.columns === null ? known : known.filter((column) => options.columns?.includes(column));
}

function damaged(name: string, error: unknown, row: number): LynseError {
  if (error instanceof LynseError) {
    const message = `${name}: the rows from ${row + 1} on cannot be read: ${error.message}; write the file with smaller pages`;
    return new LynseError(error.code, message, { ...error.details, file: name, row: row + 1 }, error);
  }
  const reason = error instanceof Error ? error.message : String(error);
  return new LynseError(
    "INVALID_ARGUMENT",
    `${name}: the rows from ${row + 1} on cannot be decoded (${reason}); is the file complete?`,
    { file: name, row: row + 1 },
    error,
  );
}
