/**
 * Where do the benchmark's random numbers come from?
 *
 * One seeded generator (xorshift32, Marsaglia 2003), so that two runs measure the same rows and queries.
 */
export class Random {
  #state: number;

  constructor(seed: number) {
    this.#state = (seed ^ 0x9e3779b9) | 0 || 1;
    for (let turn = 0; turn < 16; turn += 1) this.uint32();
  }

  /** An unsigned 32-bit integer, never 0. */
  uint32(): number {
    let state = this.#state;
    state ^= state << 13;
    state ^= state >>> 17;
    state ^= state << 5;
    this.#state = state;
    return state >>> 0;
  }

  /** A number in [0, 1). */
  unit(): number {
    return this.uint32() / 0x1_0000_0000;
  }

  /** An integer in [0, below). */
  integer(below: number): number {
    return Math.floor(this.unit() * below);
  }

  /** A normally distributed number: mean 0, deviation 1 (Box and Muller). */
  normal(): number {
    const radius = Math.sqrt(-2 * Math.log(1 - this.unit()));
    return radius * Math.cos(2 * Math.PI * this.unit());
  }
}
