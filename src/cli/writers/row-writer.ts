/**
 * What does the exporter need of a file that rows go to?
 *
 * The contract of the JSON Lines, CSV, Parquet and NumPy writers: rows in order, a batch at a time, then the end. What is
 * not finished leaves nothing behind that looks whole. Writer layer of the command line.
 */
import type { Id, JsonValue } from "../../types.js";

/** A row to be written. */
export interface OutputRow {
  readonly id: Id;
  readonly field: Readonly<Record<string, JsonValue>>;
  /** Undefined where vectors are not wanted. */
  readonly vector?: Float32Array;
  /** Vectors of named fields, by field, where they are wanted and the row has any. */
  readonly vectors?: Readonly<Record<string, Float32Array>>;
  /** Where it is wanted and the row has one. */
  readonly sparse?: { readonly indices: Uint32Array; readonly values: Float32Array };
}

export interface RowWriter {
  write(rows: readonly OutputRow[]): Promise<void>;
  /** Makes everything durable under its name; resolves to the bytes written. */
  finish(): Promise<number>;
  /** Gives up: removes what was written. Does nothing after `finish`. */
  abandon(): Promise<void>;
}
