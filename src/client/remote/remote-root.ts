/**
 * How does a client reach the databases of a server?
 */
import { checkName } from "../../storage/names.js";
import type { ClientRoot } from "../client-root.js";
import type { CopyResult, RestoreOptions, SnapshotOptions } from "../collection.js";
import type { Database } from "../database.js";
import { restoreDatabaseFrom, snapshotOfDatabase } from "./copy-requests.js";
import { RemoteDatabase } from "./remote-database.js";
import type { RemoteSettings } from "./remote-options.js";
import { RemoteStates } from "./remote-states.js";
import { RemoteTransport } from "./remote-transport.js";

export class RemoteRoot implements ClientRoot {
  readonly #transport: RemoteTransport;
  readonly #states: RemoteStates;

  /** Does no I/O. */
  constructor(settings: RemoteSettings) {
    this.#transport = new RemoteTransport(settings);
    this.#states = new RemoteStates(this.#transport);
  }

  async createDatabase(name: string, dropIfExists: boolean): Promise<void> {
    checkName(name, "database");
    this.#transport.checkWritable();
    const body = { database_name: name, drop_if_exists: dropIfExists };
    await this.#transport.post("/create_database", body, { kind: "write" });
    if (dropIfExists) this.#states.endDatabase(name);
  }

  database(name: string): Database {
    return new RemoteDatabase(name, this.#states);
  }

  async databaseNames(): Promise<readonly string[]> {
    const { databases } = await this.#transport.get("/list_databases");
    return databases as string[];
  }

  async hasDatabase(name: string): Promise<boolean> {
    checkName(name, "database");
    const { exists } = await this.#transport.post("/database_exists", { database_name: name }, { kind: "read" });
    return exists === true;
  }

  async dropDatabase(name: string): Promise<void> {
    checkName(name, "database");
    this.#transport.checkWritable();
    await this.#transport.post("/drop_database", { database_name: name }, { kind: "write" });
    this.#states.endDatabase(name);
  }

  async snapshotDatabase(name: string, path: string, options: SnapshotOptions | undefined): Promise<CopyResult> {
    checkName(name, "database");
    return snapshotOfDatabase(this.#states, name, path, options);
  }

  async restoreDatabase(name: string, path: string, options: RestoreOptions | undefined): Promise<CopyResult> {
    checkName(name, "database");
    return restoreDatabaseFrom(this.#states, name, path, options);
  }

  /** Commits what is pending; afterwards nothing works any more. */
  async close(): Promise<void> {
    try {
      await this.#states.commitAll();
    } finally {
      this.#transport.close();
    }
  }
}
