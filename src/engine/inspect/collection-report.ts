/**
 * What is told of one collection that was looked at? Types only.
 */
import type { Finding } from "../../storage/inspect/finding.js";

/** How good an index answers, on a sample. */
export interface IndexReport {
  readonly field: string;
  /** Name of the index in use. */
  readonly name: string;
  /** Vectors that it covers; null where it could not be opened. */
  readonly rows: number | null;
  /** Share of the `k` best rows by exact search that it finds, over all queries; null where it was not measured. */
  readonly recall: number | null;
  readonly k: number;
  readonly queries: number;
}

export interface FieldReport {
  /** `default` for the vectors that rows are added with. */
  readonly name: string;
  readonly dim: number;
  readonly dtype: "float32" | "float16";
  /** Vectors in the file that count. */
  readonly vectors: number;
}

export interface CollectionReport {
  readonly database: string | null;
  readonly collection: string;
  readonly folder: string;
  /** Rows that can be found, and those that were deleted and can be restored. */
  readonly rows: number;
  readonly deletedRows: number;
  /** Rows written to the present files, replaced ones included. */
  readonly writtenRows: number;
  /** Commits in the log. */
  readonly commits: number;
  readonly fields: readonly FieldReport[];
  readonly indexes: readonly IndexReport[];
  readonly blobs: number;
  /** Bytes that were read and checked. */
  readonly bytesRead: number;
  readonly findings: readonly Finding[];
  /** Findings, also those beyond the first 1,000, which are not listed. */
  readonly findingCount: number;
}

/** How far a look is. */
export interface InspectProgress {
  readonly database: string | null;
  readonly collection: string;
  readonly stage: "log" | "vectors" | "derived files" | "blobs" | "indexes";
  readonly bytesDone: number;
  readonly bytesTotal: number;
}

/** How closely stored files are looked at. */
export type InspectDepth = "quick" | "full" | "deep";

export interface InspectOptions {
  /**
   * `"quick"`: headers, index sections and references; no metadata, no vectors, no indexes. `"full"`: every byte, and indexes
   * on a sample. `"deep"`: also what the bytes mean: JSON of all metadata, sparse vectors, finite components.
   */
  readonly depth: InspectDepth;
  /** Queries that an index is asked. */
  readonly queries: number;
  /** Draws the queries. */
  readonly seed: number;
  readonly signal: AbortSignal | undefined;
  readonly onProgress: ((progress: InspectProgress) => void) | undefined;
}
