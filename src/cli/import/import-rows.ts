/**
 * How do the rows of a file get into a collection, and what is known when it fails?
 *
 * One batch, one commit: what was counted as imported is durable. An error carries how many rows are in and the option
 * that continues behind them. Import part of the command line.
 */
import { isLynseError, LynseError } from "../../errors.js";
import type { Collection, InsertSession, SparseVector } from "../../index.js";
import type { Id } from "../../types.js";
import { formatCount } from "../print/quantity.js";
import type { RowReader } from "../readers/row-reader.js";
import type { VectorFieldKinds } from "./named-vectors.js";
import { placeOfRows } from "./place-of-rows.js";
import { type BatchOptions, type RejectedRow, type RowBatch, readBatches } from "./row-batches.js";
import type { VectorSource } from "./vector-source.js";

export interface ImportOptions extends BatchOptions {
  /** Replace rows whose id exists. */
  readonly isUpsert: boolean;
  /** Pass over rows whose id exists: an earlier import brought them. */
  readonly isResumed: boolean;
  /** Ends the import behind the batch that is being committed. */
  readonly signal: AbortSignal;
  /** Called behind every commit with the rows committed so far, and the share of the rows read that they are. */
  readonly onProgress: (rows: number, shareOfRead: number) => void;
}

export interface ImportSummary {
  readonly rows: number;
  readonly dim: number;
  readonly commits: number;
  /** Rows that were in already. */
  readonly present: number;
}

/** Imports all rows; `openCollection` is called with the dimension when the first batch is there. */
export async function importRows(
  reader: RowReader,
  vectors: VectorSource,
  openCollection: (dim: number) => Promise<Collection>,
  options: ImportOptions,
): Promise<ImportSummary> {
  let rows = 0;
  let commits = 0;
  let present = 0;
  let dim = vectors.dim ?? 0;
  let collection: Collection | null = null;
  let pending: Promise<void> | null = null;
  const commit = async (into: Collection, batch: RowBatch): Promise<void> => {
    const left = options.isResumed ? await withoutPresent(into, batch) : batch;
    present += batch.fields.length - left.fields.length;
    if (left.fields.length > 0) {
      rows += await commitRows(into, left, reader, options);
      commits += 1;
    }
    options.onProgress(present + rows, (options.skip + present + rows) / batch.rowsSeen);
  };
  try {
    try {
      for await (const batch of readBatches(reader, vectors, options)) {
        await pending;
        pending = null;
        if (options.signal.aborted) throw new LynseError("ABORTED", "the import was interrupted");
        collection ??= await openCollection(batch.dim);
        dim = batch.dim;
        pending = commit(collection, batch);
        // The next rows are read meanwhile, unless what is wrong with them could be told ahead of what is wrong with these.
        pending.catch(() => {});
        if (options.reject !== null) await pending;
      }
    } finally {
      await pending;
    }
    if (options.signal.aborted) throw new LynseError("ABORTED", "the import was interrupted");
  } catch (error) {
    throw withProgress(error, rows, options);
  }
  return { rows, dim, commits, present };
}

/** The rows of a batch whose ids are not in the collection. */
async function withoutPresent(collection: Collection, batch: RowBatch): Promise<RowBatch> {
  if (batch.ids === null) return batch;
  const present = await presentIds(collection, batch.ids);
  return present.size === 0 ? batch : onlyRows(batch, (at) => !present.has(batch.ids![at]!));
}

/** Which of some ids a collection has. */
export async function presentIds(collection: Collection, ids: readonly Id[]): Promise<ReadonlySet<Id>> {
  const distinct = [...new Set(ids)];
  const found = await collection.query({ filterIds: distinct, returnIdsOnly: true, limit: distinct.length });
  return new Set(found.ids);
}

function onlyRows(batch: RowBatch, isKept: (at: number) => boolean): RowBatch {
  const kept = batch.fields.flatMap((_, at) => (isKept(at) ? [at] : []));
  const { dim } = batch;
  const data = new Float32Array(kept.length * dim);
  kept.forEach((from, at) => void data.set(batch.data.subarray(from * dim, (from + 1) * dim), at * dim));
  const pick = <T>(list: readonly T[]): T[] => kept.map((at) => list[at]!);
  return {
    ...batch,
    data,
    ids: batch.ids === null ? null : pick(batch.ids),
    fields: pick(batch.fields),
    lines: pick(batch.lines),
    sparse: batch.sparse === null ? null : pick(batch.sparse),
    named: batch.named === null ? null : pick(batch.named),
  };
}

