/**
 * What can be done with the databases and collections of a root folder?
 *
 * Owns the folder: its writer lock, its databases, and one engine a collection, opened on first use and shared by all
 * handles. A collection is a folder with a manifest, made and removed by one atomic step on that file.
 */
import { isLynseError, LynseError } from "../errors.js";
import { inlinePool, type KernelPool } from "../kernel/kernel-pool.js";
import { adoptGeneration } from "../storage/adopt-generation.js";
import { CollectionStore } from "../storage/collection-store.js";
import type { FileSystem } from "../storage/file-system.js";
import type { CollectionConfig } from "../storage/manifest.js";
import { checkName } from "../storage/names.js";
import { openRoot } from "../storage/root-file.js";
import type { StagedCollection } from "../storage/stage-snapshot.js";
import { acquireWriterLock, type WriterLock } from "../storage/writer-lock.js";
import type { Durability } from "../types.js";
import { CollectionEngine } from "./collection-engine.js";
import { Databases, type RestoreOptions } from "./databases.js";
import { Generation } from "./generation.js";
import { MemoryBudget } from "./memory-budget.js";
import type { EngineOpener, OpenCollection } from "./open-collection.js";
import { OpenCollections } from "./open-collections.js";
import { checkQuota, type Quotas } from "./quotas.js";
import {
  type CopiedRows,
  type SnapshotOptions,
  type SnapshotRoot,
  snapshotCollection,
  snapshotDatabase,
  stageCollection,
  stagedName,
} from "./snapshots.js";

export interface RegistryOptions {
  readonly isReadOnly: boolean;
  readonly durability: Durability;
  /** Where snapshots are written to. Default: the files of the root. */
  readonly outside?: FileSystem;
  /** A reader takes up commits of another process before each read; a look for them counts for so long, milliseconds. */
  readonly followIntervalMs?: number;
  /** Bytes that the open collections may hold in memory; vectors stay on disk beyond that. Default: no limit. */
  readonly memoryBudget?: number;
  /** Collections that may be open at a time, unless more are in use. Default: `openCollectionsDefault`. */
  readonly openCollectionsMax?: number;
  /** What databases and collections may grow to. Default: what the format allows. */
  readonly quotas?: Quotas;
  /** Runs long work; closed with the registry. Default: the calling thread. */
  readonly pool?: KernelPool & { close?(): Promise<void> };
}

/**
 * Collections open at a time, by default: about 110 KB and two files each, so 110 MB and 2,000 of the files that systems
 * allow a process, of which Node.js takes as many as it can get.
 */
const openCollectionsDefault = 1000;

export interface CollectionSummary {
  readonly config: CollectionConfig | null;
  readonly rows: number;
  readonly error: LynseError | null;
}

export class EngineRegistry {
  readonly #fs: FileSystem;
  readonly #options: RegistryOptions;
  readonly #lock: WriterLock | null;
  readonly #budget: MemoryBudget | null;
  readonly #quotas: Quotas;
  readonly #databases: Databases;
  readonly #collections: OpenCollections;
  #isClosed = false;

  private constructor(fs: FileSystem, folder: string, options: RegistryOptions, lock: WriterLock | null) {
    this.#fs = fs;
    this.#options = options;
    this.#quotas = options.quotas ?? {};
    this.#budget = options.memoryBudget === undefined ? null : new MemoryBudget(options.memoryBudget);
    this.#lock = lock;
    // What a reader shows stays as it was until it is asked to look again; one that follows may look at any time.
    const mayReopen = !options.isReadOnly || options.followIntervalMs !== undefined;
    const max = mayReopen ? (options.openCollectionsMax ?? openCollectionsDefault) : Number.POSITIVE_INFINITY;
    this.#collections = new OpenCollections(max);
    const abandonAll = (database: string): Promise<void> => this.#collections.abandonAll(`${database}/`);
    this.#databases = new Databases({ fs, outside: this.outside, folder, lock, quotas: this.#quotas, abandonAll });
  }

  /** Opens a root folder, creating it where it may; a writer takes the lock. */
  static async open(fs: FileSystem, folder: string, options: RegistryOptions): Promise<EngineRegistry> {
    await openRoot(fs, folder, options);
    if (options.isReadOnly) return new EngineRegistry(fs, folder, options, null);
    const lock = await acquireWriterLock(fs, folder);
    const registry = new EngineRegistry(fs, folder, options, lock);
    try {
      await registry.#databases.folders.recover();
    } catch (error) {
      await lock.release();
      throw error;
    }
    return registry;
  }

