/**
 * What do a column's numbers look like, in little memory?
 *
 * Least and greatest value exactly, a uniform sample (reservoir sampling: Vitter, algorithm R), and the number of
 * distinct values within a few per cent (HyperLogLog: Flajolet, Fusy, Gandouet, Meunier, 2007). The random numbers
 * depend only on how many values came before, so equal columns have equal statistics.
 */
const sampleSize = 1024;

/** HyperLogLog's registers: a standard error of 1.04 / √1024 = 3.3%. */
const registerBits = 10;
const registerCount = 1 << registerBits;

const bits = new DataView(new ArrayBuffer(8));

export class NumberStatistics {
  readonly #sample = new Float64Array(sampleSize);
  readonly #registers = new Uint8Array(registerCount);
  #count = 0;
  #min = Number.POSITIVE_INFINITY;
  #max = Number.NEGATIVE_INFINITY;

  add(value: number): void {
    if (value < this.#min) this.#min = value;
    if (value > this.#max) this.#max = value;
    if (this.#count < sampleSize) {
      this.#sample[this.#count] = value;
    } else {
      const place = Math.floor((mix(this.#count) / 2 ** 32) * (this.#count + 1));
      if (place < sampleSize) this.#sample[place] = value;
    }
    this.#count += 1;
    // Adding zero makes -0 the 0 that it equals.
    bits.setFloat64(0, value + 0);
    const hash = mix(bits.getUint32(0) ^ mix(bits.getUint32(4)));
    const register = hash >>> (32 - registerBits);
    const rank = Math.clz32((hash << registerBits) | (1 << (registerBits - 1))) + 1;
    if (rank > this.#registers[register]!) this.#registers[register] = rank;
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

  /** About how many distinct values there are. */
  distinct(): number {
    let sum = 0;
    let empty = 0;
    for (const register of this.#registers) {
      sum += 2 ** -register;
      if (register === 0) empty += 1;
    }
    const raw = ((0.7213 / (1 + 1.079 / registerCount)) * registerCount ** 2) / sum;
    if (raw <= 2.5 * registerCount && empty > 0) return registerCount * Math.log(registerCount / empty);
    // Hashes of 32 bits begin to collide near 2^32 / 30.
    return raw <= 2 ** 32 / 30 ? raw : -(2 ** 32) * Math.log(1 - Math.min(raw / 2 ** 32, 0.999));
  }

  memoryBytes(): number {
    return this.#sample.byteLength + this.#registers.byteLength;
  }
}

/** An unsigned 32-bit number that depends on `seed` alone (the finaliser of MurmurHash3, by Austin Appleby). */
function mix(seed: number): number {
  let hash = Math.imul(seed ^ (seed >>> 16), 0x85ebca6b);
  hash = Math.imul(hash ^ (hash >>> 13), 0xc2b2ae35);
  return (hash ^ (hash >>> 16)) >>> 0;
}
