/**
 * How can a random run be repeated?
 *
 * The mulberry32 generator (Tommy Ettinger, public domain): 32 bits of state, one multiplication chain a number.
 */

/** Random numbers that follow from a seed. */
export class SeededRandom {
  #state: number;

  constructor(seed: number) {
    this.#state = seed >>> 0;
  }

  /** An integer in `[0, bound)`. */
  below(bound: number): number {
    this.#state = (this.#state + 0x6d2b79f5) >>> 0;
    let mixed = this.#state;
    mixed = Math.imul(mixed ^ (mixed >>> 15), mixed | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return Math.floor((((mixed ^ (mixed >>> 14)) >>> 0) / 4294967296) * bound);
  }

  /** True in one of `bound` cases. */
  oneIn(bound: number): boolean {
    return this.below(bound) === 0;
  }
}
