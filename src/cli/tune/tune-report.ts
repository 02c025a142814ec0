/**
 * What did the measurement of a collection's indexes show?
 *
 * Plain data, as `--json` prints it; tables, pictures and the recommendation are made from it.
 */
import type { Metric } from "../../index.js";

/** Searches at one effort. */
export interface TunePoint {
  /** The `nprobe` of the searches; null where the index has no knob. */
  readonly effort: number | null;
  /** Share of the true nearest rows that were found, ties counted. */
  readonly recall: number;
  readonly meanMs: number;
  readonly p95Ms: number;
  /** False where the searches were exact scans all the same, as over few rows or few that match. */
  readonly usesIndex: boolean;
}

/** One index, or exact search. */
export interface TuneMode {
  /** Canonical name. */
  readonly mode: string;
  readonly isExact: boolean;
  /** What an effort counts; null where there is no knob. */
  readonly knob: string | null;
  /** Build parameter that makes an effort the default; null where there is none. */
  readonly knobParameter: string | null;
  readonly points: readonly TunePoint[];
  readonly buildSeconds: number;
  /** The copy in memory with this index: vectors, codes, ids, index. */
  readonly memoryBytes: number;
  /** Why it could not be measured; null where it was. */
  readonly failure: string | null;
}

export interface TuneReport {
  readonly database: string;
  readonly collection: string;
  readonly metric: Metric;
  readonly dim: number;
  /** Live rows of the collection, and how many of them were copied. */
  readonly rows: number;
  readonly copiedRows: number;
  readonly queries: number;
  readonly k: number;
  readonly where: string | null;
  readonly targetRecall: number;
  /** Exact search first. */
  readonly modes: readonly TuneMode[];
}
