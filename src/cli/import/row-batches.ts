/**
 * Which rows are committed together?
 *
 * Cuts the pieces of a reader into batches of ids, vectors and fields. A row that cannot be taken ends the batch ahead of
 * it, and its error follows when that batch was handed out, so that an import can be continued exactly there; or it is
 * told to whoever collects such rows, and left out. Import part of the command line.
 */
import { LynseError } from "../../errors.js";
import type { Id } from "../../types.js";
import type { AttachedVectors, RowReader, SourceRow } from "../readers/row-reader.js";
import { takeNamed, type VectorFieldKinds } from "./named-vectors.js";
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
  /** Vectors of named fields, undefined where a row has none; null where no row of the batch has. */
  readonly named: readonly (AttachedVectors["named"] | undefined)[] | null;
  /** How named fields are made that the collection does not have. */
  readonly vectorFields: VectorFieldKinds;
  /** Where each row stands in its file. */
  readonly lines: readonly number[];
  /** Rows that the reader has handed out so far, passed over ones included. */
  readonly rowsSeen: number;
}

/** A row that is left out. */
export interface RejectedRow {
  readonly line: number;
  readonly id?: Id;
  readonly reason: LynseError;
}

export interface BatchOptions {
  /** Rows of a batch. */
  readonly batchRows: number;
  /** Rows passed over at the beginning. */
  readonly skip: number;
  /** Column that holds the ids; null for consecutive ones. */
  readonly idColumn: string | null;
  /** First of consecutive ids, where they are not left to the collection; null there. */
  readonly firstId: number | null;
  /** Column that holds sparse vectors; null for none. */
  readonly sparseColumn: string | null;
  /** Column that holds vectors of named fields, by field; null for none. */
  readonly namedColumn: string | null;
  readonly vectorFields: VectorFieldKinds;
  /** Columns kept as fields; null for all. */
  readonly columns: readonly string[] | null;
  /** Takes the rows that are left out; null where the first of them ends everything. */
  readonly reject: ((row: RejectedRow) => Promise<void>) | null;
}

/** Bytes of vectors that end a batch early: a thousand long vectors are enough for one commit. */
const batchVectorBytesMax = 32 * 1024 * 1024;

/** Rows that wait for their batch, with the number of the first in the file. */
interface Waiting {
  readonly rows: SourceRow[];
  readonly first: number;
}

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
      const rows = waiting.slice(from, from + rowsAtOnce);
      yield* makeBatch(reader, vectors, { rows, first: rowsSeen - waiting.length + from }, options, rowsSeen);
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

/** Rows of a batch under way, and where their vectors are. */
class BatchBuilder {
  readonly ids: Id[] = [];
  readonly fields: Record<string, unknown>[] = [];
  readonly sparse: unknown[] = [];
  readonly named: (AttachedVectors["named"] | undefined)[] = [];
  readonly lines: number[] = [];
  readonly #taken: Float32Array[] = [];
  /** Of each row: which of `#taken` has its vector, and as which one. */
  readonly #runs: number[] = [];
  readonly #places: number[] = [];
  readonly #options: BatchOptions;
  #hasNamed = false;
  #hasSparse = false;

  constructor(options: BatchOptions) {
    this.#options = options;
    this.#hasSparse = options.sparseColumn !== null;
  }

  /** Takes vectors that the rows to come have. */
  takeVectors(data: Float32Array): void {
    this.#taken.push(data);
  }

