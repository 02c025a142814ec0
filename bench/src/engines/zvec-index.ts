/**
 * zvec's HNSW, IVF and DiskANN indexes.
 *
 * The kind of index is part of a collection's schema; inserts only buffer rows, and `optimizeSync` makes the index with
 * its own threads. Filters are a text, and the filter column has an inverted index.
 */
import { join } from "node:path";
import type { RowBatch, RowFilter, StoreShape } from "../engine.js";
import {
  clusterEfforts,
  clustersFor,
  graphBuild,
  graphEfforts,
  type IndexedStore,
  type IndexHits,
  type IndexMaker,
  type IndexVariant,
} from "../index-variant.js";

interface ZvecQuery {
  readonly fieldName: string;
  readonly vector: Float32Array;
  readonly topk: number;
  readonly outputFields: readonly string[];
  readonly filter?: string;
  readonly params: Readonly<Record<string, number | boolean>>;
}

/** A collection, as far as indexes are concerned. */
export interface ZvecIndexedCollection {
  optimizeSync(): void;
  querySync(query: ZvecQuery): readonly { readonly id: string }[];
}

/** A store for rows with a given index on its vectors. */
export interface ZvecRows {
  readonly collection: ZvecIndexedCollection;
  insert(batch: RowBatch): void;
  close(): void;
}

/** How the adapter for exact search makes such stores. */
export interface ZvecStores {
  readonly indexTypes: Readonly<Record<string, number>>;
  readonly innerProduct: number;
  create(path: string, shape: StoreShape, indexParams: Readonly<Record<string, number>>): ZvecRows;
  open(path: string, shape: StoreShape): ZvecRows;
}

const common = { canFilter: true, isBinary: false };

export const zvecVariants: readonly IndexVariant[] = [
  { id: "HNSW", family: "hnsw", knob: "ef", efforts: graphEfforts, method: "HNSW, float32", ...common },
  { id: "IVF", family: "ivf", knob: "nprobe", efforts: clusterEfforts, method: "IVF, float32", ...common },
  {
    id: "IVF_RABITQ",
    family: "ivf",
    knob: "nprobe",
    efforts: clusterEfforts,
    method: "IVF_RABITQ, 7 bits, with its refiner",
    ...common,
  },
  {
    id: "DISKANN",
    family: "diskann",
    knob: "list size",
    efforts: [10, 16, 24, 32, 48, 64, 96, 128],
    method: "DISKANN, degree 64",
    ...common,
  },
];

/** Name of the knob in a query's parameters. */
const knobNames: Readonly<Record<string, string>> = {
  HNSW: "ef",
  IVF: "nprobe",
  IVF_RABITQ: "nprobe",
  DISKANN: "listSize",
};

function indexParams(variant: string, stores: ZvecStores, rows: number): Readonly<Record<string, number>> {
  const common = { indexType: stores.indexTypes[variant]!, metricType: stores.innerProduct };
  if (variant === "HNSW") return { ...common, ...graphBuild };
  if (variant === "DISKANN") return { ...common, maxDegree: 64, listSize: 100 };
  return { ...common, nList: clustersFor(rows) };
}

class ZvecIndexedStore implements IndexedStore {
  readonly #rows: ZvecRows;
  readonly #indexType: number;
  readonly #knob: string;
  readonly #refines: boolean;

  constructor(rows: ZvecRows, indexType: number, variant: string) {
    this.#rows = rows;
    this.#indexType = indexType;
    this.#knob = knobNames[variant]!;
    this.#refines = variant === "IVF_RABITQ";
  }

  insert(batch: RowBatch): void {
    this.#rows.insert(batch);
  }

  build(): void {
    this.#rows.collection.optimizeSync();
  }

  #query(vector: Float32Array, k: number, effort: number): ZvecQuery {
    const refiner = this.#refines ? { isUsingRefiner: true } : {};
    const params = { indexType: this.#indexType, [this.#knob]: effort, ...refiner };
    return { fieldName: "embedding", vector, topk: k, outputFields: [], params };
  }

  search(query: Float32Array, k: number, effort: number): IndexHits {
    return this.#rows.collection.querySync(this.#query(query, k, effort)).map(idOf);
  }

  searchFiltered(query: Float32Array, k: number, effort: number, filter: RowFilter): IndexHits {
    const where = `${filter.field} = '${filter.value}'`;
    return this.#rows.collection.querySync({ ...this.#query(query, k, effort), filter: where }).map(idOf);
  }

  close(): void {
    this.#rows.close();
  }
}

const idOf = (doc: { readonly id: string }): number => Number(doc.id);

export function zvecIndexes(stores: ZvecStores): IndexMaker {
  const wrap = (variant: string, rows: ZvecRows): IndexedStore =>
    new ZvecIndexedStore(rows, stores.indexTypes[variant]!, variant);
  return {
    create: (variant: string, directory: string, shape: StoreShape): IndexedStore =>
      wrap(variant, stores.create(join(directory, "indexed"), shape, indexParams(variant, stores, shape.rowsMax))),
    open: (variant: string, directory: string, shape: StoreShape): IndexedStore =>
      wrap(variant, stores.open(join(directory, "indexed"), shape)),
  };
}
