/**
 * How is derived state kept, so that it can be trusted or thrown away?
 *
 *     0   file header "LYNSEDER" with generation, salt and log position
 *     64  u32 bytes of the table, u32 crc of the table, table: JSON [{name, bytes, crc}], padded to 8
 *     ..  the sections, each padded to 8
 *
 * A checkpoint is written beside the others under another name, made durable, then renamed; older ones go after that.
 * Whatever is wrong with one, the answer is "there is none": everything in it can be rebuilt from the log.
 */
import { assert, isLynseError } from "../errors.js";
import { TimeSlice } from "../time-slice.js";
import { corruptFile } from "./corrupt-file.js";
import { decodeFileHeader, encodeFileHeader, fileHeaderBytes } from "./file-header.js";
import type { FileHandle } from "./file-system.js";
import type { GenerationFiles } from "./generation-files.js";
import { padTo8 } from "./log-frame.js";
import type { LogPosition } from "./log-position.js";
import { unfinishedEnding } from "./replace-file.js";

/** Largest section: one array in memory. */
const sectionBytesMax = 1024 * 1024 * 1024;

/** Largest table: bounds what a damaged size can make a reader allocate. */
const tableBytesMax = 1024 * 1024;

/** Bytes checked or moved between two chances for other work. */
const stepBytes = 8 * 1024 * 1024;

const namePattern = /^derived-(\d+)\.lynse$/;

/** A named part of a checkpoint, in one or more pieces. */
export interface CheckpointSection {
  readonly name: string;
  readonly bytes: Uint8Array | readonly Uint8Array[];
}

export interface Checkpoint {
  readonly position: LogPosition;
  readonly sections: Map<string, Uint8Array>;
  /** Size of the file. */
  readonly fileBytes: number;
}

interface TableEntry {
  readonly name: string;
  readonly bytes: number;
  readonly crc: number;
}

/** Writes a checkpoint and removes older ones; resolves to the size of its file. */
export async function writeCheckpointFile(
  files: GenerationFiles,
  position: LogPosition,
  sections: readonly CheckpointSection[],
): Promise<number> {
  const { fs, folder, generation, salt } = files;
  const table = await makeTable(files, sections);
  const tableText = new TextEncoder().encode(JSON.stringify(table));
  assert(tableText.length <= tableBytesMax, "the table of a checkpoint stays small");
  const head = new Uint8Array(fileHeaderBytes + padTo8(8 + tableText.length));
  const { rowCount, batch, bytes: logBytes } = position;
  head.set(encodeFileHeader(fs, { kind: "LYNSEDER", generation, salt, rowCount, logBytes, batch }), 0);
  const view = new DataView(head.buffer);
  view.setUint32(fileHeaderBytes, tableText.length, true);
  view.setUint32(fileHeaderBytes + 4, fs.crc32(tableText), true);
  head.set(tableText, fileHeaderBytes + 8);
  const path = `${folder}/${checkpointName(position)}`;
  const handle = await fs.open(path + unfinishedEnding, "write");
  let end = head.length;
  try {
    await handle.truncate(0);
    await handle.write(head, 0);
    for (const section of sections) end = await writePieces(handle, end, piecesOf(section));
    await handle.truncate(end);
    await handle.sync();
  } finally {
    await handle.close();
  }
  await fs.rename(path + unfinishedEnding, path);
  await fs.syncFolder(folder);
  await removeOtherCheckpoints(files, position);
  return end;
}

/** The newest checkpoint that can be read; null when there is none. */
export function readCheckpointFile(files: GenerationFiles): Promise<Checkpoint | null> {
  return firstReadable(files, (path) => readOne(files, path));
}

/**
 * The position of the newest checkpoint whose header is intact, whatever its sections are like; null when there is
 * none. The log was durable up to it.
 */
export function readCheckpointPosition(files: GenerationFiles): Promise<LogPosition | null> {
  return firstReadable(files, async (path) => {
    const handle = await files.fs.open(path, "read");
    try {
      return (await readHead(files, handle, path, await handle.size())).position;
    } finally {
      await handle.close();
    }
  });
}

/** What `read` gives for the newest checkpoint for which it does not fail. */
async function firstReadable<T>(files: GenerationFiles, read: (path: string) => Promise<T>): Promise<T | null> {
  const entries = await files.fs.list(files.folder);
  const names = entries.map((entry) => entry.name).filter((name) => namePattern.test(name));
  // Names are padded to one length: the greatest name is the newest.
  for (const name of names.sort().reverse()) {
    try {
      return await read(`${files.folder}/${name}`);
    } catch (error) {
      if (!isLynseError(error)) throw error;
    }
  }
  return null;
}

function checkpointName(position: LogPosition): string {
  return `derived-${String(position.bytes).padStart(16, "0")}.lynse`;
}

