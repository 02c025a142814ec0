/**
 * What does the benchmark ask of an engine?
 *
 * One interface for every engine measured, ours included. An adapter file loads its package only in `load`, so that
 * the parent process can read the descriptions without loading any native code, and a package that is missing is a
 * reported absence and not a crash. Row numbers (0, 1, 2, …) are the ids everywhere; an adapter maps them to what its
 * engine wants.
 */

import type { IndexMaker, IndexVariant } from "./index-variant.js";
import type { SparseMaker } from "./sparse-store.js";
import type { TextMaker } from "./text-store.js";

/** Names of the workloads about indexes that may miss rows. */
export const indexWorkloadNames = ["build", "hnsw", "filtered-hnsw", "ivf", "diskann", "quantized"] as const;

/** Names of the workloads about full text, alone and beside vectors. */
const textWorkloadNames = ["ingest-text", "text", "text-filtered", "hybrid"] as const;

/** Names of the workloads, in the order in which they run. */
export const workloadNames = [
  "ingest",
  "disk",
  "reopen",
  "memory",
  "budget",
  "exact",
  "filtered",
  "batch",
  ...indexWorkloadNames,
  ...textWorkloadNames,
  "sparse",
  "http",
  "scale",
] as const;

export type WorkloadName = (typeof workloadNames)[number];

/** A row's metadata, parsed. */
export type RowFields = Readonly<Record<string, unknown>>;

/** What a metadata column holds, for the engines that need a schema. */
export interface FieldColumn {
  readonly name: string;
  readonly type: "string" | "integer" | "number" | "boolean" | "strings" | "json";
}

/** What a store is made for. */
export interface StoreShape {
  readonly dim: number;
  /** Rows that it will hold at most, for the engines with a fixed capacity. */
  readonly rowsMax: number;
  readonly columns: readonly FieldColumn[];
  /** Column that filters use, for the engines that want an index on it. */
  readonly filterField: string;
}

/** Rows to insert: consecutive ids, row-major vectors, one metadata object a row. */
export interface RowBatch {
  readonly firstId: number;
  readonly count: number;
  readonly vectors: Float32Array;
  readonly fields: readonly RowFields[];
}

/** `field = value`; `matches[id]` is 1 for the rows that match, for engines that filter by a callback. */
export interface RowFilter {
  readonly field: string;
  readonly value: string;
  readonly matches: Uint8Array;
}

type MaybePromise<T> = T | Promise<T>;

/** Ids of the rows found, best first. */
export type Hits = ArrayLike<number>;

/** An open store of one engine. */
export interface Store {
  /** Adds rows; when it resolves they are committed, as durably as the engine's `durability` says. */
  insert(batch: RowBatch): MaybePromise<void>;
  /** The upkeep that the engine's manual asks for after a bulk load. Timed apart from the inserts. */
  settle(): MaybePromise<void>;
  search(query: Float32Array, k: number): MaybePromise<Hits>;
  searchFiltered(query: Float32Array, k: number, filter: RowFilter): MaybePromise<Hits>;
  /** Many queries at once, row-major, by the fastest way the engine has for it. */
  searchBatch(queries: Float32Array, k: number): MaybePromise<readonly Hits[]>;
  close(): MaybePromise<void>;
}

/** An engine whose package is loaded. */
export interface LoadedEngine {
  readonly version: string;
  create(directory: string, shape: StoreShape): MaybePromise<Store>;
  open(directory: string, shape: StoreShape): MaybePromise<Store>;
  /** Makes the stores of the engine's `variants`; null where it has none. */
  readonly indexes: IndexMaker | null;
  /** Absent where it has no full text search. */
  readonly text?: TextMaker;
  /** Absent where it has no sparse vectors. */
  readonly sparse?: SparseMaker;
}

/** An engine, before anything of it is loaded. */
export interface Engine {
  readonly id: string;
  /** `"ours"`; `"peer"`: counts for "the best peer"; `"reference"`: a yardstick, never a competitor. */
  readonly role: "ours" | "peer" | "reference";
  /** How its exact search works, for the report. */
  readonly method: string;
  /** What a resolved insert survives, for the report. */
  readonly durability: string;
  /** False when it keeps vectors alone: its disk, memory and reopen figures stand outside the comparison. */
  readonly keepsFields: boolean;
  /** Workloads that it cannot do, each with the reason that the report prints. */
  readonly cannot: Partial<Record<WorkloadName, string>>;
  /** Indexes that it can make. */
  readonly variants: readonly IndexVariant[];
  load(packageDirectory: string): Promise<LoadedEngine>;
}
