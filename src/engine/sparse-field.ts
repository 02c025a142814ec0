/**
 * Which sparse vectors do the rows of a generation have, now and for those who began to read earlier?
 *
 * One index, changed in place as commits become visible; views that are open keep what a change takes away.
 */
import { SparseIndex } from "../sparse/sparse-index.js";
import type { CheckedSparse } from "../sparse/sparse-vector.js";
import { SparseView } from "./sparse-view.js";

export class SparseField {
  #index: SparseIndex | null;
  readonly #views = new Set<SparseView>();

  constructor(index: SparseIndex | null) {
    this.#index = index;
  }

  /** Null where no row ever had a sparse vector. */
  get index(): SparseIndex | null {
    return this.#index;
  }

  has(row: number): boolean {
    return this.#index?.has(row) === true;
  }

  /** The vectors as they are now, until the view is released; null where no row ever had one. */
  view(): SparseView | null {
    if (this.#index === null) return null;
    const view = new SparseView(this.#index, (released) => void this.#views.delete(released));
    this.#views.add(view);
    return view;
  }

  /** What the rows `from` have goes to the rows `to`. */
  move(from: Uint32Array, to: Uint32Array): void {
    this.#keep(from);
    if (this.#index === null) return;
    for (let at = 0; at < from.length; at++) this.#index.move(from[at]!, to[at]!);
  }

  /** Replaces the vectors of rows; an empty one is none. */
  set(rows: Uint32Array, vectors: readonly CheckedSparse[]): void {
    if (rows.length === 0) return;
    this.#keep(rows);
    this.#index ??= new SparseIndex();
    for (let at = 0; at < rows.length; at++) this.#index.set(rows[at]!, vectors[at]!);
  }

  #keep(rows: Uint32Array): void {
    for (const view of this.#views) for (const row of rows) view.keep(row);
  }

  release(): void {
    this.#index?.release();
    this.#index = null;
  }
}
