/**
 * How are a root's own files, its databases' and its collections mended?
 *
 * Under the writer lock, so that nobody else writes meanwhile; a dry run takes none.
 */
import { isLynseError, LynseError } from "../../errors.js";
import type { KernelPool } from "../../kernel/kernel-pool.js";
import { readDatabaseFile, writeDatabaseFile } from "../../storage/database-file.js";
import type { FileSystem } from "../../storage/file-system.js";
import { openRoot } from "../../storage/root-file.js";
import { readSealedJson } from "../../storage/sealed-json.js";
import { acquireWriterLock } from "../../storage/writer-lock.js";
import { assertFound, type CollectionRepair, type RepairOptions, repairCollection } from "./repair-collection.js";

export interface RepairTarget {
  /** Null: all. */
  readonly database: string | null;
  /** Null: all. */
  readonly collection: string | null;
}

export interface RootRepair {
  readonly root: string;
  /** What is, or would be, done to files of the root and of databases. */
  readonly steps: readonly string[];
  readonly collections: readonly CollectionRepair[];
}

const isName = /^[A-Za-z0-9._-]{1,128}$/;

export async function repairRoot(
  fs: FileSystem,
  root: string,
  target: RepairTarget,
  pool: KernelPool,
  options: RepairOptions,
): Promise<RootRepair> {
  if (!(await fs.exists(root))) {
    throw new LynseError("DATABASE_NOT_FOUND", `there is no database directory at ${root}`, { root });
  }
  if (options.isDryRun) return new RootRepairer(fs, root, target, pool, options).run();
  const lock = await acquireWriterLock(fs, root);
  try {
    const held = {
      ...options,
      confirm: async (plan: CollectionRepair) => {
        const isWanted = await options.confirm(plan);
        // The question may have waited for long.
        await lock.assertHeld();
        return isWanted;
      },
    };
    return await new RootRepairer(fs, root, target, pool, held).run();
  } finally {
    await lock.release();
  }
}

class RootRepairer {
  readonly #fs: FileSystem;
  readonly #root: string;
  readonly #target: RepairTarget;
  readonly #pool: KernelPool;
  readonly #options: RepairOptions;
  readonly #steps: string[] = [];
  readonly #collections: CollectionRepair[] = [];

  constructor(fs: FileSystem, root: string, target: RepairTarget, pool: KernelPool, options: RepairOptions) {
    this.#fs = fs;
    this.#root = root;
    this.#target = target;
    this.#pool = pool;
    this.#options = options;
  }

  async run(): Promise<RootRepair> {
    const { database, collection } = this.#target;
    const folders = await this.#databaseFolders();
    if (database !== null && !folders.includes(database)) {
      throw new LynseError("DATABASE_NOT_FOUND", `there is no database ${JSON.stringify(database)}`, { database });
    }
    await this.#mendRootFile(folders.length > 0);
    for (const name of folders) {
      if (database !== null && database !== name) continue;
      if (await this.#mendDatabaseFile(name)) await this.#repairCollections(name);
    }
    if (database !== null) assertFound(this.#collections, database, collection);
    return { root: this.#root, steps: this.#steps, collections: this.#collections };
  }

  /** Folders of databases, those without their file included where they hold collections. */
  async #databaseFolders(): Promise<string[]> {
    const found: string[] = [];
    for (const { name, isFolder } of await this.#fs.list(this.#root)) {
      if (!isFolder || !isName.test(name)) continue;
      const path = `${this.#root}/${name}`;
      const isOne = await this.#fs.exists(`${path}/database.json`);
      if (isOne || (await this.#collectionNames(path)).length > 0) found.push(name);
    }
    return found;
  }

  async #collectionNames(path: string): Promise<string[]> {
    const names: string[] = [];
    for (const { name, isFolder } of await this.#fs.list(path)) {
      if (!isFolder || !isName.test(name)) continue;
      const inner = await this.#fs.list(`${path}/${name}`);
      if (inner.some((each) => each.name === "snapshot.json")) continue;
      if (inner.some((each) => each.name === "manifest.json") || (await this.#hasLog(`${path}/${name}`, inner))) {
        names.push(name);
      }
    }
    return names;
  }

  /** A log with frames: the manifest was lost, not removed by a drop that a crash ended. */
  async #hasLog(path: string, inner: readonly { readonly name: string }[]): Promise<boolean> {
    for (const { name } of inner) {
      if (!/^g\d+$/.test(name)) continue;
      const log = `${path}/${name}/log-000001.lynse`;
      if (!(await this.#fs.exists(log))) continue;
      const handle = await this.#fs.open(log, "read");
      const bytes = await handle.size().finally(() => handle.close());
      if (bytes > 64) return true;
    }
    return false;
  }

  async #mendRootFile(hasDatabases: boolean): Promise<void> {
    const file = `${this.#root}/lynse.json`;
    let isGood = false;
    try {
      isGood = (await readSealedJson(this.#fs, file, "lynsedb root")) !== null;
    } catch (error) {
      if (!isLynseError(error, "CORRUPT")) throw error;
    }
    if (isGood) return;
    if (!hasDatabases) {
      throw new LynseError("DATABASE_NOT_FOUND", `there is no database directory at ${this.#root}`, {
        root: this.#root,
      });
    }
    this.#steps.push(`write ${file} again`);
    if (this.#options.isDryRun) return;
    // A missing one is created by whoever opens the root next, so a crash between the two does no harm.
    await this.#fs.remove(file);
    await openRoot(this.#fs, this.#root, { isReadOnly: false });
  }

  /** False where the database was dropped. */
  async #mendDatabaseFile(name: string): Promise<boolean> {
    const path = `${this.#root}/${name}`;
    const file = `${path}/database.json`;
    let isGood = false;
    try {
      isGood = (await readSealedJson(this.#fs, file, "lynsedb database")) !== null;
    } catch (error) {
      if (!isLynseError(error, "CORRUPT")) throw error;
    }
    if (isGood) return (await readDatabaseFile(this.#fs, path)) === "live";
    this.#steps.push(`write ${file} again`);
    if (!this.#options.isDryRun) await writeDatabaseFile(this.#fs, path, "live");
    return true;
  }

  async #repairCollections(database: string): Promise<void> {
    const path = `${this.#root}/${database}`;
    for (const collection of await this.#collectionNames(path)) {
      if (this.#target.collection !== null && this.#target.collection !== collection) continue;
      const place = { fs: this.#fs, folder: `${path}/${collection}`, database, collection, pool: this.#pool };
      this.#collections.push(await repairCollection(place, this.#options));
    }
  }
}
