/**
 * Can all rows of a file be imported?
 *
 * Reads them all as an import would, and adds them to a collection in memory that keeps nothing: the first bad row ends it
 * with its place, whatever is wrong with it, and nothing was stored. Import part of the command line.
 */
import { isLynseError, LynseError } from "../../errors.js";
import { type Collection, VectorDBClient } from "../../index.js";
import type { Dtype, Id } from "../../types.js";
import type { RowReader } from "../readers/row-reader.js";
import { idTaken, presentIds, tryBatch } from "./import-rows.js";
import { type BatchOptions, readBatches } from "./row-batches.js";
import type { VectorSource } from "./vector-source.js";

export interface CheckOptions extends BatchOptions {
  readonly isUpsert: boolean;
  readonly signal: AbortSignal;
  /** How the collection keeps and compares its vectors. */
  readonly dtype: Dtype;
  readonly index: string | null;
}

/** Throws for the first row that cannot be imported; `collection` null where it is new. */
export async function checkRows(
  reader: RowReader,
  vectors: VectorSource,
  collection: Collection | null,
  options: CheckOptions,
): Promise<void> {
  const { dtype, index: defaultIndex, isUpsert, signal } = options;
  // Their number is bounded by what a collection can hold in memory.
  const seen = new Set<Id>();
  await using client = new VectorDBClient("memory://", { threads: 1 });
  const database = await client.createDatabase("check");
  try {
    for await (const batch of readBatches(reader, vectors, options)) {
      if (signal.aborted) throw new LynseError("ABORTED", "the import was interrupted");
      const scratch = await database.requireCollection("rows", { dim: batch.dim, dtype, defaultIndex });
      await tryBatch(scratch, batch, reader, isUpsert);
      const { ids, lines } = batch;
      if (ids === null || isUpsert) continue;
      const present = collection === null ? null : await presentIds(collection, ids);
      for (const [at, id] of ids.entries()) {
        if (seen.has(id) || present?.has(id) === true) throw idTaken(reader, lines[at]!, id);
        seen.add(id);
      }
    }
  } catch (error) {
    if (!isLynseError(error)) throw error;
    throw new LynseError(error.code, `${error.message}\nno row was imported`, error.details, error);
  }
}