  /** Takes a row, with its number in the file and among the vectors taken last; the reason, where its id is none. */
  add(reader: RowReader, row: SourceRow, number: number, place: number): LynseError | null {
    const { idColumn, firstId, sparseColumn, namedColumn, columns, skip } = this.#options;
    let id: Id = 0;
    if (idColumn !== null) {
      const taken = takeId(reader, row, idColumn);
      if (taken instanceof LynseError) return taken;
      id = taken;
    } else if (firstId !== null) id = firstId + number - skip;
    const named = namedColumn === null ? row.attached?.named : takeNamed(reader, row, namedColumn);
    if (named instanceof LynseError) return named;
    this.ids.push(id);
    const [sparse] = Object.values(row.attached?.sparse ?? {});
    this.sparse.push(sparseColumn === null ? sparse : takeSparse(row, sparseColumn));
    this.#hasSparse ||= sparse !== undefined;
    const hasNamed = named !== undefined && Object.keys(named).length > 0;
    this.named.push(hasNamed ? named : undefined);
    this.#hasNamed ||= hasNamed;
    if (columns !== null) keepOnly(row.values, columns);
    this.fields.push(row.values);
    this.lines.push(row.line);
    this.#runs.push(this.#taken.length - 1);
    this.#places.push(place);
    return null;
  }

  /** The vectors one after another: without a copy where they are so already, as where no row is left out. */
  #data(dim: number): Float32Array {
    const [first] = this.#taken;
    const length = this.fields.length * dim;
    if (first !== undefined && this.#taken.length === 1 && first.length === length) return first;
    const data = new Float32Array(length);
    for (const [at, place] of this.#places.entries()) {
      const from = place * dim;
      data.set(this.#taken[this.#runs[at]!]!.subarray(from, from + dim), at * dim);
    }
    return data;
  }

  batch(dim: number, rowsSeen: number): RowBatch {
    const data = this.#data(dim);
    const { idColumn, firstId } = this.#options;
    return {
      ids: idColumn === null && firstId === null ? null : this.ids,
      ...{ data, dim, fields: this.fields, lines: this.lines, rowsSeen },
      sparse: this.#hasSparse ? this.sparse : null,
      named: this.#hasNamed ? this.named : null,
      vectorFields: this.#options.vectorFields,
    };
  }
}

async function* makeBatch(
  reader: RowReader,
  vectors: VectorSource,
  { rows, first }: Waiting,
  options: BatchOptions,
  rowsSeen: number,
): AsyncGenerator<RowBatch> {
  const built = new BatchBuilder(options);
  let failure: LynseError | null = null;
  const refuse = async (at: number, reason: LynseError): Promise<void> => {
    const row = rows[at]!;
    if (options.reject === null) failure = reason;
    else await options.reject({ line: row.line, ...idOf(row, options.idColumn), reason });
  };
  for (let from = 0; from < rows.length && failure === null; ) {
    const unread = rows[from]!.failure;
    if (unread !== undefined) {
      vectors.skip(1);
      await refuse(from, unread);
      from += 1;
      continue;
    }
    const end = rows.findIndex((row, at) => at > from && row.failure !== undefined);
    const run = rows.slice(from, end === -1 ? rows.length : end);
    const taken = await vectors.take(run, rowsSeen);
    built.takeVectors(taken.data);
    for (let at = 0; at < taken.rows && failure === null; at += 1) {
      const reason = built.add(reader, run[at]!, first + from + at, at);
      if (reason !== null) await refuse(from + at, reason);
    }
    from += taken.rows;
    if (taken.failure === null || failure !== null) continue;
    if (taken.isFinal === true) failure = taken.failure;
    else await refuse(from, taken.failure);
    from += 1;
  }
  if (built.fields.length > 0) yield built.batch(vectors.dim ?? 0, rowsSeen);
  if (failure !== null) throw failure;
}

/** The id of a row that is left out, where it has one. */
function idOf(row: SourceRow, column: string | null): { readonly id?: Id } {
  const id = column === null ? undefined : row.values[column];
  return typeof id === "number" || typeof id === "string" ? { id } : {};
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
  const what = column.startsWith("\0") ? "the id" : `the id in column ${JSON.stringify(column)}`;
  return new LynseError(
    "INVALID_ARGUMENT",
    `${where}: ${what} is ${shown}; a whole number from 0 on or a text is wanted`,
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
