/**
 * `lynse import`: bring the rows of a file into a collection.
 */
import { stat } from "node:fs/promises";
import { type Command, InvalidArgumentError, Option } from "commander";
import { isLynseError, LynseError } from "../../errors.js";
import type { Collection, VectorDBClient } from "../../index.js";
import { limits } from "../../limits.js";
import type { Dtype } from "../../types.js";
import { type ImportSummary, importRows } from "../import/import-rows.js";
import { openRows, type RowFormat, rowFormats } from "../import/open-rows.js";
import { ColumnVectors, FileVectors, type VectorSource } from "../import/vector-source.js";
import { ProgressLine } from "../print/progress-line.js";
import { countOf, formatBytes, formatCount, formatDuration } from "../print/quantity.js";
import type { ColumnType, RowReader } from "../readers/row-reader.js";
import { isVectorFileName, VectorFile } from "../readers/vector-file.js";
import type { Terminal } from "../terminal.js";
import { addCommonOptions, type CommonOptions, nameList, wholeNumber } from "./common-options.js";
import { useClient } from "./open-client.js";

interface ImportFlags extends CommonOptions {
  readonly collection: string;
  readonly vectors: string;
  readonly dim?: number;
  readonly idColumn?: string;
  readonly columns?: readonly string[];
  readonly types?: ReadonlyMap<string, ColumnType>;
  readonly format?: RowFormat;
  readonly dtype?: Dtype;
  readonly index?: string;
  readonly batch: number;
  readonly skip: number;
  readonly upsert?: boolean;
}

const examples = `
Rows are committed a batch at a time: when an import fails, what was committed is in, and --skip continues
behind it. In CSV, numbers and booleans are recognised by column; an empty cell is a missing value.

Examples:
  lynse import docs.jsonl --collection docs --vectors docs.npy
  lynse import docs.parquet --collection docs --vectors embedding --id-column doc_id --index FLAT-COS
  lynse import docs.csv --collection docs --vectors docs.f32 --dim 384 --types zip=text,tags=json
  gunzip -c docs.jsonl.gz | lynse import - --format jsonl --collection docs --vectors embedding
`;

export function addImportCommand(program: Command, terminal: Terminal): void {
  const command = program
    .command("import")
    .description("import rows from JSON Lines, CSV or Parquet, with their vectors")
    .argument("<rows>", 'file of rows (.jsonl, .ndjson, .csv, .tsv, .parquet), or "-" for standard input')
    .requiredOption("--collection <name>", "collection to import into; created where it is missing")
    .requiredOption("--vectors <file|column>", "vectors: a .npy or .f32 file, or a column that holds arrays")
    .option("--dim <n>", "dimension of the vectors; needed for .f32", wholeNumber(1, limits.dimMax))
    .option("--id-column <name>", "column that holds the ids (default: consecutive numbers)")
    .option("--columns <names>", "columns to keep as fields, separated by commas (default: all)", nameList)
    .option("--types <list>", "types of CSV or Parquet columns: name=text|number|boolean|json,…", columnTypes)
    .addOption(new Option("--format <name>", "format of the rows (default: by extension)").choices(rowFormats))
    .addOption(new Option("--dtype <name>", "numbers of a new collection").choices(["float32", "float16"]))
    .option("--index <name>", "index to build, as FLAT-COS")
    .option("--batch <n>", "rows of one commit", wholeNumber(1, 1_000_000), 5000)
    .option("--skip <n>", "rows of the file to pass over", wholeNumber(0, Number.MAX_SAFE_INTEGER), 0)
    .option("--upsert", "replace rows whose id exists; needs --id-column")
    .addHelpText("after", examples);
  addCommonOptions(command).action(async (path: string, flags: ImportFlags) => {
    if (flags.upsert === true && flags.idColumn === undefined) command.error("error: --upsert needs --id-column");
    await useClient(flags, "write", (client) => importFile(client, path, flags, terminal));
  });
}

function columnTypes(text: string): ReadonlyMap<string, ColumnType> {
  const types = new Map<string, ColumnType>();
  for (const part of text.split(",")) {
    const [, name, type] = /^(.+)=(text|number|boolean|json)$/.exec(part.trim()) ?? [];
    if (name === undefined || type === undefined) {
      throw new InvalidArgumentError("A list as zip=text,tags=json is wanted; types: text, number, boolean, json.");
    }
    types.set(name, type as ColumnType);
  }
  return types;
}

