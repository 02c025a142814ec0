/**
 * What does the benchmark ask of an engine with full text search?
 *
 * A store of vectors, metadata and an index over the text field of the rows. Adapters stand beside those for exact
 * search in `engines/`.
 */
import type { Hits, RowBatch, RowFilter, StoreShape, WorkloadName } from "./engine.js";

type MaybePromise<T> = T | Promise<T>;

export interface TextStore {
  /** Adds rows; when it resolves they are committed, as durably as the engine's `durability` says. */
  insert(batch: RowBatch): MaybePromise<void>;
  /** What it takes, after the last insert, until a text search finds every row. Part of the time of an ingest. */
  index(): MaybePromise<void>;
  /** The upkeep that the engine's manual asks for after a bulk load. Timed apart. */
  settle(): MaybePromise<void>;
  /** A query for rows with any of the words, in the engine's own syntax; made before the clock runs. */
  queryOf(words: readonly string[]): string;
  searchText(query: string, k: number): MaybePromise<Hits>;
  searchTextFiltered(query: string, k: number, filter: RowFilter): MaybePromise<Hits>;
  /** Vector and text fused by reciprocal rank, from the best `candidates` of each. */
  searchHybrid(query: string, vector: Float32Array, k: number, candidates: number): MaybePromise<Hits>;
  /** Memory that the text index takes, bytes; absent where the engine doesn't tell. */
  indexBytes?(): MaybePromise<number>;
  close(): MaybePromise<void>;
}

/** The part of a loaded engine that makes such stores. */
export interface TextMaker {
  create(directory: string, shape: StoreShape): MaybePromise<TextStore>;
  open(directory: string, shape: StoreShape): MaybePromise<TextStore>;
}

const reason = "no full text search";

/** For engines that have none. */
export const withoutText: Partial<Record<WorkloadName, string>> = {
  "ingest-text": reason,
  text: reason,
  "text-filtered": reason,
  hybrid: reason,
};
