/**
 * How do the rows of a file get into a collection, and what is known when it fails?
 *
 * One batch, one commit: what was counted as imported is durable. An error carries how many rows are in and the option
 * that continues behind them. Import part of the command line.
 */
import { isLynseError, LynseError } from "../../errors.js";
import type { Collection, SparseVector } from "../../index.js";
import type { Id } from "../../types.js";
import { formatCount } from "../print/quantity.js";
import type { RowReader } from "../readers/row-reader.js";
import { placeOfRows } from "./place-of-rows.js";
import { type BatchOptions, type RowBatch, readBatches } from "./row-batches.js";
import type { VectorSource } from "./vector-source.js";

export interface ImportOptions extends BatchOptions {
  /** Replace rows whose id exists. */
  readonly isUpsert: boolean;
  /** Ends the import behind the batch that is being committed. */
  readonly signal: AbortSignal;
  /** Called behind every commit with the rows committed so far, and the share of the rows read that they are. */
  readonly onProgress: (rows: number, shareOfRead: number) => void;
}

export interface ImportSummary {
  readonly rows: number;
  readonly dim: number;
  readonly commits: number;
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
  let dim = vectors.dim ?? 0;
  let collection: Collection | null = null;
  try {
    for await (const batch of readBatches(reader, vectors, options)) {
      collection ??= await openCollection(batch.dim);
      await commitBatch(collection, batch, reader, options.isUpsert);
      rows += batch.fields.length;
      commits += 1;
      dim = batch.dim;
      options.onProgress(rows, (options.skip + rows) / batch.rowsSeen);
      if (options.signal.aborted) throw new LynseError("ABORTED", "the import was interrupted");
    }
  } catch (error) {
    throw withProgress(error, rows, options.skip);
  }
  return { rows, dim, commits };
}

async function commitBatch(
  collection: Collection,
  batch: RowBatch,
  reader: RowReader,
  isUpsert: boolean,
): Promise<void> {
  const { ids, fields, sparse } = batch;
  const vectors = { data: batch.data, dim: batch.dim };
  const add = (writer: Pick<Collection, "add" | "upsert">): Promise<Id[]> =>
    ids !== null && isUpsert
      ? writer.upsert({ ids, vectors, fields })
      : writer.add({ ...(ids === null ? {} : { ids }), vectors, fields });
  try {
    if (sparse === null) await add(collection);
    else {
      await collection.insertSession(async (session) => {
        const added = await add(session);
        const rows = sparse.flatMap((vector, at) => (vector === undefined ? [] : [at]));
        if (rows.length === 0) return;
        const sparseVectors = rows.map((at) => sparse[at] as SparseVector);
        await session.addSparseVectors(
          sparseVectors,
          rows.map((at) => added[at]!),
        );
      });
    }
  } catch (error) {
    throw withPlace(error, batch, reader);
  }
}

/** Says where the refused row stands, where the error names its id. */
function withPlace(error: unknown, batch: RowBatch, reader: RowReader): unknown {
  if (!isLynseError(error)) return error;
  const ids: readonly unknown[] = batch.ids ?? [];
  const first = ids.indexOf(error.details["id"]);
  // An id that stands twice in the batch is refused where it stands for the second time.
  const second = first === -1 ? -1 : ids.indexOf(error.details["id"], first + 1);
  const line = batch.lines[second === -1 ? first : second];
  const place = placeOfRows(reader, line === undefined ? batch.lines : [line]);
  const isTaken = error.code === "ID_EXISTS";
  const what = isTaken ? `${error.message.split("; ")[0]}; --upsert replaces the earlier row` : error.message;
  return new LynseError(error.code, `${reader.name} ${place}: ${what}`, error.details, error);
}

function withProgress(error: unknown, rows: number, skip: number): unknown {
  if (!isLynseError(error)) return error;
  const done = skip + rows;
  const count = done === 1 ? "the first row" : `the first ${formatCount(done)} rows`;
  const advice =
    rows === 0
      ? "no row was imported"
      : `${count} of the file ${done === 1 ? "is" : "are"} in; continue with --skip ${done}`;
  return new LynseError(error.code, `${error.message}\n${advice}`, { ...error.details, imported: rows, skip }, error);
}
