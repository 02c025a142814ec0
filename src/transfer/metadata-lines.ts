/**
 * How do rows become lines of metadata?
 *
 * `{"id":0,"external_id":"a","field":{…}}` a line: the JSON text of a row goes through as the bytes that it is. Lines are
 * collected in one growing array, used again after each flush.
 */
import { assert } from "../errors.js";
import type { Id } from "../types.js";
import type { FileSink } from "./file-sink.js";

const encoder = new TextEncoder();
const beginning = encoder.encode('{"id":');
const middle = encoder.encode(',"external_id":');
const end = encoder.encode(',"field":');
const none = encoder.encode("{}");
/** The three parts, two numbers of at most 17 characters, and the end of the line. */
const lineBytes = beginning.length + middle.length + end.length + 64;
const initialBytes = 1 << 16;
/** A longer array is not kept: one long row must not hold its memory to the end. */
const keptBytes = 16 << 20;

export class MetadataLines {
  readonly #sink: FileSink;
  #bytes = new Uint8Array(initialBytes);
  #used = 0;

  constructor(sink: FileSink) {
    this.#sink = sink;
  }

  /** Adds the line of a row; `text` is its JSON, no bytes for none. */
  add(rank: number, id: Id, text: Uint8Array, from: number, to: number): void {
    const idText = typeof id === "string" ? JSON.stringify(id) : "";
    this.#reserve(lineBytes + idText.length * 3 + (to - from));
    this.#put(beginning);
    this.#putInteger(rank);
    this.#put(middle);
    if (typeof id === "number") this.#putInteger(id);
    else this.#putText(idText);
    this.#put(end);
    if (from === to) this.#put(none);
    else this.#put(text.subarray(from, to));
    this.#bytes[this.#used++] = 0x7d;
    this.#bytes[this.#used++] = 0x0a;
  }

  /** Hands what was added to the file. */
  async flush(): Promise<void> {
    await this.#sink.write(this.#bytes.subarray(0, this.#used));
    this.#used = 0;
    if (this.#bytes.length > keptBytes) this.#bytes = new Uint8Array(initialBytes);
  }

  #reserve(more: number): void {
    const needed = this.#used + more;
    if (needed <= this.#bytes.length) return;
    const larger = new Uint8Array(Math.max(needed, this.#bytes.length * 2));
    larger.set(this.#bytes.subarray(0, this.#used));
    this.#bytes = larger;
  }

  #put(bytes: Uint8Array): void {
    this.#bytes.set(bytes, this.#used);
    this.#used += bytes.length;
  }

  #putText(text: string): void {
    const { read, written } = encoder.encodeInto(text, this.#bytes.subarray(this.#used));
    assert(read === text.length, "an id fits into its line");
    this.#used += written;
  }

  /** A non-negative safe integer in decimal digits. */
  #putInteger(value: number): void {
    let digits = 1;
    for (let limit = 10; value >= limit; limit *= 10) digits += 1;
    let rest = value;
    for (let at = this.#used + digits - 1; at >= this.#used; at--) {
      const tenth = Math.floor(rest / 10);
      this.#bytes[at] = 0x30 + (rest - tenth * 10);
      rest = tenth;
    }
    this.#used += digits;
  }
}
