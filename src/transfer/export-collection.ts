/**
 * How does a collection become a folder of files that LynseDB, and this package, can import?
 *
 * Of one moment, while writing goes on; in memory that does not grow with it. Everything is written to a folder beside the
 * target, made durable, and takes the target's name at the end: a target that is there is whole. Formats of the files:
 * `export-manifest.ts`, `docs/guides/import-and-export.md`.
 */
import type { CollectionEngine } from "../engine/collection-engine.js";
import { LynseError } from "../errors.js";
import { throwIfAborted } from "../query/exact-search.js";
import type { FileSystem } from "../storage/file-system.js";
import { parentFolder } from "../storage/replace-file.js";
import { CollectionView } from "./collection-view.js";
import { exportField, exportSparse } from "./export-attached.js";
import {
  type ExportContents,
  type ExportedField,
  type ExportedRows,
  type ExportedSparse,
  type ExportFile,
  encodeExportManifest,
  exportManifestName,
} from "./export-manifest.js";
import { type ExportRun, exportRows, type RowSinks } from "./export-rows.js";
import { FileSink } from "./file-sink.js";

export interface TransferOptions {
  /** Called with the rows done so far. */
  readonly onProgress?: ((progress: { readonly done: number; readonly total: number }) => void) | undefined;
  /** Ends the call with `ABORTED`. */
  readonly signal?: AbortSignal | undefined;
}

/** What was moved: rows, the soft-deleted ones included, and the bytes of all files. */
export interface TransferSummary {
  readonly rows: number;
  readonly bytes: number;
}

/** Writes the committed rows to the folder `path`; `TARGET_EXISTS`, `NO_SPACE`, `IO_ERROR`. */
export async function exportCollection(
  engine: CollectionEngine,
  fs: FileSystem,
  path: string,
  options: TransferOptions = {},
): Promise<TransferSummary> {
  const parent = parentFolder(path);
  await checkTarget(fs, path, parent);
  const unfinished = `${path}.tmp-${globalThis.crypto.randomUUID()}`;
  return engine.read(async (generation) => {
    const view = new CollectionView(generation);
    try {
      await fs.makeFolder(unfinished);
      const summary = await writeFiles(fs, unfinished, engine.name, view, options);
      await fs.syncFolder(unfinished);
      await checkTarget(fs, path, parent);
      await fs.rename(unfinished, path);
      await fs.syncFolder(parent);
      return summary;
    } catch (error) {
      // What cannot be removed is no export, and says so by its name.
      await fs.removeFolder(unfinished).catch(() => {});
      throw error;
    } finally {
      view.sparse?.release();
    }
  });
}

async function checkTarget(fs: FileSystem, path: string, parent: string): Promise<void> {
  if (await fs.exists(path)) {
    throw new LynseError("TARGET_EXISTS", `${path} exists; choose another path for the export, or remove it first`, {
      path,
    });
  }
  if (await fs.exists(parent)) return;
  throw new LynseError("IO_ERROR", `${path} cannot be written: there is no folder ${parent}; create it first`, {
    path,
    errno: "ENOENT",
  });
}

async function writeFiles(
  fs: FileSystem,
  folder: string,
  name: string,
  view: CollectionView,
  { onProgress, signal }: TransferOptions,
): Promise<TransferSummary> {
  const files = new ExportFiles(fs, folder);
  const run: ExportRun = {
    check: () => throwIfAborted(signal),
    report: (done) => onProgress?.({ done, total: view.count }),
  };
  try {
    const live = await writeRows(files, view, run);
    const fields: ExportedField[] = [];
    for (const [number, fieldView] of view.fields.entries()) {
      const vectors = await files.create(`field-${number}.f32`);
      const rows = await files.create(`field-${number}.rows`);
      const count = await exportField(view, fieldView, { vectors, rows }, run);
      await files.finish();
      const config = view.config.vectorFields![number]!;
      fields.push({ config, count, vectorsFile: vectors.name, rowsFile: rows.name });
    }
    const sparse = await writeSparse(files, view, run);
    run.check();
    const { vectorFields: _, createdAt: __, ...config } = view.config;
    const contents: ExportContents = { collection: name, config, ...live, fields, sparse, files: files.finished };
    const manifest = encodeExportManifest(contents, (bytes) => fs.crc32(bytes));
    const sink = await files.create(exportManifestName);
    await sink.write(manifest);
    await files.finish();
    return { rows: view.count, bytes: files.finished.reduce((sum, { bytes }) => sum + bytes, 0) };
  } finally {
    await files.abandon();
  }
}

async function writeRows(
  files: ExportFiles,
  view: CollectionView,
  run: ExportRun,
): Promise<Pick<ExportContents, "live" | "deleted">> {
  const live = { metadata: await files.create("metadata.jsonl"), vectors: await files.create("vectors.f32") };
  let deleted: RowSinks | null = null;
  if (view.deletedCount > 0) {
    const metadata = await files.create("deleted_metadata.jsonl");
    deleted = { metadata, vectors: await files.create("deleted_vectors.f32") };
  }
  await exportRows(view, live, deleted, run);
  await files.finish();
  const part = (count: number, { metadata, vectors }: RowSinks): ExportedRows => ({
    count,
    vectorsFile: vectors.name,
    metadataFile: metadata.name,
  });
  return { live: part(view.liveCount, live), deleted: deleted === null ? null : part(view.deletedCount, deleted) };
}

async function writeSparse(files: ExportFiles, view: CollectionView, run: ExportRun): Promise<ExportedSparse | null> {
  if (view.sparse === null) return null;
  const sink = await files.create("sparse.bin");
  const count = await exportSparse(view, sink, run);
  await files.finish();
  return { count, file: sink.name };
}

/** The files of one export: those being written, and those that are done. */
class ExportFiles {
  readonly finished: ExportFile[] = [];
  readonly #fs: FileSystem;
  readonly #folder: string;
  #open: FileSink[] = [];

  constructor(fs: FileSystem, folder: string) {
    this.#fs = fs;
    this.#folder = folder;
  }

  async create(name: string): Promise<FileSink> {
    const sink = await FileSink.create(this.#fs, this.#folder, name);
    this.#open.push(sink);
    return sink;
  }

  /** Makes the open files durable. */
  async finish(): Promise<void> {
    this.finished.push(...(await Promise.all(this.#open.map((sink) => sink.finish()))));
    this.#open = [];
  }

  /** Closes what is open still. */
  async abandon(): Promise<void> {
    for (const sink of this.#open) await sink.abandon().catch(() => {});
    this.#open = [];
  }
}
