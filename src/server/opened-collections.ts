/**
 * Which collections does the server have open?
 *
 * Those that a request has asked for: they stay open until they are dropped, or the server stops.
 */
import type { VectorDBClient } from "../client/vector-db-client.js";

export class OpenedCollections {
  readonly #client: VectorDBClient;
  /** Names of collections by database. */
  readonly #names = new Map<string, Set<string>>();

  constructor(client: VectorDBClient) {
    this.#client = client;
  }

  /** Notes a collection that was opened. */
  add(databaseName: string, collectionName: string): void {
    const names = this.#names.get(databaseName);
    if (names === undefined) this.#names.set(databaseName, new Set([collectionName]));
    else names.add(collectionName);
  }

  /** Counts what is open, and forgets what was dropped. */
  async count(): Promise<{ readonly databases: number; readonly collections: number }> {
    let collections = 0;
    for (const [databaseName, names] of this.#names) {
      const database = await this.#client.getDatabase(databaseName).catch(() => null);
      for (const name of names) {
        if ((await database?.hasCollection(name).catch(() => false)) !== true) names.delete(name);
      }
      if (names.size === 0) this.#names.delete(databaseName);
      collections += names.size;
    }
    return { databases: this.#names.size, collections };
  }
}
