/**
 * How do rows that somebody reads, from a server perhaps, become such a folder?
 *
 * Ids, metadata and vectors, a batch at a time; what hangs on rows, and rows that are soft-deleted, are not told by a
 * reading of rows.
 */
import { fieldToText } from "../engine/field-text.js";
import { storedVectors } from "../engine/stored-vectors.js";
import { LynseError } from "../errors.js";
import type { FileSystem } from "../storage/file-system.js";
import type { Fields, Id } from "../types.js";
import type { TransferSummary } from "./export-collection.js";
import { writeExportFolder } from "./export-folder.js";
import type { ExportedConfig } from "./export-manifest.js";
import { MetadataLines } from "./metadata-lines.js";

export interface StreamedRow {
  readonly id: Id;
  readonly field: Fields;
  readonly vector?: Float32Array;
}

const encoder = new TextEncoder();

/** Writes rows to the folder `path`, as `exportCollection` does. */
export function exportRowStream(
  fs: FileSystem,
  path: string,
  of: { readonly collection: string; readonly config: ExportedConfig },
  batches: AsyncIterable<readonly StreamedRow[]>,
): Promise<TransferSummary> {
  return writeExportFolder(fs, path, async (files) => {
    const { dim, dtype } = of.config;
    const metadata = await files.create("metadata.jsonl");
    const vectors = await files.create("vectors.f32");
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
      count += rows.length;
    }
    await files.finish();
    const live = { count, vectorsFile: vectors.name, metadataFile: metadata.name };
    const bytes = await files.seal({ ...of, live, deleted: null, fields: [], sparse: null, blobs: null });
    return { rows: count, bytes };
  });
}

function wrongVector(id: Id, dim: number | null, got: number | undefined): LynseError {
  const message = `the vector of row ${JSON.stringify(id)} has ${got ?? "no"} components, the collection's have ${dim}`;
  return new LynseError("DIMENSION_MISMATCH", message, { id, expected: dim, got: got ?? 0 });
}
