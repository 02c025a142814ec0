/**
 * What does the benchmark ask of an engine with sparse vectors?
 *
 * A store of rows that have one each. Adapters stand beside those for exact search in `engines/`.
 */
import type { Hits, WorkloadName } from "./engine.js";

type MaybePromise<T> = T | Promise<T>;

/** Features ascending and distinct, with their weights. */
export interface SparseRow {
  readonly indices: Uint32Array;
  readonly values: Float32Array;
}

export interface SparseStore {
  /** Adds rows with ids from `firstId`; when it resolves they are committed. */
  insert(firstId: number, rows: readonly SparseRow[]): MaybePromise<void>;
  /** The upkeep that the engine's manual asks for after a bulk load. Timed apart from the inserts. */
  settle(): MaybePromise<void>;
  /** A search for the rows with the highest inner products, its query in the engine's own form before a clock runs. */
  search(query: SparseRow, k: number): () => MaybePromise<Hits>;
  close(): MaybePromise<void>;
}

/** The part of a loaded engine that makes such stores. */
export interface SparseMaker {
  create(directory: string, rowsMax: number): MaybePromise<SparseStore>;
}

/** For engines that have none. */
export const withoutSparse: Partial<Record<WorkloadName, string>> = { sparse: "no sparse vectors" };
