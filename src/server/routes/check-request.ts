/**
 * Does a request keep to the server's limits?
 *
 * A limit of 0 is off. Messages name the limit as LynseDB's do.
 */
import type { Collection } from "../../client/collection.js";
import type { Id } from "../../types.js";
import { checkRoom, checkServerLimit } from "../binary/request-collection.js";
import type { ServerLimits } from "../server-state.js";

/** Counts of rows that a read asks for, by their names in its body. */
export interface RowCounts {
  readonly k?: number;
  readonly n?: number;
  readonly max_results?: number;
  readonly candidate_limit?: number;
  readonly group_size?: number;
  readonly mmr?: { readonly rerank_k?: number };
}

/** Refuses more rows than `max_top_k`. */
export function checkTopK(body: RowCounts, { maxTopK }: ServerLimits): void {
  const { k, n, max_results, candidate_limit, group_size, mmr } = body;
  checkServerLimit("k", k ?? 0, "max_top_k", maxTopK);
  checkServerLimit("n", n ?? 0, "max_top_k", maxTopK);
  checkServerLimit("max_results", max_results ?? 0, "max_top_k", maxTopK);
  checkServerLimit("candidate_limit", candidate_limit ?? 0, "max_top_k", maxTopK);
  checkServerLimit("group_size", group_size ?? 0, "max_top_k", maxTopK);
  checkServerLimit("rerank_k", mmr?.rerank_k ?? 0, "max_top_k", maxTopK);
}

/** Refuses more vectors, or ids, than one request may have. */
export function checkBatch(what: string, count: number, { maxBatchVectors }: ServerLimits): void {
  checkServerLimit(what, count, "max_batch_vectors", maxBatchVectors);
}

/** Refuses a batch that is too large, or has no place in the collection any more. */
export async function checkNewRows(
  collection: Collection,
  count: number,
  dim: number,
  limits: ServerLimits,
): Promise<void> {
  checkBatch("n_vectors", count, limits);
  await checkRoom(collection, count, dim, limits);
}

/** The same for rows of which some may replace others: those don't need a place. */
export async function checkReplacedRows(
  collection: Collection,
  ids: readonly Id[],
  dim: number,
  limits: ServerLimits,
): Promise<void> {
  checkBatch("n_vectors", ids.length, limits);
  const { maxCollectionVectors, maxCollectionVectorBytes } = limits;
  if (maxCollectionVectors === 0 && maxCollectionVectorBytes === 0) return;
  try {
    await checkRoom(collection, ids.length, dim, limits);
  } catch {
    let added = 0;
    for (const id of ids) if (!(await collection.isIdExists(id))) added += 1;
    await checkRoom(collection, added, dim, limits);
  }
}
