/**
 * LanceDB's vector indexes.
 *
 * `createIndex` on a filled and optimized table, with its own threads. Its quantized indexes rank by approximate
 * distances; `refineFactor` reads that many times the rows wanted from the table and ranks them exactly, and is set to
 * what was fastest at equal recall here. Filters apply before the search.
 */
import type { RowBatch, RowFilter, StoreShape } from "../engine.js";
import {
  clusterEfforts,
  graphBuild,
  type IndexedStore,
  type IndexHits,
  type IndexMaker,
  type IndexVariant,
} from "../index-variant.js";

export interface LanceIndexQuery {
  where(predicate: string): LanceIndexQuery;
  nprobes(partitions: number): LanceIndexQuery;
  ef(candidates: number): LanceIndexQuery;
  refineFactor(factor: number): LanceIndexQuery;
  toArray(): Promise<readonly { readonly id: number }[]>;
}

/** An index's description, made and read by the package alone. */
export type LanceIndexConfig = Readonly<Record<string, unknown>>;

export interface LanceIndexFactory {
  hnswSq(options: object): LanceIndexConfig;
  ivfFlat(options: object): LanceIndexConfig;
  ivfPq(options: object): LanceIndexConfig;
}

/** A table with rows, as far as indexes are concerned. */
export interface LanceRows {
  insert(batch: RowBatch): Promise<void>;
  settle(): Promise<void>;
  nearest(query: Float32Array, k: number): LanceIndexQuery;
  createIndex(config: LanceIndexConfig): Promise<void>;
  close(): void;
}

/** How the adapter for exact search makes such tables. */
export interface LanceTables {
  readonly factory: LanceIndexFactory;
  create(directory: string, shape: StoreShape): Promise<LanceRows>;
  open(directory: string, shape: StoreShape): Promise<LanceRows>;
}

const common = { canFilter: true, isBinary: false };
const refineOf: Readonly<Record<string, number>> = { IVF_HNSW_SQ: 5, IVF_PQ: 10 };

export const lanceVariants: readonly IndexVariant[] = [
  {
    id: "IVF_HNSW_SQ",
    family: "hnsw",
    knob: "ef",
    efforts: [50, 64, 96, 128, 256, 512],
    method: "IVF_HNSW_SQ, one partition, refine factor 5",
    ...common,
  },
  {
    id: "IVF_FLAT",
    family: "ivf",
    knob: "nprobes",
    efforts: clusterEfforts.filter((effort) => effort <= 96),
    method: "IVF_FLAT, √n partitions",
    ...common,
  },
  {
    id: "IVF_PQ",
    family: "ivf",
    knob: "nprobes",
    efforts: clusterEfforts.filter((effort) => effort <= 96),
    method: "IVF_PQ, √n partitions, 4 components a byte, refine factor 10",
    ...common,
  },
  {
    id: "IVF_PQ on disk",
    family: "diskann",
    knob: "nprobes",
    efforts: [2, 4, 8, 16, 32, 64],
    method: "IVF_PQ, √n partitions, 4 components a byte, refine factor 10",
    ...common,
  },
];

/** Name of the kind of index behind a variant. */
const kindOf = (variant: string): string => variant.split(" ")[0]!;

function configOf(kind: string, factory: LanceIndexFactory, shape: StoreShape): LanceIndexConfig {
  const distanceType = "dot";
  const numPartitions = Math.max(1, Math.round(Math.sqrt(shape.rowsMax)));
  if (kind === "IVF_HNSW_SQ") return factory.hnswSq({ distanceType, numPartitions: 1, ...graphBuild });
  if (kind === "IVF_FLAT") return factory.ivfFlat({ distanceType, numPartitions });
  const numSubVectors = shape.dim % 4 === 0 ? shape.dim / 4 : 1;
  return factory.ivfPq({ distanceType, numPartitions, numSubVectors });
}

class LanceIndexedStore implements IndexedStore {
  readonly #rows: LanceRows;
  readonly #tables: LanceTables;
  readonly #shape: StoreShape;
  readonly #kind: string;

  constructor(rows: LanceRows, tables: LanceTables, shape: StoreShape, kind: string) {
    this.#rows = rows;
    this.#tables = tables;
    this.#shape = shape;
    this.#kind = kind;
  }

  async insert(batch: RowBatch): Promise<void> {
    await this.#rows.insert(batch);
    if (batch.firstId + batch.count === this.#shape.rowsMax) await this.#rows.settle();
  }

  async build(): Promise<void> {
    await this.#rows.createIndex(configOf(this.#kind, this.#tables.factory, this.#shape));
  }

  #query(query: Float32Array, k: number, effort: number): LanceIndexQuery {
    const nearest = this.#rows.nearest(query, k);
    const walked = this.#kind === "IVF_HNSW_SQ" ? nearest.ef(effort).nprobes(1) : nearest.nprobes(effort);
    const refine = refineOf[this.#kind];
    return refine === undefined ? walked : walked.refineFactor(refine);
  }

  async search(query: Float32Array, k: number, effort: number): Promise<IndexHits> {
    return (await this.#query(query, k, effort).toArray()).map(idOf);
  }

  async searchFiltered(query: Float32Array, k: number, effort: number, filter: RowFilter): Promise<IndexHits> {
    const where = `${filter.field} = '${filter.value}'`;
    return (await this.#query(query, k, effort).where(where).toArray()).map(idOf);
  }

  close(): void {
    this.#rows.close();
  }
}

const idOf = (row: { readonly id: number }): number => row.id;

export function lanceIndexes(tables: LanceTables): IndexMaker {
  return {
    create: async (variant: string, directory: string, shape: StoreShape): Promise<IndexedStore> =>
      new LanceIndexedStore(await tables.create(directory, shape), tables, shape, kindOf(variant)),
    open: async (variant: string, directory: string, shape: StoreShape): Promise<IndexedStore> =>
      new LanceIndexedStore(await tables.open(directory, shape), tables, shape, kindOf(variant)),
  };
}
