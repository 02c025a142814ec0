/**
 * Who is told what a log holds?
 *
 * Implemented by whatever is rebuilt from the log; called in log order, whole batches only, and never for a batch that
 * was not committed. Arrays are views that the visitor may keep. Types only.
 */
import type { Id } from "../types.js";
import type { StoredFieldVectors, StoredRows, StoredSparse } from "./transaction.js";

/** Ids as they come from the log: consecutive integers, integers, or a mixture with strings. */
export type ReplayedIds = { readonly start: number } | Float64Array | readonly Id[];

export interface ReplayedRows extends StoredRows {
  readonly ids: ReplayedIds;
}

export interface ReplayVisitor {
  rows(part: ReplayedRows): void;
  superseded(rows: Uint32Array): void;
  deleted(rows: Uint32Array): void;
  restored(rows: Uint32Array): void;
  /** What hangs on row `from[i]` goes to row `to[i]`. */
  moved(from: Uint32Array, to: Uint32Array): void;
  fieldVectors(part: StoredFieldVectors): void;
  sparse(part: StoredSparse): void;
}
