/**
 * How are wire bytes taken apart?
 *
 * A cursor over bytes that nobody vouches for: every read is checked against what is left, and a count is checked
 * before anything is allocated for it. Wrong bytes give `INVALID_ARGUMENT` that names the block and the offset.
 */
import { LynseError } from "../errors.js";

/** Bytes up to which a text is tried as ASCII in a loop: cheaper than a call of the decoder. */
const loopBytes = 24;
/** Texts of this length are kept and found again: keys of metadata repeat in every row. Slots are a power of two. */
const internBytesMax = 32;
const internSlots = 512;
const decoder = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });

export class ByteReader {
  readonly bytes: Uint8Array;
  readonly #view: DataView;
  /** What is read, as errors name it. */
  readonly #what: string;
  #offset = 0;
  /** Where the last text of a slot stands in `bytes`, and the text. */
  #internAt = new Int32Array(0);
  #interned: string[] = [];

  constructor(bytes: Uint8Array, what: string) {
    this.bytes = bytes;
    this.#view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
    this.#what = what;
  }

  get offset(): number {
    return this.#offset;
  }

  /** Bytes that are left. */
  get left(): number {
    return this.bytes.length - this.#offset;
  }

  u8(): number {
    this.#need(1);
    return this.bytes[this.#offset++]!;
  }

  u32(): number {
    this.#need(4);
    const value = this.#view.getUint32(this.#offset, true);
    this.#offset += 4;
    return value;
  }

  /** A u32 that counts things of at least `bytesEach` bytes: refused when they cannot all follow. */
  count(bytesEach: number): number {
    const count = this.u32();
    if (count * bytesEach > this.left) {
      this.refuse(`a count of ${count} at offset ${this.#offset - 4} exceeds the ${this.left} bytes left`);
    }
    return count;
  }

  /** Unsigned 64 bits as the nearest number. */
  u64(): number {
    this.#need(8);
    const low = this.#view.getUint32(this.#offset, true);
    const high = this.#view.getUint32(this.#offset + 4, true);
    this.#offset += 8;
    return high * 0x1_0000_0000 + low;
  }

  /** Signed 64 bits as the nearest number. */
  i64(): number {
    this.#need(8);
    const low = this.#view.getUint32(this.#offset, true);
    const high = this.#view.getInt32(this.#offset + 4, true);
    this.#offset += 8;
    return high * 0x1_0000_0000 + low;
  }

  f64(): number {
    this.#need(8);
    const value = this.#view.getFloat64(this.#offset, true);
    this.#offset += 8;
    return value;
  }

  /** The next `byteCount` bytes, not copied. */
  take(byteCount: number): Uint8Array {
    this.#need(byteCount);
    const start = this.#offset;
    this.#offset += byteCount;
    return this.bytes.subarray(start, start + byteCount);
  }

  /** `u32 byte length | UTF-8`. */
  text(): string {
    const length = this.count(1);
    return this.#textOf(length);
  }

  /** As `text`, for texts that come again and again. */
  repeatedText(): string {
    const length = this.count(1);
    if (length > internBytesMax) return this.#textOf(length);
    if (this.#interned.length === 0) {
      this.#internAt = new Int32Array(internSlots).fill(-1);
      this.#interned = new Array<string>(internSlots).fill("");
    }
    const { bytes } = this;
    const start = this.#offset;
    let hash = length;
    for (let i = 0; i < length; i++) hash = (Math.imul(hash, 31) + bytes[start + i]!) | 0;
    const slot = (hash ^ (hash >>> 15)) & (internSlots - 1);
    const kept = this.#internAt[slot]!;
    if (kept >= 0 && this.#isSame(kept, start - 4, length + 4)) {
      this.#offset += length;
      return this.#interned[slot]!;
    }
    const text = this.#textOf(length);
    this.#internAt[slot] = start - 4;
    this.#interned[slot] = text;
    return text;
  }

  #isSame(a: number, b: number, length: number): boolean {
    const { bytes } = this;
    for (let i = 0; i < length; i++) if (bytes[a + i] !== bytes[b + i]) return false;
    return true;
  }

  #textOf(length: number): string {
    const { bytes } = this;
    const start = this.#offset;
    this.#offset += length;
    if (length <= loopBytes) {
      let text = "";
      let i = 0;
      for (; i < length; i++) {
        const code = bytes[start + i]!;
        if (code >= 128) break;
        text += String.fromCharCode(code);
      }
      if (i === length) return text;
    }
    try {
      return decoder.decode(bytes.subarray(start, start + length));
    } catch {
      this.refuse(`the text at offset ${start} is no UTF-8`);
    }
  }

  /** Refuses bytes after the end. */
  end(): void {
    if (this.left > 0) this.refuse(`${this.left} trailing bytes at offset ${this.#offset}`);
  }

  /** Throws `INVALID_ARGUMENT` with the name of the block. */
  refuse(reason: string): never {
    throw new LynseError("INVALID_ARGUMENT", `malformed ${this.#what}: ${reason}`, { offset: this.#offset });
  }

  #need(byteCount: number): void {
    if (byteCount <= this.left) return;
    this.refuse(`${byteCount} bytes expected at offset ${this.#offset}, ${this.left} left`);
  }
}