/** Commits the rows of a batch that can be; resolves to their number. */
async function commitRows(
  collection: Collection,
  batch: RowBatch,
  reader: RowReader,
  options: ImportOptions,
): Promise<number> {
  const { reject, isUpsert } = options;
  if (reject === null) {
    await commitBatch(collection, batch, isUpsert).catch((error: unknown) => {
      throw withPlace(error, batch, reader);
    });
    return batch.fields.length;
  }
  const left = isUpsert ? batch : await withoutTaken(collection, batch, reader, reject);
  return commitGood(collection, left, reader, options);
}

/** Codes of what is wrong with a row, not with the collection or the way to it. */
const rowMistakes: ReadonlySet<string> = new Set([
  ...["INVALID_ARGUMENT", "INVALID_VECTOR", "DIMENSION_MISMATCH", "LIMIT_EXCEEDED", "ID_EXISTS"],
]);

/** Commits what can be of a batch, and rejects the rest; resolves to the number of rows that are in. */
async function commitGood(
  collection: Collection,
  batch: RowBatch,
  reader: RowReader,
  options: ImportOptions,
): Promise<number> {
  const { length } = batch.fields;
  if (length === 0) return 0;
  try {
    await commitBatch(collection, batch, options.isUpsert);
    return length;
  } catch (error) {
    if (!isLynseError(error) || !rowMistakes.has(error.code)) throw withPlace(error, batch, reader);
    const named = placeInBatch(error, batch);
    const at = length === 1 ? 0 : named;
    if (at !== -1) {
      await options.reject?.(rejected(batch, at, withPlace(error, batch, reader) as LynseError));
      return commitGood(
        collection,
        onlyRows(batch, (other) => other !== at),
        reader,
        options,
      );
    }
  }
  // Which row it is shows when they are fewer.
  const half = length >>> 1;
  const first = await commitGood(
    collection,
    onlyRows(batch, (at) => at < half),
    reader,
    options,
  );
  return (
    first +
    (await commitGood(
      collection,
      onlyRows(batch, (at) => at >= half),
      reader,
      options,
    ))
  );
}

/** Leaves out rows whose id is taken, by the collection or by an earlier row of the batch. */
async function withoutTaken(
  collection: Collection,
  batch: RowBatch,
  reader: RowReader,
  reject: (row: RejectedRow) => Promise<void>,
): Promise<RowBatch> {
  const { ids } = batch;
  if (ids === null) return batch;
  const taken = new Set(await presentIds(collection, ids));
  const bad = new Set<number>();
  for (const [at, id] of ids.entries()) {
    if (taken.has(id)) {
      bad.add(at);
      await reject(rejected(batch, at, idTaken(reader, batch.lines[at]!, id)));
    }
    taken.add(id);
  }
  return bad.size === 0 ? batch : onlyRows(batch, (at) => !bad.has(at));
}

/** The error for a row whose id is taken. */
export function idTaken(reader: RowReader, line: number, id: Id): LynseError {
  return new LynseError(
    "ID_EXISTS",
    `${reader.name} ${reader.placeUnit} ${line}: id ${JSON.stringify(id)} is taken; --upsert replaces the earlier row`,
    { id },
  );
}

function rejected(batch: RowBatch, at: number, reason: LynseError): RejectedRow {
  const id = batch.ids?.[at];
  return { line: batch.lines[at]!, ...(id === undefined ? {} : { id }), reason };
}

async function commitBatch(collection: Collection, batch: RowBatch, isUpsert: boolean): Promise<void> {
  const { sparse, named } = batch;
  if (sparse === null && named === null) {
    await addBatch(collection, batch, isUpsert);
    return;
  }
  if (named !== null) await createFields(collection, named, batch.vectorFields);
  await collection.insertSession((session) => addAll(session, batch, isUpsert));
}

/** Thrown to end a session whose writes are not wanted. */
const discarded = new Error("the session is discarded");

