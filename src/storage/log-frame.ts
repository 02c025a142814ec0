/**
 * How does a piece of the log say what it is?
 *
 * 48 bytes before every frame. The salt of the file comes first: bytes of an application cannot imitate it, so a scan
 * past damage finds true frames only. The checksum covers the header, which carries the checksum of the index section;
 * the blob (the rows' JSON or sparse vectors) is covered row by row by checksums inside the index section.
 *
 *     0  u8[8] salt             16  u32 indexBytes (multiple of 8)    32  u64 syncedBytes
 *     8  u32 crc of 12..47      20  u32 blobBytes                     40  u8 kind   41  u8 flags   42  u16 0
 *    12  u32 crc of the index   24  u64 batch                         44  u32 part, from 0 in each batch
 *
 * `syncedBytes`: bytes of this log that were durable before the frame was written. A frame that is intact proves that
 * everything before that offset reached the disk once; see docs/internals/file-format.md.
 */
import type { FileSystem } from "./file-system.js";
import { rangeCrc } from "./range-crc.js";

/** Bytes of a frame header. */
export const frameHeaderBytes = 48;

/** Kinds of frames. */
export const frameKinds = {
  rows: 1,
  superseded: 2,
  deleted: 3,
  restored: 4,
  moved: 5,
  fieldVectors: 6,
  sparse: 7,
} as const;

/** Flag of the last frame of a batch. */
const closesBatch = 1;

export interface FrameHeader {
  readonly kind: number;
  readonly indexBytes: number;
  readonly blobBytes: number;
  readonly indexCrc: number;
  /** Batch number, from 1. */
  readonly batch: number;
  readonly part: number;
  readonly isLast: boolean;
  readonly syncedBytes: number;
}

/** `count` rounded up to a multiple of 8: frames and their index sections begin at such offsets. */
export function padTo8(count: number): number {
  return Math.ceil(count / 8) * 8;
}

/** Bytes of a whole frame. */
export function frameBytes(header: FrameHeader): number {
  return frameHeaderBytes + header.indexBytes + padTo8(header.blobBytes);
}

/** Writes a header at the start of `frame`. */
export function encodeFrameHeader(fs: FileSystem, frame: Uint8Array, salt: Uint8Array, header: FrameHeader): void {
  const view = new DataView(frame.buffer, frame.byteOffset, frameHeaderBytes);
  frame.set(salt, 0);
  view.setUint32(12, header.indexCrc, true);
  view.setUint32(16, header.indexBytes, true);
  view.setUint32(20, header.blobBytes, true);
  view.setBigUint64(24, BigInt(header.batch), true);
  view.setBigUint64(32, BigInt(header.syncedBytes), true);
  view.setUint8(40, header.kind);
  view.setUint8(41, header.isLast ? closesBatch : 0);
  view.setUint32(44, header.part, true);
  view.setUint32(8, rangeCrc(fs, frame, 12, frameHeaderBytes), true);
}

/** The header at the start of `bytes`; null when there is none, or one that does not match its checksum. */
export function decodeFrameHeader(fs: FileSystem, bytes: Uint8Array, salt: Uint8Array): FrameHeader | null {
  if (bytes.length < frameHeaderBytes) return null;
  for (let at = 0; at < 8; at++) if (bytes[at] !== salt[at]) return null;
  const view = new DataView(bytes.buffer, bytes.byteOffset, frameHeaderBytes);
  if (view.getUint32(8, true) !== rangeCrc(fs, bytes, 12, frameHeaderBytes)) return null;
  return {
    indexCrc: view.getUint32(12, true),
    indexBytes: view.getUint32(16, true),
    blobBytes: view.getUint32(20, true),
    batch: Number(view.getBigUint64(24, true)),
    syncedBytes: Number(view.getBigUint64(32, true)),
    kind: view.getUint8(40),
    isLast: (view.getUint8(41) & closesBatch) !== 0,
    part: view.getUint32(44, true),
  };
}
