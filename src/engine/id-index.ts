/**
 * Which row has this id?
 *
 * An open-addressing hash table of row numbers over the ids in the row table: 4 bytes a slot, no key stored twice. Built
 * on first need and caught up in time slices, so that an open followed by searches never pays for it. Among the rows of
 * one id only the newest matters; a row appended later replaces the entry.
 */
import { TimeSlice } from "../time-slice.js";
import type { Id } from "../types.js";
import type { RowTable } from "./row-table.js";

const slotsInitial = 64;
/** Share of slots in use above which the table grows in time slices, and above which it grows at once. */
const loadAim = 2 / 3;
const loadMax = 0.85;
/** Rows between two looks at the clock while catching up. */
const rowsPerLook = 4096;

/** Rows by the hash of their id. */
class SlotTable {
  /** Row number + 1; 0 = free. */
  readonly slots: Uint32Array;
  readonly #rows: RowTable;
  used = 0;

  constructor(rows: RowTable, size: number) {
    this.#rows = rows;
    this.slots = new Uint32Array(size);
  }

  find(id: Id): number {
    const { slots } = this;
    const mask = slots.length - 1;
    let slot = hashOf(id) & mask;
    for (;;) {
      const entry = slots[slot]!;
      if (entry === 0) return -1;
      if (this.#rows.idAt(entry - 1) === id) return entry - 1;
      slot = (slot + 1) & mask;
    }
  }

  put(row: number): void {
    const { slots } = this;
    const mask = slots.length - 1;
    const id = this.#rows.idAt(row);
    let slot = hashOf(id) & mask;
    for (;;) {
      const entry = slots[slot]!;
      if (entry === 0) {
        slots[slot] = row + 1;
        this.used += 1;
        return;
      }
      if (this.#rows.idAt(entry - 1) === id) {
        slots[slot] = row + 1;
        return;
      }
      slot = (slot + 1) & mask;
    }
  }
}

export class IdIndex {
  readonly #rows: RowTable;
  #table: SlotTable;
  /** Rows below this number are in the table. */
  #indexed = 0;
  #catchingUp: Promise<void> | null = null;

  constructor(rows: RowTable) {
    this.#rows = rows;
    this.#table = new SlotTable(rows, slotsInitial);
  }

  /** Takes in the rows below `rowCount`, giving way to other work. */
  async ensure(rowCount: number): Promise<void> {
    while (this.#indexed < rowCount) {
      this.#catchingUp ??= this.#catchUp(rowCount).finally(() => {
        this.#catchingUp = null;
      });
      await this.#catchingUp;
    }
  }

  async #catchUp(rowCount: number): Promise<void> {
    const slice = new TimeSlice();
    const size = this.#sizeFor(rowCount, loadAim);
    if (size > this.#table.slots.length) await this.#growTo(size, slice);
    while (this.#indexed < rowCount) {
      this.ensureNow(Math.min(rowCount, this.#indexed + rowsPerLook));
      if (slice.isDue()) await slice.giveWay();
    }
  }

  /** Builds a larger table beside the present one, which serves meanwhile, and puts it in its place. */
  async #growTo(size: number, slice: TimeSlice): Promise<void> {
    const larger = new SlotTable(this.#rows, size);
    for (let row = 0; row < this.#indexed; row++) {
      larger.put(row);
      if ((row & (rowsPerLook - 1)) === 0 && slice.isDue()) await slice.giveWay();
    }
    this.#table = larger;
  }

  /** Takes in the rows below `rowCount` at once. */
  ensureNow(rowCount: number): void {
    if (this.#indexed >= rowCount) return;
    const size = this.#sizeFor(rowCount, loadMax);
    if (size > this.#table.slots.length) {
      this.#table = new SlotTable(this.#rows, size);
      this.#indexed = 0;
    }
    for (let row = this.#indexed; row < rowCount; row++) this.#table.put(row);
    this.#indexed = rowCount;
  }

  /** Newest row with this id among the indexed ones, -1 for none. */
  find(id: Id): number {
    return this.#table.find(id);
  }

  memoryBytes(): number {
    return this.#table.slots.byteLength;
  }

  /** Slots for the ids of the rows below `rowCount`, at most `load` of them in use. */
  #sizeFor(rowCount: number, load: number): number {
    const needed = (this.#table.used + rowCount - this.#indexed) / load;
    let size = this.#table.slots.length;
    while (size < needed) size *= 2;
    return size;
  }
}

/** FNV-1a over the text, a multiplicative mix over numbers; either way well spread in the low bits. */
function hashOf(id: Id): number {
  let hash: number;
  if (typeof id === "number") {
    hash = (id | 0) ^ Math.imul((id / 0x1_0000_0000) | 0, 0x9e37_79b1);
  } else {
    hash = 0x811c_9dc5;
    for (let i = 0; i < id.length; i++) hash = Math.imul(hash ^ id.charCodeAt(i), 0x0100_0193);
  }
  hash = Math.imul(hash ^ (hash >>> 16), 0x85eb_ca6b);
  hash = Math.imul(hash ^ (hash >>> 13), 0xc2b2_ae35);
  return (hash ^ (hash >>> 16)) >>> 0;
}
