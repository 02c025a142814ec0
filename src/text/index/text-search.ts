/**
 * What can a text index be asked?
 *
 * Types only.
 */
import type { TermGroup } from "../query/text-query.js";

/** Which rows are alive: what statistics are taken over. */
export interface LiveRows {
  /** Bit r & 31 of word r >>> 5; null: all rows. */
  readonly mask: Uint32Array | null;
  readonly count: number;
  /** Another number whenever a row dies or comes back. */
  readonly version: number;
}

/** Which rows are meant, and how they are scored. */
export interface TextSearch {
  /**
   * What is scored: each group is one term, or several that count as one (their rows united, their occurrences summed);
   * `weight`: how often the query names it, above 0.
   */
  readonly groups: readonly { readonly terms: TermGroup; readonly weight: number }[];
  /** A row must have a term of each of these. */
  readonly required: readonly TermGroup[];
  /** A row may have a term of none of these. */
  readonly excluded: readonly TermGroup[];
  /** Only these fields and what is nested in them count, as one text; null: all. */
  readonly fields: readonly string[] | null;
  /** Rows that may be returned; null: all. */
  readonly mask: Uint32Array | null;
  /** Rows from here on may not. */
  readonly rowLimit: number;
  readonly live: LiveRows;
  readonly k: number;
  /** How soon further occurrences count less, from 0 on. */
  readonly k1: number;
  /** How much long rows count less, 0 to 1. */
  readonly b: number;
}

/** Rows and their scores, best first; the lower row first where scores are equal. */
export interface TextResult {
  readonly rows: Uint32Array;
  readonly scores: Float64Array;
}
