/**
 * In which format is a collection exported?
 *
 * In the one that the user names, or the one of the path's extension; a path without one is a directory. Export part of the
 * command line.
 */
import { extname } from "node:path";
import { LynseError } from "../../errors.js";

export const exportFormats = ["lynsedb", "jsonl", "csv", "tsv", "parquet", "npy"] as const;
export type ExportFormat = (typeof exportFormats)[number];

const extensions: Readonly<Record<string, ExportFormat>> = {
  "": "lynsedb",
  ".jsonl": "jsonl",
  ".ndjson": "jsonl",
  ".csv": "csv",
  ".tsv": "tsv",
  ".parquet": "parquet",
  ".npy": "npy",
};

export function exportFormatOf(path: string, given: ExportFormat | undefined): ExportFormat {
  const format = given ?? (path === "-" ? "jsonl" : extensions[extname(path).toLowerCase()]);
  if (format === undefined) {
    throw new LynseError(
      "INVALID_ARGUMENT",
      `${path}: what ${extname(path)} files hold is not known; add --format ${exportFormats.join("|")}`,
      { path },
    );
  }
  const isText = format === "jsonl" || format === "csv" || format === "tsv";
  if (path !== "-" || isText) return format;
  throw new LynseError("INVALID_ARGUMENT", `--format ${format} cannot be written to standard output; name a path`, {
    format,
  });
}
