/**
 * What do the benchmark and an engine's process say to each other?
 */
import type { CorpusFiles } from "./corpus.js";
import type { SparseData } from "./sparse-data.js";
import type { TextQuery } from "./text-queries.js";

export type EngineRequest =
  | { readonly ask: "load"; readonly engine: string; readonly packageDirectory: string }
  | { readonly ask: "ingest"; readonly directory: string; readonly files: CorpusFiles; readonly batchRows: number }
  | { readonly ask: "idleLoop"; readonly files: CorpusFiles; readonly batchRows: number }
  | { readonly ask: "open"; readonly directory: string; readonly files: CorpusFiles }
  | { readonly ask: "search"; readonly k: number; readonly isFiltered: boolean; readonly warmUps: number }
  | { readonly ask: "batch"; readonly k: number; readonly repeats: number }
  | ({ readonly ask: "buildIndex" } & IndexedStoreRequest)
  | ({ readonly ask: "openIndex" } & IndexedStoreRequest)
  | { readonly ask: "sweep"; readonly k: number; readonly effort: number; readonly isFiltered: boolean }
  | { readonly ask: "ingestText"; readonly directory: string; readonly files: CorpusFiles; readonly batchRows: number }
  | ({ readonly ask: "openText" } & TextStoreRequest)
  | { readonly ask: "searchText"; readonly kind: TextSearchKind; readonly k: number; readonly candidates: number }
  | { readonly ask: "textIndexBytes" }
  | { readonly ask: "ingestSparse"; readonly directory: string; readonly data: SparseData; readonly batchRows: number }
  | { readonly ask: "searchSparse"; readonly k: number }
  | { readonly ask: "memory" }
  | { readonly ask: "close" };

/** Which indexed store of the loaded engine? */
export interface IndexedStoreRequest {
  readonly variant: string;
  readonly directory: string;
  readonly files: CorpusFiles;
  /** Rows an insert; null: the directory holds a store that is filled, and only the index is made. */
  readonly batchRows: number | null;
}

/** Which store with a text index, and what will it be asked? */
export interface TextStoreRequest {
  readonly directory: string;
  readonly files: CorpusFiles;
  readonly queries: readonly TextQuery[];
}

/** By words alone, by words under the filter, or by words and a vector: the workloads' names. */
export type TextSearchKind = "text" | "text-filtered" | "hybrid";

export type EngineReply = { readonly value: unknown } | { readonly error: string };

/** Resident memory of a process, bytes. */
export interface MemoryFigures {
  readonly residentBytes: number;
  /** Without mapped files: heaps, stacks and shared memory that no file backs. */
  readonly anonymousBytes: number;
  readonly peakBytes: number;
}

export interface IngestFigures {
  readonly rows: number;
  /** Time of each insert, in order. */
  readonly batchMs: readonly number[];
  readonly settleMs: number;
  readonly closeMs: number;
  /** Longest time that the event loop stood still between the first insert and the last. */
  readonly longestBlockMs: number;
  readonly memory: MemoryFigures;
}

export interface OpenFigures {
  readonly openMs: number;
  readonly firstQueryMs: number;
}

export interface BuildFigures {
  /** Making the index; inserting the rows is not counted. */
  readonly buildMs: number;
  readonly memory: MemoryFigures;
}

export interface TextIngestFigures {
  readonly rows: number;
  /** Time of each insert, in order. */
  readonly batchMs: readonly number[];
  /** What came after the last insert until a text search had answered over all rows. */
  readonly indexMs: number;
  readonly settleMs: number;
  /** The words of that search and the rows that it found. */
  readonly lastWords: readonly string[];
  readonly lastHits: Float64Array;
}

export interface SparseIngestFigures {
  readonly rows: number;
  readonly insertMs: number;
  readonly settleMs: number;
}

/** One round of searches: times, and the ids found for each query. */
export interface Round {
  readonly ms: Float64Array;
  readonly hits: readonly Float64Array[];
}
