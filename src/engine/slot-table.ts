/**
 * Which row does each vector of a named field belong to?
 *
 * Vectors have slots, numbered in order of insertion; a row has at most one. A vector that is replaced leaves its slot dead;
 * a row that is replaced hands its slot on. Readers keep a snapshot, which later changes do not touch.
 */
import { assert } from "../errors.js";

/** The row of a dead slot. */
export const noRow = 0xffff_ffff;

const initial = 64;

export interface SlotSnapshot {
  /** Row of each slot, `noRow` for a dead one; entries from `count` on mean nothing. */
  readonly rows: Uint32Array;
  readonly count: number;
}

export class SlotTable {
  #rows = new Uint32Array(initial);
  /** By row: its slot plus 1, 0 for none. */
  #slots = new Uint32Array(initial);
  #count = 0;
  #deadCount = 0;
  #version = 0;
  #isShared = false;

  /** Slots, dead ones included. */
  get count(): number {
    return this.#count;
  }

  get deadCount(): number {
    return this.#deadCount;
  }

  /** Grows with every change. */
  get version(): number {
    return this.#version;
  }

  /** Slot of a row, -1 for none. */
  slotOf(row: number): number {
    return row < this.#slots.length ? this.#slots[row]! - 1 : -1;
  }

  rowOf(slot: number): number {
    return this.#rows[slot]!;
  }

  /** Gives the next slots to rows, in their order; slots that those had die. */
  attach(rows: Uint32Array): void {
    this.#version += 1;
    this.#reserve(this.#count + rows.length);
    for (const row of rows) {
      this.#detach(row);
      // Beyond every snapshot's count, so a shared array may change here.
      this.#rows[this.#count] = row;
      this.#setSlot(row, this.#count);
      this.#count += 1;
    }
  }

  /** Counts slots that belong to no row. */
  skip(count: number): void {
    this.#version += 1;
    const end = this.#count + count;
    this.#reserve(end);
    this.#rows.fill(noRow, this.#count, end);
    this.#count = end;
    this.#deadCount += count;
  }

  /** The slot of row `from` belongs to row `to` from now on. */
  move(from: number, to: number): void {
    const slot = this.slotOf(from);
    if (slot === -1) return;
    this.#version += 1;
    this.#detach(to);
    this.#own();
    this.#rows[slot] = to;
    this.#slots[from] = 0;
    this.#setSlot(to, slot);
  }

  #detach(row: number): void {
    const slot = this.slotOf(row);
    if (slot === -1) return;
    this.#own();
    this.#rows[slot] = noRow;
    this.#slots[row] = 0;
    this.#deadCount += 1;
  }

  #reserve(count: number): void {
    if (count <= this.#rows.length) return;
    this.#rows = grown(this.#rows, count);
    this.#isShared = false;
  }

  #own(): void {
    if (!this.#isShared) return;
    this.#rows = this.#rows.slice();
    this.#isShared = false;
  }

  #setSlot(row: number, slot: number): void {
    if (row >= this.#slots.length) this.#slots = grown(this.#slots, row + 1);
    this.#slots[row] = slot + 1;
  }

  snapshot(): SlotSnapshot {
    this.#isShared = true;
    return { rows: this.#rows, count: this.#count };
  }

  /** The dead ones of the first `count` slots, one bit each. */
  deadBits(count: number): Uint32Array {
    const words = new Uint32Array(Math.ceil(count / 32));
    for (let slot = 0; slot < count; slot++) if (this.#rows[slot] === noRow) words[slot >>> 5]! |= 1 << (slot & 31);
    return words;
  }

  memoryBytes(): number {
    return this.#rows.byteLength + this.#slots.byteLength;
  }

  /** For a checkpoint: the row of each slot. */
  toBytes(): Uint8Array {
    return new Uint8Array(this.#rows.slice(0, this.#count).buffer);
  }

  /** From `toBytes`; null where the bytes cannot be such of a collection with `rowCount` rows. */
  static fromBytes(bytes: Uint8Array | undefined, count: number, rowCount: number): SlotTable | null {
    if (bytes === undefined || bytes.length !== count * 4) return null;
    const rows = new Uint32Array(bytes.slice().buffer);
    const table = new SlotTable();
    table.#slots = new Uint32Array(Math.max(initial, rowCount));
    for (let slot = 0; slot < count; slot++) {
      const row = rows[slot]!;
      if (row === noRow) {
        table.#deadCount += 1;
        continue;
      }
      if (row >= rowCount || table.#slots[row] !== 0) return null;
      table.#slots[row] = slot + 1;
    }
    table.#rows = rows.length === 0 ? table.#rows : rows;
    table.#count = count;
    return table;
  }
}

function grown(from: Uint32Array, length: number): Uint32Array<ArrayBuffer> {
  assert(length > from.length, "a table grows");
  const to = new Uint32Array(Math.ceil(Math.max(length, from.length * 1.5)));
  to.set(from);
  return to;
}
