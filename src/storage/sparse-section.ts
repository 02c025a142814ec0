/**
 * What does the index section of a SPARSE frame hold?
 *
 * The rows, and where in the blob the vector of each lies, with a checksum each: a reader can verify one alone.
 *
 *     0  u32 count    4  u32 0    8  u32 rows[count], u32 lengths[count], u32 crcs[count], padded to 8
 */
import { padTo8 } from "./log-frame.js";
import type { StoredSparse } from "./transaction.js";

const fixedBytes = 8;

/** What a section says; where the blob lies, the frame does. */
export type SparseSection = Omit<StoredSparse, "offset">;

/** Bytes of the index section of `count` vectors. */
export function sparseSectionBytes(count: number): number {
  return fixedBytes + padTo8(count * 12);
}

/** Writes a section into `target`, which has exactly its size. */
export function encodeSparseSection(target: Uint8Array, { rows, lengths, crcs }: SparseSection): void {
  const count = rows.length;
  new DataView(target.buffer, target.byteOffset, fixedBytes).setUint32(0, count, true);
  let at = fixedBytes;
  for (const list of [rows, lengths, crcs]) {
    target.set(new Uint8Array(list.buffer, list.byteOffset, count * 4), at);
    at += count * 4;
  }
}

/** Reads a section from `bytes`, which begin at offset 0 of their buffer; a text when they cannot be one. */
export function decodeSparseSection(bytes: Uint8Array, blobBytes: number): SparseSection | string {
  const count =
    bytes.length < fixedBytes ? 0 : new DataView(bytes.buffer, bytes.byteOffset, fixedBytes).getUint32(0, true);
  if (bytes.length !== sparseSectionBytes(count)) return "the index section's size does not fit its sparse vectors";
  const start = bytes.byteOffset + fixedBytes;
  const lengths = new Uint32Array(bytes.buffer, start + count * 4, count);
  let total = 0;
  for (let at = 0; at < count; at++) total += lengths[at]!;
  if (total !== blobBytes) return "the lengths of the sparse vectors do not add up";
  return {
    rows: new Uint32Array(bytes.buffer, start, count),
    lengths,
    crcs: new Uint32Array(bytes.buffer, start + count * 8, count),
  };
}
