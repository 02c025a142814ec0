/**
 * Does a request keep to the server's limits?
 *
 * What the binary and the JSON routes have in common. A limit of 0 is off. Messages are in LynseDB's words.
 */
import type { Collection } from "../../client/collection.js";
import { LynseError } from "../../errors.js";
import { componentBytes, type VectorEncoding } from "../../wire/vector-encoding.js";
import type { ServerLimits } from "../server-state.js";

/** Rows of all results of one batch: 240 MB of answer. */
const batchRowsMax = 20_000_000;

/** Refuses a number above a limit, in the original's words. */
export function checkServerLimit(what: string, value: number, limit: string, max: number): void {
  if (max === 0 || value <= max) return;
  throw new LynseError("INVALID_ARGUMENT", `Invalid argument: ${what} ${value} exceeds server ${limit} ${max}`, {
    limit,
    max,
    got: value,
  });
}

/** Refuses more results than one answer may hold. */
export function checkBatchRows(queries: number, k: number): void {
  checkServerLimit("n_queries × k", queries * k, "limit of rows in one answer", batchRowsMax);
}

/** Refuses rows that would make the collection larger than the server allows. */
export async function checkRoom(
  collection: Collection,
  count: number,
  dim: number,
  limits: ServerLimits,
): Promise<void> {
  const [rows] = await collection.shape();
  const { maxCollectionVectors, maxCollectionVectorBytes } = limits;
  checkServerLimit("collection vectors", rows + count, "max_collection_vectors", maxCollectionVectors);
  const bytes = (rows + count) * dim * componentBytes("float32");
  checkServerLimit("collection vector bytes", bytes, "max_collection_vector_bytes", maxCollectionVectorBytes);
}

/** Refuses a body that is not exactly `count` vectors, in the original's words. */
export function checkVectorBytes(got: number, count: number, dim: number, encoding: VectorEncoding): void {
  const expected = count * dim * componentBytes(encoding);
  if (got === expected) return;
  const message =
    count === 1
      ? `Expected ${expected} bytes, got ${got}`
      : `Expected ${expected} encoded vector bytes (${count} vectors × ${dim} dim), got ${got}`;
  throw new LynseError("INVALID_ARGUMENT", message, { expected, got });
}
