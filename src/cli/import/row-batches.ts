/**
 * Which rows are committed together?
 *
 * Cuts the pieces of a reader into batches of ids, vectors and fields. A batch also ends ahead of a bad row, whose
 * error follows when that batch was handed out, so that an import can be continued exactly there. Import part of the
 * command line.
 */
import { LynseError } from "../../errors.js";
import type { Id } from "../../types.js";
import type { RowReader, SourceRow } from "../readers/row-reader.js";
import type { VectorSource } from "./vector-source.js";

export interface RowBatch {
  /** Null where the collection gives consecutive ids. */
  readonly ids: readonly Id[] | null;
  /** Row-major vectors of `dim` numbers. */
  readonly data: Float32Array;
  readonly dim: number;
  readonly fields: readonly Record<string, unknown>[];
  /** Sparse vectors of the rows, undefined where a row has none; null where no column holds them. */
  readonly sparse: readonly unknown[] | null;
  /** Where each row stands in its file. */
  readonly lines: readonly number[];
  /** Rows that the reader has handed out so far, passed over ones included. */
  readonly rowsSeen: number;
}

export interface BatchOptions {
  /** Rows of a batch. */
  readonly batchRows: number;
  /** Rows passed over at the beginning. */
  readonly skip: number;
  /** Column that holds the ids; null for consecutive ones. */
  readonly idColumn: string | null;
  /** Column that holds sparse vectors; null for none. */
  readonly sparseColumn: string | null;
  /** Columns kept as fields; null for all. */
  readonly columns: readonly string[] | null;
}

/** Bytes of vectors that end a batch early: a thousand long vectors are enough for one commit. */
const batchVectorBytesMax = 32 * 1024 * 1024;

export async function* readBatches(
  reader: RowReader,
  vectors: VectorSource,
  options: BatchOptions,
): AsyncGenerator<RowBatch> {
  let waiting: SourceRow[] = [];
  let toSkip = options.skip;
  let rowsSeen = 0;
  let failure: unknown = null;
  vectors.skip(options.skip);
  const pieces = reader.pieces();
  for (let isDone = false; !isDone; ) {
    try {
      const next = await pieces.next();
      isDone = next.done === true;
      if (next.done !== true) {
        rowsSeen += next.value.length;
        const skipped = Math.min(toSkip, next.value.length);
        toSkip -= skipped;
        waiting = waiting.concat(skipped === 0 ? next.value : next.value.slice(skipped));
      }
    } catch (error) {
      failure = error;
      isDone = true;
    }
    const rowsAtOnce = rowsOfBatch(vectors.dim, options.batchRows);
    let from = 0;
    for (; waiting.length - from >= rowsAtOnce || (isDone && from < waiting.length); from += rowsAtOnce) {
      yield* makeBatch(reader, vectors, waiting.slice(from, from + rowsAtOnce), options, rowsSeen);
    }
    waiting = waiting.slice(from);
  }
  if (failure !== null) throw failure;
  if (toSkip > 0) throw skippedTooMany(reader.name, options.skip, rowsSeen);
  vectors.end(rowsSeen);
}

function rowsOfBatch(dim: number | null, batchRows: number): number {
  return Math.max(1, Math.min(batchRows, Math.floor(batchVectorBytesMax / ((dim ?? 1) * 4))));
}

async function* makeBatch(
  reader: RowReader,
  vectors: VectorSource,
  source: readonly SourceRow[],
  options: BatchOptions,
  rowsSeen: number,
): AsyncGenerator<RowBatch> {
  const taken = await vectors.take(source, rowsSeen);
  let { failure } = taken;
  const ids: Id[] = [];
  const fields: Record<string, unknown>[] = [];
  const sparse: unknown[] = [];
  const lines: number[] = [];
  for (let at = 0; at < taken.rows; at += 1) {
    const row = source[at];
    if (row === undefined) break;
    if (options.idColumn !== null) {
      const id = takeId(reader, row, options.idColumn);
      if (id instanceof LynseError) {
        failure = id;
        break;
      }
      ids.push(id);
    }
    if (options.sparseColumn !== null) sparse.push(takeSparse(row, options.sparseColumn));
    if (options.columns !== null) keepOnly(row.values, options.columns);
    fields.push(row.values);
    lines.push(row.line);
  }
  if (fields.length > 0) {
    const dim = vectors.dim ?? 0;
    const data = taken.data.subarray(0, fields.length * dim);
    yield {
      ids: options.idColumn === null ? null : ids,
      ...{ data, dim, fields, lines, rowsSeen },
      sparse: options.sparseColumn === null ? null : sparse,
    };
  }
  if (failure !== null) throw failure;
}

/** The row's id, which is not kept as a field as well. */
function takeId(reader: RowReader, row: SourceRow, column: string): Id | LynseError {
  const value = Object.hasOwn(row.values, column) ? row.values[column] : undefined;
  const isNumber = typeof value === "number" && Number.isSafeInteger(value) && value >= 0;
  if (isNumber || (typeof value === "string" && value !== "")) {
    delete row.values[column];
    return value;
  }
  const where = `${reader.name} ${reader.placeUnit} ${row.line}`;
  const shown = value === undefined ? "missing" : JSON.stringify(value);
  return new LynseError(
    "INVALID_ARGUMENT",
    `${where}: the id in column ${JSON.stringify(column)} is ${shown}; a whole number from 0 on or a text is wanted`,
    { file: reader.name, [reader.placeUnit]: row.line, column },
  );
}

/**
 * The row's sparse vector, as JSON text in a CSV cell, which is not kept as a field as well; checked by the collection.
 */
function takeSparse(row: SourceRow, column: string): unknown {
  const value = Object.hasOwn(row.values, column) ? row.values[column] : undefined;
  delete row.values[column];
  if (value === undefined || value === null || value === "") return undefined;
  if (typeof value !== "string") return value;
  try {
    return JSON.parse(value);
  } catch {
    return value;
  }
}

function keepOnly(values: Record<string, unknown>, columns: readonly string[]): void {
  for (const name of Object.keys(values)) if (!columns.includes(name)) delete values[name];
}

function skippedTooMany(name: string, skip: number, rows: number): LynseError {
  return new LynseError(
    "INVALID_ARGUMENT",
    `--skip ${skip} passes over more rows than ${name} has (${rows}); is the import finished already?`,
    { file: name, skip, rows },
  );
}
