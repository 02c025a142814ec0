/**
 * How do the files of a snapshot become those of a collection?
 *
 * Copied, never shared: the collection will append to them. The copy gets a salt of its own, in the header of every file
 * and in every frame of the log, since it is another life of the collection: readers that follow the old one notice, and
 * no file of one passes for a file of the other. Then every byte of log and vectors is verified against the checksums in
 * the log, before the copy may take anybody's place (see adopt-generation.ts).
 */

import { blobStepBytes, readBlobContent, readBlobHead } from "./blob-file.js";
import { copyFileBytes } from "./capture-generation.js";
import { corruptFile } from "./corrupt-file.js";
import {
  decodeFileHeader,
  encodeFileHeader,
  type FileKind,
  fileHeaderBytes,
  newSalt,
  saltBytes,
} from "./file-header.js";
import { type FileHandle, type FileSystem, isMissingFile } from "./file-system.js";
import { GenerationFiles, generationFolder } from "./generation-files.js";
import { decodeFrameHeader, frameBytes, frameHeaderBytes } from "./log-frame.js";
import { type LogPosition, startOfLog } from "./log-position.js";
import { LogReplay } from "./log-replay.js";
import { LogWindow } from "./log-window.js";
import { type Manifest, manifestPath, readManifest } from "./manifest.js";
import { parentFolder } from "./replace-file.js";
import { silentVisitor } from "./silent-visitor.js";
import { type CollectionSnapshot, snapshotPath } from "./snapshot-file.js";

/** Beginning of the paths of blobs in a snapshot. */
const blobFolder = "blobs/";

/** Files of a collection that has no name yet: a generation in a folder, and the manifest that will name it. */
export interface StagedCollection {
  readonly folder: string;
  readonly manifest: Manifest;
}

/** Where a snapshot lies. */
export interface SnapshotPlace {
  readonly fs: FileSystem;
  readonly folder: string;
  readonly snapshot: CollectionSnapshot;
}

/** Copies a snapshot into `folder`, durably, and verifies all of it. `CORRUPT` names the file that is wrong. */
export async function stageSnapshot(
  place: SnapshotPlace,
  fs: FileSystem,
  folder: string,
  check: () => void,
): Promise<StagedCollection> {
  const { snapshot } = place;
  const { generation } = snapshot.position;
  const original = await readManifest(place.fs, place.folder);
  if (original === null) throw corruptFile(manifestPath(place.folder), 0, "the file is missing");
  if (original.generation !== generation) {
    throw corruptFile(snapshotPath(place.folder), 0, "manifest and description are of two generations");
  }
  const manifest = { generation, salt: newSalt(), config: original.config };
  const inner = `${generationFolder("", generation)}/`.slice(1);
  const folders = new Set([folder]);
  for (const file of snapshot.files) {
    if (!file.path.startsWith(inner) && !file.path.startsWith(blobFolder)) continue;
    const path = `${folder}/${file.path}`;
    await fs.makeFolder(parentFolder(path));
    folders.add(parentFolder(path));
    await stageFile(place, file, { fs, path, original, salt: manifest.salt }, check);
  }
  for (const each of folders) await fs.syncFolder(each);
  await verifyStaged(fs, { folder, manifest }, snapshot.position);
  return { folder, manifest };
}

/** What a copy of one file is to be. */
interface FileCopy {
  readonly fs: FileSystem;
  readonly path: string;
  readonly original: Manifest;
  readonly salt: string;
}

async function stageFile(
  place: SnapshotPlace,
  { path, bytes }: { readonly path: string; readonly bytes: number },
  copy: FileCopy,
  check: () => void,
): Promise<void> {
  const file = `${place.folder}/${path}`;
  const source = await openSource(place.fs, file);
  try {
    const kind = kindOf(path);
    const resalt = kind === "LYNSELOG" ? saltedFrames(place.fs, source, file, bytes, copy) : null;
    const change = async (piece: Uint8Array, start: number): Promise<void> => {
      if (kind !== null && start === 0) renewHeader(place.fs, piece, kind, file, copy);
      await resalt?.(piece, start);
    };
    const target = await copy.fs.open(copy.path, "write");
    try {
      await copyFileBytes({ handle: source, file }, target, bytes, { check, change });
      await target.sync();
      if (path.startsWith(blobFolder)) await verifyBlob(copy.fs, target, file);
    } finally {
      await target.close();
    }
  } finally {
    await source.close();
  }
}

