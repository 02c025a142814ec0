/**
 * Which rows have the largest inner product with a sparse query?
 *
 * The face of the folder. Exact: a score is the float64 sum over the features that query and row share, in ascending order
 * of their ids; rows whose score is zero are no answer. Rows come in any order and may be replaced. Everything happens at
 * once on one thread, in steps of at most some ten milliseconds; how: `docs/internals/sparse.md`.
 */
import { assert } from "../errors.js";
import { KernelMemory } from "../kernel/kernel-memory.js";
import { matchingRows, type SparseQuery, type SparseResult, searchVectors } from "./sparse-search.js";
import { readSparse, type SparseSection, writeSparse } from "./sparse-sections.js";
import type { CheckedSparse } from "./sparse-vector.js";
import { VectorStore } from "./vector-store.js";

export class SparseIndex {
  #store: VectorStore | null = new VectorStore(new KernelMemory());

  /** Rows that have a vector. */
  get count(): number {
    return this.#open.rows.count;
  }

  /** Bytes held, those that wait to be used again included. */
  get memoryBytes(): number {
    return this.#open.memoryBytes;
  }

  /** Gives a row a vector in place of what it had; an empty one takes it away. The arrays are copied. */
  set(row: number, sparse: CheckedSparse): void {
    this.#open.set(row, sparse);
  }

  /** As `set`, one vector a row, in order; a thousand rows of a hundred weights take some milliseconds. */
  setMany(rows: ArrayLike<number>, sparses: readonly CheckedSparse[]): void {
    const store = this.#open;
    for (let i = 0; i < sparses.length; i++) store.set(rows[i]!, sparses[i]!);
  }

  /** Gives the vector of row `from` to row `to`, in place of what that had; nothing where `from` has none. */
  move(from: number, to: number): void {
    this.#open.move(from, to);
  }

  /** A copy of a row's vector. */
  get(row: number): CheckedSparse | null {
    return this.#open.get(row);
  }

  has(row: number): boolean {
    return this.#open.has(row);
  }

  /** The best rows of those below the limit and in the mask. */
  search(query: SparseQuery): SparseResult {
    return searchVectors(this.#open, query);
  }

  /** One bit a row below the limit and in the mask: its score is not zero. */
  matches(sparse: CheckedSparse, mask: Uint32Array | null, rowLimit: number): Uint32Array {
    return matchingRows(this.#open, sparse, mask, rowLimit);
  }

  /** What `deserialize` takes: copies, good for as long as they are needed. */
  serialize(): SparseSection[] {
    return writeSparse(this.#open);
  }

  /** The index that was kept; null where the sections are none. */
  static async deserialize(sections: readonly SparseSection[]): Promise<SparseIndex | null> {
    const index = new SparseIndex();
    return (await readSparse(sections, index)) ? index : null;
  }

  /** Lets go of the memory; the index can do nothing any more. */
  release(): void {
    this.#store = null;
  }

  get #open(): VectorStore {
    assert(this.#store !== null, "a sparse index is used before it is released");
    return this.#store;
  }
}
