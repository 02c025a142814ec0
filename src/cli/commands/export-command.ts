/**
 * `lynse export`: write a collection to files that other programs, and `lynse import`, can read.
 */
import { type Command, InvalidArgumentError, Option } from "commander";
import type { Collection } from "../../index.js";
import type { WhereParams } from "../../types.js";
import { attachedKinds, nothingAttached } from "../export/attached-kinds.js";
import { exportDirectory } from "../export/export-directory.js";
import { type ExportFormat, exportFormatOf, exportFormats } from "../export/export-format.js";
import { exportRows, leftOut } from "../export/export-rows.js";
import { ProgressLine } from "../print/progress-line.js";
import { countOf, formatBytes, formatCount, formatDuration } from "../print/quantity.js";
import type { Terminal } from "../terminal.js";
import { rowsPath } from "../writers/npy-writer.js";
import { clientPlace } from "./client-place.js";
import { addCommonOptions, type CommonOptions, isServerUri, nameList, whereParams } from "./common-options.js";
import { useCollection } from "./open-client.js";

interface ExportFlags extends CommonOptions {
  readonly format?: ExportFormat;
  readonly where?: string;
  readonly params?: WhereParams;
  readonly fields?: readonly string[];
  readonly vectors: boolean;
  readonly blobs: boolean;
  readonly idColumn: string;
  readonly vectorColumn: string;
  readonly namedColumn: string;
  readonly sparseColumn: string;
}

const examples = `
The rows are those of one moment, whatever is written meanwhile. The target must not exist, and is whole
when it does. A directory (--format lynsedb) of a collection on this machine keeps everything; one of a
server's collection, all but soft-deleted rows. JSON Lines and Parquet hold ids, fields, vectors, those of
named fields and sparse ones; CSV and NumPy ids, fields and vectors. What is left out is told.

Examples:
  lynse export docs backup/docs
  lynse export docs docs.parquet --where "lang = 'en'"
  lynse export docs docs.csv --fields title,lang --no-vectors
  lynse export docs docs.npy --uri http://127.0.0.1:7637
  lynse export docs - --format jsonl | gzip > docs.jsonl.gz
`;

export function addExportCommand(program: Command, terminal: Terminal): void {
  const command = program
    .command("export")
    .description("write a collection to a directory, JSON Lines, CSV, Parquet or NumPy")
    .argument("<collection>", "collection to export")
    .argument("<path>", 'directory or file to write (.jsonl, .csv, .tsv, .parquet, .npy), or "-" for standard output')
    .addOption(new Option("--format <name>", "format (default: by extension, none: lynsedb)").choices(exportFormats))
    .option("--where <filter>", "only rows that match (default: every row)")
    .option("--params <json>", "values of the filter's :name parameters", whereParams)
    .option("--fields <names>", "fields to write, separated by commas (default: all)", nameList)
    .option("--no-vectors", "leave the vectors out, all kinds")
    .option("--no-blobs", "leave the blobs out of a directory")
    .option("--id-column <name>", "what the ids are called", columnName, "id")
    .option("--vector-column <name>", "what the vectors are called", columnName, "vector")
    .option("--named-column <name>", "what holds vectors of named fields", columnName, "vectors")
    .option("--sparse-column <name>", "what holds sparse vectors", columnName, "sparse")
    .addHelpText("after", examples);
  addCommonOptions(command).action(async (name: string, path: string, flags: ExportFlags) => {
    const format = exportFormatOf(path, flags.format);
    const mistake = exportMistake(format, flags);
    if (mistake !== null) command.error(`error: ${mistake}`);
    await useCollection({ ...flags, collection: name }, "read", (collection) =>
      exportTo(collection, path, format, flags, terminal),
    );
  });
}

function filterOf({ where, params }: ExportFlags): { readonly where?: string; readonly params?: WhereParams } {
  return { ...(where === undefined ? {} : { where }), ...(params === undefined ? {} : { params }) };
}

function columnName(text: string): string {
  if (text !== "") return text;
  throw new InvalidArgumentError("A name is wanted.");
}

