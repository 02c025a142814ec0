/**
 * What does the benchmark ask of an index that may miss rows?
 *
 * An engine offers variants: kinds of index that it can make, each with the knob that trades time for recall. A store
 * made for a variant holds all rows, makes its index when told to, and answers queries at any effort. Adapters stand
 * beside those for exact search in `engines/`.
 */
import type { RowBatch, RowFilter, StoreShape } from "./engine.js";

/** What an index is measured as: the workloads are about families. */
export type IndexFamily = "hnsw" | "ivf" | "diskann" | "quantized";

export interface IndexVariant {
  /** The engine's own name of it, unique within the engine. */
  readonly id: string;
  readonly family: IndexFamily;
  /** Name of the knob; null where the index has none. */
  readonly knob: string | null;
  /** Values of the knob, cheapest first; a single 0 where there is none. */
  readonly efforts: readonly number[];
  /** True where a metadata filter can be given. */
  readonly canFilter: boolean;
  /** True where the rows are turned into bits by their signs, and distances count differing bits. */
  readonly isBinary: boolean;
  /** How it is built and searched, for the report. */
  readonly method: string;
}

/** Effort for graphs: how many candidates a walk keeps. */
export const graphEfforts: readonly number[] = [10, 16, 24, 32, 48, 64, 96, 128, 192, 256, 384, 512];

/** Effort for clusters: how many of them are looked into. */
export const clusterEfforts: readonly number[] = [1, 2, 4, 8, 12, 16, 24, 32, 48, 64, 96, 128, 192, 256];

/** The parameters of every HNSW graph here: links a node, candidates while building. */
export const graphBuild = { m: 16, efConstruction: 200 } as const;

/** Clusters of an IVF index over `rows` rows, for every engine that takes a number. */
export function clustersFor(rows: number): number {
  return Math.max(1, Math.round(4 * Math.sqrt(rows)));
}

type MaybePromise<T> = T | Promise<T>;

/** Ids of the rows found, best first; turned into numbers after the clock. */
export type IndexHits = ArrayLike<number> | BigUint64Array;

export interface IndexedStore {
  /** Adds rows. Not timed. */
  insert(batch: RowBatch): MaybePromise<void>;
  /** Makes the index over all rows, with every thread that the engine uses for it. Timed. */
  build(): MaybePromise<void>;
  search(query: Float32Array, k: number, effort: number): MaybePromise<IndexHits>;
  searchFiltered(query: Float32Array, k: number, effort: number, filter: RowFilter): MaybePromise<IndexHits>;
  close(): MaybePromise<void>;
}

/** The part of a loaded engine that makes indexes. */
export interface IndexMaker {
  create(variant: string, directory: string, shape: StoreShape): MaybePromise<IndexedStore>;
  /** A store that was closed, with its index built. Absent where nothing is kept. */
  open?(variant: string, directory: string, shape: StoreShape): MaybePromise<IndexedStore>;
}
