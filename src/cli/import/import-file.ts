/**
 * How does a file or a directory get into a collection?
 *
 * A directory is imported as a whole. The rows of a file are read first, and refused with the first bad one before anything
 * is written; then they are committed a batch at a time. Import part of the command line.
 */
import { isLynseError, LynseError } from "../../errors.js";
import type { Collection, Embedder, VectorDBClient } from "../../index.js";
import { clientPlace } from "../commands/client-place.js";
import { isServerUri } from "../commands/common-options.js";
import { collectionEmbedder } from "../embed/embed-option.js";
import { ProgressLine } from "../print/progress-line.js";
import { countOf, formatBytes, formatCount, formatDuration } from "../print/quantity.js";
import type { RowReader } from "../readers/row-reader.js";
import type { Terminal } from "../terminal.js";
import { checkRows } from "./check-rows.js";
import type { ImportFlags } from "./import-flags.js";
import { type ImportOptions, type ImportSummary, importRows } from "./import-rows.js";
import type { RowFormat } from "./open-rows.js";
import { RejectFile } from "./reject-file.js";
import { endImport, firstFreeId, notedImport, noteImport } from "./resume-note.js";
import { idColumnOf, type OpenSource, openSource, type SourceOptions } from "./row-source.js";

/** Rows of one commit; fewer where making the vectors takes long or costs money. */
const batchDefault = 5000;
const embeddedBatchDefault = 500;

export interface ImportCall {
  readonly client: VectorDBClient;
  readonly path: string;
  readonly format: RowFormat;
  readonly flags: ImportFlags;
  readonly terminal: Terminal;
}

export async function importFile(call: ImportCall): Promise<void> {
  const interrupt = new AbortController();
  const onInterrupt = (): void => interrupt.abort();
  process.once("SIGINT", onInterrupt);
  const progress = new ProgressLine(call.terminal);
  try {
    await (isWholeDirectory(call) ? importDirectory : importRowsOf)(call, interrupt.signal, progress);
  } finally {
    progress.end();
    process.removeListener("SIGINT", onInterrupt);
  }
}

/** A server has no way to the directories of this machine: it gets the rows, as does whoever wants only some of them. */
function isWholeDirectory({ format, flags }: ImportCall): boolean {
  const { skipBad, resume, upsert, columns, skip, dtype, idColumn } = flags;
  const isPart = [skipBad, resume, upsert, columns, skip, dtype, idColumn].some((option) => option !== undefined);
  return format === "lynsedb" && !isPart && !isServerUri(clientPlace(flags, process.env).uri ?? "");
}

async function importDirectory(call: ImportCall, signal: AbortSignal, progress: ProgressLine): Promise<void> {
  const { client, path, flags, terminal } = call;
  const database = await client.createDatabase(flags.database);
  const startedAt = performance.now();
  const { rows, bytes } = await database.importCollection(flags.collection, path, {
    overwrite: flags.overwrite === true,
    signal,
    onProgress: ({ done, total }) => progress.update(done, total === undefined || total === 0 ? null : done / total),
  });
  progress.end();
  const elapsedMs = performance.now() - startedAt;
  const rate = formatCount(Math.round((rows / elapsedMs) * 1000));
  await terminal.print(
    `${countOf(rows, "row")} imported in ${formatDuration(elapsedMs)} (${formatBytes(bytes)}, ${rate} rows/s)`,
  );
  await finish(await database.getCollection(flags.collection), flags, terminal);
}