  get isReadOnly(): boolean {
    return this.#options.isReadOnly;
  }

  /** Names of the databases, sorted. */
  async databaseNames(): Promise<readonly string[]> {
    this.#checkOpen();
    return this.#databases.names();
  }

  async hasDatabase(name: string): Promise<boolean> {
    this.#checkOpen();
    return this.#databases.has(name);
  }

  async createDatabase(name: string, dropIfExists: boolean): Promise<void> {
    this.#checkWritable();
    await this.#databases.create(name, dropIfExists);
  }

  /** Removes a database; resolves also when it is missing. */
  async dropDatabase(name: string): Promise<void> {
    this.#checkWritable();
    await this.#databases.drop(name);
  }

  /** Makes a database of a snapshot, at once. What is open of the one that it replaces is closed. */
  async restoreDatabase(name: string, path: string, options: RestoreOptions): Promise<CopiedRows> {
    this.#checkWritable();
    return this.#databases.restore(name, path, options);
  }

  /** Names of a database's collections, sorted. */
  async collectionNames(database: string): Promise<readonly string[]> {
    await this.#checkDatabase(database);
    return this.#databases.folders.collectionNames(database);
  }

  async hasCollection(database: string, name: string): Promise<boolean> {
    await this.#checkDatabase(database);
    checkName(name, "collection");
    return CollectionStore.exists(this.#fs, this.#folderOf(database, name));
  }

  /** Configuration and live rows of an existing collection, which is not opened for it; why not, for a damaged one. */
  async summarize(database: string, name: string): Promise<CollectionSummary> {
    const folder = this.#folderOf(database, name);
    try {
      return await this.#collections.withEngine(folder, async (engine) => {
        if (engine !== null) {
          await engine.catchUp();
          return { config: engine.config, rows: engine.generation.liveCount, error: null };
        }
        const store = await CollectionStore.open(this.#fs, folder, { isReadOnly: true });
        return { config: store.config, rows: await Generation.countRows(store), error: null };
      });
    } catch (error) {
      if (isLynseError(error)) return { config: null, rows: 0, error };
      throw error;
    }
  }

  /** An existing collection, opened; `COLLECTION_NOT_FOUND` otherwise. */
  async openCollection(database: string, name: string): Promise<OpenCollection> {
    await this.#checkDatabase(database);
    checkName(name, "collection");
    const { collection } = await this.#openBy(database, name, () => this.#openEngine(database, name));
    return collection;
  }

  /** A collection that may not exist yet, opened; `create` gives the configuration of a new one. */
  async requireCollection(
    database: string,
    name: string,
    create: () => CollectionConfig,
  ): Promise<{ readonly collection: OpenCollection; readonly isNew: boolean }> {
    await this.#checkDatabase(database);
    checkName(name, "collection");
    let isNew = false;
    const { collection } = await this.#openBy(database, name, async () => {
      const folder = this.#folderOf(database, name);
      if (this.isReadOnly || (await this.#isThere(database, folder))) return this.#openEngine(database, name);
      await this.#checkCollectionQuota(database);
      isNew = true;
      const store = await CollectionStore.create(this.#fs, folder, create(), {
        assertMayWrite: () => this.#lock!.assertHeld(),
      });
      return CollectionEngine.create(store, this.#engineOptions(database, name, folder));
    });
    return { collection, isNew };
  }

