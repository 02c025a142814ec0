/**
 * @zvec/zvec with a sparse vector column and its FLAT index, which is exact.
 *
 * Its HNSW index over sparse vectors took 21 s for 20,000 rows and found 0.97 of the nearest at every `ef`, at half
 * the time a query of FLAT.
 */
import type { Hits } from "../engine.js";
import type { SparseMaker, SparseRow, SparseStore } from "../sparse-store.js";

type SparseObject = Readonly<Record<number, number>>;

export interface ZvecSparseCollection {
  insertSync(docs: readonly object[]): readonly { readonly ok: boolean; readonly message: string }[];
  querySync(query: {
    readonly fieldName: string;
    readonly vector: SparseObject;
    readonly topk: number;
    readonly outputFields: readonly string[];
  }): readonly { readonly id: string }[];
  optimizeSync(): void;
  closeSync(): void;
}

function objectOf({ indices, values }: SparseRow): SparseObject {
  const made: Record<number, number> = {};
  for (let place = 0; place < indices.length; place += 1) made[indices[place]!] = values[place]!;
  return made;
}

class ZvecSparseStore implements SparseStore {
  readonly #collection: ZvecSparseCollection;

  constructor(collection: ZvecSparseCollection) {
    this.#collection = collection;
  }

  insert(firstId: number, rows: readonly SparseRow[]): void {
    const docs = rows.map((row, place) => ({
      id: String(firstId + place),
      vectors: { sparse: objectOf(row) },
      fields: { row: firstId + place },
    }));
    for (const status of this.#collection.insertSync(docs)) if (!status.ok) throw new Error(status.message);
  }

  settle(): void {
    this.#collection.optimizeSync();
  }

  search(query: SparseRow, k: number): () => Hits {
    const asked = { fieldName: "sparse", vector: objectOf(query), topk: k, outputFields: [] };
    return () => this.#collection.querySync(asked).map(({ id }) => Number(id));
  }

  close(): void {
    this.#collection.closeSync();
  }
}

export function zvecSparse(create: (directory: string) => ZvecSparseCollection): SparseMaker {
  return { create: (directory: string): SparseStore => new ZvecSparseStore(create(directory)) };
}
