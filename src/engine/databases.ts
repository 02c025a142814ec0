/**
 * Which databases are in a root folder, and how does one take the place of another?
 *
 * A database is a folder with an intact `database.json`. It is created and dropped by one atomic step on that file, and
 * replaced by a note in the folder that takes its place, so that a crash leaves either state. Collections are another's
 * matter: what is open of a database is ended before its files go.
 */
import { LynseError } from "../errors.js";
import { writeDatabaseFile } from "../storage/database-file.js";
import type { FileSystem } from "../storage/file-system.js";
import { checkName } from "../storage/names.js";
import type { WriterLock } from "../storage/writer-lock.js";
import { DatabaseFolders } from "./database-folders.js";
import { checkQuota, type Quotas } from "./quotas.js";
import { beginReplacement, finishReplacement, replacedBy } from "./replace-database.js";
import { type CopiedRows, stageDatabase, stagedName } from "./snapshots.js";

export interface RestoreOptions {
  /** Replace what has the name. */
  readonly overwrite: boolean;
  readonly signal: AbortSignal | undefined;
}

interface DatabasesOptions {
  readonly fs: FileSystem;
  /** Where snapshots are read from. */
  readonly outside: FileSystem;
  /** The root folder. */
  readonly folder: string;
  /** Null in a reader. */
  readonly lock: WriterLock | null;
  readonly quotas: Quotas;
  /** Ends what is open of a database whose files are about to go, or have gone. */
  readonly abandonAll: (folder: string) => Promise<void>;
}

/** A restored database that counts, but is not in its place yet. */
interface Replacement {
  readonly folder: string;
  /** The note that says so is durable. */
  isNoted: boolean;
  running: Promise<void> | null;
}

export class Databases {
  /** Where they lie. */
  readonly folders: DatabaseFolders;
  readonly #options: DatabasesOptions;
  readonly #fs: FileSystem;
  readonly #isReadOnly: boolean;
  /** Databases known to be there, for as long as this process is the only writer. */
  readonly #live = new Set<string>();
  /** Databases that were restored over, but have not got their place yet. */
  readonly #replacements = new Map<string, Replacement>();

  constructor(options: DatabasesOptions) {
    this.#options = options;
    this.#fs = options.fs;
    this.folders = new DatabaseFolders(options.fs, options.folder);
    this.#isReadOnly = options.lock === null;
  }

  /** Names of the databases, sorted. */
  async names(): Promise<readonly string[]> {
    for (const name of [...this.#replacements.keys()]) await this.#finishReplacement(name);
    const names = await this.folders.names("live");
    return this.#isReadOnly ? [...new Set([...names, ...(await this.folders.replacedNames())])].sort() : names;
  }

  async has(name: string): Promise<boolean> {
    checkName(name, "database");
    await this.#finishReplacement(name);
    if (this.#live.has(name)) return true;
    const isLive = (await this.folders.stateOf(name, this.#isReadOnly)) === "live";
    // While this process holds the lock nobody else drops a database.
    if (isLive && !this.#isReadOnly) this.#live.add(name);
    return isLive;
  }

  async create(name: string, dropIfExists: boolean): Promise<void> {
    if (await this.has(name)) {
      if (!dropIfExists) return;
      await this.drop(name);
    }
    if (this.#options.quotas.databasesMax !== undefined) {
      checkQuota(this.#options.quotas, "databasesMax", (await this.names()).length + 1, "the number of databases");
    }
    await this.#options.lock!.assertHeld();
    // A drop that failed half-way goes on first: what it left must not come back in the new database.
    if ((await this.folders.stateOf(name, false)) === "dropped") await this.folders.remove(name);
    const folder = this.folders.database(name);
    await this.#fs.makeFolder(folder);
    await writeDatabaseFile(this.#fs, folder, "live");
  }

  /** Removes a database; resolves also when it is missing. */
  async drop(name: string): Promise<void> {
    if (!(await this.has(name))) return;
    await this.#options.lock!.assertHeld();
    const folder = this.folders.database(name);
    this.#live.delete(name);
    try {
      await writeDatabaseFile(this.#fs, folder, "dropped");
    } catch (error) {
      // Where the mark is there all the same, nothing more may be committed to what goes with it.
      const state = await this.folders.stateOf(name, false).catch(() => null);
      if (state !== "live") await this.#options.abandonAll(folder);
      throw error;
    }
    await this.#options.abandonAll(folder);
    await this.folders.remove(name);
  }

  /** `DATABASE_NOT_FOUND` where it is missing. */
  async check(name: string): Promise<void> {
    if (await this.has(name)) return;
    throw new LynseError(
      "DATABASE_NOT_FOUND",
      `there is no database ${JSON.stringify(name)}; create it with createDatabase(${JSON.stringify(name)})`,
      { database: name },
    );
  }

  /** Makes a database of a snapshot, at once. What is open of the one that it replaces is closed. */
  async restore(name: string, path: string, options: RestoreOptions): Promise<CopiedRows> {
    await this.#checkNameFree(name, options.overwrite);
    await this.#options.lock!.assertHeld();
    const folder = `${this.#options.folder}/${stagedName()}`;
    const copied = await stageDatabase({ fs: this.#fs, outside: this.#options.outside }, path, folder, options.signal);
    try {
      await this.#checkNameFree(name, options.overwrite);
      await this.#options.lock!.assertHeld();
      if (await this.has(name)) {
        this.#replacements.set(name, { folder, isNoted: false, running: null });
        await this.#finishReplacement(name);
      } else {
        await this.#fs.rename(folder, this.folders.database(name));
        await this.#fs.syncFolder(this.#options.folder);
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
    await this.#options.lock!.assertHeld();
    if (!replacement.isNoted) await beginReplacement(this.#fs, folder, name);
    replacement.isNoted = true;
    await this.#options.abandonAll(this.folders.database(name));
    await finishReplacement(this.#fs, this.#options.folder, folder, name);
    // What was opened meanwhile has files that are gone.
    await this.#options.abandonAll(this.folders.database(name));
    this.#replacements.delete(name);
  }

  async #checkNameFree(name: string, overwrite: boolean): Promise<void> {
    if (await this.has(name)) {
      if (overwrite) return;
      throw new LynseError(
        "TARGET_EXISTS",
        `database ${JSON.stringify(name)} exists; use another name, or give overwrite: true to replace it`,
        { database: name },
      );
    }
    if (!(await this.#fs.exists(this.folders.database(name)))) return;
    if (await this.folders.freeName(name)) return;
    const text = `${this.folders.database(name)} is a folder, but no database; use another name, or move it away`;
    throw new LynseError("TARGET_EXISTS", text, { database: name });
  }
}
