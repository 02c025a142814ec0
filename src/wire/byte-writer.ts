/**
 * How are wire bytes put together?
 *
 * A growing little-endian buffer. Numbers are unaligned; texts are UTF-8 behind a u32 length. In the layer `wire`,
 * which client and server share: it runs in browsers too.
 */
import { LynseError } from "../errors.js";

const bytesInitial = 256;
/** Characters up to which a text is tried as ASCII in a loop: cheaper than a call of the encoder. */
const loopCharacters = 48;
const encoder = new TextEncoder();

export class ByteWriter {
  #bytes: Uint8Array<ArrayBuffer>;
  #view: DataView;
  #length = 0;

  /** @param bytesExpected Room to begin with. */
  constructor(bytesExpected = bytesInitial) {
    this.#bytes = new Uint8Array(Math.max(bytesExpected, 16));
    this.#view = new DataView(this.#bytes.buffer);
  }

  /** Bytes written so far. */
  get length(): number {
    return this.#length;
  }

  u8(value: number): void {
    const at = this.#take(1);
    this.#bytes[at] = value;
  }

  u32(value: number): void {
    const at = this.#take(4);
    this.#view.setUint32(at, value, true);
  }

  /** Writes a u32 at an earlier place. */
  setU32(at: number, value: number): void {
    this.#view.setUint32(at, value, true);
  }

  /** A safe integer as 64 bits, two's complement. */
  i64(value: number): void {
    const at = this.#take(8);
    const high = Math.floor(value / 0x1_0000_0000);
    this.#view.setUint32(at, value - high * 0x1_0000_0000, true);
    this.#view.setInt32(at + 4, high, true);
  }

  f64(value: number): void {
    const at = this.#take(8);
    this.#view.setFloat64(at, value, true);
  }

  bytes(source: Uint8Array): void {
    const at = this.#take(source.length);
    this.#bytes.set(source, at);
  }

  /** `u32 byte length | UTF-8`; `INVALID_ARGUMENT` for a text that is no well-formed Unicode. */
  text(text: string): void {
    const at = this.#take(4 + text.length * 3);
    const written = this.#asciiAt(at + 4, text) ? text.length : this.#encodeAt(at + 4, text);
    this.#view.setUint32(at, written, true);
    this.#length = at + 4 + written;
  }

  #asciiAt(at: number, text: string): boolean {
    if (text.length > loopCharacters) return false;
    const bytes = this.#bytes;
    for (let i = 0; i < text.length; i++) {
      const code = text.charCodeAt(i);
      if (code >= 128) return false;
      bytes[at + i] = code;
    }
    return true;
  }

  #encodeAt(at: number, text: string): number {
    const { written } = encoder.encodeInto(text, this.#bytes.subarray(at));
    // Only texts beyond ASCII can be ill-formed; the encoder would silently write U+FFFD.
    if (written !== text.length && !text.isWellFormed()) {
      throw new LynseError(
        "INVALID_ARGUMENT",
        `the text ${JSON.stringify(text.slice(0, 40))} is no well-formed Unicode and has no UTF-8 form`,
        { reason: "ill-formed text" },
      );
    }
    return written;
  }

  /** What was written; the writer is not used again. */
  finish(): Uint8Array<ArrayBuffer> {
    return this.#bytes.subarray(0, this.#length);
  }

  /** Makes room, and returns where it begins. */
  #take(byteCount: number): number {
    const at = this.#length;
    const end = at + byteCount;
    if (end > this.#bytes.length) {
      const grown = new Uint8Array(Math.max(end, this.#bytes.length * 2));
      grown.set(this.#bytes.subarray(0, at));
      this.#bytes = grown;
      this.#view = new DataView(grown.buffer);
    }
    this.#length = end;
    return at;
  }
}
