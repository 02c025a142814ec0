/**
 * In which order are a collection's blobs written, read and removed?
 *
 * A blob is written beside everything else, and takes its key between two commits: who holds the commit queue finds rows
 * and blobs of one moment. Writes of one key take effect in the order in which they were asked for. Reads wait for nobody.
 */
import { LynseError } from "../errors.js";
import type { BlobInfo, BlobStore } from "../storage/blob-store.js";

/** What blobs need of their collection. */
export interface BlobHolder {
  /** The blobs of the present store. */
  present(): BlobStore;
  checkOpen(): void;
  checkWritable(): void;
  /** Runs a task while nothing else changes the collection. */
  exclusive<T>(task: () => Promise<T>): Promise<T>;
}

export class CollectionBlobs {
  readonly #holder: BlobHolder;
  /** The last change of a key that has not ended. */
  readonly #changes = new Map<string, Promise<unknown>>();

  constructor(holder: BlobHolder) {
    this.#holder = holder;
  }

  /** Keeps a blob, durably, in place of the one with its key. */
  write(key: string, content: Uint8Array): Promise<void> {
    return this.#change(key, async (before) => {
      const staged = await this.#holder.present().stage(key, content);
      try {
        await before;
        await this.#holder.exclusive(() => staged.commit());
      } catch (error) {
        await staged.discard().catch(() => {});
        throw error;
      }
    });
  }

  /** Removes a blob, durably; false where there is none. */
  remove(key: string): Promise<boolean> {
    return this.#change(key, async (before) => {
      await before;
      return this.#holder.exclusive(() => this.#holder.present().remove(key));
    });
  }

  /** Bytes `[offset, offset + length)` of a blob, as far as it goes; null without one. */
  async read(key: string, offset: number, length: number): Promise<Uint8Array<ArrayBuffer> | null> {
    this.#holder.checkOpen();
    return this.#holder.present().open(key, async (blob) => {
      if (offset <= blob.bytes) return blob.read(offset, Math.min(blob.bytes, offset + length));
      throw new LynseError(
        "INVALID_ARGUMENT",
        `offset ${offset} is behind the end of blob ${JSON.stringify(key)}, which has ${blob.bytes} bytes`,
        { offset, bytes: blob.bytes },
      );
    });
  }

  /** All blobs whose keys begin with `prefix`, in order of their keys. */
  async list(prefix: string): Promise<BlobInfo[]> {
    this.#holder.checkOpen();
    return this.#holder.present().list(prefix);
  }

  /** Resolves when every change asked for so far has ended. */
  async idle(): Promise<void> {
    await Promise.allSettled(this.#changes.values());
  }

  /** Runs a change of a key; `before` settles when the one before has ended. */
  async #change<T>(key: string, run: (before: Promise<unknown>) => Promise<T>): Promise<T> {
    this.#holder.checkWritable();
    const before = (this.#changes.get(key) ?? Promise.resolve()).catch(() => {});
    const change = run(before);
    this.#changes.set(key, change);
    try {
      return await change;
    } finally {
      if (this.#changes.get(key) === change) this.#changes.delete(key);
    }
  }
}
