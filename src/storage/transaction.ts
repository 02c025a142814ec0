/**
 * What does one commit write, and where did it land?
 *
 * Rows are numbered by the store in order of insertion, from 0. Types only.
 */
import type { Id } from "../types.js";
import type { LogPosition } from "./log-position.js";

/** Ids of consecutive rows: one each, or consecutive integers from `start`. */
export type RowIds = readonly Id[] | { readonly start: number };

/** Rows of one transaction, in order. The store splits them into frames. */
export interface RowsPart {
  readonly rowCount: number;
  readonly ids: RowIds;
  /** The rows' metadata as UTF-8 JSON texts, back to back; nothing for a row without metadata. */
  readonly fieldBytes: Uint8Array;
  /** End of each row's text in `fieldBytes`; row i begins where row i - 1 ends. Length `rowCount`. */
  readonly fieldEnds: Uint32Array;
  /** Vectors as stored (float32 or float16, little-endian), `rowCount * dim` components in pieces of whole rows. */
  readonly vectorBytes: readonly Uint8Array[];
}

/** One commit's changes, applied in this order: rows, superseded, deleted, restored. */
export interface Transaction {
  readonly rows: readonly RowsPart[];
  /** Row numbers that an upsert replaced. */
  readonly superseded: Uint32Array | readonly number[];
  /** Row numbers; may name rows of this transaction. */
  readonly deleted: Uint32Array | readonly number[];
  /** Row numbers; may name rows of this transaction. */
  readonly restored: Uint32Array | readonly number[];
}

/** Rows of one frame as they lie in the files. */
export interface StoredRows {
  readonly firstRow: number;
  readonly rowCount: number;
  /** Offset in the log of the first row's JSON; each next row's begins where the one before ends. */
  readonly fieldOffset: number;
  /** Bytes of each row's JSON, 0 for a row without metadata. Length `rowCount`. */
  readonly fieldLengths: Uint32Array;
  /** CRC-32 of each row's JSON. Length `rowCount`. */
  readonly fieldCrcs: Uint32Array;
  /** CRC-32 of the frame's vector bytes: one entry for `VectorRanges`. */
  readonly vectorsCrc: number;
}

/** Where an append put its rows: one entry a frame, in order of row numbers. */
export interface AppendResult {
  readonly frames: readonly StoredRows[];
  /** End of the log after the append. */
  readonly position: LogPosition;
}
