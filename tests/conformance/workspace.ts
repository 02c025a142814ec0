/**
 * What does every test begin with?
 *
 * A fresh place, an open client and a database `app` on it; all closed and removed after the test.
 */
import { afterEach, beforeEach } from "vitest";
import type { Collection, CollectionOptions, Database, Fields, VectorDBClient } from "../../src/index.js";
import type { Mode, Place } from "./modes.js";

export interface Workspace {
  readonly place: Place;
  /** The present client: after `reopen`, the new one. */
  readonly client: VectorDBClient;
  readonly db: Database;
  /** A collection of database `app`; two components unless `options` say otherwise. */
  collection<F extends Fields = Fields>(name?: string, options?: CollectionOptions): Promise<Collection<F>>;
  /** Closes the client, opens another one on the same place, and gives the collection through it. */
  reopen<F extends Fields = Fields>(name?: string): Promise<Collection<F>>;
}

class OpenWorkspace implements Workspace {
  place!: Place;
  client!: VectorDBClient;
  db!: Database;
  readonly #mode: Mode;

  constructor(mode: Mode) {
    this.#mode = mode;
  }

  async begin(): Promise<void> {
    this.place = await this.#mode.newPlace();
    this.client = this.place.open();
    this.db = await this.client.createDatabase("app");
  }

  async end(): Promise<void> {
    await this.client.close();
    await this.place.remove();
  }

  collection<F extends Fields = Fields>(name = "docs", options: CollectionOptions = {}): Promise<Collection<F>> {
    return this.db.requireCollection<F>(name, { dim: 2, ...options });
  }

  async reopen<F extends Fields = Fields>(name = "docs"): Promise<Collection<F>> {
    await this.client.close();
    this.client = this.place.open();
    this.db = await this.client.getDatabase("app");
    return this.db.getCollection<F>(name);
  }
}

/** Gives each test of the surrounding `describe` a workspace of its own. */
export function useWorkspace(mode: Mode): Workspace {
  const workspace = new OpenWorkspace(mode);
  beforeEach(() => workspace.begin());
  afterEach(() => workspace.end());
  return workspace;
}