  async #openEngine(database: string, name: string): Promise<CollectionEngine> {
    const folder = this.#folderOf(database, name);
    if (!(await this.#isThere(database, folder))) throw collectionNotFound(database, name);
    return CollectionEngine.open(await this.#openStore(database, folder), this.#engineOptions(database, name, folder));
  }

  /** Opens a collection that is not open by `open`; `isOpened` tells that this call did it. */
  async #openBy(
    database: string,
    name: string,
    open: EngineOpener,
  ): Promise<{ readonly collection: OpenCollection; readonly isOpened: boolean }> {
    const folder = this.#folderOf(database, name);
    for (;;) {
      this.#checkOpen();
      const collection = this.#collections.at({ folder, databaseName: database, name }, async () => {
        // A restore that was begun gets its place first.
        await this.#checkDatabase(database);
        return this.#openEngine(database, name);
      });
      try {
        return { collection, isOpened: await collection.openBy(open) };
      } catch (error) {
        // Whoever ended it did not end the one that is opened by this call.
        if (!collection.isEnded || !isLynseError(error, "CLOSED")) throw error;
      } finally {
        this.#collections.forgetUnknown(collection);
      }
    }
  }

  #folderOf(database: string, name: string): string {
    return this.#databases.folders.collection(database, name);
  }

  async #checkCollectionQuota(database: string): Promise<void> {
    if (this.#quotas.collectionsMax === undefined) return;
    const count = (await this.collectionNames(database)).length + 1;
    checkQuota(
      this.#quotas,
      "collectionsMax",
      count,
      `the number of collections in database ${JSON.stringify(database)}`,
    );
  }

  /** Whether a collection is there; for a reader, while its database is replaced, whether it is afterwards. */
  async #isThere(database: string, folder: string): Promise<boolean> {
    if (await CollectionStore.exists(this.#fs, folder)) return true;
    return this.isReadOnly && (await this.hasDatabase(database)) && CollectionStore.exists(this.#fs, folder);
  }

  async #openStore(database: string, folder: string): Promise<CollectionStore> {
    for (let attempts = 0; ; attempts++) {
      try {
        return await CollectionStore.open(this.#fs, folder, {
          isReadOnly: this.isReadOnly,
          assertMayWrite: () => this.#lock!.assertHeld(),
        });
      } catch (error) {
        const hasGone = this.isReadOnly && isLynseError(error, "COLLECTION_NOT_FOUND");
        if (!hasGone || attempts === 10 || !(await this.#isThere(database, folder))) throw error;
      }
    }
  }

  #engineOptions(databaseName: string, name: string, folder: string): Parameters<typeof CollectionEngine.create>[1] {
    const pool = this.#options.pool ?? inlinePool;
    return {
      databaseName,
      name,
      ...this.#options,
      pool,
      budget: this.#budget,
      quotas: this.#quotas,
      outside: this.outside,
      reopenStore: () => this.#openStore(databaseName, folder),
      followIntervalMs: this.#options.followIntervalMs ?? null,
      isThere: () => this.#isThere(databaseName, folder),
      snapshotTo: (path, options) => this.snapshotCollection(databaseName, name, path, options),
    };
  }

  /** Removes a collection; resolves also when it is missing. */
  async dropCollection(database: string, name: string): Promise<void> {
    this.#checkWritable();
    await this.#checkDatabase(database);
    checkName(name, "collection");
    const folder = this.#folderOf(database, name);
    await this.#collections.abandon(folder);
    await this.#lock!.assertHeld();
    await CollectionStore.remove(this.#fs, folder);
  }

  /** Takes a snapshot of a collection. */
  async snapshotCollection(
    database: string,
    name: string,
    path: string,
    options: SnapshotOptions,
  ): Promise<CopiedRows> {
    if (!(await this.hasCollection(database, name))) throw collectionNotFound(database, name);
    return this.#withSnapshotRoot((root) => snapshotCollection(root, database, name, path, options));
  }

  /** Takes a snapshot of a database: of all its collections at one moment. */
  async snapshotDatabase(database: string, path: string, options: SnapshotOptions): Promise<CopiedRows> {
    await this.#checkDatabase(database);
    return this.#withSnapshotRoot((root) => snapshotDatabase(root, database, path, options));
  }

  /** Collections stay open, or closed, as they are until what is committed in them was captured. */
  async #withSnapshotRoot<T>(task: (root: SnapshotRoot) => Promise<T>): Promise<T> {
    const held: (() => void)[] = [];
    const captured = (): void => held.splice(0).forEach((release) => void release());
    try {
      return await task({
        fs: this.#fs,
        outside: this.outside,
        isWriter: !this.isReadOnly,
        collectionFolder: (database, name) => this.#folderOf(database, name),
        collectionNames: (database) => this.collectionNames(database),
        openEngine: async (database, name) => {
          const { engine, release } =
            (await this.#collections.get(this.#folderOf(database, name))?.holdAsItIs()) ?? atRest;
          held.push(release);
          return engine;
        },
        captured,
      });
    } finally {
      captured();
    }
  }

  /** The files that snapshots and exports are written to. */
  get outside(): FileSystem {
    return this.#options.outside ?? this.#fs;
  }

  /**
   * Makes a collection of a snapshot. Everything is copied and verified before anything that is there is touched;
   * `TARGET_EXISTS` where the name is taken, unless it may be overwritten.
   */
  async restoreCollection(database: string, name: string, path: string, options: RestoreOptions): Promise<CopiedRows> {
    return this.fillCollection(database, name, options.overwrite, (fs, folder) =>
      stageCollection({ fs, outside: this.outside }, path, folder, options.signal),
    );
  }

  /**
   * Makes a collection of what `stage` writes into a folder, which it removes where it fails; `TARGET_EXISTS` as for
   * `restoreCollection`. Nothing that is there is touched before.
   */
  async fillCollection(
    database: string,
    name: string,
    overwrite: boolean,
    stage: (fs: FileSystem, folder: string) => Promise<CopiedRows & { readonly staged: StagedCollection }>,
  ): Promise<CopiedRows> {
    this.#checkWritable();
    await this.#checkFree(database, name, overwrite);
    await this.#lock!.assertHeld();
    const folder = `${this.#databases.folders.database(database)}/${stagedName()}`;
    const { staged, rows, bytes } = await stage(this.#fs, folder);
    await this.adopt(database, name, staged, overwrite);
    return { rows, bytes };
  }

  /** Gives a staged collection a name, at once. It is gone, or has the name, when the call ends. */
  async adopt(database: string, name: string, staged: StagedCollection, overwrite: boolean): Promise<void> {
    try {
      await this.#checkFree(database, name, overwrite);
      const { collection, isOpened } = await this.#openBy(database, name, async () => {
        await this.#checkFree(database, name, overwrite);
        return this.#adoptAndOpen(database, name, staged);
      });
      if (isOpened) return;
      await this.#checkFree(database, name, overwrite);
      await collection.use((engine) => engine.replaceBy(staged));
    } finally {
      await this.#fs.removeFolder(staged.folder).catch(() => {});
    }
  }

  async #adoptAndOpen(database: string, name: string, staged: StagedCollection): Promise<CollectionEngine> {
    const folder = this.#folderOf(database, name);
    await this.#lock!.assertHeld();
    await adoptGeneration(this.#fs, staged, folder);
    return CollectionEngine.open(await this.#openStore(database, folder), this.#engineOptions(database, name, folder));
  }

  async #checkFree(database: string, name: string, overwrite: boolean): Promise<void> {
    if (!(await this.hasCollection(database, name)) || overwrite) return;
    throw new LynseError(
      "TARGET_EXISTS",
      `collection ${JSON.stringify(name)} exists in database ${JSON.stringify(database)}; ` +
        "use another name, or give overwrite: true to replace it",
      { database, collection: name },
    );
  }

  /** Closes every collection and gives the lock back. The first error is thrown, after everything was tried. */
  async close(): Promise<void> {
    if (this.#isClosed) return;
    this.#isClosed = true;
    const failures = await this.#collections.close();
    await this.#options.pool?.close?.().catch((error: unknown) => failures.push(error));
    await this.#lock?.release().catch((error: unknown) => failures.push(error));
    if (failures.length > 0) throw failures[0];
  }

  async #checkDatabase(name: string): Promise<void> {
    this.#checkOpen();
    await this.#databases.check(name);
  }

  #checkOpen(): void {
    if (this.#isClosed) throw new LynseError("CLOSED", "the client was closed; make a new VectorDBClient");
  }

  #checkWritable(): void {
    this.#checkOpen();
    if (!this.isReadOnly) return;
    throw new LynseError("READ_ONLY", "the database was opened read-only; open it without readOnly to write");
  }
}

/** What a collection that is not open is held by. */
const atRest = { engine: null, release: (): void => {} };

function collectionNotFound(database: string, name: string): LynseError {
  return new LynseError(
    "COLLECTION_NOT_FOUND",
    `there is no collection ${JSON.stringify(name)} in database ${JSON.stringify(database)}; ` +
      `create it with requireCollection(${JSON.stringify(name)}, { dim })`,
    { database, collection: name },
  );
}
