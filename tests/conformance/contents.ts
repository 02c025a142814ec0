/**
 * What is in a collection?
 *
 * Everything a reader can see of it, as plain values that `toEqual` compares.
 */
import type { Collection, Fields, Id } from "../../src/index.js";

export interface StoredRow {
  readonly id: Id;
  readonly field: unknown;
  readonly vector: readonly number[];
}

/** The live rows, in order of insertion. */
export async function rowsOf<F extends Fields>(collection: Collection<F>): Promise<StoredRow[]> {
  const rows: StoredRow[] = [];
  for await (const { id, field, vector } of collection.scan({ returnVectors: true })) {
    rows.push({ id, field, vector: Array.from(vector ?? []) });
  }
  return rows;
}

/** The ids of the live rows, in order of insertion. */
export async function idsOf<F extends Fields>(collection: Collection<F>): Promise<Id[]> {
  return (await rowsOf(collection)).map(({ id }) => id);
}
