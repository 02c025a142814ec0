/**
 * What does a client need of the place where its databases are?
 *
 * Implemented by a folder or memory, and by a server.
 */
import type { CopyResult, RestoreOptions, SnapshotOptions } from "./collection.js";
import type { Database } from "./database.js";

export interface ClientRoot {
  createDatabase(name: string, dropIfExists: boolean): Promise<void>;
  /** The database of that name, there or not. */
  database(name: string): Database;
  /** Sorted. */
  databaseNames(): Promise<readonly string[]>;
  hasDatabase(name: string): Promise<boolean>;
  dropDatabase(name: string): Promise<void>;
  snapshotDatabase(name: string, path: string, options: SnapshotOptions | undefined): Promise<CopyResult>;
  restoreDatabase(name: string, path: string, options: RestoreOptions | undefined): Promise<CopyResult>;
  /** Commits and releases everything. */
  close(): Promise<void>;
}
