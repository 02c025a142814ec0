/**
 * What is in a directory of databases?
 *
 * `lynse.json` says that it is one, and of which format; each folder in it with a valid name is a database, each folder in
 * that with a manifest a collection. Anything else is not ours and is left alone. A writable root holds the writer lock.
 */
import { LynseError } from "../errors.js";
import { CollectionStore } from "./collection-store.js";
import type { FileSystem } from "./file-system.js";
import { checkName, isName } from "./names.js";
import { parentFolder, replaceFile } from "./replace-file.js";
import { decodeSealedJson, encodeSealedJson, sealedBytesMax } from "./sealed-json.js";
import { acquireWriterLock, type WriterLock } from "./writer-lock.js";

const format = "lynsedb root";

export class DatabaseRoot {
  readonly fs: FileSystem;
  readonly path: string;
  readonly #lock: WriterLock | null;

  private constructor(fs: FileSystem, path: string, lock: WriterLock | null) {
    this.fs = fs;
    this.path = path;
    this.#lock = lock;
  }

  /**
   * Opens a root. Writable: creates it where it is missing and takes the writer lock (`LOCKED`). Read-only: writes
   * nothing; `DATABASE_NOT_FOUND` where there is none. `FORMAT_TOO_NEW`, `CORRUPT`.
   */
  static async open(fs: FileSystem, path: string, options: { readonly isReadOnly: boolean }): Promise<DatabaseRoot> {
    if (options.isReadOnly) {
      if (!(await verifyRoot(fs, path))) {
        throw new LynseError("DATABASE_NOT_FOUND", `there is no database directory at ${path}; open it writable once`, {
          root: path,
        });
      }
      return new DatabaseRoot(fs, path, null);
    }
    const lock = await acquireWriterLock(fs, path);
    try {
      if (!(await verifyRoot(fs, path))) {
        const bytes = encodeSealedJson(fs, format, { createdAt: new Date().toISOString() });
        await replaceFile(fs, rootFile(path), bytes);
        await fs.syncFolder(parentFolder(path));
      }
    } catch (error) {
      await lock.release();
      throw error;
    }
    return new DatabaseRoot(fs, path, lock);
  }

  /** For `StoreOptions.assertMayWrite`: throws when this process may not write any more. */
  async assertMayWrite(): Promise<void> {
    if (this.#lock === null) {
      throw new LynseError("READ_ONLY", "the database was opened read-only; open it without readOnly to write", {});
    }
    await this.#lock.assertHeld();
  }

  /** Folder of a database; `INVALID_ARGUMENT` for a text that cannot be a name. */
  databaseFolder(database: string): string {
    checkName("database", database);
    return `${this.path}/${database}`;
  }

  /** Folder of a collection. */
  collectionFolder(database: string, collection: string): string {
    checkName("collection", collection);
    return `${this.databaseFolder(database)}/${collection}`;
  }

  /** Names of the databases, sorted. */
  async listDatabases(): Promise<string[]> {
    const entries = await this.fs.list(this.path);
    return entries.filter(({ name, isFolder }) => isFolder && isName(name)).map(({ name }) => name);
  }

  hasDatabase(database: string): Promise<boolean> {
    return this.fs.exists(this.databaseFolder(database));
  }

  /** Creates a database, durably; resolves also when it exists. */
  async createDatabase(database: string): Promise<void> {
    await this.assertMayWrite();
    await this.fs.makeFolder(this.databaseFolder(database));
    await this.fs.syncFolder(this.path);
  }

  /** Removes a database with its collections, which must be closed; resolves also when it is missing. */
  async dropDatabase(database: string): Promise<void> {
    await this.assertMayWrite();
    const folder = this.databaseFolder(database);
    for (const collection of await this.listCollections(database)) {
      await CollectionStore.remove(this.fs, `${folder}/${collection}`);
    }
    await this.fs.removeFolder(folder);
    await this.fs.syncFolder(this.path);
  }

  /** Names of a database's collections, sorted; none when the database is missing. */
  async listCollections(database: string): Promise<string[]> {
    const folder = this.databaseFolder(database);
    const names: string[] = [];
    for (const { name, isFolder } of await this.fs.list(folder)) {
      if (isFolder && isName(name) && (await CollectionStore.exists(this.fs, `${folder}/${name}`))) names.push(name);
    }
    return names;
  }

  /** Gives the writer lock back. */
  async close(): Promise<void> {
    await this.#lock?.release();
  }
}

function rootFile(path: string): string {
  return `${path}/lynse.json`;
}

/** Verifies the root's file; false when there is none. */
async function verifyRoot(fs: FileSystem, path: string): Promise<boolean> {
  const bytes = await fs.readFile(rootFile(path), sealedBytesMax);
  if (bytes === null) return false;
  decodeSealedJson(fs, bytes, format, rootFile(path));
  return true;
}
