/**
 * How often does each number occur?
 *
 * A hash table of doubles in two typed arrays that grow fourfold when they are half full. Minus zero is zero; NaN does
 * not occur.
 */

const bitsAtFirst = 8;
/** A double and its two halves, to be hashed. */
const double = new Float64Array(1);
const halves = new Uint32Array(double.buffer);

export class NumberCounts {
  #bits = bitsAtFirst;
  #numbers = new Float64Array(2 ** bitsAtFirst);
  /** 0: the slot is free. */
  #counts = new Uint32Array(2 ** bitsAtFirst);
  #size = 0;

  /** Counts `number` `times` more, at least once. */
  add(number: number, times: number): void {
    const slot = this.#slotOf(number);
    if (this.#counts[slot] === 0) {
      this.#numbers[slot] = number;
      this.#size += 1;
    }
    this.#counts[slot]! += times;
    if (this.#size * 2 > this.#counts.length) this.#grow();
  }

  /** Calls back with each number and its count, in no order. */
  forEach(visit: (number: number, count: number) => void): void {
    for (let slot = 0; slot < this.#counts.length; slot += 1) {
      const count = this.#counts[slot]!;
      // 0 + x and not x: no zero is minus zero.
      if (count !== 0) visit(0 + this.#numbers[slot]!, count);
    }
  }

  #slotOf(number: number): number {
    double[0] = 0 + number;
    const hash = Math.imul(Math.imul(halves[0]!, 0x85ebca6b) ^ halves[1]! ^ (halves[1]! >>> 15), 0x9e3779b1);
    const slotMask = this.#counts.length - 1;
    let slot = hash >>> (32 - this.#bits);
    while (this.#counts[slot] !== 0 && this.#numbers[slot] !== number) slot = (slot + 1) & slotMask;
    return slot;
  }

  #grow(): void {
    const numbers = this.#numbers;
    const counts = this.#counts;
    this.#bits += 2;
    this.#numbers = new Float64Array(2 ** this.#bits);
    this.#counts = new Uint32Array(2 ** this.#bits);
    for (let at = 0; at < counts.length; at += 1) {
      if (counts[at] === 0) continue;
      const slot = this.#slotOf(numbers[at]!);
      this.#numbers[slot] = numbers[at]!;
      this.#counts[slot] = counts[at]!;
    }
  }
}
