/**
 * `lynse import`: bring the rows of a file into a collection.
 */
import { stat } from "node:fs/promises";
import { type Command, InvalidArgumentError, Option } from "commander";
import { isLynseError, LynseError } from "../../errors.js";
import type { Collection, Embedder, VectorDBClient } from "../../index.js";
import { limits } from "../../limits.js";
import type { Dtype } from "../../types.js";
import { addEmbedOption, collectionEmbedder, type EmbedChoice } from "../embed/embed-option.js";
import { EmbeddedVectors } from "../import/embedded-vectors.js";
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
  readonly vectors?: string;
  readonly embed?: EmbedChoice;
  readonly textColumn?: string;
  readonly dim?: number;
  readonly idColumn?: string;
  readonly sparseColumn?: string;
  readonly columns?: readonly string[];
  readonly types?: ReadonlyMap<string, ColumnType>;
  readonly format?: RowFormat;
  readonly dtype?: Dtype;
  readonly index?: string;
  readonly batch?: number;
  readonly skip: number;
  readonly upsert?: boolean;
}

/** Rows of one commit; fewer where making the vectors takes long or costs money. */
const batchDefault = 5000;
const embeddedBatchDefault = 500;

const examples = `
Rows are committed a batch at a time: when an import fails, what was committed is in, and --skip continues
behind it. In CSV, numbers and booleans are recognised by column; an empty cell is a missing value.

Examples:
  lynse import docs.jsonl --collection docs --vectors docs.npy
  lynse import docs.parquet --collection docs --vectors embedding --id-column doc_id --index FLAT-COS
  lynse import docs.csv --collection docs --vectors docs.f32 --dim 384 --types zip=text,tags=json
  lynse import docs.jsonl --collection docs --embed openai --text-column body
  gunzip -c docs.jsonl.gz | lynse import - --format jsonl --collection docs --vectors embedding
`;

export function addImportCommand(program: Command, terminal: Terminal): void {
  const command = program
    .command("import")
    .description("import rows from JSON Lines, CSV or Parquet, with their vectors or texts")
    .argument("<rows>", 'file of rows (.jsonl, .ndjson, .csv, .tsv, .parquet), or "-" for standard input')
    .requiredOption("--collection <name>", "collection to import into; created where it is missing")
    .option("--vectors <file|column>", "vectors: a .npy or .f32 file, or a column that holds arrays");
  addEmbedOption(command, "makes the vectors of --text-column (default: the collection's embedder)")
    .option("--text-column <name>", "column whose text an embedder makes the vector of; it stays a field")
    .option("--dim <n>", "dimension of the vectors; needed for .f32", wholeNumber(1, limits.dimMax))
    .option("--id-column <name>", "column that holds the ids (default: consecutive numbers)")
    .option("--sparse-column <name>", "column that holds sparse vectors: JSON objects of index: weight")
    .option("--columns <names>", "columns to keep as fields, separated by commas (default: all)", nameList)
    .option("--types <list>", "types of CSV or Parquet columns: name=text|number|boolean|json,…", columnTypes)
    .addOption(new Option("--format <name>", "format of the rows (default: by extension)").choices(rowFormats))
    .addOption(new Option("--dtype <name>", "numbers of a new collection").choices(["float32", "float16"]))
    .option("--index <name>", "index to build, as FLAT-COS")
    .option("--batch <n>", "rows of one commit (default: 5000, with --text-column 500)", wholeNumber(1, 1_000_000))
    .option("--skip <n>", "rows of the file to pass over", wholeNumber(0, Number.MAX_SAFE_INTEGER), 0)
    .option("--upsert", "replace rows whose id exists; needs --id-column")
    .addHelpText("after", examples);
  addCommonOptions(command).action(async (path: string, flags: ImportFlags) => {
    const mistake = importMistake(flags);
    if (mistake !== null) command.error(`error: ${mistake}`);
    await useClient(flags, "write", (client) => importFile(client, path, flags, terminal));
  });
}

/** What is wrong with options that go together; null where nothing is. */
function importMistake(flags: ImportFlags): string | null {
  if (flags.upsert === true && flags.idColumn === undefined) return "--upsert needs --id-column";
  if (flags.embed !== undefined && flags.textColumn === undefined) return "--embed needs --text-column";
  if (flags.vectors === undefined && flags.textColumn === undefined) {
    return "vectors are wanted: --vectors, or --text-column with --embed";
  }
  const isBoth = flags.vectors !== undefined && flags.textColumn !== undefined;
  return isBoth ? "only one of --vectors and --text-column is wanted" : null;
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
    if (flags.vectors !== undefined) {
      if (isVectorFileName(flags.vectors)) vectorFile = await VectorFile.open(flags.vectors, dim);
      else await refuseOtherFiles(flags.vectors);
    }
    const onProgress = (rows: number, shareOfRead: number): void =>
      progress.update(rows, shareDone(reader, vectorFile, flags.skip + rows, shareOfRead));
    const { signal } = interrupt;
    const embedder = flags.textColumn === undefined ? null : await embedderOf(existing, flags, dim);
    const vectors =
      embedder === null
        ? vectorSource(reader, vectorFile, flags.vectors ?? "", dim)
        : new EmbeddedVectors(reader, { column: flags.textColumn ?? "", embedder, dim, signal, onProgress });
    const startedAt = performance.now();
    let collection = existing;
    const open = async (width: number): Promise<Collection> => {
      collection = await openCollection(client, flags, width, embedder);
      return collection;
    };
    const summary = await importRows(reader, vectors, open, {
      batchRows: flags.batch ?? (flags.textColumn === undefined ? batchDefault : embeddedBatchDefault),
      skip: flags.skip,
      idColumn: flags.idColumn ?? null,
      sparseColumn: flags.sparseColumn ?? null,
      columns: flags.columns ?? null,
      isUpsert: flags.upsert === true,
      signal,
      onProgress,
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
  const others = [
    isVectorFileName(flags.vectors ?? "") ? undefined : flags.vectors,
    flags.textColumn,
    flags.idColumn,
    flags.sparseColumn,
  ];
  return [...flags.columns, ...others.filter((name) => name !== undefined)];
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

/** What makes the vectors of texts; vectors of two models cannot be compared, so one collection has one. */
async function embedderOf(collection: Collection | null, flags: ImportFlags, dim: number | null): Promise<Embedder> {
  const embedder = await collectionEmbedder(collection, flags.embed, dim);
  const known = collection === null ? null : (await collection.stats()).embedder;
  if (known === null || known.name === embedder.embedderName) return embedder;
  throw new LynseError(
    "INVALID_ARGUMENT",
    `${flags.collection} holds vectors of the embedder ${known.name}, not of ${embedder.embedderName}; ` +
      "leave --embed out, or import into another collection",
    { expected: known.name, got: embedder.embedderName },
  );
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

async function openCollection(
  client: VectorDBClient,
  flags: ImportFlags,
  dim: number,
  embedder: Embedder | null,
): Promise<Collection> {
  const database = await client.createDatabase(flags.database);
  return await database.requireCollection(flags.collection, {
    dim,
    ...(flags.dtype === undefined ? {} : { dtype: flags.dtype }),
    ...(flags.index === undefined ? {} : { defaultIndex: flags.index }),
    ...(embedder === null ? {} : { embed: embedder }),
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
