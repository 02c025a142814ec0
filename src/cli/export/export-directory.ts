/**
 * How does a server's collection, or a part of one, become a directory of this machine?
 *
 * Its rows are read as a program would read them, with the settings that the collection tells. Export part of the command
 * line.
 */
import { type ExportSource, exportStreamLocally } from "../../client/local/local-export.js";
import { type Collection, type IndexState, LynseError } from "../../index.js";
import { outputRows, type RowSelection } from "./output-rows.js";

type Parameters = NonNullable<IndexState["parameters"]>;
type BlobBytes = { readonly key: string; readonly bytes: Uint8Array };

export interface DirectoryExport {
  readonly path: string;
  readonly selection: RowSelection;
  readonly blobs: boolean;
  readonly signal: AbortSignal;
  /** Called with the rows written so far. */
  readonly onProgress: (rows: number) => void;
}

export async function exportDirectory(
  collection: Collection,
  { path, selection, blobs, signal, onProgress }: DirectoryExport,
): Promise<{ rows: number; bytes: number }> {
  const of = await settingsOf(collection);
  async function* counted(): ReturnType<typeof outputRows> {
    let rows = 0;
    for await (const batch of outputRows(collection, selection, signal)) {
      yield batch;
      rows += batch.length;
      onProgress(rows);
    }
    signal.throwIfAborted();
  }
  try {
    return await exportStreamLocally(path, of, counted(), blobs ? blobsOf(collection, signal) : none());
  } catch (error) {
    throw signal.aborted ? new LynseError("ABORTED", "the export was interrupted; nothing was written") : error;
  }
}

/** What the collection tells of itself. */
async function settingsOf(collection: Collection): Promise<ExportSource> {
  const { dim, dtype, index, indexState, defaultIndex, description, vectorFields } = await collection.stats();
  const config = {
    ...{ dim, dtype, index, defaultIndex, description },
    ...parametersOf(index, indexState),
    text: { ...(await collection.textOptions()) },
  };
  const fields = vectorFields.map(({ name, dim: length, dtype: kind, metric, index: mode, indexState: state }) => ({
    ...{ name, dim: length ?? 1, dtype: kind, metric, index: mode },
    ...parametersOf(mode, state),
  }));
  return { collection: collection.name, config, fields };
}

function parametersOf(index: string | null, { parameters }: IndexState): { indexParameters?: Parameters } {
  return index === null || parameters === null ? {} : { indexParameters: parameters };
}

/** Each is read at once: one that is replaced meanwhile is the one or the other. */
async function* blobsOf(collection: Collection, signal: AbortSignal): AsyncGenerator<BlobBytes> {
  for (const { key } of await collection.listBlobs()) {
    signal.throwIfAborted();
    const bytes = await collection.readBlob(key);
    if (bytes !== null) yield { key, bytes };
  }
}

async function* none(): AsyncGenerator<BlobBytes> {}