async function importRowsOf(call: ImportCall, signal: AbortSignal, progress: ProgressLine): Promise<void> {
  const { path, format, flags, terminal } = call;
  const existing = await findCollection(call);
  const dim = flags.dim ?? (await dimOf(existing));
  const embedder = flags.textColumn === undefined ? null : await embedderOf(existing, flags, dim);
  let opened: OpenSource | null = null;
  const update = (rows: number, shareOfRead: number): void =>
    progress.update(rows, opened === null ? null : shareDone(opened, options.skip + rows, shareOfRead));
  const sourceOptions: SourceOptions = { path, format, flags, dim, embedder, signal, onEmbedded: update };
  const rejects = flags.skipBad === undefined ? null : await RejectFile.create(flags.skipBad);
  const options = await importOptions(call, existing, { rejects, signal, onProgress: update });
  try {
    if (flags.check && rejects === null && path !== "-" && embedder === null && flags.resume !== true) {
      await checkFirst(sourceOptions, existing, options);
    }
    opened = await openSource(sourceOptions);
    const startedAt = performance.now();
    let collection = existing;
    const isNoted = options.firstId !== null && path !== "-";
    const open = async (width: number): Promise<Collection> => {
      collection = await openCollection(call, width, embedder);
      const { firstId, skip } = options;
      if (isNoted && firstId !== null) await noteImport(collection, path, { firstId, skip });
      return collection;
    };
    const summary = await importRows(opened.reader, opened.vectors, open, options);
    progress.end();
    if (isNoted && collection !== null) await endImport(collection, path);
    await summarise(terminal, opened.reader, summary, options, performance.now() - startedAt);
    if (rejects !== null && rejects.count > 0) {
      await terminal.print(`${countOf(rejects.count, "row")} left out; the reasons are in ${rejects.name}`);
    }
    if (collection !== null) await finish(collection, flags, terminal);
  } finally {
    progress.end();
    await opened?.close();
    await rejects?.close();
  }
}

async function importOptions(
  { path, format, flags }: ImportCall,
  existing: Collection | null,
  run: {
    readonly rejects: RejectFile | null;
    readonly signal: AbortSignal;
    readonly onProgress: ImportOptions["onProgress"];
  },
): Promise<ImportOptions> {
  const { rejects, signal, onProgress } = run;
  const idColumn = idColumnOf(format, flags);
  const isResumed = flags.resume === true;
  const noted = isResumed && idColumn === null ? await notedImport(existing, path) : null;
  const firstId = idColumn !== null ? null : (noted?.firstId ?? (path === "-" ? null : await firstFreeId(existing)));
  return {
    batchRows: flags.batch ?? (flags.textColumn === undefined ? batchDefault : embeddedBatchDefault),
    skip: noted?.skip ?? flags.skip ?? 0,
    idColumn,
    firstId,
    sparseColumn: flags.sparseColumn ?? null,
    namedColumn: flags.namedColumn ?? null,
    vectorFields: flags.vectorFields ?? new Map(),
    columns: flags.columns ?? null,
    reject: rejects === null ? null : (row) => rejects.add(row),
    isUpsert: flags.upsert === true,
    isResumed,
    signal,
    onProgress,
  };
}

async function checkFirst(
  sourceOptions: SourceOptions,
  existing: Collection | null,
  options: ImportOptions,
): Promise<void> {
  const source = await openSource(sourceOptions);
  try {
    const dtype = (await existing?.stats())?.dtype ?? sourceOptions.flags.dtype ?? "float32";
    const index = existing === null ? (sourceOptions.flags.index ?? "FLAT-IP") : await existing.indexMode();
    await checkRows(source.reader, source.vectors, existing, { ...options, dtype, index });
  } finally {
    await source.close();
  }
}

async function findCollection({ client, flags }: ImportCall): Promise<Collection | null> {
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

async function openCollection(
  { client, flags }: ImportCall,
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
function shareDone({ reader, vectorFile }: OpenSource, rows: number, shareOfRead: number): number | null {
  if (vectorFile !== null && vectorFile.rowCount > 0) return Math.min(1, rows / vectorFile.rowCount);
  const shareRead = reader.shareRead();
  return shareRead === null ? null : shareRead * shareOfRead;
}

async function summarise(
  terminal: Terminal,
  reader: RowReader,
  summary: ImportSummary,
  { skip }: ImportOptions,
  elapsedMs: number,
): Promise<void> {
  for (const note of reader.notes()) await terminal.print(note);
  if (summary.present > 0) await terminal.print(`${countOf(summary.present, "row")} were in already`);
  if (summary.rows === 0) {
    const rest = skip === 0 ? "" : ` behind the first ${formatCount(skip)}`;
    const what = summary.present === 0 ? `has no rows${rest}` : `has no other rows${rest}`;
    await terminal.print(`${reader.name} ${what}: nothing was imported`);
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
      const message = `${error.message}\nthe rows are in; build the index with lynse index`;
      throw new LynseError(error.code, message, {}, error);
    }
  }
  const stats = await collection.stats();
  await terminal.print(
    `${collection.databaseName}/${collection.name} has ${countOf(stats.rows, "row")} now, ` +
      `index ${stats.index ?? "none"}, ${formatBytes(stats.disk.totalBytes)} on disk`,
  );
}
