/**
 * What does the importer need from a file of rows?
 *
 * The contract of all readers. A reader reads its input once, in order, a bounded piece at a time. A row that cannot be
 * read is handed out with the reason; where the rows behind it cannot be found either, the error is thrown, after the
 * rows ahead of it were handed out. Reader layer of the command line.
 */
import type { LynseError } from "../../errors.js";

/** Columns of formats that keep ids and vectors apart from the fields; no field is called so. */
export const ownId = "\0id";
export const ownVector = "\0vector";

/** Vectors that a row brings beside its own. */
export interface AttachedVectors {
  /** By the name of the vector field. */
  readonly named: Readonly<Record<string, readonly number[]>>;
  /** By the name of the sparse vector. */
  readonly sparse: Readonly<
    Record<string, { readonly indices: readonly number[]; readonly values: readonly number[] }>
  >;
}

export interface SourceRow {
  /** Where the row begins: a line number, from 1; in Parquet the number of the row, from 1. */
  readonly line: number;
  /** The row's columns by name; values are JSON, but a vector column may also hold typed arrays. */
  readonly values: Record<string, unknown>;
  /** Why the row cannot be read; its values mean nothing then. */
  readonly failure?: LynseError;
  readonly attached?: AttachedVectors;
}

export interface RowReader {
  /** The input as the user named it. */
  readonly name: string;
  /** What `SourceRow.line` counts, for messages. */
  readonly placeUnit: "line" | "row";
  /** Rows in all where the format tells beforehand. */
  readonly rowCount: number | null;
  /** Share of the input read so far, 0 to 1; null where its size is unknown. */
  shareRead(): number | null;
  /** What the reader decided by itself and the user may want to know, once the rows were read. */
  notes(): readonly string[];
  /** The rows, a piece at a time. */
  pieces(): AsyncGenerator<readonly SourceRow[]>;
  close(): Promise<void>;
}

/** Type of a column, where the user decides instead of the reader. */
export type ColumnType = "text" | "number" | "boolean" | "json";