function piecesOf(section: CheckpointSection): readonly Uint8Array[] {
  return section.bytes instanceof Uint8Array ? [section.bytes] : section.bytes;
}

async function makeTable(files: GenerationFiles, sections: readonly CheckpointSection[]): Promise<TableEntry[]> {
  const slice = new TimeSlice();
  const table: TableEntry[] = [];
  for (const section of sections) {
    let bytes = 0;
    let crc = 0;
    for (const piece of piecesOf(section)) {
      bytes += piece.length;
      for (let at = 0; at < piece.length; at += stepBytes) {
        crc = files.fs.crc32(piece.subarray(at, at + stepBytes), crc);
        if (slice.isDue()) await slice.giveWay();
      }
    }
    assert(bytes <= sectionBytesMax, `section ${section.name} of a checkpoint has at most ${sectionBytesMax} bytes`);
    table.push({ name: section.name, bytes, crc });
  }
  return table;
}

async function writePieces(handle: FileHandle, start: number, pieces: readonly Uint8Array[]): Promise<number> {
  let end = start;
  for (const piece of pieces) {
    await handle.write(piece, end);
    end += piece.length;
  }
  return padTo8(end);
}

async function removeOtherCheckpoints(files: GenerationFiles, position: LogPosition): Promise<void> {
  const keep = checkpointName(position);
  for (const { name } of await files.fs.list(files.folder)) {
    if (name === keep || !name.startsWith("derived-")) continue;
    await files.fs.remove(`${files.folder}/${name}`);
  }
}

/** Reads and verifies what stands before the table's text. */
async function readHead(
  files: GenerationFiles,
  handle: FileHandle,
  path: string,
  fileBytes: number,
): Promise<{ position: LogPosition; tableBytes: number; tableCrc: number }> {
  const head = await readPart(handle, path, 0, fileHeaderBytes + 8, fileBytes);
  const header = decodeFileHeader(files.fs, head, "LYNSEDER", path);
  const { generation, rowCount, batch, logBytes } = header;
  if (generation !== files.generation || header.salt !== files.salt) {
    throw corruptFile(path, 0, "the file belongs to another collection or generation");
  }
  const view = new DataView(head.buffer);
  return {
    position: { generation, bytes: logBytes, rowCount, batch },
    tableBytes: view.getUint32(fileHeaderBytes, true),
    tableCrc: view.getUint32(fileHeaderBytes + 4, true),
  };
}

async function readOne(files: GenerationFiles, path: string): Promise<Checkpoint> {
  const handle = await files.fs.open(path, "read");
  try {
    const fileBytes = await handle.size();
    const { position, tableBytes, tableCrc } = await readHead(files, handle, path, fileBytes);
    if (tableBytes > tableBytesMax) throw corruptFile(path, fileHeaderBytes, "the table is too large");
    const text = await readPart(handle, path, fileHeaderBytes + 8, tableBytes, fileBytes);
    if (files.fs.crc32(text) !== tableCrc) {
      throw corruptFile(path, fileHeaderBytes, "the table does not match its checksum");
    }
    const sections = new Map<string, Uint8Array>();
    let start = fileHeaderBytes + padTo8(8 + tableBytes);
    // The table is intact, so its entries are what `makeTable` wrote.
    for (const entry of JSON.parse(new TextDecoder().decode(text)) as TableEntry[]) {
      sections.set(entry.name, await readSection(files, handle, path, start, entry, fileBytes));
      start = padTo8(start + entry.bytes);
    }
    return { position, sections, fileBytes };
  } finally {
    await handle.close();
  }
}

async function readSection(
  files: GenerationFiles,
  handle: FileHandle,
  path: string,
  start: number,
  entry: TableEntry,
  fileBytes: number,
): Promise<Uint8Array> {
  if (entry.bytes > sectionBytesMax || start + entry.bytes > fileBytes) {
    throw corruptFile(path, start, "the file ends inside a section");
  }
  const bytes = new Uint8Array(entry.bytes);
  let crc = 0;
  for (let at = 0; at < bytes.length; at += stepBytes) {
    const part = bytes.subarray(at, at + stepBytes);
    if ((await handle.read(part, start + at)) < part.length) throw corruptFile(path, start + at, "the file ends here");
    crc = files.fs.crc32(part, crc);
  }
  if (crc !== entry.crc) throw corruptFile(path, start, `section ${entry.name} does not match its checksum`);
  return bytes;
}

async function readPart(
  handle: FileHandle,
  path: string,
  start: number,
  length: number,
  fileBytes: number,
): Promise<Uint8Array> {
  if (start + length > fileBytes) throw corruptFile(path, fileBytes, "the file is too short");
  const bytes = new Uint8Array(length);
  if ((await handle.read(bytes, start)) < length) throw corruptFile(path, fileBytes, "the file is too short");
  return bytes;
}
