/**
 * Which lines are in a file of an export?
 *
 * Whole lines out of a bounded buffer: `take` gives the next one that is there, `fill` brings more. A line that is longer
 * than any row can be is refused before it is in memory.
 */
import { LynseError } from "../errors.js";
import type { FileSource } from "./file-source.js";

const chunkBytes = 1 << 20;
/** Bytes of a line: a row's metadata at its limit and an id fit several times, also where every character is escaped. */
const lineBytesMax = 64 * 1024 * 1024;
const lineFeed = 0x0a;

export class LineSource {
  readonly #source: FileSource;
  readonly #bytesMax: number;
  #buffer = new Uint8Array(0);
  #start = 0;
  /** Before it there is no line feed that was not taken. */
  #searched = 0;
  #end = 0;
  #line = 0;

  constructor(source: FileSource, bytesMax = lineBytesMax) {
    this.#source = source;
    this.#bytesMax = bytesMax;
  }

  /** Number of the line taken last, from 1. */
  get line(): number {
    return this.#line;
  }

  /** The next line without its end, good until the next `fill`; null where none is in the buffer. */
  take(): Uint8Array | null {
    const found = this.#buffer.subarray(0, this.#end).indexOf(lineFeed, this.#searched);
    if (found === -1) {
      this.#searched = this.#end;
      return null;
    }
    const line = this.#buffer.subarray(this.#start, found);
    this.#start = found + 1;
    this.#searched = this.#start;
    this.#line += 1;
    return line;
  }

  /** What stands behind the last line feed, once the file has ended; null where that is nothing. */
  rest(): Uint8Array | null {
    if (this.#start === this.#end) return null;
    const line = this.#buffer.subarray(this.#start, this.#end);
    this.#start = this.#end;
    this.#line += 1;
    return line;
  }

  /** Reads on, after `take` gave null; false where the file has ended. */
  async fill(): Promise<boolean> {
    const waiting = this.#end - this.#start;
    if (waiting > this.#bytesMax) throw this.#tooLong();
    const bytes = await this.#source.some(chunkBytes);
    if (bytes.length === 0) return false;
    const needed = waiting + bytes.length;
    const target = needed > this.#buffer.length ? new Uint8Array(needed * 2) : this.#buffer;
    target.set(this.#buffer.subarray(this.#start, this.#end), 0);
    target.set(bytes, waiting);
    this.#buffer = target;
    this.#start = 0;
    this.#searched = waiting;
    this.#end = needed;
    return true;
  }

  #tooLong(): LynseError {
    const line = this.#line + 1;
    const max = this.#bytesMax;
    return new LynseError(
      "LIMIT_EXCEEDED",
      `${this.#source.path} line ${line}: longer than ${max} bytes, the longest line that is read`,
      { file: this.#source.path, line, limit: "lineBytesMax", max },
    );
  }
}
