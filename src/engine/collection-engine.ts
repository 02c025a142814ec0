/**
 * Who may do what to a collection, and when?
 *
 * The face of a collection for everything above: reads run on the present generation and never wait for writes; writes,
 * settings, housekeeping and copies have their turns in one commit queue. Owns the collection's life: from an open or a
 * creation, through being replaced by another collection, to its close.
 */
import { isLynseError } from "../errors.js";
import type { KernelPool } from "../kernel/kernel-pool.js";
import type { CaptureTarget } from "../storage/capture-generation.js";
import type { CapturedCollection, CollectionStore } from "../storage/collection-store.js";
import type { FileSystem } from "../storage/file-system.js";
import type { CollectionConfig } from "../storage/manifest.js";
import type { StagedCollection } from "../storage/stage-snapshot.js";
import type { Durability, Id, Metric } from "../types.js";
import { BudgetKeeper } from "./budget-keeper.js";
import { CollectionBlobs } from "./collection-blobs.js";
import { CollectionSettings } from "./collection-settings.js";
import { CommitQueue } from "./commit-queue.js";
import { fieldDefinitions } from "./field-definition.js";
import { Generation } from "./generation.js";
import { GenerationRefresh } from "./generation-refresh.js";
import { GroupCommit } from "./group-commit.js";
import { Housekeeping } from "./housekeeping.js";
import { type IndexedCollection, IndexKeeper } from "./index-keeper.js";
import type { MemoryBudget } from "./memory-budget.js";
import { OpenBuffers } from "./open-buffers.js";
import { PendingWrites } from "./pending-writes.js";
import { PresentGeneration } from "./present-generation.js";
import type { Quotas } from "./quotas.js";
import type { CopiedRows, SnapshotOptions } from "./snapshots.js";
import type { RunExclusive } from "./vector-field.js";
import type { WriteBuffer } from "./write-buffer.js";

export interface EngineOptions {
  readonly databaseName: string;
  readonly name: string;
  readonly isReadOnly: boolean;
  readonly durability: Durability;
  /** Runs long work. */
  readonly pool: KernelPool;
  /** What the memory of all open collections has to fit into; null: nothing. */
  readonly budget: MemoryBudget | null;
  readonly quotas: Quotas;
  /** Opens the collection's files again: the generation that another process has swapped in. */
  readonly reopenStore: () => Promise<CollectionStore>;
  /** In a reader that takes up commits by itself: how long a look for them counts, milliseconds; null in others. */
  readonly followIntervalMs: number | null;
  /** Whether the collection is there, for a reader that does not find it; waits while its database is replaced. */
  readonly isThere: () => Promise<boolean>;
  /** Where exports are written to. */
  readonly outside: FileSystem;
  /** Takes a snapshot of the collection. */
  readonly snapshotTo: (path: string, options: SnapshotOptions) => Promise<CopiedRows>;
}

/** How often a read is made that meets damaged indexes, which serve no more. */
const readAttempts = 3;

export class CollectionEngine {
  readonly databaseName: string;
  readonly name: string;
  readonly isReadOnly: boolean;
  /** The files that exports are written to. */
  readonly outside: FileSystem;
  readonly #options: EngineOptions;
  readonly #present: PresentGeneration;
  readonly #buffers: OpenBuffers;
  readonly #queue: CommitQueue;
  readonly #housekeeping: Housekeeping;
  readonly #refresh: GenerationRefresh;
  readonly #memory: BudgetKeeper | null;
  /** Writes outside of any session. */
  readonly pending = new PendingWrites(
    () => this.checkWritable(),
    (buffer) => this.commit(buffer),
  );
  /** What the configuration says. */
  readonly settings: CollectionSettings;
  /** Builds indexes and keeps them current. */
  readonly indexes: IndexKeeper;
  /** Bytes under keys, beside the rows. */
  readonly blobs: CollectionBlobs;
  #isDropped = false;
  #closing: Promise<void> | null = null;

