/**
 * What does a client need of the place where its databases are?
 *
 * Implemented by a folder or memory, and by a server.
 */
import type { Database } from "./database.js";

export interface ClientRoot {
  createDatabase(name: string, dropIfExists: boolean): Promise<void>;
  /** The database of that name, there or not. */
  database(name: string): Database;
  /** Sorted. */
  databaseNames(): Promise<readonly string[]>;
  hasDatabase(name: string): Promise<boolean>;
  dropDatabase(name: string): Promise<void>;
  /** Commits and releases everything. */
  close(): Promise<void>;
}
