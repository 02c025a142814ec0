/**
 * How is a collection rewritten without a moment in which a crash loses it?
 *
 * The rows to keep are appended to a generation of its own, beside the current one, without syncs. `finish` makes its
 * files durable and then replaces the manifest: the one atomic step. Before it, the old generation counts, and
 * leftovers of the new one are removed by the next writable open; after it, the new one counts. The old store can be
 * read until it is closed, so that running readers finish on what they began with.
 */
import { assert } from "../errors.js";
import { defaultFrameLimits } from "./batch-plan.js";
import type { CollectionStore, OpenOptions } from "./collection-store.js";
import { newSalt } from "./file-header.js";
import type { FileSystem } from "./file-system.js";
import { GenerationFiles } from "./generation-files.js";
import { type LogPosition, startOfLog } from "./log-position.js";
import { LogWriter } from "./log-writer.js";
import { type Manifest, readManifest, writeManifest } from "./manifest.js";
import type { AppendResult, Transaction } from "./transaction.js";

/** What the current store lets its successor do. */
export interface Succession {
  /** Ends writing to the current store; its files may go when the swap is durable. */
  retire(isDurable: boolean): void;
  /** A store on the new files that can be appended to after `position`. */
  succeed(manifest: Manifest, files: GenerationFiles, position: LogPosition): CollectionStore;
}

export class GenerationWriter {
  readonly #fs: FileSystem;
  readonly #folder: string;
  readonly #manifest: Manifest;
  readonly #options: OpenOptions;
  readonly #files: GenerationFiles;
  readonly #writer: LogWriter;
  readonly #succession: Succession;
  #isEnded = false;

  private constructor(
    folder: string,
    manifest: Manifest,
    options: OpenOptions,
    files: GenerationFiles,
    succession: Succession,
  ) {
    this.#fs = files.fs;
    this.#folder = folder;
    this.#manifest = manifest;
    this.#options = options;
    this.#files = files;
    this.#succession = succession;
    const start = startOfLog(manifest.generation);
    this.#writer = new LogWriter(files, start, options.frameLimits ?? defaultFrameLimits);
  }

  /** @internal For `CollectionStore.beginGeneration`. */
  static async begin(
    fs: FileSystem,
    folder: string,
    current: Manifest,
    options: OpenOptions,
    succession: Succession,
  ): Promise<GenerationWriter> {
    const manifest = { ...current, generation: current.generation + 1, salt: newSalt() };
    const files = await GenerationFiles.create(fs, folder, manifest);
    return new GenerationWriter(folder, manifest, options, files, succession);
  }

  /** End of what was appended so far. */
  get position(): LogPosition {
    return this.#writer.position;
  }

  /** Appends transactions; they count when `finish` has resolved. Rows are numbered from 0 again. */
  append(transactions: readonly Transaction[]): Promise<AppendResult> {
    assert(!this.#isEnded, "a generation is written before it is finished");
    return this.#writer.append(transactions, "os");
  }

  /**
   * Swaps the new generation in, durably, and resolves to its store, ready to be appended to. Must not overlap with a
   * write to the old store, which refuses to write from then on, can be read until it is closed, and removes its files
   * then. When it fails, the old store goes on, and `abort` clears up; where it cannot be known which generation the
   * next open will find, the old store refuses to write until the collection is reopened.
   */
  async finish(): Promise<CollectionStore> {
    assert(!this.#isEnded, "a generation is finished once");
    await this.#options.assertMayWrite?.();
    await this.#writer.sync();
    try {
      await writeManifest(this.#fs, this.#folder, this.#manifest);
    } catch (error) {
      if (await this.#mayBeSwapped()) {
        this.#isEnded = true;
        this.#succession.retire(false);
        await this.#files.close();
      }
      throw error;
    }
    this.#isEnded = true;
    this.#succession.retire(true);
    return this.#succession.succeed(this.#manifest, this.#files, this.position);
  }

  /** Gives the new generation up and removes its files; does nothing after `finish`. */
  async abort(): Promise<void> {
    if (this.#isEnded) return;
    this.#isEnded = true;
    await this.#files.close();
    await this.#fs.removeFolder(this.#files.folder);
  }

  async #mayBeSwapped(): Promise<boolean> {
    try {
      return (await readManifest(this.#fs, this.#folder))?.salt === this.#manifest.salt;
    } catch {
      return true;
    }
  }
}
