/**
 * Which generation of a collection counts now, and may it be read or written?
 *
 * The one place where a generation takes over from the one before, and where a collection ends, or refuses to be written. A
 * collection whose memory could not take in what is on disk goes on being read: its row numbers no longer agree with those
 * of its files, so nothing may be written, compacted or checkpointed before it is opened again.
 */
import { collectionClosed, LynseError } from "../errors.js";
import type { CollectionConfig } from "../storage/manifest.js";
import type { Generation } from "./generation.js";

export class PresentGeneration {
  /** Name of the collection. */
  readonly name: string;
  readonly isReadOnly: boolean;
  #generation: Generation;
  #isClosed = false;
  /** Why memory is behind the files; null while it is not. */
  #behindDisk: LynseError | null = null;

  constructor(name: string, isReadOnly: boolean, generation: Generation) {
    this.name = name;
    this.isReadOnly = isReadOnly;
    this.#generation = generation;
  }

  /** The generation, whether it may be read or not. */
  get generation(): Generation {
    return this.#generation;
  }

  get config(): CollectionConfig {
    return this.#generation.store.config;
  }

  get isClosed(): boolean {
    return this.#isClosed;
  }

  get isBehindDisk(): boolean {
    return this.#behindDisk !== null;
  }

  checkOpen(): void {
    if (this.#isClosed) throw collectionClosed(this.name);
  }

  checkWritable(): void {
    this.checkOpen();
    if (this.isReadOnly) {
      throw new LynseError("READ_ONLY", "the database was opened read-only; open it without readOnly to write");
    }
    this.checkAbreast();
  }

  /** Memory has all that is on disk. To be asked when a change has its turn: one before it may have fallen behind. */
  checkAbreast(): void {
    if (this.#behindDisk !== null) throw this.#behindDisk;
  }

  /** Vectors of `dim` components fit those of the collection, or of what is written with them. */
  checkDim(dim: number, expected: number | null = this.config.dim): void {
    if (expected === null || expected === dim) return;
    throw new LynseError(
      "DIMENSION_MISMATCH",
      `collection ${JSON.stringify(this.name)} holds vectors of ${expected} components, got ${dim}`,
      { expected, got: dim },
    );
  }

  /** `what` is on disk and could not be taken into memory: nothing is written any more. Gives the error to throw. */
  fallBehind(what: string, cause: unknown): LynseError {
    this.#behindDisk = new LynseError(
      "IO_ERROR",
      `${what} of collection ${JSON.stringify(this.name)} is on disk, but could not be taken into memory: ` +
        `${cause instanceof Error ? cause.message : String(cause)}; reads go on, close the collection and open it again to write`,
      { collection: this.name },
      cause,
    );
    return this.#behindDisk;
  }

  /** Lets the next generation count, which has all that is on disk; the one before is the caller's to retire. */
  succeed(next: Generation): void {
    next.carryVersion(this.#generation.version);
    this.#generation = next;
    this.#behindDisk = null;
  }

  /** Nothing is begun any more. */
  close(): void {
    this.#isClosed = true;
  }
}
