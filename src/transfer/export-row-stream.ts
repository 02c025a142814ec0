/**
 * How do rows that somebody reads, from a server perhaps, become such a folder?
 *
 * Ids, metadata and vectors of all kinds, a batch at a time, then blobs; rows that are soft-deleted are not told by a
 * reading of rows.
 */
import { fieldToText } from "../engine/field-text.js";
import { storedVectors } from "../engine/stored-vectors.js";
import { LynseError } from "../errors.js";
import type { FileSystem } from "../storage/file-system.js";
import type { VectorFieldConfig } from "../storage/manifest.js";
import type { Fields, Id } from "../types.js";
import { AttachedWriter, type RowAttachments } from "./attached-writer.js";
import { BlobWriter } from "./blob-writer.js";
import type { TransferSummary } from "./export-collection.js";
import { type ExportFiles, writeExportFolder } from "./export-folder.js";
import type { ExportedBlobs, ExportedConfig } from "./export-manifest.js";
import { MetadataLines } from "./metadata-lines.js";

export interface StreamedRow extends RowAttachments {
  readonly field: Fields;
  readonly vector?: Float32Array;
}

export interface StreamedBlob {
  readonly key: string;
  readonly bytes: Uint8Array;
}

/** The collection that rows are of. */
export interface ExportStream {
  readonly collection: string;
  readonly config: ExportedConfig;
  readonly fields: readonly VectorFieldConfig[];
}

const encoder = new TextEncoder();

/** Writes rows to the folder `path`, as `exportCollection` does. */
export function exportRowStream(
  fs: FileSystem,
  path: string,
  { collection, config, fields }: ExportStream,
  batches: AsyncIterable<readonly StreamedRow[]>,
  blobs: AsyncIterable<StreamedBlob>,
): Promise<TransferSummary> {
  return writeExportFolder(fs, path, async (files) => {
    const { dim, dtype } = config;
    const metadata = await files.create("metadata.jsonl");
    const vectors = await files.create("vectors.f32");
    const attached = await AttachedWriter.create(files, fields);
    const lines = new MetadataLines(metadata);
    let count = 0;
    for await (const rows of batches) {
      const data = new Float32Array(rows.length * (dim ?? 0));
      rows.forEach(({ id, field, vector }, at) => {
        if (vector?.length !== dim) throw wrongVector(id, dim, vector?.length);
        data.set(vector, at * vector.length);
        const text = encoder.encode(fieldToText(field, id));
        lines.add(count + at, id, text, 0, text.length);
      });
      await lines.flush();
      await vectors.write(storedVectors(data, dtype));
      for (const [at, row] of rows.entries()) await attached.add(row, count + at);
      count += rows.length;
    }
    await files.finish();
    const live = { count, vectorsFile: vectors.name, metadataFile: metadata.name };
    const written = { ...attached.summary(), blobs: await writeBlobs(files, blobs) };
    const bytes = await files.seal({ collection, config, live, deleted: null, ...written });
    return { rows: count, bytes };
  });
}

async function writeBlobs(files: ExportFiles, blobs: AsyncIterable<StreamedBlob>): Promise<ExportedBlobs | null> {
  let writer: BlobWriter | null = null;
  for await (const { key, bytes } of blobs) {
    writer ??= await BlobWriter.create(files);
    const read = async (from: number, to: number): Promise<Uint8Array> => bytes.subarray(from, to);
    await writer.add({ key, bytes: bytes.length, read }, () => {});
  }
  await files.finish();
  return writer?.summary() ?? null;
}

function wrongVector(id: Id, dim: number | null, got: number | undefined): LynseError {
  const message = `the vector of row ${JSON.stringify(id)} has ${got ?? "no"} components, the collection's have ${dim}`;
  return new LynseError("DIMENSION_MISMATCH", message, { id, expected: dim, got: got ?? 0 });
}