/** What is wrong with options that go together; null where nothing is. */
function exportMistake(format: ExportFormat, flags: ExportFlags): string | null {
  const names = [flags.idColumn, flags.vectorColumn, flags.namedColumn, flags.sparseColumn];
  if (new Set(names).size < names.length) return "--id-column, --vector-column and so on must differ";
  if (format === "npy" && !flags.vectors) return "--format npy holds the vectors; leave --no-vectors out";
  return format === "lynsedb" && !flags.vectors ? "--format lynsedb holds the vectors; leave --no-vectors out" : null;
}

async function exportTo(
  collection: Collection,
  path: string,
  format: ExportFormat,
  flags: ExportFlags,
  terminal: Terminal,
): Promise<void> {
  const interrupt = new AbortController();
  const onInterrupt = (): void => interrupt.abort();
  process.once("SIGINT", onInterrupt);
  const progress = new ProgressLine(terminal);
  const startedAt = performance.now();
  const { signal } = interrupt;
  const total = await collection.count(filterOf(flags));
  const onProgress = (rows: number): void => progress.update(rows, total === 0 ? null : Math.min(1, rows / total));
  try {
    const { rows, bytes, note, has } = await exportAs({ collection, path, format, flags, signal, onProgress });
    progress.end();
    const elapsedMs = performance.now() - startedAt;
    const rate = formatCount(Math.round((rows / elapsedMs) * 1000));
    const lines = [
      `${countOf(rows, "row")} exported to ${path} in ${formatDuration(elapsedMs)} (${formatBytes(bytes)}, ${rate} rows/s)`,
      `import them with: ${note} --collection ${collection.name}`,
    ];
    // Rows may go to the standard output.
    for (const line of lines) path === "-" ? terminal.write(`${line}\n`) : await terminal.print(line);
    const missing = has === null ? null : await leftOut(collection, has);
    if (missing !== null) terminal.write(`${missing}\n`);
  } finally {
    progress.end();
    process.removeListener("SIGINT", onInterrupt);
  }
}

interface ExportCall {
  readonly collection: Collection;
  readonly path: string;
  readonly format: ExportFormat;
  readonly flags: ExportFlags;
  readonly signal: AbortSignal;
  readonly onProgress: (rows: number) => void;
}

interface Exported {
  readonly rows: number;
  readonly bytes: number;
  /** How the rows are imported. */
  readonly note: string;
  /** What it has besides; null where nothing of the collection can have been left out unasked. */
  readonly has: { readonly attached: boolean; readonly blobs: boolean } | null;
}

async function exportAs(call: ExportCall): Promise<Exported> {
  const { collection, path, format, flags, signal, onProgress } = call;
  const holdsAttached = flags.vectors && (format === "lynsedb" || format === "jsonl" || format === "parquet");
  const attached = holdsAttached ? await attachedKinds(collection) : nothingAttached;
  const hasAttached = attached.fields.length > 0 || attached.hasSparse;
  const { vectors, blobs } = flags;
  const selection = { ...filterOf(flags), fields: flags.fields ?? null, vectors, attached: hasAttached };
  if (format === "lynsedb") {
    const isPart = flags.where !== undefined || flags.fields !== undefined;
    const isWhole = !isPart && !isServerUri(clientPlace(flags, process.env).uri ?? "");
    // A server would write to its own files.
    const summary = isWhole
      ? await collection.exportTo(path, { blobs, signal, onProgress: ({ done }) => onProgress(done) })
      : await exportDirectory(collection, { path, selection, blobs, signal, onProgress });
    return { ...summary, note: `lynse import ${path}`, has: isWhole ? null : { attached: true, blobs: true } };
  }
  const names = {
    ...{ id: flags.idColumn, vector: flags.vectorColumn },
    named: attached.fields.length > 0 ? flags.namedColumn : null,
    sparse: attached.hasSparse ? flags.sparseColumn : null,
  };
  const { rows, bytes, importOptions } = await exportRows(collection, {
    ...{ path, format, names, attached, selection, signal, onProgress },
  });
  const file = format === "npy" ? rowsPath(path) : path;
  const has = { attached: holdsAttached || !vectors, blobs: false };
  return { rows, bytes, note: `lynse import ${file} ${importOptions}`, has };
}
