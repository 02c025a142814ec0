/**
 * Which small number stands for a distinct value?
 *
 * Codes count from 1 in order of first appearance, so that 0 is free for "none". A JavaScript Map holds at most 2^24
 * entries, so a full map is followed by another.
 */

/** Entries of one map, below the engine's limit. */
const mapEntriesMax = 1 << 23;

/** Bytes that a distinct value costs beside its characters: Map entry, array slot, string header. An estimate. */
const entryBytes = 64;

export class ValueDictionary<T extends string | number> {
  readonly #maps: Map<T, number>[] = [new Map()];
  readonly #values: T[] = [];
  #characters = 0;

  /** Number of distinct values; also the greatest code. */
  get size(): number {
    return this.#values.length;
  }

  /** The value's code, 0 when it is not in the dictionary. */
  codeOf(value: T): number {
    for (const map of this.#maps) {
      const code = map.get(value);
      if (code !== undefined) return code;
    }
    return 0;
  }

  /** The value's code, a new one when it has none yet. */
  add(value: T): number {
    const known = this.codeOf(value);
    if (known !== 0) return known;
    let map = this.#maps.at(-1);
    if (map === undefined || map.size >= mapEntriesMax) this.#maps.push((map = new Map()));
    this.#values.push(value);
    map.set(value, this.#values.length);
    if (typeof value === "string") this.#characters += value.length;
    return this.#values.length;
  }

  /** The value of a code that was given out. */
  at(code: number): T {
    return this.#values[code - 1]!;
  }

  memoryBytes(): number {
    return this.#values.length * entryBytes + this.#characters;
  }
}
