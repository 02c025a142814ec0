/**
 * Does a request keep to the server's limits?
 *
 * A limit of 0 is off. Messages name the limit as LynseDB's do.
 */
import type { Collection } from "../../client/collection.js";
import { LynseError } from "../../errors.js";
import type { Id } from "../../types.js";
import { checkRoom, checkServerLimit } from "../binary/request-collection.js";
import type { ServerLimits } from "../server-state.js";

/** What of a read is bounded, by its names in bodies. */
export interface BoundedRead {
  readonly k?: number;
  readonly n?: number;
  readonly max_results?: number;
  readonly candidate_limit?: number;
  readonly group_size?: number;
  readonly mmr?: { readonly rerank_k?: number };
  readonly filter_ids?: readonly unknown[];
  readonly facets?: readonly unknown[] | object;
  readonly text_fields?: readonly unknown[] | string;
}

/** Names of fields in one list: each may cost a pass over all rows. */
const namesMax = 1000;

/** Refuses a read of more rows than `max_top_k`, among more ids than one request may have, or by too many fields. */
export function checkRead(body: BoundedRead, limits: ServerLimits): void {
  const { k, n, max_results, candidate_limit, group_size, mmr, filter_ids, facets, text_fields } = body;
  const { maxTopK } = limits;
  checkServerLimit("k", k ?? 0, "max_top_k", maxTopK);
  checkServerLimit("n", n ?? 0, "max_top_k", maxTopK);
  checkServerLimit("max_results", max_results ?? 0, "max_top_k", maxTopK);
  checkServerLimit("candidate_limit", candidate_limit ?? 0, "max_top_k", maxTopK);
  checkServerLimit("group_size", group_size ?? 0, "max_top_k", maxTopK);
  checkServerLimit("rerank_k", mmr?.rerank_k ?? 0, "max_top_k", maxTopK);
  checkBatch("filter_ids", filter_ids?.length ?? 0, limits);
  if (facets !== undefined) checkNames("facets", Array.isArray(facets) ? facets : Object.keys(facets));
  if (typeof text_fields === "object") checkNames("text_fields", text_fields);
}

/** Refuses a list of more names than anything has fields. */
function checkNames(what: string, names: readonly unknown[]): void {
  if (names.length <= namesMax) return;
  throw new LynseError("LIMIT_EXCEEDED", `${what} has ${names.length} names, above the limit of ${namesMax}`, {
    limit: what,
    max: namesMax,
    got: names.length,
  });
}

/** Refuses more vectors, or ids, than one request may have. */
export function checkBatch(what: string, count: number, { maxBatchVectors }: ServerLimits): void {
  checkServerLimit(what, count, "max_batch_vectors", maxBatchVectors);
}

/** Refuses rows for which the collection has no place any more; those that replace others need none. */
export async function checkReplacedRows(
  collection: Collection,
  ids: readonly Id[],
  dim: number,
  limits: ServerLimits,
): Promise<void> {
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
