/**
 * How is a file of an export written?
 *
 * From front to back, in writes of about a MiB, its length and checksum counted on the way; durable when it is finished.
 */
import type { FileHandle, FileSystem } from "../storage/file-system.js";
import type { ExportFile } from "./export-manifest.js";

/** Bytes of one write; longer ones are passed on as they are. */
const writeBytes = 1 << 20;

export class FileSink {
  readonly name: string;
  readonly #fs: FileSystem;
  readonly #handle: FileHandle;
  readonly #waiting = new Uint8Array(writeBytes);
  #waitingBytes = 0;
  #writtenBytes = 0;
  #crc32 = 0;

  private constructor(fs: FileSystem, handle: FileHandle, name: string) {
    this.#fs = fs;
    this.#handle = handle;
    this.name = name;
  }

  static async create(fs: FileSystem, folder: string, name: string): Promise<FileSink> {
    return new FileSink(fs, await fs.open(`${folder}/${name}`, "write"), name);
  }

  /** Appends bytes, which are the caller's again when it resolves. */
  async write(bytes: Uint8Array): Promise<void> {
    if (this.#waitingBytes + bytes.length > writeBytes) await this.#flush();
    if (bytes.length >= writeBytes) {
      await this.#pass(bytes);
    } else {
      this.#waiting.set(bytes, this.#waitingBytes);
      this.#waitingBytes += bytes.length;
    }
  }

  /** CRC-32 of bytes, continued from `previous`: of a part of the file. */
  crc32(bytes: Uint8Array, previous: number): number {
    return this.#fs.crc32(bytes, previous);
  }

  async #flush(): Promise<void> {
    if (this.#waitingBytes === 0) return;
    await this.#pass(this.#waiting.subarray(0, this.#waitingBytes));
    this.#waitingBytes = 0;
  }

  async #pass(bytes: Uint8Array): Promise<void> {
    this.#crc32 = this.#fs.crc32(bytes, this.#crc32);
    await this.#handle.write(bytes, this.#writtenBytes);
    this.#writtenBytes += bytes.length;
  }

  /** Makes the file durable and closes it. */
  async finish(): Promise<ExportFile> {
    await this.#flush();
    await this.#handle.sync();
    await this.#handle.close();
    return { name: this.name, bytes: this.#writtenBytes, crc32: this.#crc32 };
  }

  /** Closes a file that is not wanted any more; also after `finish`. */
  abandon(): Promise<void> {
    return this.#handle.close();
  }
}
