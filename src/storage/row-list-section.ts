/**
 * What does the index section of a SUPERSEDED, DELETED or RESTORED frame hold?
 *
 *     0  u32 count    4  u32 0    8  u32 rows[count], padded to 8
 */
import { padTo8 } from "./log-frame.js";

const fixedBytes = 8;

/** Bytes of the index section of `count` row numbers. */
export function rowListSectionBytes(count: number): number {
  return fixedBytes + padTo8(count * 4);
}

/** Writes `rows[from, to)` into `target`, which has exactly the section's size. */
export function encodeRowListSection(
  target: Uint8Array,
  rows: Uint32Array | readonly number[],
  from: number,
  to: number,
): void {
  const view = new DataView(target.buffer, target.byteOffset, target.length);
  view.setUint32(0, to - from, true);
  for (let at = from; at < to; at++) view.setUint32(fixedBytes + (at - from) * 4, rows[at]!, true);
}

/** Reads a section from `bytes`, which begin at offset 0 of their buffer; null when they cannot be one. */
export function decodeRowListSection(bytes: Uint8Array): Uint32Array | null {
  if (bytes.length < fixedBytes) return null;
  const count = new DataView(bytes.buffer, bytes.byteOffset, fixedBytes).getUint32(0, true);
  if (bytes.length !== rowListSectionBytes(count)) return null;
  return new Uint32Array(bytes.buffer, bytes.byteOffset + fixedBytes, count);
}
