/**
 * Who may do what to a collection, and when?
 *
 * Owns a collection's files and its present generation. Writes go through the commit queue: checked again, appended and
 * synced by the store, taken into memory meanwhile, made visible at once. Reads never wait for writes.
 */
import { isLynseError, LynseError } from "../errors.js";
import { checkMetricDim } from "../index/metric/metric-contract.js";
import type { KernelPool } from "../kernel/kernel-pool.js";
import { checkLimit } from "../limits.js";
import { throwIfAborted } from "../query/exact-search.js";
import type { CaptureTarget } from "../storage/capture-generation.js";
import type { CapturedCollection, CollectionStore } from "../storage/collection-store.js";
import type { FileSystem } from "../storage/file-system.js";
import type { CollectionConfig, VectorFieldConfig } from "../storage/manifest.js";
import type { StagedCollection } from "../storage/stage-snapshot.js";
import type { Transaction } from "../storage/transaction.js";
import type { Durability, Id, Metric } from "../types.js";
import { appendRowTable, applyChanges, isEmptyTransaction, stageVectors } from "./apply-transactions.js";
import { BudgetKeeper } from "./budget-keeper.js";
import { CollectionBlobs } from "./collection-blobs.js";
import { CommitQueue, type PendingCommit } from "./commit-queue.js";
import { compactGeneration } from "./compaction.js";
import { fieldDefinitions } from "./field-definition.js";
import { Follower } from "./follower.js";
import { Generation } from "./generation.js";
import { type IndexedCollection, IndexKeeper } from "./index-keeper.js";
import type { MemoryBudget } from "./memory-budget.js";
import { type Growth, growBy, type Quotas } from "./quotas.js";
import type { CopiedRows, SnapshotOptions } from "./snapshots.js";
import { type CommittedRows, WriteBuffer } from "./write-buffer.js";

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

/** Log bytes after which a checkpoint is written without being asked for: bounds what an open must replay. */
const checkpointBytes = 64 * 1024 * 1024;
/** Replaced rows that start a compaction: more than this many, and more than this share of all rows. */
const compactRowsMin = 10_000;
const compactShare = 0.5;
export class CollectionEngine {
  readonly databaseName: string;
  readonly name: string;
  readonly isReadOnly: boolean;
  /** The files that exports are written to. */
  readonly outside: FileSystem;
  readonly #durability: Durability;
  readonly #reopenStore: () => Promise<CollectionStore>;
  readonly #isThere: () => Promise<boolean>;
  readonly #follower: Follower | null;
  /** The present generation of a reader cannot be continued from its log. */
  #mustReopen = false;
  readonly #pool: KernelPool;
  readonly #snapshotTo: EngineOptions["snapshotTo"];
  readonly #queue = new CommitQueue((group) => this.#commitGroup(group));
  /** Largest integer ids handed out to transactions that have not ended. */
  readonly #reservedIds = new Map<WriteBuffer, number>();
  #pending: WriteBuffer | null = null;
  /** Commits of pending writes that are under way. */
  readonly #pendingCommits = new Set<Promise<void>>();
  /** What buffers are checked against: whatever generation is present when they ask, since a compaction may come between. */
  readonly #committedRows = this.#forwardRows();
  /** Replaced rows below which no compaction is tried again, after one that failed. */
  #compactRowsNext = compactRowsMin;
  #generation: Generation;
  #isClosed = false;
  #isDropped = false;
  /** Set when a transaction is on disk that memory could not take in: row numbers no longer agree. */
  #behindDisk: LynseError | null = null;
  #closing: Promise<void> | null = null;
  /** Another one once another collection was put into the place of this one; each buffer belongs to one. */
  #life = {};
  readonly #lives = new WeakMap<WriteBuffer, object>();
  /** Builds indexes and keeps them current. */
  readonly indexes: IndexKeeper;
  readonly #budget: MemoryBudget | null;
  readonly #quotas: Quotas;
  readonly #memory: BudgetKeeper | null;
  /** Bytes under keys, beside the rows. */
  readonly blobs: CollectionBlobs;
  #housekeeping: Promise<void> = Promise.resolve();

