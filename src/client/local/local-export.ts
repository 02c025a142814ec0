/**
 * Where do exports lie, and how are they written and read for a caller?
 *
 * In the files of this machine, also where the database itself is in memory. A platform without files has none.
 */
import type { CollectionEngine } from "../../engine/collection-engine.js";
import { LynseError } from "../../errors.js";
import type { FileSystem } from "../../storage/file-system.js";
import { exportCollection, type TransferSummary } from "../../transfer/export-collection.js";
import {
  type ExportStream,
  exportRowStream,
  type StreamedBlob,
  type StreamedRow,
} from "../../transfer/export-row-stream.js";
import type { ExportOptions } from "../collection.js";
import { exportInput, pathInput } from "../input/copy-input.js";

/** The files of this machine. Loaded on first use, so that a program for the browser can be bundled. */
export async function filesOfMachine(): Promise<FileSystem> {
  if (globalThis.process?.versions?.node === undefined) {
    throw new LynseError("UNSUPPORTED", "this platform has no files: exports can be written and read in Node.js");
  }
  const { NodeFileSystem } = await import("../../storage/node-file-system.js");
  return new NodeFileSystem();
}

/** Writes what is committed, and what was buffered before. */
export async function exportLocally(
  engine: CollectionEngine,
  path: string,
  options: ExportOptions | undefined,
): Promise<TransferSummary> {
  const place = pathInput(path);
  const input = exportInput(options);
  if (!engine.isReadOnly) await engine.pending.flushBuffered();
  return exportCollection(engine, engine.outside, place, input);
}

/** What is told of a collection whose rows are read from a server. */
export type ExportSource = ExportStream;

/** Writes rows that were read from a server to a folder of this machine. */
export async function exportStreamLocally(
  path: string,
  of: ExportStream,
  batches: AsyncIterable<readonly StreamedRow[]>,
  blobs: AsyncIterable<StreamedBlob>,
): Promise<TransferSummary> {
  return exportRowStream(await filesOfMachine(), pathInput(path), of, batches, blobs);
}
