/**
 * Which sparse vectors do rows have at one moment, while later commits change them?
 *
 * Nothing is copied beforehand: before a commit changes what a row has, the view keeps it. It costs as much memory as is
 * changed until it is released. `Generation` tells its views of every change.
 */
import type { SparseIndex } from "../sparse/sparse-index.js";
import type { CheckedSparse } from "../sparse/sparse-vector.js";

export class SparseView {
  readonly #index: SparseIndex;
  readonly #release: (view: SparseView) => void;
  /** What rows had that were changed since; null: nothing. */
  readonly #kept = new Map<number, CheckedSparse | null>();

  constructor(index: SparseIndex, release: (view: SparseView) => void) {
    this.#index = index;
    this.#release = release;
  }

  /** The row's vector is about to change. */
  keep(row: number): void {
    if (!this.#kept.has(row)) this.#kept.set(row, this.#index.get(row));
  }

  /** The vector that the row had; null for none. */
  get(row: number): CheckedSparse | null {
    const kept = this.#kept.get(row);
    return kept === undefined ? this.#index.get(row) : kept;
  }

  /** Nothing is kept, nor may be asked for, from now on. */
  release(): void {
    this.#kept.clear();
    this.#release(this);
  }
}
