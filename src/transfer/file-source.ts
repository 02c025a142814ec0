/**
 * How is a file of an export read?
 *
 * Once, from front to back, its length checked when it is opened and its checksum when it ends. Small reads come out of a
 * buffer; large ones go straight to where they are wanted.
 */
import type { LynseError } from "../errors.js";
import { type FileHandle, type FileSystem, isMissingFile } from "../storage/file-system.js";
import type { ExportFile } from "./export-manifest.js";
import { damagedExport } from "./transfer-error.js";

const bufferBytes = 1 << 20;

export class FileSource {
  readonly path: string;
  readonly byteLength: number;
  readonly #fs: FileSystem;
  readonly #handle: FileHandle;
  /** What the manifest says of it; null where it says nothing. */
  readonly #expected: ExportFile | null;
  #buffer = new Uint8Array(0);
  #used = 0;
  /** Bytes read from the file, those that wait in the buffer included. */
  #position = 0;
  #crc32 = 0;

  private constructor(fs: FileSystem, path: string, handle: FileHandle, size: number, expected: ExportFile | null) {
    this.#fs = fs;
    this.path = path;
    this.#handle = handle;
    this.byteLength = size;
    this.#expected = expected;
  }

  /** Opens a file; `CORRUPT` where it is missing or of another length than expected. */
  static async open(fs: FileSystem, path: string, expected: ExportFile | null): Promise<FileSource> {
    let handle: FileHandle;
    try {
      handle = await fs.open(path, "read");
    } catch (error) {
      throw isMissingFile(error) ? damagedExport(path, "the file is missing") : error;
    }
    try {
      const size = await handle.size();
      if (expected !== null && size !== expected.bytes) {
        throw damagedExport(path, `the file has ${size} bytes, the manifest says ${expected.bytes}`);
      }
      return new FileSource(fs, path, handle, size, expected);
    } catch (error) {
      await handle.close();
      throw error;
    }
  }

  /** Bytes not yet handed out. */
  get bytesLeft(): number {
    return this.byteLength - this.#position + (this.#buffer.length - this.#used);
  }

  /** The next bytes, at most `bytesMax` of them: none at the end. Good until the next read. */
  async some(bytesMax: number): Promise<Uint8Array> {
    if (this.#used === this.#buffer.length) await this.#fill();
    const bytes = this.#buffer.subarray(this.#used, this.#used + bytesMax);
    this.#used += bytes.length;
    return bytes;
  }

  /** Fills `target`; `CORRUPT` where the file ends before. */
  async read(target: Uint8Array): Promise<void> {
    let done = Math.min(target.length, this.#buffer.length - this.#used);
    target.set(this.#buffer.subarray(this.#used, this.#used + done));
    this.#used += done;
    if (target.length - done >= bufferBytes) {
      await this.#pass(target.subarray(done));
      return;
    }
    while (done < target.length) {
      const bytes = await this.some(target.length - done);
      if (bytes.length === 0) throw this.#tooShort();
      target.set(bytes, done);
      done += bytes.length;
    }
  }

  async #fill(): Promise<void> {
    const bytes = Math.min(bufferBytes, this.byteLength - this.#position);
    if (this.#buffer.length !== bytes) this.#buffer = new Uint8Array(bytes);
    this.#used = 0;
    if (bytes > 0) await this.#pass(this.#buffer);
  }

  async #pass(target: Uint8Array): Promise<void> {
    if (this.#position + target.length > this.byteLength) throw this.#tooShort();
    const count = await this.#handle.read(target, this.#position);
    if (count < target.length) throw this.#tooShort();
    this.#position += count;
    this.#crc32 = this.#fs.crc32(target, this.#crc32);
  }

  /** Checks that the file was read to its end, and that it is what the manifest says. */
  finish(): void {
    if (this.bytesLeft > 0) throw damagedExport(this.path, `${this.bytesLeft} bytes are left over at its end`);
    if (this.#expected === null || this.#crc32 === this.#expected.crc32) return;
    throw damagedExport(this.path, "the bytes do not match their checksum");
  }

  close(): Promise<void> {
    return this.#handle.close();
  }

  #tooShort(): LynseError {
    return damagedExport(this.path, `the file ends at byte ${this.byteLength}, more was expected`);
  }
}
