/**
 * What does the importer need from a file of rows?
 *
 * The contract of the JSON Lines, CSV and Parquet readers. A reader reads its input once, in order, a bounded piece at
 * a time. Rows ahead of a bad one are handed out before its error is thrown, so that they can be committed and the
 * import be continued behind them. Reader layer of the command line.
 */

export interface SourceRow {
  /** Where the row begins: a line number, from 1; in Parquet the number of the row, from 1. */
  readonly line: number;
  /** The row's columns by name; values are JSON, but a vector column may also hold typed arrays. */
  readonly values: Record<string, unknown>;
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
