/**
 * How does an exported folder become a collection that has no name yet?
 *
 * Its rows are written as a generation of files, in a folder of their own, everything checked on the way: nothing that is
 * there is touched. Indexes are not in an export, only what they were built with; they are built again once the collection
 * is open.
 */
import { fieldDefinitions } from "../engine/field-definition.js";
import { checkMetricDim } from "../index/metric/metric-contract.js";
import { throwIfAborted } from "../query/exact-search.js";
import { defaultFrameLimits } from "../storage/batch-plan.js";
import { newSalt } from "../storage/file-header.js";
import type { FileSystem } from "../storage/file-system.js";
import { GenerationFiles } from "../storage/generation-files.js";
import { startOfLog } from "../storage/log-position.js";
import { LogWriter } from "../storage/log-writer.js";
import type { CollectionConfig, Manifest } from "../storage/manifest.js";
import type { StagedCollection } from "../storage/stage-snapshot.js";
import type { Transaction } from "../storage/transaction.js";
import type { TransferOptions, TransferSummary } from "./export-collection.js";
import type { ExportContents } from "./export-manifest.js";
import type { ExportRun } from "./export-rows.js";
import { fileOpener, type OpenFile, RowsSource } from "./exported-rows.js";
import { importField, importSparse } from "./import-attached.js";
import { importBlobs } from "./import-blobs.js";
import { type ImportedRows, RowImport } from "./import-rows.js";
import { readExportManifest } from "./read-export-manifest.js";

/** Where an export lies. */
export interface ExportPlace {
  readonly fs: FileSystem;
  readonly path: string;
}

/** What came of staging an import. */
export interface StagedImport extends TransferSummary {
  readonly staged: StagedCollection;
}

/** Writes what the export holds into `folder`, durably; `CORRUPT`, `INVALID_ARGUMENT` and more name file and line. */
export async function stageImport(
  place: ExportPlace,
  fs: FileSystem,
  folder: string,
  options: TransferOptions = {},
): Promise<StagedImport> {
  const { contents, byteLength } = await readExportManifest(place.fs, place.path);
  const config = configOf(contents);
  const manifest: Manifest = { generation: 1, salt: newSalt(), config };
  const open = fileOpener(place.fs, place.path, contents.files);
  const total = contents.live.count + (contents.deleted?.count ?? 0);
  const run: ExportRun = {
    check: () => throwIfAborted(options.signal),
    report: (done) => options.onProgress?.({ done, total }),
  };
  let bytes = byteLength;
  const counting: OpenFile = async (name) => {
    const source = await open(name);
    bytes += source.byteLength;
    return source;
  };
  try {
    await fs.makeFolder(folder);
    const rows = await writeGeneration({ contents, manifest, open: counting, fs, folder, run });
    return { staged: { folder, manifest }, rows, bytes };
  } catch (error) {
    // What cannot be removed now is removed by the next writable open.
    await fs.removeFolder(folder).catch(() => {});
    throw error;
  }
}

interface GenerationSource {
  readonly contents: ExportContents;
  readonly manifest: Manifest;
  readonly open: OpenFile;
  readonly fs: FileSystem;
  readonly folder: string;
  readonly run: ExportRun;
}

/** Writes a generation of files, durably; resolves to the number of its live rows. */
async function writeGeneration({ contents, manifest, open, fs, folder, run }: GenerationSource): Promise<number> {
  const files = await GenerationFiles.create(fs, folder, manifest);
  try {
    const writer = new LogWriter(files, startOfLog(manifest.generation), defaultFrameLimits);
    const append = async (transaction: Transaction): Promise<void> => void (await writer.append([transaction], "os"));
    const rows = await importRows(contents, open, append, run);
    for (const [number, field] of contents.fields.entries()) {
      await importField(field, number, rows, open, append, run);
    }
    if (contents.sparse !== null) await importSparse(contents.sparse, rows, open, append, run);
    if (contents.blobs !== null) await importBlobs(contents.blobs, open, fs, folder, run.check);
    run.check();
    await writer.sync();
    return contents.live.count;
  } finally {
    await files.close();
  }
}

function configOf({ config, fields }: ExportContents): CollectionConfig {
  const vectorFields = fields.map((field) => field.config);
  const whole = {
    ...config,
    createdAt: new Date().toISOString(),
    ...(vectorFields.length === 0 ? {} : { vectorFields }),
  };
  for (const { metric, dim } of fieldDefinitions(whole)) if (dim !== null) checkMetricDim(metric, dim);
  return whole;
}

async function importRows(
  { config, live, deleted }: ExportContents,
  open: OpenFile,
  append: (transaction: Transaction) => Promise<void>,
  run: ExportRun,
): Promise<ImportedRows> {
  const { dtype } = config;
  const { metric, dim } = fieldDefinitions({ ...config, createdAt: "" })[0]!;
  const shape = { dim: dim ?? 1, dtype, metric };
  const sources: RowsSource[] = [];
  try {
    for (const rows of deleted === null ? [live] : [live, deleted]) {
      sources.push(await RowsSource.open(rows, open, shape.dim, dtype));
    }
    return await new RowImport(sources[0]!, sources[1] ?? null, shape, append).run(run);
  } finally {
    for (const source of sources) await source.close();
  }
}
