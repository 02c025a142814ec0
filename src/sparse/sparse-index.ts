/**
 * Which rows have the largest inner product with a sparse query?
 *
 * Exact: scores are float64 sums over the features that both have, in ascending order of their ids.
 */
import type { CheckedSparse } from "./sparse-vector.js";

/** What is asked of a sparse index. */
export interface SparseQuery {
  readonly sparse: CheckedSparse;
  readonly k: number;
  /** Bit r & 31 of word r >>> 5: row r may be returned. Null: all rows. */
  readonly mask: Uint32Array | null;
  /** Rows from this one on are left out. */
  readonly rowLimit: number;
}

/** Rows with a score that is not zero, best first, ties to the lower row. */
export interface SparseResult {
  readonly rows: Uint32Array;
  readonly scores: Float64Array;
}

/** A named part of what an index keeps on disk. */
export interface SparseSection {
  readonly name: string;
  readonly bytes: Uint8Array;
}

export class SparseIndex {
  #vectors = new Map<number, CheckedSparse>();

  /** Rows that have a vector. */
  get count(): number {
    return this.#vectors.size;
  }

  get memoryBytes(): number {
    let bytes = 0;
    for (const { indices } of this.#vectors.values()) bytes += 8 * indices.length;
    return bytes;
  }

  set(row: number, sparse: CheckedSparse): void {
    if (sparse.indices.length === 0) this.#vectors.delete(row);
    else this.#vectors.set(row, { indices: sparse.indices.slice(), values: sparse.values.slice() });
  }

  setMany(rows: ArrayLike<number>, sparses: readonly CheckedSparse[]): void {
    for (let i = 0; i < sparses.length; i++) this.set(rows[i]!, sparses[i]!);
  }

  move(from: number, to: number): void {
    const sparse = this.#vectors.get(from);
    if (sparse === undefined || from === to) return;
    this.#vectors.delete(from);
    this.#vectors.set(to, sparse);
  }

  has(row: number): boolean {
    return this.#vectors.has(row);
  }

  get(row: number): CheckedSparse | null {
    return this.#vectors.get(row) ?? null;
  }

  search({ sparse, k, mask, rowLimit }: SparseQuery): SparseResult {
    const found = this.#scored(sparse, mask, rowLimit);
    found.sort((a, b) => b[1] - a[1] || a[0] - b[0]);
    found.length = Math.min(found.length, k);
    return { rows: Uint32Array.from(found, ([row]) => row), scores: Float64Array.from(found, ([, score]) => score) };
  }

  /** Bitset of the rows with a score that is not zero. */
  matches(sparse: CheckedSparse, mask: Uint32Array | null, rowLimit: number): Uint32Array {
    const bits = new Uint32Array(Math.ceil(rowLimit / 32));
    for (const [row] of this.#scored(sparse, mask, rowLimit)) bits[row >>> 5]! |= 1 << (row & 31);
    return bits;
  }

  serialize(): SparseSection[] {
    return [];
  }

  static async deserialize(sections: readonly SparseSection[]): Promise<SparseIndex | null> {
    return sections.length === 0 ? new SparseIndex() : null;
  }

  release(): void {
    this.#vectors.clear();
  }

  #scored(query: CheckedSparse, mask: Uint32Array | null, rowLimit: number): [number, number][] {
    const weights = new Map<number, number>();
    for (let i = 0; i < query.indices.length; i++) weights.set(query.indices[i]!, query.values[i]!);
    const found: [number, number][] = [];
    for (const [row, { indices, values }] of this.#vectors) {
      if (row >= rowLimit || (mask !== null && ((mask[row >>> 5] ?? 0) & (1 << (row & 31))) === 0)) continue;
      let score = 0;
      for (let i = 0; i < indices.length; i++) score += (weights.get(indices[i]!) ?? 0) * values[i]!;
      if (score !== 0) found.push([row, score]);
    }
    return found;
  }
}
