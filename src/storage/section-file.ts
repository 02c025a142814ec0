/**
 * How is derived state kept, so that it can be trusted or thrown away?
 *
 *     0   file header with generation, salt and log position
 *     64  u32 bytes of the table, u32 crc of the table, table: JSON [{name, bytes, crc}], padded to 8
 *     ..  the sections, each padded to 8
 *
 * A file is written under another name, made durable, then renamed. Whoever reads one that is damaged gets `CORRUPT`, and
 * goes on as if there were none: everything in it can be derived again.
 */
import { assert, isLynseError } from "../errors.js";
import { TimeSlice } from "../time-slice.js";
import { corruptFile } from "./corrupt-file.js";
import { decodeFileHeader, encodeFileHeader, type FileHeader, type FileKind, fileHeaderBytes } from "./file-header.js";
import type { FileHandle, FileSystem } from "./file-system.js";
import { padTo8 } from "./log-frame.js";
import { parentFolder, unfinishedEnding } from "./replace-file.js";

/** Largest section that is read back: one array in memory. */
const sectionBytesMax = 4 * 1024 * 1024 * 1024;

/** Largest table: bounds what a damaged size can make a reader allocate. */
const tableBytesMax = 1024 * 1024;

/** Bytes checked or moved between two chances for other work. */
const stepBytes = 8 * 1024 * 1024;

/** A named part of a file, in one or more pieces. */
export interface FileSection {
  readonly name: string;
  readonly bytes: Uint8Array | readonly Uint8Array[];
}

/** What a section file says before its sections. */
export interface SectionFileHead {
  readonly header: FileHeader;
  readonly fileBytes: number;
  readonly tableBytes: number;
  readonly tableCrc: number;
}

interface TableEntry {
  readonly name: string;
  readonly bytes: number;
  readonly crc: number;
}

/** Writes a file of sections, durably with its name; resolves to its size. */
export async function writeSectionFile(
  fs: FileSystem,
  path: string,
  header: Parameters<typeof encodeFileHeader>[1],
  sections: readonly FileSection[],
): Promise<number> {
  const table = await makeTable(fs, sections);
  const tableText = new TextEncoder().encode(JSON.stringify(table));
  assert(tableText.length <= tableBytesMax, "the table of a section file stays small");
  const head = new Uint8Array(fileHeaderBytes + padTo8(8 + tableText.length));
  head.set(encodeFileHeader(fs, header), 0);
  const view = new DataView(head.buffer);
  view.setUint32(fileHeaderBytes, tableText.length, true);
  view.setUint32(fileHeaderBytes + 4, fs.crc32(tableText), true);
  head.set(tableText, fileHeaderBytes + 8);
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
  await fs.syncFolder(parentFolder(path));
  return end;
}

/** The sections of a file, verified, with its header; `CORRUPT` where anything is wrong. */
export async function readSectionFile(
  fs: FileSystem,
  path: string,
  kind: FileKind,
  checkHeader: (header: FileHeader) => void,
): Promise<{ header: FileHeader; sections: Map<string, Uint8Array>; fileBytes: number }> {
  const handle = await fs.open(path, "read");
  try {
    const head = await readHead(fs, handle, path, kind);
    const { header, fileBytes } = head;
    checkHeader(header);
    const sections = new Map<string, Uint8Array>();
    let start = sectionsStart(head);
    for (const entry of await readTable(fs, handle, path, head)) {
      sections.set(entry.name, await readSection(fs, handle, path, start, entry, fileBytes));
      start = padTo8(start + entry.bytes);
    }
    return { header, sections, fileBytes };
  } finally {
    await handle.close();
  }
}

/**
 * The header of a file, and its first section where that is called `firstName` and intact; whatever the rest is like.
 */
export async function readSectionFileStart(
  fs: FileSystem,
  path: string,
  kind: FileKind,
  firstName: string,
): Promise<{ header: FileHeader; first: Uint8Array | null }> {
  const handle = await fs.open(path, "read");
  try {
    const head = await readHead(fs, handle, path, kind);
    const first = await readFirst(fs, handle, path, head, firstName).catch((error: unknown) => {
      if (isLynseError(error, "CORRUPT")) return null;
      throw error;
    });
    return { header: head.header, first };
  } finally {
    await handle.close();
  }
}

async function readFirst(
  fs: FileSystem,
  handle: FileHandle,
  path: string,
  head: SectionFileHead,
  name: string,
): Promise<Uint8Array | null> {
  const entry = (await readTable(fs, handle, path, head))[0];
  if (entry?.name !== name) return null;
  return readSection(fs, handle, path, sectionsStart(head), entry, head.fileBytes);
}

/** The entries of an intact table, which are what `makeTable` wrote. */
async function readTable(
  fs: FileSystem,
  handle: FileHandle,
  path: string,
  { fileBytes, tableBytes, tableCrc }: SectionFileHead,
): Promise<TableEntry[]> {
  if (tableBytes > tableBytesMax) throw corruptFile(path, fileHeaderBytes, "the table is too large");
  const text = await readPart(handle, path, fileHeaderBytes + 8, tableBytes, fileBytes);
  if (fs.crc32(text) !== tableCrc) throw corruptFile(path, fileHeaderBytes, "the table does not match its checksum");
  return JSON.parse(new TextDecoder().decode(text)) as TableEntry[];
}

function sectionsStart({ tableBytes }: SectionFileHead): number {
  return fileHeaderBytes + padTo8(8 + tableBytes);
}

function piecesOf(section: FileSection): readonly Uint8Array[] {
  return section.bytes instanceof Uint8Array ? [section.bytes] : section.bytes;
}

async function makeTable(fs: FileSystem, sections: readonly FileSection[]): Promise<TableEntry[]> {
  const slice = new TimeSlice();
  const table: TableEntry[] = [];
  for (const section of sections) {
    let bytes = 0;
    let crc = 0;
    for (const piece of piecesOf(section)) {
      bytes += piece.length;
      for (let at = 0; at < piece.length; at += stepBytes) {
        crc = fs.crc32(piece.subarray(at, at + stepBytes), crc);
        if (slice.isDue()) await slice.giveWay();
      }
    }
    assert(bytes <= sectionBytesMax, `section ${section.name} has at most ${sectionBytesMax} bytes`);
    table.push({ name: section.name, bytes, crc });
  }
  return table;
}

async function writePieces(handle: FileHandle, start: number, pieces: readonly Uint8Array[]): Promise<number> {
  let end = start;
  for (const piece of pieces) {
    for (let at = 0; at < piece.length; at += stepBytes) {
      await handle.write(piece.subarray(at, at + stepBytes), end + at);
    }
    end += piece.length;
  }
  return padTo8(end);
}

/** Reads and verifies what stands before the table's text. */
async function readHead(fs: FileSystem, handle: FileHandle, path: string, kind: FileKind): Promise<SectionFileHead> {
  const fileBytes = await handle.size();
  const head = await readPart(handle, path, 0, fileHeaderBytes + 8, fileBytes);
  const header = decodeFileHeader(fs, head, kind, path);
  const view = new DataView(head.buffer);
  const tableBytes = view.getUint32(fileHeaderBytes, true);
  return { header, fileBytes, tableBytes, tableCrc: view.getUint32(fileHeaderBytes + 4, true) };
}

async function readSection(
  fs: FileSystem,
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
    crc = fs.crc32(part, crc);
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
