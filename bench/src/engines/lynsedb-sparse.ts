/**
 * Our own sparse vectors, through the public interface: rows with a short dense vector, and `addSparseVectors` for
 * their ids in the same transaction; then `searchSparse`.
 */
import type { Hits } from "../engine.js";
import type { SparseMaker, SparseRow, SparseStore } from "../sparse-store.js";

const denseDim = 2;

interface SparseWriter {
  add(rows: {
    ids: readonly number[];
    vectors: { readonly data: Float32Array; readonly dim: number };
  }): Promise<unknown>;
  addSparseVectors(vectors: readonly SparseRow[], ids: readonly number[]): Promise<unknown>;
}

/** A collection, as far as sparse vectors are concerned. */
export interface LynseSparseCollection {
  insertSession(body: (session: SparseWriter) => Promise<void>): Promise<unknown>;
  searchSparse(query: SparseRow, options: { readonly k: number }): Promise<{ readonly ids: ArrayLike<number> }>;
  checkpoint(): Promise<void>;
}

class LynseSparseStore implements SparseStore {
  readonly #collection: LynseSparseCollection;
  readonly #close: () => Promise<void>;

  constructor(collection: LynseSparseCollection, close: () => Promise<void>) {
    this.#collection = collection;
    this.#close = close;
  }

  async insert(firstId: number, rows: readonly SparseRow[]): Promise<void> {
    const ids = rows.map((_, place) => firstId + place);
    const vectors = { data: new Float32Array(rows.length * denseDim).fill(1), dim: denseDim };
    await this.#collection.insertSession(async (session) => {
      await session.add({ ids, vectors });
      await session.addSparseVectors(rows, ids);
    });
  }

  settle(): Promise<void> {
    return this.#collection.checkpoint();
  }

  search(query: SparseRow, k: number): () => Promise<Hits> {
    return async () => (await this.#collection.searchSparse(query, { k })).ids;
  }

  close(): Promise<void> {
    return this.#close();
  }
}

export function lynseSparse(
  create: (directory: string, dim: number) => Promise<{ collection: LynseSparseCollection; close(): Promise<void> }>,
): SparseMaker {
  return {
    create: async (directory: string): Promise<SparseStore> => {
      const rows = await create(directory, denseDim);
      return new LynseSparseStore(rows.collection, () => rows.close());
    },
  };
}
