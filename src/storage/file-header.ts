/**
 * How does a binary file say what it is?
 *
 * 64 bytes at the start of every log, vector, checkpoint and blob file. The first 16 (magic, version, checksum of the other
 * 60) mean the same in every version of the format, so that a newer file is refused by its number, never taken for
 * damage. `salt` is drawn at random for each generation; it ties a generation's files together and marks the frames of
 * its log.
 *
 *     0  u8[8] magic            16  u64 generation      32  u32 dim (vector file)     40  u64 rowCount (checkpoint)
 *     8  u32 version            24  u8[8] salt          36  u32 dtype (vector file)   48  u64 logBytes (checkpoint)
 *    12  u32 crc of the rest                                                          56  u64 batch (checkpoint)
 */
import { corruptFile, formatTooNew } from "./corrupt-file.js";
import type { FileSystem } from "./file-system.js";

/** Bytes of a file header. */
export const fileHeaderBytes = 64;

/** Newest version of the on-disk format; written into every file. */
export const formatVersion = 1;

/** What a file can be; the magic bytes begin every file of that kind. */
export type FileKind = "LYNSELOG" | "LYNSEVEC" | "LYNSEDER" | "LYNSEIDX" | "LYNSEBLB";

export interface FileHeader {
  readonly kind: FileKind;
  readonly generation: number;
  /** Eight random bytes as hexadecimal digits. */
  readonly salt: string;
  /** Length of the vectors, in a vector file. */
  readonly dim: number;
  /** 0 float32, 1 float16, in a vector file. */
  readonly dtype: number;
  /** The log position of a checkpoint. */
  readonly rowCount: number;
  readonly logBytes: number;
  readonly batch: number;
}

/** A fresh salt. */
export function newSalt(): string {
  const bytes = globalThis.crypto.getRandomValues(new Uint8Array(8));
  return Array.from(bytes, (byte) => byte.toString(16).padStart(2, "0")).join("");
}

/** The eight bytes of a salt. */
export function saltBytes(salt: string): Uint8Array {
  return Uint8Array.from({ length: 8 }, (_, at) => Number.parseInt(salt.slice(at * 2, at * 2 + 2), 16));
}

/** Bytes of a header; members that its kind does not use are 0. */
export function encodeFileHeader(
  fs: FileSystem,
  header: Pick<FileHeader, "kind" | "generation" | "salt"> & Partial<FileHeader>,
): Uint8Array {
  const bytes = new Uint8Array(fileHeaderBytes);
  const view = new DataView(bytes.buffer);
  view.setBigUint64(16, BigInt(header.generation), true);
  bytes.set(saltBytes(header.salt), 24);
  view.setUint32(32, header.dim ?? 0, true);
  view.setUint32(36, header.dtype ?? 0, true);
  view.setBigUint64(40, BigInt(header.rowCount ?? 0), true);
  view.setBigUint64(48, BigInt(header.logBytes ?? 0), true);
  view.setBigUint64(56, BigInt(header.batch ?? 0), true);
  sealFileHeader(fs, bytes, header.kind);
  return bytes;
}

/** Writes magic, version and checksum into the 64 bytes of a header that is complete but for them. */
export function sealFileHeader(fs: FileSystem, bytes: Uint8Array, kind: FileKind): void {
  const view = new DataView(bytes.buffer, bytes.byteOffset, fileHeaderBytes);
  for (let at = 0; at < 8; at++) bytes[at] = kind.charCodeAt(at);
  view.setUint32(8, formatVersion, true);
  view.setUint32(12, headerCrc(fs, bytes), true);
}

/** Verifies what all headers have in common; `bytes` may be shorter than one, `file` names it in errors. */
export function checkFileHeader(fs: FileSystem, bytes: Uint8Array, kind: FileKind, file: string): void {
  if (bytes.length < fileHeaderBytes) {
    throw corruptFile(file, bytes.length, `the file ends inside its header of ${fileHeaderBytes} bytes`);
  }
  const view = new DataView(bytes.buffer, bytes.byteOffset, fileHeaderBytes);
  for (let at = 0; at < 8; at++) {
    if (bytes[at] !== kind.charCodeAt(at)) throw corruptFile(file, at, `a file that begins with ${kind} was expected`);
  }
  if (view.getUint32(12, true) !== headerCrc(fs, bytes.subarray(0, fileHeaderBytes))) {
    throw corruptFile(file, 0, "the header does not match its checksum");
  }
  const version = view.getUint32(8, true);
  if (version > formatVersion) throw formatTooNew(file, version, formatVersion);
}

/** Reads and verifies a header; `bytes` may be shorter than one, `file` names it in errors. */
export function decodeFileHeader(fs: FileSystem, bytes: Uint8Array, kind: FileKind, file: string): FileHeader {
  checkFileHeader(fs, bytes, kind, file);
  const view = new DataView(bytes.buffer, bytes.byteOffset, fileHeaderBytes);
  return {
    kind,
    generation: Number(view.getBigUint64(16, true)),
    salt: Array.from(bytes.subarray(24, 32), (byte) => byte.toString(16).padStart(2, "0")).join(""),
    dim: view.getUint32(32, true),
    dtype: view.getUint32(36, true),
    rowCount: Number(view.getBigUint64(40, true)),
    logBytes: Number(view.getBigUint64(48, true)),
    batch: Number(view.getBigUint64(56, true)),
  };
}

function headerCrc(fs: FileSystem, bytes: Uint8Array): number {
  return fs.crc32(bytes.subarray(16), fs.crc32(bytes.subarray(0, 12)));
}
