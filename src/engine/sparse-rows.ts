/**
 * How do sparse vectors come back from the log?
 *
 * A replay tells where they lie; they are read, verified and decoded before the rows that they belong to become visible.
 */
import { assert, LynseError } from "../errors.js";
import { type CheckedSparse, decodeSparse } from "../sparse/sparse-vector.js";
import type { CollectionStore } from "../storage/collection-store.js";
import type { SparsePart, StoredSparse } from "../storage/transaction.js";

/** The sparse vectors of one stored part. */
export class SparseRows {
  readonly rows: Uint32Array;
  readonly #part: StoredSparse;
  #vectors: CheckedSparse[] = [];

  constructor(part: StoredSparse) {
    this.#part = part;
    this.rows = part.rows;
  }

  /** One a row, after `read`. */
  get vectors(): readonly CheckedSparse[] {
    return this.#vectors;
  }

  async read(store: CollectionStore): Promise<void> {
    const { offset, lengths, crcs, rows } = this.#part;
    const vectors: CheckedSparse[] = [];
    await store.readSparseSpan(offset, lengths, crcs, (index, bytes) => {
      const vector = decodeSparse(bytes);
      if (vector === null) {
        throw new LynseError("CORRUPT", `the sparse vector of row ${rows[index]} cannot be read`, { offset });
      }
      vectors.push(vector);
    });
    this.#vectors = vectors;
  }
}

/** The sparse vectors of a part as it is written. */
export function decodeSparsePart({ bytes, ends }: SparsePart): CheckedSparse[] {
  return Array.from(ends, (end, at) => {
    const vector = decodeSparse(bytes.subarray(at === 0 ? 0 : ends[at - 1]!, end));
    assert(vector !== null, "what was encoded can be decoded");
    return vector;
  });
}