/** Does everything that a commit of the batch would do but to commit it; throws what that would throw. */
export async function tryBatch(
  collection: Collection,
  batch: RowBatch,
  reader: RowReader,
  isUpsert: boolean,
): Promise<void> {
  try {
    if (batch.named !== null) await createFields(collection, batch.named, batch.vectorFields);
    await collection.insertSession(async (session) => {
      await addAll(session, batch, isUpsert);
      throw discarded;
    });
  } catch (error) {
    if (error !== discarded) throw withPlace(error, batch, reader);
  }
}

function addBatch(to: Pick<Collection, "add" | "upsert">, batch: RowBatch, isUpsert: boolean): Promise<Id[]> {
  const { ids, fields } = batch;
  const vectors = { data: batch.data, dim: batch.dim };
  if (ids !== null && isUpsert) return to.upsert({ ids, vectors, fields });
  return to.add({ ...(ids === null ? {} : { ids }), vectors, fields });
}

/** Adds the rows of a batch with what hangs on them. */
async function addAll(session: InsertSession, batch: RowBatch, isUpsert: boolean): Promise<void> {
  const { sparse, named } = batch;
  const added = await addBatch(session, batch, isUpsert);
  if (sparse !== null) {
    const rows = sparse.flatMap((vector, at) => (vector === undefined ? [] : [at]));
    const vectors = rows.map((at) => sparse[at] as SparseVector);
    const ids = rows.map((at) => added[at]!);
    if (rows.length > 0) await session.addSparseVectors(vectors, ids);
  }
  if (named !== null) await addNamed(session, named, added);
}

/** Makes the fields that vectors of a batch are for, where the collection has none of that name. */
async function createFields(
  collection: Collection,
  named: NonNullable<RowBatch["named"]>,
  kinds: VectorFieldKinds,
): Promise<void> {
  const known = new Set((await collection.listVectorFields()).map(({ name }) => name));
  for (const vectors of named) {
    for (const [name, vector] of Object.entries(vectors ?? {})) {
      if (known.has(name)) continue;
      await collection.createVectorField(name, { dim: vector.length, metric: "cos", ...kinds.get(name) });
      known.add(name);
    }
  }
}

async function addNamed(
  session: InsertSession,
  named: NonNullable<RowBatch["named"]>,
  ids: readonly Id[],
): Promise<void> {
  const byField = new Map<string, { vectors: (readonly number[])[]; ids: Id[] }>();
  named.forEach((vectors, at) => {
    for (const [name, vector] of Object.entries(vectors ?? {})) {
      const field = byField.get(name) ?? { vectors: [], ids: [] };
      byField.set(name, field);
      field.vectors.push(vector);
      field.ids.push(ids[at]!);
    }
  });
  for (const [name, field] of byField) await session.addNamedVectors(name, field.vectors, field.ids);
}

/** Position in the batch of the row that an error names by its id; -1 where it names none. */
function placeInBatch(error: unknown, { ids }: RowBatch): number {
  if (!isLynseError(error) || ids === null) return -1;
  const all: readonly unknown[] = ids;
  const first = all.indexOf(error.details["id"]);
  // An id that stands twice in the batch is refused where it stands for the second time.
  const second = first === -1 ? -1 : all.indexOf(error.details["id"], first + 1);
  return second === -1 ? first : second;
}

/** Says where the refused row stands, where the error names its id. */
function withPlace(error: unknown, batch: RowBatch, reader: RowReader): unknown {
  if (!isLynseError(error)) return error;
  const line = batch.lines[placeInBatch(error, batch)];
  const place = placeOfRows(reader, line === undefined ? batch.lines : [line]);
  const isTaken = error.code === "ID_EXISTS";
  const what = isTaken ? `${error.message.split("; ")[0]}; --upsert replaces the earlier row` : error.message;
  return new LynseError(error.code, `${reader.name} ${place}: ${what}`, error.details, error);
}

function withProgress(error: unknown, rows: number, { skip, isResumed }: ImportOptions): unknown {
  if (!isLynseError(error)) return error;
  const done = skip + rows;
  const count = done === 1 ? "the first row" : `the first ${formatCount(done)} rows`;
  const advice =
    rows === 0
      ? "no row was imported"
      : isResumed
        ? `${formatCount(rows)} more rows are in; continue with --resume`
        : `${count} of the file ${done === 1 ? "is" : "are"} in; continue with --skip ${done}`;
  return new LynseError(error.code, `${error.message}\n${advice}`, { ...error.details, imported: rows, skip }, error);
}
