/**
 * How does a collection become a folder of files that LynseDB, and this package, can import?
 *
 * Of one moment, while writing goes on; in memory that does not grow with it. Formats of the files: `export-manifest.ts`,
 * `docs/guides/import-and-export.md`.
 */
import type { CollectionEngine } from "../engine/collection-engine.js";
import { throwIfAborted } from "../query/exact-search.js";
import type { FileSystem } from "../storage/file-system.js";
import { BlobWriter } from "./blob-writer.js";
import { CapturedBlobs } from "./captured-blobs.js";
import { CollectionView } from "./collection-view.js";
import { exportField, exportSparse } from "./export-attached.js";
import { type ExportFiles, writeExportFolder } from "./export-folder.js";
import type { ExportContents, ExportedBlobs, ExportedField, ExportedRows, ExportedSparse } from "./export-manifest.js";
import { type ExportRun, exportRows, type RowSinks } from "./export-rows.js";

/** Where second names of blobs are kept while an export is written. */
const capturedFolder = "blobs.tmp";

export interface TransferOptions {
  /** Called with the rows done so far. */
  readonly onProgress?: ((progress: { readonly done: number; readonly total: number }) => void) | undefined;
  /** Ends the call with `ABORTED`. */
  readonly signal?: AbortSignal | undefined;
}

export interface CollectionExportOptions extends TransferOptions {
  /** Blobs too. Default true. */
  readonly blobs?: boolean | undefined;
}

/** What was moved: live rows, and the bytes of all files. */
export interface TransferSummary {
  readonly rows: number;
  readonly bytes: number;
}

/** Writes what is committed to the folder `path`; `TARGET_EXISTS`, `NO_SPACE`, `IO_ERROR`. */
export function exportCollection(
  engine: CollectionEngine,
  fs: FileSystem,
  path: string,
  options: CollectionExportOptions = {},
): Promise<TransferSummary> {
  return writeExportFolder(fs, path, async (files) => {
    const moment = await holdMoment(engine, fs, files, options.blobs ?? true);
    try {
      return await writeMoment(files, engine.name, moment, options);
    } finally {
      moment.view.sparse?.release();
      await moment.blobs?.close();
      await moment.release();
    }
  });
}

/** Rows and blobs as they were together. */
interface Moment {
  readonly view: CollectionView;
  readonly blobs: CapturedBlobs | null;
  /** Lets go of the generation. */
  readonly release: () => Promise<void>;
}

/** Nothing is committed while rows and blobs are taken hold of: as long as it takes to give blobs second names. */
function holdMoment(
  engine: CollectionEngine,
  fs: FileSystem,
  { folder }: ExportFiles,
  hasBlobs: boolean,
): Promise<Moment> {
  return engine.exclusive(async () => {
    const { generation } = engine;
    const release = generation.hold();
    try {
      const place = { fs, folder: `${folder}/${capturedFolder}` };
      const blobs = hasBlobs ? await CapturedBlobs.take(generation.store.blobs, place) : null;
      return { view: new CollectionView(generation), blobs, release };
    } catch (error) {
      await release();
      throw error;
    }
  });
}

async function writeMoment(
  files: ExportFiles,
  name: string,
  { view, blobs }: Moment,
  { onProgress, signal }: TransferOptions,
): Promise<TransferSummary> {
  const run: ExportRun = {
    check: () => throwIfAborted(signal),
    report: (done) => onProgress?.({ done, total: view.count }),
  };
  const rows = await writeRows(files, view, run);
  const fields: ExportedField[] = [];
  for (const [number, fieldView] of view.fields.entries()) {
    const vectors = await files.create(`field-${number}.f32`);
    const numbers = await files.create(`field-${number}.rows`);
    const count = await exportField(view, fieldView, { vectors, rows: numbers }, run);
    await files.finish();
    const config = view.config.vectorFields![number]!;
    fields.push({ config, count, vectorsFile: vectors.name, rowsFile: numbers.name });
  }
  const sparse = await writeSparse(files, view, run);
  const exportedBlobs = blobs === null ? null : await writeBlobs(files, blobs, run);
  run.check();
  const { vectorFields: _, createdAt: __, ...config } = view.config;
  const bytes = await files.seal({ collection: name, config, ...rows, fields, sparse, blobs: exportedBlobs });
  return { rows: view.liveCount, bytes };
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

async function writeBlobs(files: ExportFiles, blobs: CapturedBlobs, run: ExportRun): Promise<ExportedBlobs | null> {
  if (blobs.count === 0) return null;
  const writer = await BlobWriter.create(files);
  await blobs.read((blob) => writer.add(blob, run.check));
  await blobs.close();
  await files.finish();
  return writer.summary();
}
