/**
 * Which rows does an export write?
 *
 * Those of one moment: the view is taken in one turn, and later commits change neither which rows are in it nor what
 * hangs on them. Its generation must stay pinned meanwhile. Rows have two numbers: that in the generation, and their rank
 * among the rows of the view, which is what an export knows them by.
 */
import type { Generation } from "../engine/generation.js";
import type { NamedField } from "../engine/named-field.js";
import { noRow, type SlotSnapshot } from "../engine/slot-table.js";
import type { SparseView } from "../engine/sparse-view.js";
import type { CollectionConfig } from "../storage/manifest.js";

/** The vectors of a named field at the moment of the view. */
export interface FieldView {
  readonly field: NamedField;
  readonly slots: SlotSnapshot;
}

export class CollectionView {
  readonly generation: Generation;
  readonly config: CollectionConfig;
  /** Rows of the generation that the view knows of, dead ones included. */
  readonly rowCount: number;
  readonly liveCount: number;
  readonly deletedCount: number;
  readonly fields: readonly FieldView[];
  /** Null where no row ever had a sparse vector. Released by whoever took the view. */
  readonly sparse: SparseView | null;
  readonly #live: Uint32Array;
  /** Rows that an upsert replaced: in no view. */
  readonly #superseded: Uint32Array;
  /** Rows of the view ahead of each word of 32 rows. */
  readonly #ranks: Uint32Array;

  constructor(generation: Generation) {
    const { rows, rowCount } = generation;
    this.generation = generation;
    this.config = generation.store.config;
    this.rowCount = rowCount;
    this.#live = rows.liveSnapshot();
    this.#superseded = rows.supersededSnapshot(rowCount);
    this.fields = generation.named.map((field) => ({ field, slots: field.slots.snapshot() }));
    this.sparse = generation.sparseView();
    const words = Math.ceil(rowCount / 32);
    this.#ranks = new Uint32Array(words + 1);
    let live = 0;
    for (let word = 0; word < words; word++) {
      const within = word === words - 1 && (rowCount & 31) !== 0 ? (1 << (rowCount & 31)) - 1 : -1;
      live += bitCount(this.#live[word]! & within);
      this.#ranks[word + 1] = this.#ranks[word]! + bitCount(~this.#superseded[word]! & within);
    }
    this.liveCount = live;
    this.deletedCount = this.#ranks[words]! - live;
  }

  /** Rows of the view, the soft-deleted ones included. */
  get count(): number {
    return this.liveCount + this.deletedCount;
  }

  /** True for a live row, false for a soft-deleted one, null for one that is in no view. */
  stateOf(row: number): boolean | null {
    const bit = 1 << (row & 31);
    if ((this.#live[row >>> 5]! & bit) !== 0) return true;
    return (this.#superseded[row >>> 5]! & bit) === 0 ? false : null;
  }

  /** Rows of the view ahead of `row`. */
  rankOf(row: number): number {
    return this.#ranks[row >>> 5]! + bitCount(~this.#superseded[row >>> 5]! & ((1 << (row & 31)) - 1));
  }

  /** Rank of the row that a slot's vector belongs to; -1 where that row is not in the view. */
  rankOfSlot({ slots }: FieldView, slot: number): number {
    const row = slots.rows[slot]!;
    return row === noRow || row >= this.rowCount || this.stateOf(row) === null ? -1 : this.rankOf(row);
  }
}

/** Set bits of a word. */
function bitCount(word: number): number {
  let bits = word - ((word >>> 1) & 0x5555_5555);
  bits = (bits & 0x3333_3333) + ((bits >>> 2) & 0x3333_3333);
  return Math.imul((bits + (bits >>> 4)) & 0x0f0f_0f0f, 0x0101_0101) >>> 24;
}
