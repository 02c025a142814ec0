/**
 * When is derived state written, and when are dead rows cleared away?
 *
 * After commits, without being asked: a checkpoint when the log has grown long, a compaction when replaced rows are many; on
 * request, either. Nothing here is needed for what is committed to last: a checkpoint that fails costs the next open time,
 * and is tried again when the log has grown further, not after every commit.
 */
import { isLynseError } from "../errors.js";
import type { KernelPool } from "../kernel/kernel-pool.js";
import { throwIfAborted } from "../query/exact-search.js";
import { compactGeneration } from "./compaction.js";
import { Generation } from "./generation.js";
import { checkpointSections } from "./generation-checkpoint.js";
import type { IndexKeeper } from "./index-keeper.js";
import type { MemoryBudget } from "./memory-budget.js";
import type { PresentGeneration } from "./present-generation.js";
import type { RunExclusive } from "./vector-field.js";

export interface HousekeepingOptions {
  readonly present: PresentGeneration;
  readonly exclusive: RunExclusive;
  readonly indexes: IndexKeeper;
  readonly pool: KernelPool;
  readonly budget: MemoryBudget | null;
}

/** Log bytes after which a checkpoint is written without being asked for: bounds what an open must replay. */
const checkpointBytes = 64 * 1024 * 1024;
/** Log bytes after which one that failed is tried again. */
const retryBytes = 8 * 1024 * 1024;
/** Replaced rows that start a compaction: more than this many, and more than this share of all rows. */
const compactRowsMin = 10_000;
const compactShare = 0.5;

export class Housekeeping {
  readonly #options: HousekeepingOptions;
  readonly #present: PresentGeneration;
  #work: Promise<void> = Promise.resolve();
  /** Replaced rows below which no compaction is tried again, after one that failed. */
  #compactRowsNext = compactRowsMin;
  /** Where the last checkpoint of a generation failed; null where it did not. */
  #failed: { readonly generation: Generation; readonly bytes: number } | null = null;

  constructor(options: HousekeepingOptions) {
    this.#options = options;
    this.#present = options.present;
  }

  /** After a commit, or an open. */
  keepSoon(): void {
    if (this.#present.isReadOnly) return;
    this.#work = this.#work.then(() => this.#keep()).catch(() => {});
    this.#keepDerived();
  }

  /** Resolves when nothing is under way. */
  async idle(): Promise<void> {
    await this.#work;
  }

  /** Indexes and the text index catch up in the background. */
  #keepDerived(): void {
    this.#options.indexes.keepSoon();
    this.#present.generation.text.keepSoon();
  }

  async #keep(): Promise<void> {
    if (this.#present.isClosed || this.#present.isBehindDisk) return;
    const { rows } = this.#present.generation;
    const replaced = rows.supersededCount;
    if (replaced >= this.#compactRowsNext && replaced > rows.rowCount * compactShare) {
      this.#compactRowsNext = replaced * 2;
      // A build would be for nothing, and holds the files that go: it comes first.
      if (this.#options.indexes.isWorking) return;
      await this.#options.exclusive(() => this.#compact({ keepDeleted: true, signal: undefined }));
      this.#compactRowsNext = compactRowsMin;
    } else if (this.#isCheckpointDue()) {
      await this.#options.exclusive(() => this.#checkpoint());
    }
  }

  #isCheckpointDue(): boolean {
    const { generation } = this.#present;
    const bytes = generation.position?.bytes ?? 0;
    if (bytes - generation.checkpointBytes <= checkpointBytes) return false;
    return this.#failed?.generation !== generation || bytes - this.#failed.bytes > retryBytes;
  }

  /** Persists derived state, so that the next open replays nothing. */
  async checkpoint(): Promise<void> {
    await this.#options.exclusive(() => this.#checkpoint());
    await this.#options.indexes.save();
  }

  async #checkpoint(): Promise<void> {
    const { generation, isBehindDisk } = this.#present;
    const { position } = generation;
    if (isBehindDisk || position === null) return;
    if (position.bytes === generation.checkpointBytes && !generation.text.isUnsaved) return;
    try {
      await generation.store.writeCheckpoint(position, checkpointSections(generation));
    } catch (error) {
      this.#failed = { generation, bytes: position.bytes };
      throw error;
    }
    this.#failed = null;
    generation.checkpointBytes = position.bytes;
  }

  /** Rewrites the collection without dead rows. Resolves to the number of rows removed. */
  async compact(signal: AbortSignal | undefined): Promise<number> {
    // A build under way would be for nothing: it comes first. One that begins meanwhile begins again afterwards.
    await this.#options.indexes.idle();
    return this.#options.exclusive(() => this.#compact({ keepDeleted: false, signal }));
  }

  async #compact(options: { keepDeleted: boolean; signal: AbortSignal | undefined }): Promise<number> {
    throwIfAborted(options.signal);
    // It may have been closed, or fallen behind its disk, since this was asked for.
    this.#present.checkWritable();
    const old = this.#present.generation;
    const dead = options.keepDeleted ? old.rows.supersededCount : old.deadCount;
    if (dead === 0) return 0;
    const { pool, budget } = this.#options;
    const parts = await compactGeneration(old, { ...options, pool, budget });
    let next: Generation;
    try {
      next = await Generation.loaded(parts);
    } catch (cause) {
      throw this.#present.fallBehind("a compaction", cause);
    }
    for (const field of next.vectorFields) field.expectIndex();
    this.#present.succeed(next);
    await old.retire();
    await this.#checkpoint().catch(ignoreFailedWrite);
    this.#keepDerived();
    return dead;
  }
}

/** The compaction is done: what the disk refuses now is derived, and written with the next checkpoint. */
function ignoreFailedWrite(error: unknown): void {
  if (isLynseError(error, "INTERNAL")) throw error;
}
