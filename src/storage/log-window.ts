/**
 * How is a log read from front to back without a system call for every frame?
 *
 * A window of the file in memory that moves forward. Nothing is allocated for more bytes than the file has.
 */
import type { FileHandle } from "./file-system.js";

/** Bytes read at once: many small frames, or the header and index of a large one. */
const windowBytes = 256 * 1024;

export class LogWindow {
  readonly #handle: FileHandle;
  readonly #fileBytes: number;
  #bytes = new Uint8Array(0);
  #start = 0;
  #length = 0;

  /** A window on the first `fileBytes` bytes of a file. */
  constructor(handle: FileHandle, fileBytes: number) {
    this.#handle = handle;
    this.#fileBytes = fileBytes;
  }

  /** `length` bytes at `position`, valid until the next call; null when the file ends before. */
  async view(position: number, length: number): Promise<Uint8Array | null> {
    if (position + length > this.#fileBytes) return null;
    if (position < this.#start || position + length > this.#start + this.#length) {
      const wanted = Math.min(Math.max(length, windowBytes), this.#fileBytes - position);
      if (this.#bytes.length < wanted) this.#bytes = new Uint8Array(wanted);
      this.#start = position;
      this.#length = 0;
      this.#length = await this.#handle.read(this.#bytes.subarray(0, wanted), position);
      if (length > this.#length) return null;
    }
    return this.#bytes.subarray(position - this.#start, position - this.#start + length);
  }
}
