/**
 * How is a blob kept in a file, so that any part of it can be read and verified alone?
 *
 *     0   u8[8] magic "LYNSEBLB", u32 version, u32 crc of the other 60 bytes: as in every file header
 *     16  u64 bytes of the content
 *     24  u32 bytes of the key, at least 1
 *     28  u32 crc of key and table
 *     32  zeros to 64
 *     64  the key, UTF-8; the table: a u32 crc for each block of 64 KiB of content; zeros to a multiple of 8
 *     ..  the content, to the end of the file
 *
 * A file is written once and never changed. The caller's bytes are copied before they are summed, so that one who changes
 * them meanwhile stores something odd, but nothing damaged. Nothing is allocated that the file's size does not cover.
 */
import { TimeSlice } from "../time-slice.js";
import { corruptFile } from "./corrupt-file.js";
import { checkFileHeader, fileHeaderBytes, sealFileHeader } from "./file-header.js";
import type { FileHandle, FileSystem } from "./file-system.js";
import { padTo8 } from "./log-frame.js";

/** Content that has a checksum of its own: a small read verifies at most two of them more than it wants. */
const blobBlockBytes = 64 * 1024;

/** Bytes read or written at once; a multiple of the block. */
export const blobStepBytes = 4 * 1024 * 1024;

/** What stands before the content. */
export interface BlobHead {
  readonly key: string;
  readonly contentBytes: number;
  /** Where the content begins in the file. */
  readonly contentStart: number;
  /** A checksum for each block. */
  readonly crcs: Uint32Array;
}

/** Content that is brought a step at a time: `fill` is called for the bytes from `at` on, in order. */
export interface BlobContent {
  readonly bytes: number;
  readonly fill: (target: Uint8Array, at: number) => Promise<void>;
}

/** Writes a blob to a fresh file; not synced. */
export function writeBlobFile(fs: FileSystem, handle: FileHandle, key: string, content: Uint8Array): Promise<void> {
  const fill = async (target: Uint8Array, at: number): Promise<void> =>
    void target.set(content.subarray(at, at + target.length));
  return streamBlobFile(fs, handle, key, { bytes: content.length, fill });
}

/** The same, with no more than a step of the content in memory. */
export async function streamBlobFile(
  fs: FileSystem,
  handle: FileHandle,
  key: string,
  content: BlobContent,
): Promise<void> {
  const keyBytes = new TextEncoder().encode(key);
  const contentBytes = content.bytes;
  const blockCount = Math.ceil(contentBytes / blobBlockBytes);
  const head = new Uint8Array(padTo8(fileHeaderBytes + keyBytes.length + blockCount * 4));
  const view = new DataView(head.buffer);
  const tableStart = fileHeaderBytes + keyBytes.length;
  head.set(keyBytes, fileHeaderBytes);
  const copy = new Uint8Array(Math.min(blobStepBytes, contentBytes));
  const slice = new TimeSlice();
  for (let at = 0; at < contentBytes; at += blobStepBytes) {
    const step = copy.subarray(0, Math.min(blobStepBytes, contentBytes - at));
    await content.fill(step, at);
    for (let from = 0; from < step.length; from += blobBlockBytes) {
      const crc = fs.crc32(step.subarray(from, from + blobBlockBytes));
      view.setUint32(tableStart + ((at + from) / blobBlockBytes) * 4, crc, true);
      if (slice.isDue()) await slice.giveWay();
    }
    await handle.write(step, head.length + at);
  }
  view.setBigUint64(16, BigInt(contentBytes), true);
  view.setUint32(24, keyBytes.length, true);
  view.setUint32(28, fs.crc32(head.subarray(fileHeaderBytes, tableStart + blockCount * 4)), true);
  sealFileHeader(fs, head.subarray(0, fileHeaderBytes), "LYNSEBLB");
  await handle.write(head, 0);
}

/** The head of a blob's file, verified; `CORRUPT`, `FORMAT_TOO_NEW`. */
export async function readBlobHead(fs: FileSystem, handle: FileHandle, file: string): Promise<BlobHead> {
  const fileBytes = await handle.size();
  const header = new Uint8Array(fileHeaderBytes);
  const got = await handle.read(header, 0);
  checkFileHeader(fs, header.subarray(0, got), "LYNSEBLB", file);
  const view = new DataView(header.buffer);
  const contentBytes = Number(view.getBigUint64(16, true));
  const keyLength = view.getUint32(24, true);
  const blockCount = Math.ceil(contentBytes / blobBlockBytes);
  const contentStart = padTo8(fileHeaderBytes + keyLength + blockCount * 4);
  if (keyLength === 0 || contentStart + contentBytes !== fileBytes) {
    throw corruptFile(file, fileBytes, `a blob of ${contentBytes} bytes does not fill the file`);
  }
  const named = new Uint8Array(keyLength + blockCount * 4);
  await readAll(handle, named, fileHeaderBytes, file);
  if (fs.crc32(named) !== view.getUint32(28, true)) {
    throw corruptFile(file, fileHeaderBytes, "the key and the table do not match their checksum");
  }
  const key = new TextDecoder("utf-8", { ignoreBOM: true }).decode(named.subarray(0, keyLength));
  const crcs = new Uint32Array(blockCount);
  const table = new DataView(named.buffer, keyLength);
  for (let block = 0; block < blockCount; block++) crcs[block] = table.getUint32(block * 4, true);
  return { key, contentBytes, contentStart, crcs };
}

/** Bytes `[from, to)` of the content, verified; the caller's own. */
export async function readBlobContent(
  fs: FileSystem,
  handle: FileHandle,
  file: string,
  head: BlobHead,
  from: number,
  to: number,
): Promise<Uint8Array<ArrayBuffer>> {
  if (from >= to) return new Uint8Array(0);
  const { contentBytes, contentStart, crcs } = head;
  const start = from - (from % blobBlockBytes);
  const end = Math.min(contentBytes, Math.ceil(to / blobBlockBytes) * blobBlockBytes);
  const bytes = new Uint8Array(end - start);
  const slice = new TimeSlice();
  for (let at = 0; at < bytes.length; at += blobStepBytes) {
    const step = bytes.subarray(at, at + blobStepBytes);
    await readAll(handle, step, contentStart + start + at, file);
    for (let inner = 0; inner < step.length; inner += blobBlockBytes) {
      const block = (start + at + inner) / blobBlockBytes;
      if (fs.crc32(step.subarray(inner, inner + blobBlockBytes)) !== crcs[block]) {
        throw corruptFile(file, contentStart + block * blobBlockBytes, "a block does not match its checksum");
      }
      if (slice.isDue()) await slice.giveWay();
    }
  }
  return start === from && end === to ? bytes : bytes.slice(from - start, to - start);
}

async function readAll(handle: FileHandle, target: Uint8Array, position: number, file: string): Promise<void> {
  const count = await handle.read(target, position);
  if (count < target.length) throw corruptFile(file, position + count, "the file ends here");
}
