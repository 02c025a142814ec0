/**
 * Which of the rows 0 to length - 1 are in a set?
 *
 * Bit r & 31 of word r >>> 5 is row r. Bits at and beyond `length` are always zero, so words can be counted and
 * combined without looking at the end.
 */
import { assert } from "../errors.js";

const emptyWords = new Uint32Array(0);

export class Bitset {
  #words: Uint32Array;
  #length: number;

  /** A set of no rows, over `length` rows. */
  constructor(length = 0) {
    this.#length = length;
    this.#words = length === 0 ? emptyWords : new Uint32Array(wordCount(length));
  }

  /** Takes over `words`; bits beyond `length` are cleared. */
  static fromWords(words: Uint32Array, length: number): Bitset {
    assert(words.length === wordCount(length), `a bitset of ${length} rows has ${wordCount(length)} words`);
    const set = new Bitset();
    set.#words = words;
    set.#length = length;
    set.#clearTail();
    return set;
  }

  /** Rows that the set ranges over. */
  get length(): number {
    return this.#length;
  }

  /** The words themselves, not a copy; `length` bits of them count. */
  get words(): Uint32Array {
    return this.#words;
  }

  has(row: number): boolean {
    return row < this.#length && (((this.#words[row >>> 5] ?? 0) >>> (row & 31)) & 1) === 1;
  }

  set(row: number): void {
    assert(row < this.#length, `row ${row} lies in a bitset of ${this.#length} rows`);
    this.#words[row >>> 5]! |= 1 << (row & 31);
  }

  clear(row: number): void {
    assert(row < this.#length, `row ${row} lies in a bitset of ${this.#length} rows`);
    this.#words[row >>> 5]! &= ~(1 << (row & 31));
  }

  /** Ranges over `length` rows from now on, with room to grow on; rows that are new are not in the set. */
  grow(length: number): void {
    assert(length >= this.#length, "a bitset only grows");
    const needed = wordCount(length);
    if (needed > this.#words.length) {
      const words = new Uint32Array(Math.max(needed, this.#words.length + (this.#words.length >>> 1)));
      words.set(this.#words);
      this.#words = words;
    }
    this.#length = length;
  }

  /** Keeps the rows that are in both sets. */
  and(other: Bitset): this {
    const a = this.#words;
    const b = this.#wordsOf(other);
    for (let at = 0; at < a.length; at += 1) a[at]! &= at < b.length ? b[at]! : 0;
    return this;
  }

  /** Adds the rows of `other`, which ranges over as many rows. */
  or(other: Bitset): this {
    const a = this.#words;
    const b = this.#wordsOf(other);
    const words = Math.min(a.length, b.length);
    for (let at = 0; at < words; at += 1) a[at]! |= b[at]!;
    return this;
  }

  /** Takes the rows of `other` out, as far as it ranges. */
  andNot(other: Bitset): this {
    const a = this.#words;
    const b = other.#words;
    const words = Math.min(a.length, b.length);
    for (let at = 0; at < words; at += 1) a[at]! &= ~b[at]!;
    return this;
  }

  /** Exactly the rows that were not in the set. */
  not(): this {
    const words = this.#words;
    const used = wordCount(this.#length);
    for (let at = 0; at < used; at += 1) words[at] = ~words[at]!;
    this.#clearTail();
    return this;
  }

  /** Number of rows in the set. */
  count(): number {
    const words = this.#words;
    let count = 0;
    for (let at = 0; at < words.length; at += 1) count += popCount(words[at]!);
    return count;
  }

  isEmpty(): boolean {
    const words = this.#words;
    for (let at = 0; at < words.length; at += 1) if (words[at] !== 0) return false;
    return true;
  }

  /** The first row at or after `from` that is in the set, or -1. */
  next(from: number): number {
    if (from >= this.#length) return -1;
    const words = this.#words;
    let at = from >>> 5;
    let word = words[at]! & (-1 << (from & 31));
    while (word === 0) {
      at += 1;
      if (at >= words.length) return -1;
      word = words[at]!;
    }
    return at * 32 + (31 - Math.clz32(word & -word));
  }

  /** The rows of the set in ascending order. */
  rows(): Uint32Array {
    const rows = new Uint32Array(this.count());
    const words = this.#words;
    let filled = 0;
    for (let at = 0; at < words.length; at += 1) {
      for (let word = words[at]!; word !== 0; word &= word - 1) {
        rows[filled] = at * 32 + (31 - Math.clz32(word & -word));
        filled += 1;
      }
    }
    return rows;
  }

  /** An independent set over `length` rows: shorter cuts rows off, longer adds rows that are not in it. */
  copy(length = this.#length): Bitset {
    const words = new Uint32Array(wordCount(length));
    words.set(this.#words.subarray(0, words.length));
    return Bitset.fromWords(words, length);
  }

  memoryBytes(): number {
    return this.#words.byteLength;
  }

  #wordsOf(other: Bitset): Uint32Array {
    assert(other.#length === this.#length, `bitsets of ${this.#length} and ${other.#length} rows are not combined`);
    return other.#words;
  }

  #clearTail(): void {
    const used = wordCount(this.#length);
    const rest = this.#length & 31;
    if (rest !== 0) this.#words[used - 1]! &= (1 << rest) - 1;
  }
}

function wordCount(length: number): number {
  return Math.ceil(length / 32);
}

/** Bits set in a word (Hacker's Delight, 5-1). */
function popCount(word: number): number {
  let bits = word - ((word >>> 1) & 0x55555555);
  bits = (bits & 0x33333333) + ((bits >>> 2) & 0x33333333);
  bits = (bits + (bits >>> 4)) & 0x0f0f0f0f;
  return Math.imul(bits, 0x01010101) >>> 24;
}
