/**
 * Which reader reads the rows of a file?
 *
 * The one of its extension, or of the format that the user names. Import part of the command line.
 */
import { LynseError } from "../../errors.js";
import { CsvReader } from "../readers/csv-reader.js";
import { JsonlReader } from "../readers/jsonl-reader.js";
import type { ColumnType, RowReader } from "../readers/row-reader.js";

/** Formats that can be imported. */
export const rowFormats = ["jsonl", "csv", "tsv", "parquet"] as const;
export type RowFormat = (typeof rowFormats)[number];

export interface RowsInput {
  readonly path: string;
  /** Null: by the extension. */
  readonly format: RowFormat | null;
  /** Types that the user decided, by column. */
  readonly types: ReadonlyMap<string, ColumnType>;
  /** Columns to read, ids and vectors included; null for all. */
  readonly columns: readonly string[] | null;
}

const extensions: Record<string, RowFormat> = {
  jsonl: "jsonl",
  ndjson: "jsonl",
  csv: "csv",
  tsv: "tsv",
  parquet: "parquet",
};

export async function openRows(input: RowsInput): Promise<RowReader> {
  const { path, types, columns } = input;
  const format = input.format ?? formatOf(path);
  if (format === "jsonl") {
    if (types.size > 0) throw invalid(path, "--types is for CSV and Parquet; JSON has types of its own");
    return await JsonlReader.open(path);
  }
  if (format !== "parquet") return await CsvReader.open(path, { delimiter: format === "tsv" ? "\t" : ",", types });
  if (path === "-") throw invalid(path, "Parquet cannot be read from standard input; name the file");
  // Loaded when it is needed: its packages are a good part of the time that any command takes to start.
  const { ParquetReader } = await import("../readers/parquet-reader.js");
  return await ParquetReader.open(path, { columns, types });
}

function formatOf(path: string): RowFormat {
  const extension = /\.([^./\\]+)$/.exec(path)?.[1]?.toLowerCase() ?? "";
  const format = Object.hasOwn(extensions, extension) ? extensions[extension] : undefined;
  if (format !== undefined) return format;
  const what = path === "-" ? "standard input has no extension" : `what .${extension} files hold is not known`;
  throw invalid(path, `${extension === "" ? "the name has no extension" : what}; add --format ${rowFormats.join("|")}`);
}

function invalid(path: string, what: string): LynseError {
  return new LynseError("INVALID_ARGUMENT", `${path}: ${what}`, { file: path });
}
