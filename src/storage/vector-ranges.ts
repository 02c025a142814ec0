/**
 * Which checksum covers which vectors?
 *
 * The rows of a vector file fall into consecutive ranges, one a frame of the log, each with the CRC-32 of its bytes.
 * Two numbers a range in typed arrays, since a million commits of one row make a million ranges.
 */
import { assert } from "../errors.js";

export class VectorRanges {
  #ends = new Uint32Array(64);
  #crcs = new Uint32Array(64);
  #count = 0;

  /** Number of ranges. */
  get count(): number {
    return this.#count;
  }

  /** Rows covered, from row 0. */
  get rowCount(): number {
    return this.#count === 0 ? 0 : this.#ends[this.#count - 1]!;
  }

  /** Memory held, bytes. */
  get memoryBytes(): number {
    return this.#ends.byteLength + this.#crcs.byteLength;
  }

  /** Adds the range of the next `rowCount` rows. */
  push(rowCount: number, crc: number): void {
    if (this.#count === this.#ends.length) this.#grow();
    this.#ends[this.#count] = this.rowCount + rowCount;
    this.#crcs[this.#count] = crc;
    this.#count++;
  }

  /** Row after the last one of range `at`. */
  endOf(at: number): number {
    return this.#ends[at]!;
  }

  crcOf(at: number): number {
    return this.#crcs[at]!;
  }

  /** Index of the range that holds `row`. */
  indexOf(row: number): number {
    assert(row < this.rowCount, `a checksum covers row ${row}`);
    let low = 0;
    let high = this.#count - 1;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if (this.#ends[middle]! <= row) low = middle + 1;
      else high = middle;
    }
    return low;
  }

  /** For a checkpoint: ends, then checksums. */
  toBytes(): Uint8Array {
    const bytes = new Uint8Array(this.#count * 8);
    bytes.set(new Uint8Array(this.#ends.buffer, 0, this.#count * 4), 0);
    bytes.set(new Uint8Array(this.#crcs.buffer, 0, this.#count * 4), this.#count * 4);
    return bytes;
  }

  /** From `toBytes`; null when the bytes cannot be such. */
  static fromBytes(bytes: Uint8Array): VectorRanges | null {
    if (bytes.length % 8 !== 0) return null;
    const ranges = new VectorRanges();
    const count = bytes.length / 8;
    const words = new Uint32Array(bytes.slice().buffer);
    ranges.#ends = words.slice(0, count);
    ranges.#crcs = words.slice(count);
    ranges.#count = count;
    for (let at = 1; at < count; at++) if (ranges.#ends[at]! <= ranges.#ends[at - 1]!) return null;
    return ranges;
  }

  #grow(): void {
    const capacity = Math.max(64, this.#count * 2);
    const ends = new Uint32Array(capacity);
    const crcs = new Uint32Array(capacity);
    ends.set(this.#ends);
    crcs.set(this.#crcs);
    this.#ends = ends;
    this.#crcs = crcs;
  }
}