  private constructor(generation: Generation, options: EngineOptions) {
    this.#generation = generation;
    this.databaseName = options.databaseName;
    this.name = options.name;
    this.isReadOnly = options.isReadOnly;
    this.outside = options.outside;
    this.#durability = options.durability;
    this.#reopenStore = options.reopenStore;
    this.#isThere = options.isThere;
    const followed = { present: () => this.#generation.store, refresh: () => this.refresh() };
    this.#follower = options.followIntervalMs === null ? null : new Follower(followed, options.followIntervalMs);
    this.#pool = options.pool;
    this.#snapshotTo = options.snapshotTo;
    this.indexes = new IndexKeeper(this.#indexedCollection());
    this.#budget = options.budget;
    this.#quotas = options.quotas;
    this.#memory = options.budget === null ? null : new BudgetKeeper(this.#indexedCollection(), options.budget);
    this.blobs = new CollectionBlobs({
      present: () => this.#generation.store.blobs,
      checkOpen: () => this.checkOpen(),
      checkWritable: () => this.checkWritable(),
      exclusive: (task) => this.#queue.exclusive(task),
    });
  }

  #indexedCollection(): IndexedCollection {
    const isClosed = (): boolean => this.#isClosed;
    return {
      name: this.name,
      isReadOnly: this.isReadOnly,
      get isClosed() {
        return isClosed();
      },
      present: () => this.#generation,
      checkWritable: () => this.checkWritable(),
      exclusive: (work) => this.#queue.exclusive(work),
      syncRows: () => this.#syncRows(),
    };
  }

  /** The engine of a collection just created. */
  static create(store: CollectionStore, options: EngineOptions): CollectionEngine {
    return new CollectionEngine(Generation.empty(store, options.pool, options.budget), options);
  }

  static async open(store: CollectionStore, options: EngineOptions): Promise<CollectionEngine> {
    try {
      const engine = new CollectionEngine(await Generation.open(store, options.pool, options.budget), options);
      engine.#keepHouseSoon();
      return engine;
    } catch (error) {
      await store.close();
      throw error;
    }
  }

  get config(): CollectionConfig {
    return this.#generation.store.config;
  }

  /** The present generation; for reads that do not await. Others use `read`. */
  get generation(): Generation {
    this.checkOpen();
    return this.#generation;
  }

  get isClosed(): boolean {
    return this.#isClosed;
  }

  /** True where reads take up what another process commits. */
  get isFollowing(): boolean {
    return this.#follower !== null;
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
  read<T>(read: (generation: Generation) => Promise<T>): Promise<T> {
    this.checkOpen();
    const generation = this.#generation;
    return generation.pin(() => read(generation));
  }

  /** Resolves when buffers can be begun and staged into without waiting. */
  async prepareStaging(): Promise<void> {
    this.checkWritable();
    await this.#generation.ids.ensure(this.#generation.rowCount);
    this.checkWritable();
  }

  /**
   * A buffer for one transaction of vectors with `dim` components; `prepareStaging` ran before. Rows that `transaction`, to
   * which the buffer will belong, deletes are dead for it.
   */
  newBuffer(dim: number, transaction: WriteBuffer | null = null): WriteBuffer {
    this.checkWritable();
    const fixed = this.config.dim;
    if (fixed !== null && fixed !== dim) throw this.#wrongDim(fixed, dim);
    const committed = this.#committedRows;
    const rows = transaction === null ? committed : withoutDeleted(committed, transaction);
    checkMetricDim(this.metric, dim);
    const buffer = new WriteBuffer(rows, dim, this.config.dtype, this.metric);
    this.#lives.set(buffer, this.#life);
    return buffer;
  }

  #forwardRows(): CommittedRows {
    const present = (): Generation => this.#generation;
    return {
      get rowCount() {
        return present().rowCount;
      },
      get version() {
        return present().version;
      },
      get numbering() {
        return present().numbering;
      },
      find: (id) => present().find(id),
      isLive: (row) => present().isLive(row),
      isDeleted: (row) => present().isDeleted(row),
      fieldText: (row) => present().fieldText(row),
      hasAttached: (row) => present().hasAttached(row),
    };
  }

  /** Writes outside of any session, not committed yet; null when there are none. */
  get pending(): WriteBuffer | null {
    return this.#pending;
  }

  set pending(buffer: WriteBuffer | null) {
    this.#pending = buffer;
  }

  /**
   * Takes the pending writes and makes them durable and visible. They are gone when that fails. They are taken before this
   * returns, so that a caller who staged in the same turn commits its own writes and hears of their failure alone.
   */
  async commitPending(): Promise<void> {
    this.checkWritable();
    const buffer = this.#pending;
    this.#pending = null;
    if (buffer === null || buffer.isEmpty) return;
    const commit = this.commit(buffer);
    this.#pendingCommits.add(commit);
    try {
      await commit;
    } finally {
      this.#pendingCommits.delete(commit);
    }
  }

  /** Resolves when everything staged before is durable and visible, also what another call's commit took along. */
  async flush(): Promise<void> {
    await Promise.all([this.commitPending(), ...this.#pendingCommits]);
  }

  /** As `flush`, for who has staged nothing: of calls that commit what they staged, each hears of its failure alone. */
  async flushBuffered(): Promise<void> {
    await Promise.all([this.commitPending(), Promise.allSettled(this.#pendingCommits)]);
  }

  /** Makes a buffer's transaction durable and visible. */
  async commit(buffer: WriteBuffer): Promise<void> {
    this.checkWritable();
    await this.#commit(buffer);
  }

  async #commit(buffer: WriteBuffer): Promise<void> {
    try {
      if (buffer.rowCount > 0) this.#budget?.checkRoom();
      this.#reserve(buffer, buffer.maxIntegerId);
      if (!buffer.isEmpty) await this.#queue.commit(buffer);
    } finally {
      this.#reservedIds.delete(buffer);
    }
  }

  /** Integer ids up to `largest` belong to the buffer until it ends. */
  #reserve(buffer: WriteBuffer, largest: number): void {
    this.#reservedIds.set(buffer, Math.max(largest, this.#reservedIds.get(buffer) ?? -1));
  }

  /** Gives up a buffer: ids reserved for it are free again, or go to the buffer that absorbed it. */
  discard(buffer: WriteBuffer, absorbedBy?: WriteBuffer): void {
    const reserved = this.#reservedIds.get(buffer);
    this.#reservedIds.delete(buffer);
    if (reserved !== undefined && absorbedBy !== undefined) this.#reserve(absorbedBy, reserved);
  }

  /**
   * First of `count` consecutive integer ids after the largest one, which may be that of a transaction under way or of
   * `transaction`, to which the buffer will belong. Reserved for the buffer until it ends.
   */
  reserveIds(buffer: WriteBuffer, count: number, transaction: WriteBuffer | null): number {
    const largest = Math.max(
      this.#generation.rows.maxIntegerId,
      transaction?.maxIntegerId ?? -1,
      ...this.#reservedIds.values(),
    );
    if (largest + count > Number.MAX_SAFE_INTEGER) {
      throw new LynseError("LIMIT_EXCEEDED", `no ${count} integer ids are left after ${largest}; give ids yourself`, {
        limit: "maxSafeInteger",
      });
    }
    this.#reserve(buffer, largest + count);
    return largest + 1;
  }

  /** Brings soft-deleted rows back. Resolves to their number. */
  async restoreIds(ids: readonly Id[]): Promise<number> {
    this.checkWritable();
    let restored: number[] = [];
    await this.prepareStaging();
    await this.#queue.commit(this.newBuffer(this.config.dim ?? 1), () => {
      const generation = this.#generation;
      const rows = ids.map((id) => generation.find(id)).filter((row) => row >= 0 && generation.isDeleted(row));
      restored = [...new Set(rows)];
      return restored;
    });
    return restored.length;
  }

  /** Changes the description or the index. */
  async updateDescription(description: string): Promise<void> {
    this.checkWritable();
    await this.#queue.exclusive(() => this.#generation.store.updateConfig({ description }));
  }

  /** With durability `"os"` committed rows may not be on disk yet; an index that covers them must not outlive them. */
  async #syncRows(): Promise<void> {
    if (this.#durability === "os") await this.#queue.exclusive(() => this.#generation.store.sync());
  }

  /** Adds a named vector field; the same one again changes nothing, another one of that name is refused. */
  async createVectorField(field: VectorFieldConfig): Promise<void> {
    this.checkWritable();
    await this.#queue.exclusive(async () => {
      this.checkWritable();
      const { store } = this.#generation;
      const fields = store.config.vectorFields ?? [];
      const present = fields.find(({ name }) => name.toLowerCase() === field.name.toLowerCase());
      if (present !== undefined) return checkSameField(present, field);
      checkLimit("vectorFieldsMax", fields.length + 1, "the number of named vector fields");
      await store.updateConfig({ vectorFields: [...fields, field] });
      this.#generation.vectorField(field.name).expectIndex();
    });
  }

