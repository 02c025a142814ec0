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

/** Vectors of one named field: one slot each, numbered by the store in order of insertion, from 0 in each field. */
export interface FieldVectorsPart {
  /** Position of the field in `CollectionConfig.vectorFields`. */
  readonly fieldNumber: number;
  /** Row of each vector; may name rows of this transaction. */
  readonly rows: Uint32Array;
  /** Vectors as stored, `rows.length * dim` components of the field's dtype in any pieces. */
  readonly vectorBytes: readonly Uint8Array[];
}

/** Sparse vectors in their stored form, which only their readers understand. */
export interface SparsePart {
  /** Row of each vector; may name rows of this transaction. */
  readonly rows: Uint32Array;
  /** The vectors back to back; no bytes: the row has none any more. */
  readonly bytes: Uint8Array;
  /** End of each vector in `bytes`; vector i begins where vector i - 1 ends. */
  readonly ends: Uint32Array;
}

/** What hangs on row `from[i]` goes to row `to[i]`, which replaces it. */
export interface MovedRows {
  readonly from: Uint32Array;
  readonly to: Uint32Array;
}

/**
 * One commit's changes, applied in this order: rows, superseded, deleted, restored, moved, fieldVectors, sparse. Row
 * numbers may name rows of the same transaction.
 */
export interface Transaction {
  readonly rows: readonly RowsPart[];
  /** Row numbers that an upsert replaced. */
  readonly superseded: Uint32Array | readonly number[];
  /** Row numbers; may name rows of this transaction. */
  readonly deleted: Uint32Array | readonly number[];
  /** Row numbers; may name rows of this transaction. */
  readonly restored: Uint32Array | readonly number[];
  readonly moved?: MovedRows;
  readonly fieldVectors?: readonly FieldVectorsPart[];
  readonly sparse?: readonly SparsePart[];
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

/** Vectors of a named field as they lie in its file: slots `[firstSlot, firstSlot + count)`. */
export interface StoredFieldVectors {
  readonly fieldNumber: number;
  readonly firstSlot: number;
  readonly count: number;
  /** CRC-32 of the slots' bytes: one entry for the field's `VectorRanges`. */
  readonly vectorsCrc: number;
  /** Row of each slot. Length `count`. */
  readonly rows: Uint32Array;
}

/** Sparse vectors of one frame as they lie in the log. */
export interface StoredSparse {
  readonly rows: Uint32Array;
  /** Offset in the log of the first vector; each next one begins where the one before ends. */
  readonly offset: number;
  /** Bytes of each vector, 0 where the row has none any more. */
  readonly lengths: Uint32Array;
  /** CRC-32 of each vector's bytes. */
  readonly crcs: Uint32Array;
}

/** Where an append put everything: one entry a frame, in the order of the log. */
export interface AppendResult {
  readonly frames: readonly StoredRows[];
  readonly fieldVectors: readonly StoredFieldVectors[];
  readonly sparse: readonly StoredSparse[];
  /** End of the log after the append. */
  readonly position: LogPosition;
}
