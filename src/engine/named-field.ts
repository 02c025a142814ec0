/**
 * How is a vector field searched whose vectors only some rows have?
 *
 * A field with slots, and the rows that they belong to. A filter over rows becomes one over slots; what a search finds in
 * slots becomes rows again, by the same snapshot.
 */
import type { KernelPool } from "../kernel/kernel-pool.js";
import type { VectorTable } from "../kernel/vector-table.js";
import type { RowFilter } from "../query/row-filter.js";
import type { CollectionStore } from "../storage/collection-store.js";
import type { VectorTaker } from "../storage/vector-file.js";
import type { VectorRanges } from "../storage/vector-ranges.js";
import { type FieldDefinition, fieldDefinitions } from "./field-definition.js";
import type { MemoryBudget } from "./memory-budget.js";
import { noRow, type SlotTable } from "./slot-table.js";
import { VectorField } from "./vector-field.js";

/** Parts of a named field as they are loaded or written. */
export interface NamedFieldParts {
  readonly slots: SlotTable;
  readonly ranges: VectorRanges;
  readonly table: VectorTable | null;
}

/** A filter in slots, and the rows that they stand for. */
export interface SlotView {
  readonly filter: RowFilter;
  readonly rows: Uint32Array;
}

interface CachedView {
  readonly version: number;
  readonly view: SlotView;
}

export class NamedField {
  readonly name: string;
  /** Position in the configuration. */
  readonly number: number;
  readonly slots: SlotTable;
  readonly field: VectorField;
  /** Views by the mask of rows that they were made of. */
  readonly #views = new WeakMap<Uint32Array, CachedView>();
  /** The view of all rows. */
  #everything: CachedView | null = null;

  constructor(
    store: CollectionStore,
    number: number,
    { slots, ranges, table }: NamedFieldParts,
    pool: KernelPool,
    budget: MemoryBudget | null,
  ) {
    this.number = number;
    this.slots = slots;
    this.name = definitionOf(store, number).name;
    const source = {
      store,
      get definition() {
        return definitionOf(store, number);
      },
      get slotCount() {
        return slots.count;
      },
      get deadSlotCount() {
        return slots.deadCount;
      },
      deadSlots: (count: number) => slots.deadBits(count),
      load: (from: number, to: number, of: VectorRanges, taker: VectorTaker) =>
        store.loadFieldVectors(number, from, to, of, taker),
      vectorFile: () => store.vectorFile(number),
    };
    this.field = new VectorField(source, ranges, table, pool, budget);
  }

  /** The filter in slots, as they are at this moment: that of the filter's own snapshot. */
  view(filter: RowFilter): SlotView {
    const { mask } = filter;
    const { version } = this.slots;
    const cached = mask === null ? this.#everything : this.#views.get(mask);
    if (cached?.version === version) return cached.view;
    const fresh = { version, view: this.#makeView(filter) };
    if (mask === null) this.#everything = fresh;
    else this.#views.set(mask, fresh);
    return fresh.view;
  }

  #makeView(filter: RowFilter): SlotView {
    const { rows, count: slotCount } = this.slots.snapshot();
    const { mask: rowMask, rowCount } = filter;
    if (rowMask === null && this.slots.deadCount === 0) {
      return { rows, filter: inSlots(filter, slotCount, null, slotCount) };
    }
    const mask = new Uint32Array(Math.ceil(slotCount / 32));
    let count = 0;
    for (let slot = 0; slot < slotCount; slot++) {
      const row = rows[slot]!;
      if (row === noRow || row >= rowCount) continue;
      if (rowMask !== null && (rowMask[row >>> 5]! & (1 << (row & 31))) === 0) continue;
      mask[slot >>> 5]! |= 1 << (slot & 31);
      count += 1;
    }
    return { rows, filter: inSlots(filter, slotCount, mask, count) };
  }

  /** Live rows that have a vector here. */
  liveCount(isLive: (row: number) => boolean): number {
    let count = 0;
    for (let slot = 0; slot < this.slots.count; slot++) {
      const row = this.slots.rowOf(slot);
      if (row !== noRow && isLive(row)) count += 1;
    }
    return count;
  }

  memoryBytes(): number {
    return this.slots.memoryBytes() + this.field.ranges.memoryBytes;
  }
}

function inSlots(filter: RowFilter, slotCount: number, mask: Uint32Array | null, count: number): RowFilter {
  const { estimated, isNarrowed, where } = filter;
  return {
    rowCount: slotCount,
    mask,
    count,
    liveCount: slotCount,
    estimated: Math.min(estimated, slotCount),
    where,
    isNarrowed,
  };
}

function definitionOf(store: CollectionStore, number: number): FieldDefinition {
  return fieldDefinitions(store.config)[number + 1]!;
}