async function importFile(client: VectorDBClient, path: string, flags: ImportFlags, terminal: Terminal): Promise<void> {
  const existing = await findCollection(client, flags);
  const reader = await openRows({
    path,
    format: flags.format ?? null,
    types: flags.types ?? new Map(),
    columns: readColumns(flags),
  });
  const interrupt = new AbortController();
  const onInterrupt = (): void => interrupt.abort();
  process.once("SIGINT", onInterrupt);
  const progress = new ProgressLine(terminal);
  let vectorFile: VectorFile | null = null;
  try {
    const dim = flags.dim ?? (await dimOf(existing));
    if (isVectorFileName(flags.vectors)) vectorFile = await VectorFile.open(flags.vectors, dim);
    else await refuseOtherFiles(flags.vectors);
    const vectors = vectorSource(reader, vectorFile, flags.vectors, dim);
    const startedAt = performance.now();
    let collection = existing;
    const open = async (width: number): Promise<Collection> => {
      collection = await openCollection(client, flags, width);
      return collection;
    };
    const summary = await importRows(reader, vectors, open, {
      batchRows: flags.batch,
      skip: flags.skip,
      idColumn: flags.idColumn ?? null,
      columns: flags.columns ?? null,
      isUpsert: flags.upsert === true,
      signal: interrupt.signal,
      onProgress: (rows, shareOfRead) =>
        progress.update(rows, shareDone(reader, vectorFile, flags.skip + rows, shareOfRead)),
    });
    progress.end();
    await summarise(terminal, reader, summary, flags.skip, performance.now() - startedAt);
    if (collection !== null) await finish(collection, flags, terminal);
  } finally {
    progress.end();
    process.removeListener("SIGINT", onInterrupt);
    await vectorFile?.close();
    await reader.close();
  }
}

/** A file of another kind is no column: without this, the message would be about a column that is missing. */
async function refuseOtherFiles(vectors: string): Promise<void> {
  const status = /[./\\]/.test(vectors) ? await stat(vectors).catch(() => null) : null;
  if (status?.isFile() !== true) return;
  throw new LynseError(
    "INVALID_ARGUMENT",
    `--vectors ${vectors}: a file of vectors ends in .f32 (bare float32) or .npy (NumPy); rename or convert it`,
    { file: vectors },
  );
}

/** Columns that have to be read; null for all. */
function readColumns(flags: ImportFlags): string[] | null {
  if (flags.columns === undefined) return null;
  const vectorColumn = isVectorFileName(flags.vectors) ? [] : [flags.vectors];
  return [...flags.columns, ...vectorColumn, ...(flags.idColumn === undefined ? [] : [flags.idColumn])];
}

async function findCollection(client: VectorDBClient, flags: ImportFlags): Promise<Collection | null> {
  if (!(await client.hasDatabase(flags.database))) return null;
  const database = await client.getDatabase(flags.database);
  return (await database.hasCollection(flags.collection)) ? await database.getCollection(flags.collection) : null;
}

async function dimOf(collection: Collection | null): Promise<number | null> {
  const dim = collection === null ? 0 : (await collection.shape())[1];
  return dim === 0 ? null : dim;
}

function vectorSource(reader: RowReader, file: VectorFile | null, column: string, dim: number | null): VectorSource {
  if (file === null) return new ColumnVectors(reader, column, dim);
  if (reader.rowCount !== null && reader.rowCount !== file.rowCount) {
    throw new LynseError(
      "INVALID_ARGUMENT",
      `${file.name} holds ${countOf(file.rowCount, "vector")} of dimension ${file.dim}, but ${reader.name} has ` +
        `${countOf(reader.rowCount, "row")}; the two files must have one vector a row`,
      { vectors: file.rowCount, rows: reader.rowCount, dim: file.dim },
    );
  }
  return new FileVectors(reader, file);
}

async function openCollection(client: VectorDBClient, flags: ImportFlags, dim: number): Promise<Collection> {
  const database = await client.createDatabase(flags.database);
  return await database.requireCollection(flags.collection, {
    dim,
    ...(flags.dtype === undefined ? {} : { dtype: flags.dtype }),
    ...(flags.index === undefined ? {} : { defaultIndex: flags.index }),
  });
}

/** Share of the import that is done, for `rows` rows from the beginning of the file; null where that is not known. */
function shareDone(reader: RowReader, file: VectorFile | null, rows: number, shareOfRead: number): number | null {
  if (file !== null && file.rowCount > 0) return Math.min(1, rows / file.rowCount);
  const shareRead = reader.shareRead();
  return shareRead === null ? null : shareRead * shareOfRead;
}

async function summarise(
  terminal: Terminal,
  reader: RowReader,
  summary: ImportSummary,
  skip: number,
  elapsedMs: number,
): Promise<void> {
  for (const note of reader.notes()) await terminal.print(note);
  if (summary.rows === 0) {
    const rest = skip === 0 ? "" : ` behind the first ${formatCount(skip)}`;
    await terminal.print(`${reader.name} has no rows${rest}: nothing was imported`);
    return;
  }
  const rate = formatCount(Math.round((summary.rows / elapsedMs) * 1000));
  await terminal.print(
    `${countOf(summary.rows, "row")} of dimension ${summary.dim} imported in ${formatDuration(elapsedMs)} ` +
      `(${rate} rows/s, ${countOf(summary.commits, "commit")})`,
  );
}

async function finish(collection: Collection, flags: ImportFlags, terminal: Terminal): Promise<void> {
  if (flags.index !== undefined && (await collection.shape())[0] > 0) {
    try {
      await collection.buildIndex(flags.index);
    } catch (error) {
      if (!isLynseError(error)) throw error;
      throw new LynseError(
        error.code,
        `${error.message}\nthe rows are in; build the index with lynse index`,
        {},
        error,
      );
    }
  }
  const stats = await collection.stats();
  await terminal.print(
    `${collection.databaseName}/${collection.name} has ${countOf(stats.rows, "row")} now, ` +
      `index ${stats.index ?? "none"}, ${formatBytes(stats.disk.totalBytes)} on disk`,
  );
}
