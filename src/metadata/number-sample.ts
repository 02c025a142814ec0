/**
 * What do a column's numbers look like, in little memory?
 *
 * Least and greatest value exactly, and a uniform sample of all of them (reservoir sampling: Vitter's algorithm R). The
 * random numbers depend only on how many values came before, so equal columns have equal samples.
 */
const sampleSize = 1024;

export class NumberSample {
  readonly #sample = new Float64Array(sampleSize);
  #count = 0;
  #min = Number.POSITIVE_INFINITY;
  #max = Number.NEGATIVE_INFINITY;

  add(value: number): void {
    if (value < this.#min) this.#min = value;
    if (value > this.#max) this.#max = value;
    if (this.#count < sampleSize) {
      this.#sample[this.#count] = value;
    } else {
      const place = Math.floor(random(this.#count) * (this.#count + 1));
      if (place < sampleSize) this.#sample[place] = value;
    }
    this.#count += 1;
  }

  /** Infinity without a value. */
  get min(): number {
    return this.#min;
  }

  /** -Infinity without a value. */
  get max(): number {
    return this.#max;
  }

  /** The sample; all values where there are few. */
  values(): Float64Array {
    return this.#sample.subarray(0, Math.min(this.#count, sampleSize));
  }

  memoryBytes(): number {
    return this.#sample.byteLength;
  }
}

/** A number from 0 to below 1 that depends on `seed` alone (the finaliser of MurmurHash3, by Austin Appleby). */
function random(seed: number): number {
  let hash = Math.imul(seed ^ (seed >>> 16), 0x85ebca6b);
  hash = Math.imul(hash ^ (hash >>> 13), 0xc2b2ae35);
  return ((hash ^ (hash >>> 16)) >>> 0) / 2 ** 32;
}
