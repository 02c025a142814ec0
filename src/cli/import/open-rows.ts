/**
 * Which reader reads the rows of a file?
 *
 * The one of its extension, or of the format that the user names. Import part of the command line.
 */
import { stat } from "node:fs/promises";
import { LynseError } from "../../errors.js";
import { ChromaColumnsReader, chromaRow } from "../readers/chroma-row.js";
import { CsvReader } from "../readers/csv-reader.js";
import { ElementsReader } from "../readers/elements-reader.js";
import { HnswlibReader } from "../readers/hnswlib-reader.js";
import { JsonlReader } from "../readers/jsonl-reader.js";
import { MappedReader } from "../readers/mapped-reader.js";
import { qdrantPoint } from "../readers/qdrant-point.js";
import type { ColumnType, RowReader } from "../readers/row-reader.js";

/** Formats that can be imported. */
export const rowFormats = [
  "jsonl",
  "csv",
  "tsv",
  "parquet",
  "npy",
  "lynsedb",
  "qdrant",
  "chroma",
  "lancedb",
  "hnswlib",
] as const;
export type RowFormat = (typeof rowFormats)[number];

export interface RowsInput {
  readonly path: string;
  readonly format: RowFormat;
  /** Types that the user decided, by column. */
  readonly types: ReadonlyMap<string, ColumnType>;
  /** Columns to read, ids and vectors included; null for all. */
  readonly columns: readonly string[] | null;
  /** Which of several named vectors is the rows' own; null where the user did not say. */
  readonly vectorName: string | null;
  /** Column that the rows' vectors are in; null where they are elsewhere. */
  readonly vectorColumn: string | null;
}

const extensions: Record<string, RowFormat> = {
  jsonl: "jsonl",
  ndjson: "jsonl",
  csv: "csv",
  tsv: "tsv",
  parquet: "parquet",
  npy: "npy",
};

/** Whether rows of a format bring their own ids, vectors. */
export function bringsOwn(format: RowFormat): { readonly id: boolean; readonly vector: boolean } {
  const id = format === "qdrant" || format === "chroma" || format === "hnswlib";
  return { id, vector: id };
}

/** The format that the user names, or that of the path. */
export async function rowFormatOf(path: string, given: RowFormat | undefined): Promise<RowFormat> {
  if (given !== undefined) return given;
  const status = path === "-" ? null : await stat(path).catch(() => null);
  return status?.isDirectory() === true ? "lynsedb" : formatOf(path);
}

export async function openRows(input: RowsInput): Promise<RowReader> {
  const { path, format, types } = input;
  if (path === "-" && !["jsonl", "csv", "tsv", "qdrant"].includes(format)) {
    const name = format === "parquet" ? "Parquet" : `format ${format}`;
    throw invalid(path, `${name} cannot be read from standard input; name the file`);
  }
  if (types.size > 0 && (format === "jsonl" || format === "qdrant" || format === "hnswlib")) {
    throw invalid(path, "--types is for CSV and Parquet; JSON has types of its own");
  }
  switch (format) {
    case "qdrant":
      return ElementsReader.open(path, qdrantPoint(input.vectorName));
    case "hnswlib":
      return HnswlibReader.open(path);
    case "chroma":
      if (/\.json$/i.test(path))
        return ChromaColumnsReader.open(path).then((reader) => new MappedReader(reader, chromaRow));
      return new MappedReader(await openTable({ ...input, vectorColumn: "embedding" }, formatOf(path)), chromaRow);
    case "lancedb":
      return openTable(input, formatOf(path));
    default:
      return openTable(input, format);
  }
}

async function openTable(input: RowsInput, format: RowFormat): Promise<RowReader> {
  const { path, types, columns, vectorColumn } = input;
  if (format === "jsonl") return JsonlReader.open(path, vectorColumn);
  if (format === "csv" || format === "tsv") {
    return CsvReader.open(path, { delimiter: format === "tsv" ? "\t" : ",", types });
  }
  if (format !== "parquet") throw invalid(path, `no rows can be read from it; add --format ${rowFormats.join("|")}`);
  // Loaded when it is needed: its packages are a good part of the time that any command takes to start.
  const { ParquetReader } = await import("../readers/parquet-reader.js");
  return ParquetReader.open(path, { columns, types });
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
