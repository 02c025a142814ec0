/**
 * How does a server's collection, or a part of one, become a directory of this machine?
 *
 * Its rows are read as a program would read them, with the settings that the collection tells. Export part of the command
 * line.
 */
import { exportStreamLocally } from "../../client/local/local-export.js";
import { type Collection, LynseError } from "../../index.js";
import { outputRows, type RowSelection } from "./output-rows.js";

export interface DirectoryExport {
  readonly path: string;
  readonly selection: RowSelection;
  readonly signal: AbortSignal;
  /** Called with the rows written so far. */
  readonly onProgress: (rows: number) => void;
}

export async function exportDirectory(
  collection: Collection,
  { path, selection, signal, onProgress }: DirectoryExport,
): Promise<{ rows: number; bytes: number }> {
  const { dim, dtype, index, indexState, defaultIndex, description } = await collection.stats();
  const parameters = indexState.parameters;
  const config = {
    ...{ dim, dtype, index, defaultIndex, description },
    ...(index === null || parameters === null ? {} : { indexParameters: parameters }),
    text: { ...(await collection.textOptions()) },
  };
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
    return await exportStreamLocally(path, { collection: collection.name, config }, counted());
  } catch (error) {
    throw signal.aborted ? new LynseError("ABORTED", "the export was interrupted; nothing was written") : error;
  }
}
