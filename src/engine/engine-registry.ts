/**
 * Which databases and collections are there, and who has them open?
 *
 * Owns a root folder: its writer lock, its databases, and one engine a collection, opened on first use and shared by all
 * handles. A database is a folder with an intact `database.json`; a collection one with a manifest. Both are created and
 * dropped by one atomic step on that file, so that a crash leaves either state and nothing else in a folder is touched.
 */
import { assert, isLynseError, LynseError } from "../errors.js";
import { inlinePool, type KernelPool } from "../kernel/kernel-pool.js";
import { adoptGeneration } from "../storage/adopt-generation.js";
import { CollectionStore } from "../storage/collection-store.js";
import { writeDatabaseFile } from "../storage/database-file.js";
import type { FileSystem } from "../storage/file-system.js";
import type { CollectionConfig } from "../storage/manifest.js";
import { checkName } from "../storage/names.js";
import { openRoot } from "../storage/root-file.js";
import type { StagedCollection } from "../storage/stage-snapshot.js";
import { acquireWriterLock, type WriterLock } from "../storage/writer-lock.js";
import type { Durability } from "../types.js";
import { CollectionEngine } from "./collection-engine.js";
import { DatabaseFolders } from "./database-folders.js";
import { Generation } from "./generation.js";
import { MemoryBudget } from "./memory-budget.js";
import { checkQuota, type Quotas } from "./quotas.js";
import { beginReplacement, finishReplacement, replacedBy } from "./replace-database.js";
import {
  type CopiedRows,
  type SnapshotOptions,
  type SnapshotRoot,
  snapshotCollection,
  snapshotDatabase,
  stageCollection,
  stageDatabase,
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
  /** What databases and collections may grow to. Default: what the format allows. */
  readonly quotas?: Quotas;
  /** Runs long work; closed with the registry. Default: the calling thread. */
  readonly pool?: KernelPool & { close?(): Promise<void> };
}

export interface RestoreOptions {
  /** Replace what has the name. */
  readonly overwrite: boolean;
  readonly signal: AbortSignal | undefined;
}

export interface CollectionSummary {
  readonly config: CollectionConfig | null;
  readonly rows: number;
  readonly error: LynseError | null;
}

/** A restored database that counts, but is not in its place yet. */
interface Replacement {
  readonly folder: string;
  /** The note that says so is durable. */
  isNoted: boolean;
  running: Promise<void> | null;
}

export class EngineRegistry {
  readonly #fs: FileSystem;
  readonly #folder: string;
  readonly #folders: DatabaseFolders;
  readonly #options: RegistryOptions;
  readonly #lock: WriterLock | null;
  readonly #budget: MemoryBudget | null;
  readonly #quotas: Quotas;
  /** Engines by folder; a promise while one opens, so that two callers share it. */
  readonly #engines = new Map<string, Promise<CollectionEngine>>();
  /** Databases known to be there, for as long as this process is the only writer. */
  readonly #live = new Set<string>();
  /** Databases that were restored over, but have not got their place yet. */
  readonly #replacements = new Map<string, Replacement>();
  #isClosed = false;

  private constructor(fs: FileSystem, folder: string, options: RegistryOptions, lock: WriterLock | null) {
    this.#fs = fs;
    this.#folder = folder;
    this.#folders = new DatabaseFolders(fs, folder);
    this.#options = options;
    this.#quotas = options.quotas ?? {};
    this.#budget = options.memoryBudget === undefined ? null : new MemoryBudget(options.memoryBudget);
    this.#lock = lock;
  }

