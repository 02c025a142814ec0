/**
 * Which small number stands for a distinct value?
 *
 * Codes count from 1 in order of first appearance, so that 0 is free for "none". A JavaScript Map holds at most 2^24
 * entries and stops the world while it doubles, so values beyond the first few thousand are spread over many maps by a
 * hash of their ends.
 */

/** Values that stand in one map, where most dictionaries stay. */
const firstMapEntries = 1 << 14;

/** Maps for the values after those; a power of two. */
const mapCount = 128;

/** Bytes that a distinct value costs beside its characters: Map entry, array slot, string header. An estimate. */
const entryBytes = 100;

export class ValueDictionary<T extends string | number> {
  readonly #first = new Map<T, number>();
  #others: readonly Map<T, number>[] = [];
  readonly #values: T[] = [];
  #characters = 0;

  /** Number of distinct values; also the greatest code. */
  get size(): number {
    return this.#values.length;
  }

  /** The value's code, 0 when it is not in the dictionary. */
  codeOf(value: T): number {
    const code = this.#first.get(value);
    if (code !== undefined) return code;
    return this.#others.length === 0 ? 0 : (this.#others[shardOf(value)]!.get(value) ?? 0);
  }

  /** The value's code, a new one when it has none yet. */
  add(value: T): number {
    const known = this.codeOf(value);
    if (known !== 0) return known;
    this.#values.push(value);
    const code = this.#values.length;
    if (typeof value === "string") this.#characters += value.length;
    if (code <= firstMapEntries) {
      this.#first.set(value, code);
      return code;
    }
    if (this.#others.length === 0) this.#others = Array.from({ length: mapCount }, () => new Map());
    this.#others[shardOf(value)]!.set(value, code);
    return code;
  }

  /** The value of a code that was given out. */
  at(code: number): T {
    return this.#values[code - 1]!;
  }

  memoryBytes(): number {
    return this.#values.length * entryBytes + this.#characters;
  }
}

/** Which of the maps a value is in: distinct values mostly differ in their last characters or digits. */
function shardOf(value: string | number): number {
  let hash = 0;
  if (typeof value === "number") {
    hash = Math.imul((value % 0x7fffffff) * 64, 0x9e3779b1);
  } else {
    const { length } = value;
    for (let at = Math.max(0, length - 8); at < length; at += 1) hash = Math.imul(hash, 31) + value.charCodeAt(at);
    hash = Math.imul(hash ^ length ^ ((value.charCodeAt(0) || 0) << 8), 0x9e3779b1);
  }
  return (hash >>> 16) & (mapCount - 1);
}
