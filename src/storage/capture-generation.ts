/**
 * How are the files of a generation kept as they are at one moment?
 *
 * Logs, vector files and the block files of indexes are only appended to, and everything else is replaced as a whole. So
 * a second name for each file, with the number of its bytes that are committed now, is the state of this moment for
 * good; making names takes no longer for a large file. Where a volume has no second names, or independent bytes are
 * wanted, the files are held open, and copied while writing goes on.
 */
import { TimeSlice } from "../time-slice.js";
import { corruptFile } from "./corrupt-file.js";
import { type FileHandle, type FileSystem, isMissingFile } from "./file-system.js";
import type { GenerationFiles } from "./generation-files.js";
import type { LogPosition } from "./log-position.js";
import { parentFolder, unfinishedEnding } from "./replace-file.js";
import type { SnapshotFile } from "./snapshot-file.js";

/** Bytes copied at once. */
const copyBytes = 4 * 1024 * 1024;

/** Stands for all the bytes that a file has. */
const wholeFile = -1;

/** A file that was captured: its name is in the target already, or its bytes can be read from `source`. */
export interface CapturedFile extends SnapshotFile {
  readonly source: FileHandle | null;
}

/** What there is to capture. */
export interface CaptureScope {
  /** Committed end of the log. */
  readonly position: LogPosition;
  /** Paths of the files of blobs. */
  readonly blobs: readonly string[];
}

/** A file to be captured: where it is, and what it is called in the snapshot. */
interface FoundFile extends SnapshotFile {
  readonly from: string;
}

/** Which files belong to a collection now, heads of indexes before what else their folders hold. */
async function filesOf(files: GenerationFiles, { position, blobs }: CaptureScope): Promise<FoundFile[]> {
  const { fs, folder, logPath } = files;
  const outerLength = folder.lastIndexOf("/") + 1;
  const found: FoundFile[] = [];
  const add = (from: string, bytes: number): void => {
    found.push({ from, path: from.slice(outerLength), bytes });
  };
  add(logPath, position.bytes);
  for (const { file, count } of files.vectorCounts(position)) add(file.path, file.bytesOf(count));
  for (const from of blobs) {
    found.push({ from, path: `blobs/${from.slice(from.lastIndexOf("/") + 1)}`, bytes: wholeFile });
  }
  for (const { name, isFolder } of await fs.list(folder)) {
    const path = `${folder}/${name}`;
    if (!isFolder && name.startsWith("derived-") && !name.endsWith(unfinishedEnding)) {
      add(path, wholeFile);
    }
    if (!isFolder || !name.startsWith("index-")) continue;
    // The head first: what else is in the folder may be newer than a head, never older.
    const names = (await fs.list(path)).filter((entry) => !entry.isFolder && !entry.name.endsWith(unfinishedEnding));
    names.sort((one, other) => Number(other.name === "head.lynse") - Number(one.name === "head.lynse"));
    for (const entry of names) add(`${path}/${entry.name}`, wholeFile);
  }
  return found;
}

/** Where a capture goes. */
export interface CaptureTarget {
  readonly fs: FileSystem;
  readonly folder: string;
  /** Second names will do, where the volume has them. */
  readonly mayLink: boolean;
}

/**
 * Captures what is committed into a folder; must not overlap with an append or a checkpoint. Derived files that go
 * meanwhile are left out. The sources are the caller's to close.
 */
export async function captureGeneration(
  files: GenerationFiles,
  scope: CaptureScope,
  target: CaptureTarget,
): Promise<CapturedFile[]> {
  const { fs } = files;
  const captured: CapturedFile[] = [];
  const folders = new Set<string>();
  let links = target.mayLink && target.fs === fs;
  try {
    for (const { from, path, bytes } of await filesOf(files, scope)) {
      const copy = `${target.folder}/${path}`;
      const parent = parentFolder(copy);
      if (!folders.has(parent)) await target.fs.makeFolder(parent);
      folders.add(parent);
      let source: FileHandle | null = null;
      try {
        source = await fs.open(from, "read");
        const committed = bytes === wholeFile ? await source.size() : bytes;
        links = links && (await fs.link(from, copy));
        captured.push({ path, bytes: committed, source: links ? null : source });
        if (links) await source.close();
      } catch (error) {
        await source?.close();
        if (bytes !== wholeFile || !isMissingFile(error)) throw error;
      }
    }
  } catch (error) {
    await closeCaptured(captured);
    throw error;
  }
  return captured;
}

export async function closeCaptured(captured: readonly CapturedFile[]): Promise<void> {
  for (const { source } of captured) await source?.close();
}

/** Brings the bytes of captured files to their names in a folder, durably; the names are not durable yet. */
export async function settleCaptured(
  captured: readonly CapturedFile[],
  { fs, folder }: CaptureTarget,
  check: () => void,
): Promise<void> {
  for (const { path, bytes, source } of captured) {
    const file = `${folder}/${path}`;
    const handle = await fs.open(file, "write");
    try {
      if (source !== null) await copyFileBytes({ handle: source, file: path }, handle, bytes, { check });
      await handle.sync();
    } finally {
      await handle.close();
    }
  }
}

/** What a copy does between its steps. */
export interface CopySteps {
  /** Throws when the copy is to end. */
  readonly check: () => void;
  /** Sees each piece, and where it begins, before it is written. */
  readonly change?: (piece: Uint8Array, start: number) => Promise<void>;
}

/** Replaces the content of `target` by the first `bytes` bytes of a file; `CORRUPT` where it has fewer. */
export async function copyFileBytes(
  source: { readonly handle: FileHandle; readonly file: string },
  target: FileHandle,
  bytes: number,
  { check, change }: CopySteps,
): Promise<void> {
  const buffer = new Uint8Array(Math.min(copyBytes, bytes));
  const slice = new TimeSlice();
  await target.truncate(0);
  for (let at = 0; at < bytes; ) {
    check();
    const piece = buffer.subarray(0, Math.min(buffer.length, bytes - at));
    const count = await source.handle.read(piece, at);
    if (count < piece.length) throw corruptFile(source.file, at + count, `the file ends before byte ${bytes}`);
    await change?.(piece, at);
    await target.write(piece, at);
    at += count;
    if (slice.isDue()) await slice.giveWay();
  }
}
