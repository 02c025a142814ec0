/**
 * Which row does each vector of a named field belong to, as far as a log that may be damaged tells?
 *
 * As `SlotTable`, but slots of frames that are lost are counted too, and belong to nobody. Rows beyond the field's own
 * memory have none.
 */

/** The row of a slot that is dead or lost. */
export const noRow = 0xffff_ffff;

export class SlotLedger {
  #rows = new Uint32Array(64);
  /** By row: its slot plus 1, 0 for none. */
  #slots = new Uint32Array(64);
  #count = 0;

  get count(): number {
    return this.#count;
  }

  rowOf(slot: number): number {
    return this.#rows[slot]!;
  }

  /** Slot of a row, -1 for none. */
  slotOf(row: number): number {
    return row < this.#slots.length ? this.#slots[row]! - 1 : -1;
  }

  /** Counts slots that are lost. */
  skip(count: number): void {
    this.#reserve(this.#count + count);
    this.#rows.fill(noRow, this.#count, this.#count + count);
    this.#count += count;
  }

  /** Adds the next slot, of a row that has no other; `noRow` for a dead one. */
  add(row: number): void {
    this.#reserve(this.#count + 1);
    this.#rows[this.#count] = row;
    if (row !== noRow) this.#setSlot(row, this.#count);
    this.#count += 1;
  }

  attach(rows: Uint32Array): void {
    this.#reserve(this.#count + rows.length);
    for (const row of rows) {
      this.#detach(row);
      this.#rows[this.#count] = row;
      this.#setSlot(row, this.#count);
      this.#count += 1;
    }
  }

  move(from: number, to: number): void {
    const slot = this.slotOf(from);
    if (slot === -1) return;
    this.#detach(to);
    this.#slots[from] = 0;
    this.#rows[slot] = to;
    this.#setSlot(to, slot);
  }

  #detach(row: number): void {
    const slot = this.slotOf(row);
    if (slot === -1) return;
    this.#rows[slot] = noRow;
    this.#slots[row] = 0;
  }

  #setSlot(row: number, slot: number): void {
    if (row >= this.#slots.length) {
      const grown = new Uint32Array(Math.max(row + 1, this.#slots.length * 2));
      grown.set(this.#slots);
      this.#slots = grown;
    }
    this.#slots[row] = slot + 1;
  }

  #reserve(count: number): void {
    if (count <= this.#rows.length) return;
    const grown = new Uint32Array(Math.max(count, this.#rows.length * 2));
    grown.set(this.#rows);
    this.#rows = grown;
  }
}