  /** Changes how text is searched; the text index is made anew where it has to be. */
  async configureText(text: NonNullable<CollectionConfig["text"]>): Promise<void> {
    this.checkWritable();
    await this.#queue.exclusive(() => this.#generation.store.updateConfig({ text }));
    this.#generation.text.keepSoon();
  }

  /** Remembers what makes the vectors of documents; it is fixed once. */
  async fixEmbedder(embedder: NonNullable<CollectionConfig["embedder"]>): Promise<void> {
    this.checkWritable();
    await this.#queue.exclusive(async () => {
      const { store } = this.#generation;
      if (store.config.embedder === undefined) await store.updateConfig({ embedder });
    });
  }

  async #commitGroup(group: readonly PendingCommit[]): Promise<void> {
    // Each member is checked against committed rows only, so members that touch the same ids go one after another.
    const waiting = [...group];
    while (waiting.length > 0) {
      const together: PendingCommit[] = [];
      const touched = new Set<Id | string>();
      while (waiting.length > 0) {
        const next = waiting[0]!;
        const keys = group.length === 1 ? [] : [...next.buffer.touchedKeys()];
        const restores = next.restoredRows().length > 0;
        if (together.length > 0 && (restores || keys.some((key) => touched.has(key)))) break;
        together.push(next);
        waiting.shift();
        for (const key of keys) touched.add(key);
        if (restores) break;
      }
      await this.#commitTogether(together);
    }
  }

  async #commitTogether(members: readonly PendingCommit[]): Promise<void> {
    const accepted: PendingCommit[] = [];
    const transactions: Transaction[] = [];
    try {
      const dim = members.find((member) => member.buffer.rowCount > 0)?.buffer.dim;
      if (dim !== undefined) await this.#fixDim(dim);
      let { rowCount } = this.#generation;
      const growth = this.#growth();
      for (const member of members) {
        try {
          const transaction = this.#transactionOf(member, rowCount);
          growBy(this.#quotas, growth, transaction, this.#generation);
          transactions.push(transaction);
          accepted.push(member);
          rowCount += member.buffer.rowCount;
        } catch (error) {
          member.reject(error);
        }
      }
      const changes = transactions.filter((transaction) => !isEmptyTransaction(transaction));
      if (changes.length > 0) await this.#write(changes);
    } catch (error) {
      for (const member of members) member.reject(error);
      return;
    }
    for (const member of accepted) member.resolve();
    this.#keepHouseSoon();
  }

  #keepHouseSoon(): void {
    this.#memory?.keepSoon();
    if (this.isReadOnly) return;
    this.#housekeeping = this.#housekeeping.then(() => this.#keepHouse()).catch(() => {});
    this.indexes.keepSoon();
    this.#generation.text.keepSoon();
  }

  #growth(): Growth {
    const { liveCount: liveRows, store } = this.#generation;
    if (this.#quotas.bytesMax === undefined) return { liveRows, bytes: 0 };
    const { logBytes, vectorBytes } = store.diskUsage();
    return { liveRows, bytes: logBytes + vectorBytes };
  }

  #transactionOf(member: PendingCommit, firstRow: number): Transaction {
    const { buffer } = member;
    if (this.#lives.get(buffer) !== this.#life) throw restoredMeanwhile(this.name);
    const fixed = this.config.dim;
    if (buffer.rowCount > 0 && fixed !== null && fixed !== buffer.dim) throw this.#wrongDim(fixed, buffer.dim);
    const transaction = buffer.toTransaction(firstRow);
    const restored = member.restoredRows();
    return restored.length === 0 ? transaction : { ...transaction, restored: [...restored].sort((a, b) => a - b) };
  }

  /** Fixes the dimension of a collection that has none; one that is fixed already stays. */
  async fixDim(dim: number): Promise<void> {
    this.checkWritable();
    await this.#queue.exclusive(() => this.#fixDim(dim));
  }

  async #fixDim(dim: number): Promise<void> {
    const generation = this.#generation;
    if (this.config.dim === null) await generation.store.updateConfig({ dim });
    generation.primary.fixDim();
  }

  #wrongDim(expected: number, got: number): LynseError {
    return new LynseError(
      "DIMENSION_MISMATCH",
      `collection ${JSON.stringify(this.name)} holds vectors of ${expected} components, got ${got}`,
      { expected, got },
    );
  }

  /** Writes transactions to disk and, meanwhile, their vectors into memory; then makes them visible. */
  async #write(transactions: readonly Transaction[]): Promise<void> {
    const generation = this.#generation;
    const { rowCount } = generation;
    const slotCounts = generation.named.map(({ slots }) => slots.count);
    const truncateVectors = (): void => {
      generation.primary.truncate(rowCount);
      generation.named.forEach(({ field }, number) => void field.truncate(slotCounts[number]!));
    };
    const appended = generation.store.append(transactions, this.#durability);
    const parts = transactions.flatMap(({ rows }) => rows);
    const staged = stageVectors(generation, transactions).then(() => generation.text.takeAhead(rowCount, parts));
    const [written, taken] = await Promise.allSettled([appended, staged]);
    if (written.status === "rejected") {
      truncateVectors();
      generation.text.forgetFrom(rowCount);
      throw written.reason;
    }
    try {
      if (taken.status === "rejected") throw taken.reason;
      await appendRowTable(generation, transactions, written.value);
      applyChanges(generation, transactions, written.value);
    } catch (cause) {
      truncateVectors();
      generation.text.forgetFrom(rowCount);
      generation.rows.truncate(rowCount);
      this.#behindDisk = behindDisk(this.name, "a transaction", cause);
      throw this.#behindDisk;
    }
    generation.position = written.value.position;
    generation.publish(generation.rows.rowCount);
  }

  /** After a commit: a checkpoint when the log has grown long, a compaction when replaced rows are many. */
  async #keepHouse(): Promise<void> {
    if (this.#isClosed) return;
    const { rows, position, checkpointBytes: last } = this.#generation;
    const replaced = rows.supersededCount;
    if (replaced >= this.#compactRowsNext && replaced > rows.rowCount * compactShare) {
      this.#compactRowsNext = replaced * 2;
      // A build would be for nothing, and holds the files that go: it comes first.
      if (this.indexes.isWorking) return;
      await this.#queue.exclusive(() => this.#compact({ keepDeleted: true, signal: undefined }));
      this.#compactRowsNext = compactRowsMin;
    } else if ((position?.bytes ?? 0) - last > checkpointBytes) {
      await this.#queue.exclusive(() => this.#checkpoint());
    }
  }

  /** Persists derived state, so that the next open replays nothing. */
  async checkpoint(): Promise<void> {
    this.checkWritable();
    await this.#queue.exclusive(() => this.#checkpoint());
    await this.indexes.save();
  }

  async #checkpoint(): Promise<void> {
    const generation = this.#generation;
    const { position } = generation;
    if (this.#behindDisk !== null || position === null) return;
    if (position.bytes === generation.checkpointBytes && !generation.text.isUnsaved) return;
    await generation.store.writeCheckpoint(position, generation.checkpointSections());
    generation.checkpointBytes = position.bytes;
  }

  /** Rewrites the collection without dead rows. Resolves to the number of rows removed. */
  async compact(signal: AbortSignal | undefined): Promise<number> {
    this.checkWritable();
    // A build under way would be for nothing: it comes first. One that begins meanwhile begins again afterwards.
    await this.indexes.idle();
    return this.#queue.exclusive(() => this.#compact({ keepDeleted: false, signal }));
  }

  async #compact(options: { keepDeleted: boolean; signal: AbortSignal | undefined }): Promise<number> {
    throwIfAborted(options.signal);
    const old = this.#generation;
    const dead = options.keepDeleted ? old.rows.supersededCount : old.deadCount;
    if (dead === 0) return 0;
    const next = await compactGeneration(old, { ...options, pool: this.#pool, budget: this.#budget });
    next.carryVersion(old.version);
    for (const field of next.vectorFields) field.expectIndex();
    this.#generation = next;
    await old.retire();
    await this.#checkpoint();
    this.indexes.keepSoon();
    next.text.keepSoon();
    return dead;
  }

  /** Takes a snapshot of what is committed, after what is pending was. */
  async snapshotTo(path: string, options: SnapshotOptions): Promise<CopiedRows> {
    this.checkOpen();
    return this.#snapshotTo(path, options);
  }

  /** Runs a task while nothing is written. */
  exclusive<T>(task: () => Promise<T>): Promise<T> {
    this.checkOpen();
    return this.#queue.exclusive(task);
  }

  /** What is committed now, kept in a folder; see `captureGeneration`. To be run exclusively. */
  async capture(target: CaptureTarget): Promise<CapturedCollection & { readonly rows: number }> {
    const { store, liveCount: rows } = this.#generation;
    return { ...(await store.capture(target)), rows };
  }

  /**
   * Puts a staged collection into the place of this one, at once: handles, and readers in other processes, go on with it.
   * What is buffered for the collection as it was is refused.
   */
  async replaceBy(staged: StagedCollection): Promise<void> {
    this.checkOpen();
    // A build under way would be for nothing.
    await this.indexes.idle();
    await this.#queue.exclusive(async () => {
      const old = this.#generation;
      await old.store.giveWayTo(staged);
      this.#pending = null;
      this.#life = {};
      try {
        const next = await Generation.open(await this.#reopenStore(), this.#pool, this.#budget);
        next.carryVersion(old.version);
        this.#generation = next;
        this.#behindDisk = null;
      } catch (cause) {
        this.#behindDisk = behindDisk(this.name, "what was restored", cause);
        throw this.#behindDisk;
      }
      await old.retire();
    });
    this.#keepHouseSoon();
  }

  /** In a read-only client: takes up what the writing process committed since. */
  async refresh(): Promise<void> {
    this.checkOpen();
    if (!this.isReadOnly) return;
    await this.#queue.exclusive(async () => {
      if (!this.#isClosed) await this.#takeUp();
    });
  }

  /** In a client that follows: as `refresh`, where there is something new. */
  async catchUp(): Promise<void> {
    this.checkOpen();
    await this.#follower?.catchUp();
    this.checkOpen();
  }

  async #takeUp(): Promise<void> {
    const old = this.#generation;
    if (!this.#mustReopen && !(await this.#hasNewGeneration())) {
      try {
        return await old.follow();
      } catch (error) {
        // A part may have been taken in, beyond the rows that are visible: this generation can be read, not continued.
        this.#mustReopen = true;
        // A writer whose disk failed may have taken back a commit that was read here: the files have the last word.
        if (!isLynseError(error, "CORRUPT")) throw error;
      }
    }
    const store = await this.#reopenStore();
    try {
      const next = await Generation.open(store, this.#pool, this.#budget);
      next.carryVersion(old.version);
      this.#generation = next;
    } catch (error) {
      await store.close();
      throw error;
    }
    this.#mustReopen = false;
    await old.retire();
    this.#memory?.keepSoon();
  }

  async #hasNewGeneration(): Promise<boolean> {
    const { store } = this.#generation;
    try {
      return await store.hasNewGeneration();
    } catch (error) {
      // While its database is replaced the collection is nowhere for a moment.
      if (!isLynseError(error, "CLOSED") || !(await this.#isThere())) throw error;
      return store.hasNewGeneration();
    }
  }

  checkOpen(): void {
    if (!this.#isClosed) return;
    throw new LynseError(
      "CLOSED",
      `collection ${JSON.stringify(this.name)} was closed or dropped; open it again through its database`,
    );
  }

  checkWritable(): void {
    this.checkOpen();
    if (this.isReadOnly) {
      throw new LynseError("READ_ONLY", "the database was opened read-only; open it without readOnly to write");
    }
    if (this.#behindDisk !== null) throw this.#behindDisk;
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
    if (this.#isClosed) return;
    this.#isClosed = true;
    await this.blobs.idle();
    await this.#memory?.end();
    await this.indexes.end();
    const pending = this.#pending;
    this.#pending = null;
    let failure: unknown;
    if (options.persist && !this.isReadOnly) {
      if (pending !== null) {
        await this.#commit(pending).catch((error: unknown) => {
          failure = error;
        });
      }
      await this.#housekeeping;
      // Derived state only: an error here loses nothing but the speed of the next open, unless it is a defect.
      await this.#queue
        .exclusive(() => this.#checkpoint())
        .then(() => this.indexes.save())
        .catch((error: unknown) => {
          if (isLynseError(error, "INTERNAL")) failure ??= error;
        });
    }
    await this.#housekeeping;
    await this.#queue.drained();
    await this.#generation.retire();
    if (failure !== undefined) throw failure;
  }
}

function withoutDeleted(committed: CommittedRows, transaction: WriteBuffer): CommittedRows {
  return {
    get rowCount() {
      return committed.rowCount;
    },
    get version() {
      return committed.version;
    },
    get numbering() {
      return committed.numbering;
    },
    find: (id) => committed.find(id),
    isLive: (row) => committed.isLive(row) && !transaction.deletes(row),
    isDeleted: (row) => committed.isDeleted(row),
    fieldText: (row) => committed.fieldText(row),
    hasAttached: (row) => committed.hasAttached(row),
  };
}

function restoredMeanwhile(name: string): LynseError {
  return new LynseError(
    "CLOSED",
    `collection ${JSON.stringify(name)} was restored after these writes were begun; nothing of them is stored, begin them again`,
    { collection: name },
  );
}

function behindDisk(name: string, what: string, cause: unknown): LynseError {
  return new LynseError(
    "IO_ERROR",
    `${what} of collection ${JSON.stringify(name)} is on disk, but could not be taken into memory: ` +
      `${cause instanceof Error ? cause.message : String(cause)}; reads go on, close the collection and open it again to write`,
    { collection: name },
    cause,
  );
}

/** A field of the same name must be the one that was asked for. */
function checkSameField(present: VectorFieldConfig, wanted: VectorFieldConfig): void {
  for (const what of ["name", "dim", "dtype", "metric"] as const) {
    if (present[what] === wanted[what]) continue;
    throw new LynseError(
      "INVALID_ARGUMENT",
      `vector field ${JSON.stringify(present.name)} exists with ${what} ${present[what]}, ${what} ${wanted[what]} was asked for`,
      { field: present.name, [what]: present[what], got: wanted[what] },
    );
  }
}
