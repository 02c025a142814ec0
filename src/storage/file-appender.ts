/**
 * How do many small pieces reach a file in few system calls?
 *
 * Small pieces are gathered in a buffer, large ones are written as they are. A piece that was added must not change
 * before `flush` has resolved.
 */
import type { FileHandle } from "./file-system.js";

const gatherBytesMax = 1024 * 1024;
const directBytesMin = 128 * 1024;

export class FileAppender {
  readonly #handle: FileHandle;
  #position: number;
  #pieces: Uint8Array[] = [];
  #bytes = 0;

  /** Appends at `position`. */
  constructor(handle: FileHandle, position: number) {
    this.#handle = handle;
    this.#position = position;
  }

  async add(piece: Uint8Array): Promise<void> {
    if (piece.length >= directBytesMin) {
      await this.flush();
      await this.#handle.write(piece, this.#position);
      this.#position += piece.length;
      return;
    }
    if (this.#bytes + piece.length > gatherBytesMax) await this.flush();
    this.#pieces.push(piece);
    this.#bytes += piece.length;
  }

  /** Writes everything added so far. */
  async flush(): Promise<void> {
    if (this.#bytes === 0) return;
    const pieces = this.#pieces;
    const gathered = pieces.length === 1 ? pieces[0]! : concatenate(pieces, this.#bytes);
    this.#pieces = [];
    this.#bytes = 0;
    await this.#handle.write(gathered, this.#position);
    this.#position += gathered.length;
  }
}

function concatenate(pieces: readonly Uint8Array[], length: number): Uint8Array {
  const all = new Uint8Array(length);
  let end = 0;
  for (const piece of pieces) {
    all.set(piece, end);
    end += piece.length;
  }
  return all;
}