  private constructor(generation: Generation, options: EngineOptions) {
    const { databaseName, name, isReadOnly, outside, pool, budget } = options;
    this.databaseName = databaseName;
    this.name = name;
    this.isReadOnly = isReadOnly;
    this.outside = outside;
    this.#options = options;
    this.#present = new PresentGeneration(name, isReadOnly, generation);
    this.#buffers = new OpenBuffers(this.#present);
    const exclusive: RunExclusive = (work) => this.#queue.exclusive(work);
    this.settings = new CollectionSettings(this.#present, exclusive);
    this.#queue = this.#commitQueue();
    const indexed = this.#indexedCollection(exclusive);
    this.indexes = new IndexKeeper(indexed);
    this.#memory = budget === null ? null : new BudgetKeeper(indexed, budget);
    this.#housekeeping = new Housekeeping({ present: this.#present, exclusive, indexes: this.indexes, pool, budget });
    this.#refresh = new GenerationRefresh({
      present: this.#present,
      exclusive,
      reopen: () => this.#reopen(),
      isThere: options.isThere,
      followIntervalMs: options.followIntervalMs,
      reopened: () => this.#memory?.keepSoon(),
    });
    this.blobs = new CollectionBlobs({
      present: () => this.#present.generation.store.blobs,
      checkOpen: () => this.checkOpen(),
      checkWritable: () => this.checkWritable(),
      exclusive,
    });
  }

  #commitQueue(): CommitQueue {
    const { durability, quotas } = this.#options;
    const commits = new GroupCommit({
      present: this.#present,
      buffers: this.#buffers,
      durability,
      quotas,
      fixDim: (dim) => this.settings.fixDimNow(dim),
      committed: () => this.#keepHouseSoon(),
    });
    return new CommitQueue((group) => commits.run(group));
  }

  #indexedCollection(exclusive: RunExclusive): IndexedCollection {
    const present = this.#present;
    return {
      name: this.name,
      isReadOnly: this.isReadOnly,
      get isClosed() {
        return present.isClosed;
      },
      present: () => present.generation,
      checkWritable: () => this.checkWritable(),
      exclusive,
      syncRows: () => this.#syncRows(),
    };
  }

  /** The engine of a collection just created. */
  static create(store: CollectionStore, options: EngineOptions): CollectionEngine {
    return new CollectionEngine(Generation.empty(store, options.pool, options.budget), options);
  }

  static async open(store: CollectionStore, options: EngineOptions): Promise<CollectionEngine> {
    const engine = new CollectionEngine(await openGeneration(store, options), options);
    engine.#keepHouseSoon();
    return engine;
  }

  get config(): CollectionConfig {
    return this.#present.config;
  }

  /** The present generation; for reads that do not await. Others use `read`. */
  get generation(): Generation {
    this.checkOpen();
    return this.#present.generation;
  }

  get isClosed(): boolean {
    return this.#present.isClosed;
  }

  /** True where reads take up what another process commits. */
  get isFollowing(): boolean {
    return this.#refresh.isFollowing;
  }

  /** True once the collection was dropped through this engine. */
  get isDropped(): boolean {
    return this.#isDropped;
  }

  /** Metric of searches in the primary field: that of its index, or of the default index where there is none. */
  get metric(): Metric {
    return fieldDefinitions(this.config)[0]!.metric;
  }

  /** Runs a read on the present generation, which outlives a compaction until the read ends. */
  async read<T>(read: (generation: Generation) => Promise<T>): Promise<T> {
    for (let attempts = 1; ; attempts++) {
      const { generation } = this;
      try {
        return await generation.pin(() => read(generation));
      } catch (error) {
        if (attempts === readAttempts || !(await this.indexes.dropDamaged(generation, error))) throw error;
      }
    }
  }

  /** Resolves when buffers can be begun and staged into without waiting. */
  async prepareStaging(): Promise<void> {
    this.checkWritable();
    await this.#present.generation.prepareFind();
    this.checkWritable();
  }

  /**
   * A buffer for one transaction of vectors with `dim` components; `prepareStaging` ran before. Rows that `transaction`, to
   * which the buffer will belong, deletes are dead for it.
   */
  newBuffer(dim: number, transaction: WriteBuffer | null = null): WriteBuffer {
    this.checkWritable();
    return this.#buffers.begin(dim, this.metric, transaction);
  }

  /** Makes a buffer's transaction durable and visible. */
  async commit(buffer: WriteBuffer): Promise<void> {
    this.checkWritable();
    await this.#commit(buffer);
  }

  async #commit(buffer: WriteBuffer): Promise<void> {
    try {
      if (buffer.rowCount > 0) this.#options.budget?.checkRoom();
      this.#buffers.reserve(buffer, buffer.maxIntegerId);
      if (!buffer.isEmpty) await this.#queue.commit(buffer);
    } finally {
      this.#buffers.end(buffer);
    }
  }

  /** Gives up a buffer: ids reserved for it are free again, or go to the buffer that absorbed it. */
  discard(buffer: WriteBuffer, absorbedBy?: WriteBuffer): void {
    this.#buffers.end(buffer, absorbedBy);
  }

  /** First of `count` consecutive integer ids that are free, reserved for the buffer; see `OpenBuffers`. */
  reserveIds(buffer: WriteBuffer, count: number, transaction: WriteBuffer | null): number {
    return this.#buffers.reserveNext(buffer, count, transaction);
  }

  /** Brings soft-deleted rows back. Resolves to their number. */
  async restoreIds(ids: readonly Id[]): Promise<number> {
    await this.prepareStaging();
    let restored: number[] = [];
    await this.#queue.commit(this.newBuffer(this.config.dim ?? 1), () => {
      const { generation } = this.#present;
      const rows = ids.map((id) => generation.find(id)).filter((row) => row >= 0 && generation.isDeleted(row));
      restored = [...new Set(rows)];
      return restored;
    });
    return restored.length;
  }

  /** With durability `"os"` committed rows may not be on disk yet; an index that covers them must not outlive them. */
  async #syncRows(): Promise<void> {
    if (this.#options.durability !== "os") return;
    await this.#queue.exclusive(() => this.#present.generation.store.sync());
  }

  /** Persists derived state, so that the next open replays nothing. */
  async checkpoint(): Promise<void> {
    this.checkWritable();
    await this.#housekeeping.checkpoint();
  }

  /** Rewrites the collection without dead rows. Resolves to the number of rows removed. */
  async compact(signal: AbortSignal | undefined): Promise<number> {
    this.checkWritable();
    return this.#housekeeping.compact(signal);
  }

  #keepHouseSoon(): void {
    this.#memory?.keepSoon();
    this.#housekeeping.keepSoon();
  }

  /** Takes a snapshot of what is committed, after what is pending was. */
  async snapshotTo(path: string, options: SnapshotOptions): Promise<CopiedRows> {
    this.checkOpen();
    return this.#options.snapshotTo(path, options);
  }

  /** Runs a task while nothing is written. */
  exclusive<T>(task: () => Promise<T>): Promise<T> {
    this.checkOpen();
    return this.#queue.exclusive(task);
  }

  /** What is committed now, kept in a folder; see `captureGeneration`. To be run exclusively. */
  async capture(target: CaptureTarget): Promise<CapturedCollection & { readonly rows: number }> {
    const { store, liveCount: rows } = this.#present.generation;
    return { ...(await store.capture(target)), rows };
  }

  /**
   * Puts a staged collection into the place of this one, at once: handles, and readers in other processes, go on with it.
   * What is buffered for the collection as it was is refused. `CLOSED`, with nothing changed, where this was closed before
   * its turn came.
   */
  async replaceBy(staged: StagedCollection): Promise<void> {
    this.checkOpen();
    // A build under way would be for nothing.
    await this.indexes.idle();
    await this.#queue.exclusive(async () => {
      this.checkOpen();
      const old = this.#present.generation;
      await old.store.giveWayTo(staged);
      this.pending.take();
      this.#buffers.beginLife();
      try {
        this.#present.succeed(await this.#reopen());
      } catch (cause) {
        throw this.#present.fallBehind("what was restored", cause);
      }
      await old.retire();
    });
    this.#keepHouseSoon();
  }

  async #reopen(): Promise<Generation> {
    return openGeneration(await this.#options.reopenStore(), this.#options);
  }

  /** In a read-only client: takes up what the writing process committed since. */
  refresh(): Promise<void> {
    return this.#refresh.run();
  }

  /** In a client that follows: as `refresh`, where there is something new. */
  catchUp(): Promise<void> {
    return this.#refresh.catchUp();
  }

  checkOpen(): void {
    this.#present.checkOpen();
  }

  checkWritable(): void {
    this.#present.checkWritable();
  }

  /** Ends what runs, checkpoints and releases files and memory. */
  close(): Promise<void> {
    this.#closing ??= this.#close({ persist: true });
    return this.#closing;
  }

  /** As `close`, for a collection whose files are about to be removed. */
  abandon(): Promise<void> {
    this.#isDropped = true;
    this.#closing ??= this.#close({ persist: false });
    return this.#closing;
  }

  async #close(options: { persist: boolean }): Promise<void> {
    this.#present.close();
    await this.blobs.idle();
    await this.#memory?.end();
    await this.indexes.end();
    const pending = this.pending.take();
    let failure: unknown;
    if (options.persist && !this.isReadOnly) {
      if (pending !== null) {
        await this.#commit(pending).catch((error: unknown) => {
          failure = error;
        });
      }
      await this.#housekeeping.idle();
      // Derived state only: an error here loses nothing but the speed of the next open, unless it is a defect.
      await this.#housekeeping.checkpoint().catch((error: unknown) => {
        if (isLynseError(error, "INTERNAL")) failure ??= error;
      });
    }
    await this.#housekeeping.idle();
    await this.#queue.drained();
    await this.#present.generation.retire();
    if (failure !== undefined) throw failure;
  }
}

/** The generation of a store just opened; the store is closed where that fails. */
async function openGeneration(store: CollectionStore, { pool, budget }: EngineOptions): Promise<Generation> {
  try {
    return await Generation.open(store, pool, budget);
  } catch (error) {
    await store.close();
    throw error;
  }
}