  /** Opens a root folder, creating it where it may; a writer takes the lock. */
  static async open(fs: FileSystem, folder: string, options: RegistryOptions): Promise<EngineRegistry> {
    await openRoot(fs, folder, options);
    if (options.isReadOnly) return new EngineRegistry(fs, folder, options, null);
    const lock = await acquireWriterLock(fs, folder);
    const registry = new EngineRegistry(fs, folder, options, lock);
    try {
      await registry.#folders.recover();
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
    for (const name of [...this.#replacements.keys()]) await this.#finishReplacement(name);
    const names = await this.#folders.names("live");
    return this.isReadOnly ? [...new Set([...names, ...(await this.#folders.replacedNames())])].sort() : names;
  }

  async hasDatabase(name: string): Promise<boolean> {
    this.#checkOpen();
    checkName(name, "database");
    await this.#finishReplacement(name);
    if (this.#live.has(name)) return true;
    const isLive = (await this.#folders.stateOf(name, this.isReadOnly)) === "live";
    // While this process holds the lock nobody else drops a database.
    if (isLive && !this.isReadOnly) this.#live.add(name);
    return isLive;
  }

  async createDatabase(name: string, dropIfExists: boolean): Promise<void> {
    this.#checkWritable();
    if (await this.hasDatabase(name)) {
      if (!dropIfExists) return;
      await this.dropDatabase(name);
    }
    if (this.#quotas.databasesMax !== undefined) {
      checkQuota(this.#quotas, "databasesMax", (await this.databaseNames()).length + 1, "the number of databases");
    }
    await this.#lock!.assertHeld();
    // A drop that failed half-way goes on first: what it left must not come back in the new database.
    if ((await this.#folders.stateOf(name, false)) === "dropped") await this.#folders.remove(name);
    const folder = this.#folders.database(name);
    await this.#fs.makeFolder(folder);
    // The name first: who finds the file must be able to rely on its folder.
    await this.#fs.syncFolder(this.#folder);
    await writeDatabaseFile(this.#fs, folder, "live");
  }

  /** Removes a database; resolves also when it is missing. */
  async dropDatabase(name: string): Promise<void> {
    this.#checkWritable();
    if (!(await this.hasDatabase(name))) return;
    await this.#lock!.assertHeld();
    const folder = this.#folders.database(name);
    this.#live.delete(name);
    await writeDatabaseFile(this.#fs, folder, "dropped");
    await this.#abandonAll(name);
    await this.#folders.remove(name);
  }

  /** Closes what is open of a database whose files are about to go, or have gone. */
  async #abandonAll(database: string): Promise<void> {
    const prefix = `${this.#folders.database(database)}/`;
    for (const [path, opening] of [...this.#engines]) {
      if (!path.startsWith(prefix)) continue;
      this.#engines.delete(path);
      await opening.then((engine) => engine.abandon()).catch(ignoreFailedOpen);
    }
  }

  /** Names of a database's collections, sorted. */
  async collectionNames(database: string): Promise<readonly string[]> {
    await this.#checkDatabase(database);
    return this.#folders.collectionNames(database);
  }

  async hasCollection(database: string, name: string): Promise<boolean> {
    await this.#checkDatabase(database);
    checkName(name, "collection");
    return CollectionStore.exists(this.#fs, this.#folders.collection(database, name));
  }

  /** Configuration and live rows of an existing collection, which is not opened for it; why not, for a damaged one. */
  async summarize(database: string, name: string): Promise<CollectionSummary> {
    const folder = this.#folders.collection(database, name);
    const engine = await this.#engines.get(folder)?.catch(() => null);
    try {
      if (engine && !engine.isClosed) {
        await engine.catchUp();
        return { config: engine.config, rows: engine.generation.liveCount, error: null };
      }
      const store = await CollectionStore.open(this.#fs, folder, { isReadOnly: true });
      return { config: store.config, rows: await Generation.countRows(store), error: null };
    } catch (error) {
      if (isLynseError(error)) return { config: null, rows: 0, error };
      throw error;
    }
  }

  /** The engine of an existing collection; `COLLECTION_NOT_FOUND` otherwise. */
  async openCollection(database: string, name: string): Promise<CollectionEngine> {
    await this.#checkDatabase(database);
    checkName(name, "collection");
    return this.#engine(database, name, async (folder) => {
      if (!(await this.#isThere(database, folder))) throw collectionNotFound(database, name);
      const store = await this.#openStore(database, folder);
      return CollectionEngine.open(store, this.#engineOptions(database, name, folder));
    });
  }

  /** The engine of a collection that may not exist yet; `create` gives the configuration of a new one. */
  async requireCollection(
    database: string,
    name: string,
    create: () => CollectionConfig,
  ): Promise<{ readonly engine: CollectionEngine; readonly isNew: boolean }> {
    await this.#checkDatabase(database);
    checkName(name, "collection");
    let isNew = false;
    const engine = await this.#engine(database, name, async (folder) => {
      const options = this.#engineOptions(database, name, folder);
      if (await this.#isThere(database, folder)) {
        return CollectionEngine.open(await this.#openStore(database, folder), options);
      }
      if (this.isReadOnly) throw collectionNotFound(database, name);
      await this.#checkCollectionQuota(database);
      isNew = true;
      const store = await CollectionStore.create(this.#fs, folder, create(), {
        assertMayWrite: () => this.#lock!.assertHeld(),
      });
      return CollectionEngine.create(store, options);
    });
    return { engine, isNew };
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

  async #engine(
    database: string,
    name: string,
    open: (folder: string) => Promise<CollectionEngine>,
  ): Promise<CollectionEngine> {
    const folder = this.#folders.collection(database, name);
    const present = await this.#engines.get(folder)?.catch(() => null);
    if (present && !present.isClosed) return present;
    // Whoever came first while this call waited has begun to open it already.
    const opening = this.#engines.get(folder);
    if (opening !== undefined && !(await isStale(opening))) return opening;
    const fresh = open(folder);
    this.#engines.set(folder, fresh);
    fresh.catch(() => {
      if (this.#engines.get(folder) === fresh) this.#engines.delete(folder);
    });
    return fresh;
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
    const folder = this.#folders.collection(database, name);
    const opening = this.#engines.get(folder);
    this.#engines.delete(folder);
    await opening?.then((engine) => engine.abandon()).catch(ignoreFailedOpen);
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
    return snapshotCollection(this.#snapshotRoot(), database, name, path, options);
  }

  /** Takes a snapshot of a database: of all its collections at one moment. */
  async snapshotDatabase(database: string, path: string, options: SnapshotOptions): Promise<CopiedRows> {
    await this.#checkDatabase(database);
    return snapshotDatabase(this.#snapshotRoot(), database, path, options);
  }

  #snapshotRoot(): SnapshotRoot {
    return {
      fs: this.#fs,
      outside: this.outside,
      isWriter: !this.isReadOnly,
      collectionFolder: (database, name) => this.#folders.collection(database, name),
      collectionNames: (database) => this.collectionNames(database),
      openEngine: async (database, name) => {
        const engine = await this.#engines.get(this.#folders.collection(database, name))?.catch(() => null);
        return engine && !engine.isClosed ? engine : null;
      },
    };
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
    const folder = `${this.#folders.database(database)}/${stagedName()}`;
    const { staged, rows, bytes } = await stage(this.#fs, folder);
    await this.adopt(database, name, staged, overwrite);
    return { rows, bytes };
  }

  /** Gives a staged collection a name, at once. It is gone, or has the name, when the call ends. */
  async adopt(database: string, name: string, staged: StagedCollection, overwrite: boolean): Promise<void> {
    const folder = this.#folders.collection(database, name);
    try {
      for (;;) {
        await this.#checkFree(database, name, overwrite);
        const opening = this.#engines.get(folder);
        const engine = await opening?.catch(() => null);
        if (engine && !engine.isClosed) return await engine.replaceBy(staged);
        // Whoever came first while this call waited has begun to open it already.
        if (this.#engines.get(folder) !== opening) continue;
        const fresh = this.#adoptAndOpen(database, name, staged);
        this.#engines.set(folder, fresh);
        fresh.catch(() => {
          if (this.#engines.get(folder) === fresh) this.#engines.delete(folder);
        });
        await fresh;
        return;
      }
    } finally {
      await this.#fs.removeFolder(staged.folder).catch(() => {});
    }
  }

  async #adoptAndOpen(database: string, name: string, staged: StagedCollection): Promise<CollectionEngine> {
    const folder = this.#folders.collection(database, name);
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

  /** Makes a database of a snapshot, at once. What is open of the one that it replaces is closed. */
  async restoreDatabase(name: string, path: string, options: RestoreOptions): Promise<CopiedRows> {
    this.#checkWritable();
    await this.#checkNameFree(name, options.overwrite);
    await this.#lock!.assertHeld();
    const folder = `${this.#folder}/${stagedName()}`;
    const copied = await stageDatabase({ fs: this.#fs, outside: this.outside }, path, folder, options.signal);
    try {
      await this.#checkNameFree(name, options.overwrite);
      await this.#lock!.assertHeld();
      if (await this.hasDatabase(name)) {
        this.#replacements.set(name, { folder, isNoted: false, running: null });
        await this.#finishReplacement(name);
      } else {
        await this.#fs.rename(folder, this.#folders.database(name));
        await this.#fs.syncFolder(this.#folder);
      }
      return copied;
    } catch (error) {
      // Once the note is there the new database counts: it gets its place when it is asked for, or the root is opened again.
      if ((await replacedBy(this.#fs, folder).catch(() => name)) === null) {
        this.#replacements.delete(name);
        await this.#fs.removeFolder(folder);
      }
      throw error;
    }
  }

  /** Puts a restored database into its place, where that has not been done; nothing is read or written there meanwhile. */
  async #finishReplacement(name: string): Promise<void> {
    const replacement = this.#replacements.get(name);
    if (replacement === undefined) return;
    replacement.running ??= this.#replace(name, replacement).finally(() => {
      replacement.running = null;
    });
    await replacement.running;
  }

  async #replace(name: string, replacement: Replacement): Promise<void> {
    const { folder } = replacement;
    await this.#lock!.assertHeld();
    if (!replacement.isNoted) await beginReplacement(this.#fs, folder, name);
    replacement.isNoted = true;
    await this.#abandonAll(name);
    await finishReplacement(this.#fs, this.#folder, folder, name);
    // What was opened meanwhile has files that are gone.
    await this.#abandonAll(name);
    this.#replacements.delete(name);
  }

  async #checkNameFree(name: string, overwrite: boolean): Promise<void> {
    if (await this.hasDatabase(name)) {
      if (overwrite) return;
      throw new LynseError(
        "TARGET_EXISTS",
        `database ${JSON.stringify(name)} exists; use another name, or give overwrite: true to replace it`,
        { database: name },
      );
    }
    if (!(await this.#fs.exists(this.#folders.database(name)))) return;
    if (await this.#folders.freeName(name)) return;
    const text = `${this.#folders.database(name)} is a folder, but no database; use another name, or move it away`;
    throw new LynseError("TARGET_EXISTS", text, { database: name });
  }

  /** Closes every collection and gives the lock back. The first error is thrown, after everything was tried. */
  async close(): Promise<void> {
    if (this.#isClosed) return;
    this.#isClosed = true;
    const failures: unknown[] = [];
    for (const opening of this.#engines.values()) {
      const engine = await opening.catch(() => null);
      await engine?.close().catch((error: unknown) => failures.push(error));
    }
    this.#engines.clear();
    await this.#options.pool?.close?.().catch((error: unknown) => failures.push(error));
    await this.#lock?.release().catch((error: unknown) => failures.push(error));
    if (failures.length > 0) throw failures[0];
  }

  async #checkDatabase(name: string): Promise<void> {
    if (await this.hasDatabase(name)) return;
    throw new LynseError(
      "DATABASE_NOT_FOUND",
      `there is no database ${JSON.stringify(name)}; create it with createDatabase(${JSON.stringify(name)})`,
      { database: name },
    );
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

async function isStale(opening: Promise<CollectionEngine>): Promise<boolean> {
  const engine = await opening.catch(() => null);
  return engine === null || engine.isClosed;
}

function ignoreFailedOpen(error: unknown): void {
  // A collection that could not be opened has nothing to close; only defects of ours go on.
  assert(!isLynseError(error, "INTERNAL"), "dropping a collection meets no defect");
}

function collectionNotFound(database: string, name: string): LynseError {
  return new LynseError(
    "COLLECTION_NOT_FOUND",
    `there is no collection ${JSON.stringify(name)} in database ${JSON.stringify(database)}; ` +
      `create it with requireCollection(${JSON.stringify(name)}, { dim })`,
    { database, collection: name },
  );
}
