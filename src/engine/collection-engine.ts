/**
 * Who may do what to a collection, and when?
 *
 * Owns a collection's files and its present generation. Writes go through the commit queue: checked again, appended and
 * synced by the store, taken into memory meanwhile, made visible at once. Reads never wait for writes.
 */
import { isLynseError, LynseError } from "../errors.js";
import { familyOf } from "../index/index-families.js";
import { type IndexName, parseIndexName } from "../index/index-name.js";
import { checkIndexParameters } from "../index/index-parameters.js";
import { checkMetricDim } from "../index/metric/metric-contract.js";
import type { IndexParameters } from "../index/vector-index.js";
import type { KernelPool } from "../kernel/kernel-pool.js";
import { throwIfAborted } from "../query/exact-search.js";
import type { CollectionStore } from "../storage/collection-store.js";
import type { CollectionConfig } from "../storage/manifest.js";
import type { AppendResult, Transaction } from "../storage/transaction.js";
import { TimeSlice } from "../time-slice.js";
import type { Durability, Id, Metric } from "../types.js";
import { CommitQueue, type PendingCommit } from "./commit-queue.js";
import { compactGeneration } from "./compaction.js";
import type { WorkOptions } from "./field-index.js";
import { Generation } from "./generation.js";
import { checkStoredVectors } from "./stored-contract.js";
import { appendStoredRows } from "./stored-rows.js";
import { appendVectorChunk } from "./stored-vectors.js";
import { type CommittedRows, WriteBuffer } from "./write-buffer.js";

export interface EngineOptions {
  readonly databaseName: string;
  readonly name: string;
  readonly isReadOnly: boolean;
  readonly durability: Durability;
  /** Runs long work. */
  readonly pool: KernelPool;
  /** Opens the collection's files again: the generation that another process has swapped in. */
  readonly reopenStore: () => Promise<CollectionStore>;
}

/** Log bytes after which a checkpoint is written without being asked for: bounds what an open must replay. */
const checkpointBytes = 64 * 1024 * 1024;
/** Replaced rows that start a compaction: more than this many, and more than this share of all rows. */
const compactRowsMin = 10_000;
const compactShare = 0.5;
/** Rows after the index that make it take them in; the share counts where the index keeps vectors in files. */
const extendRowsMin = 4096;
const extendShareStored = 0.05;
/** Rows taken in since the index was saved that make a checkpoint save it again: more than this many, and than this share. */
const saveRowsMin = 1024;
const saveShare = 0.02;
/** Share of replaced rows among the covered ones above which the index is built again. */
const rebuildShare = 0.3;
/** Rows from which an index that a collection names by default is built by itself. */
const autoBuildRows = 10_000;

export class CollectionEngine {
  readonly databaseName: string;
  readonly name: string;
  readonly isReadOnly: boolean;
  readonly #durability: Durability;
  readonly #reopenStore: () => Promise<CollectionStore>;
  readonly #pool: KernelPool;
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
  /** The metric as parsed from a configuration. */
  #metricOf: { readonly config: CollectionConfig; readonly metric: Metric } | null = null;
  #isClosed = false;
  #isDropped = false;
  /** Set when a transaction is on disk that memory could not take in: row numbers no longer agree. */
  #behindDisk: LynseError | null = null;
  #closing: Promise<void> | null = null;
  #indexKeeping: Promise<void> | null = null;
  /** Why the index could not be kept up to date; nothing is tried again until it is built. */
  #indexFailure: LynseError | null = null;
  #housekeeping: Promise<void> = Promise.resolve();

  private constructor(generation: Generation, options: EngineOptions) {
    this.#generation = generation;
    this.databaseName = options.databaseName;
    this.name = options.name;
    this.isReadOnly = options.isReadOnly;
    this.#durability = options.durability;
    this.#reopenStore = options.reopenStore;
    this.#pool = options.pool;
  }

