/**
 * lynsedb itself, through its public interface, from a built package directory.
 *
 * A batch is one `add`, committed and synced when it resolves. `settle` is a checkpoint, which only makes the next open
 * faster. Searches say `exact: true`, so that no index made later changes what is measured.
 */
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import type { Engine, Hits, LoadedEngine, RowBatch, RowFilter, Store, StoreShape } from "../engine.js";
import { type LynseIndexedCollection, type LynseRows, lynseIndexes, lynseVariants } from "./lynsedb-index.js";
import { type LynseSparseCollection, lynseSparse } from "./lynsedb-sparse.js";
import { type LynseTextCollection, lynseText } from "./lynsedb-text.js";

interface View {
  readonly ids: ArrayLike<number>;
}

interface SearchOptions {
  readonly k: number;
  readonly exact?: true;
  readonly nprobe?: number;
  readonly where?: string;
  readonly params?: Readonly<Record<string, string>>;
}

interface Matrix {
  readonly data: Float32Array;
  readonly dim: number;
}

interface LynseCollection extends LynseIndexedCollection, LynseTextCollection, LynseSparseCollection {
  add(rows: { ids: readonly number[]; vectors: Matrix; fields: readonly object[] }): Promise<unknown>;
  checkpoint(): Promise<void>;
  search(query: Float32Array, options: SearchOptions): Promise<View>;
  batchSearch(queries: Matrix, options: SearchOptions): Promise<readonly View[]>;
}

interface LynseDatabase {
  requireCollection(name: string, options: { readonly dim: number }): Promise<LynseCollection>;
  getCollection(name: string): Promise<LynseCollection>;
}

interface LynseClient {
  createDatabase(name: string): Promise<LynseDatabase>;
  getDatabase(name: string): Promise<LynseDatabase>;
  close(): Promise<void>;
}

interface LynseModule {
  readonly VectorDBClient: new (uri: string) => LynseClient;
}

class LynseStore implements Store, LynseRows {
  readonly collection: LynseCollection;
  readonly #client: LynseClient;
  readonly #dim: number;

  constructor(client: LynseClient, collection: LynseCollection, dim: number) {
    this.#client = client;
    this.collection = collection;
    this.#dim = dim;
  }

  async insert(batch: RowBatch): Promise<void> {
    const ids = Array.from({ length: batch.count }, (_, row) => batch.firstId + row);
    await this.collection.add({ ids, vectors: { data: batch.vectors, dim: this.#dim }, fields: batch.fields });
  }

  settle(): Promise<void> {
    return this.collection.checkpoint();
  }

  async search(query: Float32Array, k: number): Promise<Hits> {
    return (await this.collection.search(query, { k, exact: true })).ids;
  }

  async searchFiltered(query: Float32Array, k: number, filter: RowFilter): Promise<Hits> {
    const where = `${filter.field} = :value`;
    return (await this.collection.search(query, { k, exact: true, where, params: { value: filter.value } })).ids;
  }

  async searchBatch(queries: Float32Array, k: number): Promise<Hits[]> {
    const views = await this.collection.batchSearch({ data: queries, dim: this.#dim }, { k, exact: true });
    return views.map((view) => view.ids);
  }

  close(): Promise<void> {
    return this.#client.close();
  }
}

/** Version in the manifest of the package that a `dist` directory belongs to. */
export function lynseVersion(packageDirectory: string): string {
  const manifest = readFileSync(join(packageDirectory, "..", "package.json"), "utf8");
  return (JSON.parse(manifest) as { version: string }).version;
}

export const lynsedbEngine: Engine = {
  id: "lynsedb",
  role: "ours",
  method: "certified int8 scan, float64 rescoring",
  durability: "fsync at every commit",
  keepsFields: true,
  cannot: {},
  variants: lynseVariants,
  async load(packageDirectory: string): Promise<LoadedEngine> {
    const entry = pathToFileURL(join(packageDirectory, "index.js")).href;
    const { VectorDBClient } = (await import(entry)) as LynseModule;
    const createOf = async (directory: string, dim: number): Promise<LynseStore> => {
      const client = new VectorDBClient(join(directory, "data"));
      const database = await client.createDatabase("bench");
      return new LynseStore(client, await database.requireCollection("items", { dim }), dim);
    };
    const create = (directory: string, shape: StoreShape): Promise<LynseStore> => createOf(directory, shape.dim);
    const open = async (directory: string, shape: StoreShape): Promise<LynseStore> => {
      const client = new VectorDBClient(join(directory, "data"));
      const database = await client.getDatabase("bench");
      return new LynseStore(client, await database.getCollection("items"), shape.dim);
    };
    return {
      version: lynseVersion(packageDirectory),
      create,
      open,
      indexes: lynseIndexes({ create, open }),
      text: lynseText({ create, open }),
      sparse: lynseSparse(createOf),
    };
  },
};