/** The log knows nothing of blobs: they have checksums of their own. */
async function verifyBlob(fs: FileSystem, handle: FileHandle, file: string): Promise<void> {
  const head = await readBlobHead(fs, handle, file);
  for (let at = 0; at < head.contentBytes; at += blobStepBytes) {
    await readBlobContent(fs, handle, file, head, at, Math.min(head.contentBytes, at + blobStepBytes));
  }
}

async function openSource(fs: FileSystem, file: string): Promise<FileHandle> {
  try {
    return await fs.open(file, "read");
  } catch (error) {
    throw isMissingFile(error) ? corruptFile(file, 0, "the file is missing") : error;
  }
}

/** What begins a file of a generation, by its path; null for files without a header of ours. */
function kindOf(path: string): FileKind | null {
  if (path.startsWith(blobFolder)) return null;
  const name = path.slice(path.lastIndexOf("/") + 1);
  if (name.startsWith("log-")) return "LYNSELOG";
  if (name.startsWith("vectors-")) return "LYNSEVEC";
  if (name.startsWith("derived-")) return "LYNSEDER";
  return name === "head.lynse" ? "LYNSEIDX" : null;
}

function renewHeader(fs: FileSystem, piece: Uint8Array, kind: FileKind, file: string, copy: FileCopy): void {
  const header = decodeFileHeader(fs, piece.subarray(0, fileHeaderBytes), kind, file);
  if (header.generation !== copy.original.generation || header.salt !== copy.original.salt) {
    throw corruptFile(file, 0, "the file belongs to another collection or generation");
  }
  piece.set(encodeFileHeader(copy.fs, { ...header, salt: copy.salt }), 0);
}

/** Gives the frames of a log, piece by piece, another salt. */
function saltedFrames(
  fs: FileSystem,
  log: FileHandle,
  file: string,
  bytes: number,
  copy: FileCopy,
): (piece: Uint8Array, start: number) => Promise<void> {
  const window = new LogWindow(log, bytes);
  const before = saltBytes(copy.original.salt);
  const after = saltBytes(copy.salt);
  let frame = fileHeaderBytes;
  return async (piece, start) => {
    while (frame < start + piece.length && frame < bytes) {
      const head = await window.view(frame, frameHeaderBytes);
      const header = head === null ? null : decodeFrameHeader(fs, head, before);
      if (header === null) throw corruptFile(file, frame, "no intact frame begins here");
      // Frames begin at multiples of 8, and so do pieces: a salt lies in one piece.
      piece.set(after, frame - start);
      frame += frameBytes(header);
    }
  };
}

/** `CORRUPT` unless log and vectors are whole and end where they must. */
async function verifyStaged(fs: FileSystem, staged: StagedCollection, expected: LogPosition): Promise<void> {
  const files = await GenerationFiles.open(fs, staged.folder, staged.manifest, "read");
  try {
    await files.checkVectorBytes(expected);
    const from = startOfLog(staged.manifest.generation);
    const start = { from, vouchedBytes: expected.bytes, takeUpConfig: async () => false, verifiesAll: true };
    const { bytes, rowCount, batch, slotCounts } = await new LogReplay(files, silentVisitor, start).run();
    const isWhole =
      bytes === expected.bytes &&
      rowCount === expected.rowCount &&
      batch === expected.batch &&
      Array.from({ length: Math.max(slotCounts.length, expected.slotCounts.length) }).every(
        (_, field) => (slotCounts[field] ?? 0) === (expected.slotCounts[field] ?? 0),
      );
    if (!isWhole) throw corruptFile(files.logPath, bytes, `the log ends at batch ${batch}, not at ${expected.batch}`);
  } finally {
    await files.close();
  }
}