  /** The engine of a collection just created. */
  static create(store: CollectionStore, options: EngineOptions): CollectionEngine {
    return new CollectionEngine(Generation.empty(store, options.pool), options);
  }

  static async open(store: CollectionStore, options: EngineOptions): Promise<CollectionEngine> {
    try {
      const engine = new CollectionEngine(await Generation.open(store, options.pool), options);
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

  /** True once the collection was dropped through this engine. */
  get isDropped(): boolean {
    return this.#isDropped;
  }

  /** Metric of searches: that of the index, or of the default index where there is none. */
  get metric(): Metric {
    const { config } = this;
    if (this.#metricOf?.config !== config) {
      const { metric } = parseIndexName(config.index ?? config.defaultIndex ?? "FLAT-IP");
      this.#metricOf = { config, metric };
    }
    return this.#metricOf.metric;
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
    return new WriteBuffer(rows, dim, this.config.dtype, this.metric);
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

  /** Makes a buffer's transaction durable and visible. */
  async commit(buffer: WriteBuffer): Promise<void> {
    this.checkWritable();
    await this.#commit(buffer);
  }

  async #commit(buffer: WriteBuffer): Promise<void> {
    try {
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

  /** Why the index could not be built or kept up to date in the background; null where it could. */
  get indexFailure(): LynseError | null {
    return this.#indexFailure;
  }

  /** Parameters of the index in use; null where it takes none or was not built yet. */
  get indexParameters(): IndexParameters | null {
    return this.config.indexParameters ?? null;
  }

  /**
   * Makes `name` the index: builds it where it is more than the stored rows, while the old one serves. Rows that are
   * committed meanwhile are searched exactly.
   */
  async buildIndex(name: IndexName, parameters: IndexParameters, options: WorkOptions): Promise<void> {
    for (;;) {
      this.checkWritable();
      const generation = this.#generation;
      try {
        return await generation.pin(() => this.#buildFor(generation, name, parameters, options));
      } catch (error) {
        // A compaction renumbered the rows meanwhile.
        if (this.#generation === generation || options.signal?.aborted === true) throw error;
      }
    }
  }

  async #buildFor(
    generation: Generation,
    name: IndexName,
    parameters: IndexParameters,
    options: WorkOptions,
  ): Promise<void> {
    await checkStoredVectors(generation, name, options.signal);
    if (familyOf(name) === null) return this.setFlatIndex(name.name);
    if (generation.liveCount === 0) {
      const message = `index ${name.name} is built over rows, and collection ${JSON.stringify(this.name)} has none; add rows first`;
      throw new LynseError("INDEX_EMPTY", message, { index: name.name });
    }
    await this.#build(generation, name, parameters, options);
    this.#indexFailure = null;
  }

  /** With durability `"os"` committed rows may not be on disk yet; an index that covers them must not outlive them. */
  readonly #syncRows = async (): Promise<void> => {
    if (this.#durability === "os") await this.#queue.exclusive(() => this.#generation.store.sync());
  };

  async #build(
    generation: Generation,
    name: IndexName,
    parameters: IndexParameters,
    options: WorkOptions,
  ): Promise<void> {
    await generation.index.build(name, parameters, options, this.#syncRows, (built) =>
      this.#queue.exclusive(async () => {
        this.checkWritable();
        if (this.#generation !== generation) throw compactedMeanwhile();
        const field = await generation.fieldFor(built.index);
        await generation.store.updateConfig({ index: name.name, indexParameters: parameters });
        generation.setField(field);
        generation.index.adopt(built);
      }),
    );
  }

  /** Searches are exact from now on, by the metric of that index (null: of the default one). */
  async setFlatIndex(name: string | null): Promise<void> {
    this.checkWritable();
    const present = this.#generation;
    const change = async (): Promise<void> => {
      this.checkWritable();
      const generation = this.#generation;
      const field = await generation.fieldFor(null);
      await generation.store.updateConfig({ index: name, indexParameters: null });
      generation.setField(field);
      generation.index.drop();
    };
    await present.pin(() => present.index.between(() => this.#queue.exclusive(change)));
    this.#indexFailure = null;
  }

  /** After a change: an index that is missing, has fallen behind or holds too many replaced rows is mended. */
  #keepIndexSoon(): void {
    if (this.#indexKeeping !== null || this.isReadOnly || this.#isClosed) return;
    if (!this.#isIndexWorkDue()) return;
    const generation = this.#generation;
    this.#indexKeeping = this.#keepIndex(generation)
      .catch((error: unknown) => {
        // Searches are exact without it.
        if (generation === this.#generation && !this.#isClosed) this.#indexFailure = asLynseError(error);
      })
      .finally(() => {
        this.#indexKeeping = null;
      });
  }

  #isIndexWorkDue(): boolean {
    const generation = this.#generation;
    if (generation.index.isWorking || this.#indexFailure !== null) return false;
    const { index } = generation.index;
    if (index === null) return this.#isBuildDue(generation);
    const tail = generation.rowCount - index.rowCount;
    const limit = index.storesVectors ? Math.max(extendRowsMin, index.rowCount * extendShareStored) : extendRowsMin;
    return tail > limit || generation.supersededCount - index.leftOut > index.rowCount * rebuildShare;
  }

  #isBuildDue(generation: Generation): boolean {
    if (!generation.isIndexMissing || generation.liveCount === 0) return false;
    // One that was built before is built again; one that is only named by default, when it pays.
    return this.config.indexParameters != null || generation.liveCount >= autoBuildRows;
  }

  async #keepIndex(generation: Generation): Promise<void> {
    const options = { signal: undefined, onProgress: () => {} };
    const { index } = generation.index;
    const replaced = index === null ? 0 : generation.supersededCount - index.leftOut;
    await generation.pin(async () => {
      if (index === null || replaced > index.rowCount * rebuildShare) {
        const name = parseIndexName(this.config.index!);
        const parameters = checkIndexParameters(name, this.config.indexParameters ?? {});
        await this.#build(generation, name, parameters, options);
      } else if (await generation.index.extend(options)) {
        if (!index.storesVectors) return;
        await this.#queue.exclusive(async () => generation.setField(await generation.fieldFor(index)));
      }
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
      for (const member of members) {
        try {
          const transaction = this.#transactionOf(member, rowCount);
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
    if (this.isReadOnly) return;
    this.#housekeeping = this.#housekeeping.then(() => this.#keepHouse()).catch(() => {});
    this.#keepIndexSoon();
  }

  #transactionOf(member: PendingCommit, firstRow: number): Transaction {
    const { buffer } = member;
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
    generation.fixDim(this.config.dim ?? dim);
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
    const appended = generation.store.append(transactions, this.#durability);
    const staged = stageVectors(generation, transactions);
    const [written, taken] = await Promise.allSettled([appended, staged]);
    if (written.status === "rejected") {
      generation.truncateVectors(rowCount);
      throw written.reason;
    }
    try {
      if (taken.status === "rejected") throw taken.reason;
      await appendRowTable(generation, transactions, written.value);
    } catch (cause) {
      generation.truncateVectors(rowCount);
      generation.rows.truncate(rowCount);
      this.#behindDisk = behindDisk(this.name, cause);
      throw this.#behindDisk;
    }
    for (const transaction of transactions) {
      for (const row of transaction.superseded) generation.rows.markSuperseded(row);
      for (const row of transaction.deleted) generation.rows.markDeleted(row);
      for (const row of transaction.restored) generation.rows.markRestored(row);
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
      if (this.#generation.index.isWorking) return;
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
    await this.#saveIndex();
  }

  /** Keeps what the index has taken in, where it is enough to pay. */
  async #saveIndex(): Promise<void> {
    const { index, unsavedRows } = this.#generation.index;
    if (index === null || unsavedRows < Math.max(saveRowsMin, index.rowCount * saveShare)) return;
    await this.#generation.index.save(this.#syncRows);
  }

  async #checkpoint(): Promise<void> {
    const generation = this.#generation;
    const { position } = generation;
    if (this.#behindDisk !== null || position === null || position.bytes === generation.checkpointBytes) return;
    await generation.store.writeCheckpoint(position, generation.checkpointSections());
    generation.checkpointBytes = position.bytes;
  }

  /** Rewrites the collection without dead rows. Resolves to the number of rows removed. */
  async compact(signal: AbortSignal | undefined): Promise<number> {
    this.checkWritable();
    // A build under way would be for nothing: it comes first. One that begins meanwhile begins again afterwards.
    await this.#generation.index.idle();
    return this.#queue.exclusive(() => this.#compact({ keepDeleted: false, signal }));
  }

  async #compact(options: { keepDeleted: boolean; signal: AbortSignal | undefined }): Promise<number> {
    throwIfAborted(options.signal);
    const old = this.#generation;
    const dead = options.keepDeleted ? old.rows.supersededCount : old.deadCount;
    if (dead === 0) return 0;
    const next = await compactGeneration(old, { ...options, pool: this.#pool });
    next.carryVersion(old.version);
    next.expectIndex();
    this.#generation = next;
    await old.retire();
    await this.#checkpoint();
    this.#keepIndexSoon();
    return dead;
  }

  /** In a read-only client: takes up what the writing process committed since. */
  async refresh(): Promise<void> {
    this.checkOpen();
    if (!this.isReadOnly) return;
    await this.#queue.exclusive(async () => {
      const old = this.#generation;
      if (await old.store.hasNewGeneration()) {
        const store = await this.#reopenStore();
        this.#generation = await Generation.open(store, this.#pool);
        await old.retire();
      } else {
        await old.follow();
      }
    });
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
    this.#generation.index.cancel();
    await this.#generation.index.idle();
    await this.#indexKeeping;
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
        .then(() => this.#saveIndex())
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

function compactedMeanwhile(): LynseError {
  return new LynseError("ABORTED", "the collection was compacted while the index was built");
}

function asLynseError(error: unknown): LynseError {
  return isLynseError(error) ? error : new LynseError("INTERNAL", `the index failed: ${String(error)}`, {}, error);
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
  };
}

function behindDisk(name: string, cause: unknown): LynseError {
  return new LynseError(
    "IO_ERROR",
    `a transaction of collection ${JSON.stringify(name)} is on disk, but memory for it could not be had: ` +
      `${cause instanceof Error ? cause.message : String(cause)}; reads go on, close the collection and open it again to write`,
    { collection: name },
    cause,
  );
}

function isEmptyTransaction({ rows, superseded, deleted, restored }: Transaction): boolean {
  return rows.length + superseded.length + deleted.length + restored.length === 0;
}

/** Copies the transactions' vectors into memory beyond the visible rows, in time slices. */
async function stageVectors(generation: Generation, transactions: readonly Transaction[]): Promise<void> {
  const { vectors } = generation;
  if (vectors === null) return;
  const slice = new TimeSlice();
  for (const bytes of transactions.flatMap(({ rows }) => rows.flatMap((part) => part.vectorBytes))) {
    for (let done = 0; done < bytes.length; ) {
      done += appendVectorChunk(vectors, bytes.subarray(done));
      if (slice.isDue()) await slice.giveWay();
    }
  }
}

/** Appends the stored frames to the row table beyond the visible rows, in time slices. */
async function appendRowTable(
  generation: Generation,
  transactions: readonly Transaction[],
  written: AppendResult,
): Promise<void> {
  const parts = transactions.flatMap(({ rows }) => rows);
  const slice = new TimeSlice();
  let part = 0;
  let used = 0;
  for (const frame of written.frames) {
    const { ids, rowCount } = parts[part]!;
    appendStoredRows(generation, frame, ids, used);
    used += frame.rowCount;
    if (used === rowCount) {
      part += 1;
      used = 0;
    }
    if (slice.isDue()) await slice.giveWay();
  }
}
