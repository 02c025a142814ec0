/**
 * What does the index section of a MOVED frame hold?
 *
 *     0  u32 count    4  u32 0    8  u32 from[count], u32 to[count]
 */
import type { MovedRows } from "./transaction.js";

const fixedBytes = 8;

/** Bytes of the index section of `count` pairs. */
export function movedRowsSectionBytes(count: number): number {
  return fixedBytes + count * 8;
}

/** Writes pairs `[start, end)` into `target`, which has exactly the section's size. */
export function encodeMovedRowsSection(target: Uint8Array, { from, to }: MovedRows, start: number, end: number): void {
  const view = new DataView(target.buffer, target.byteOffset, target.length);
  const count = end - start;
  view.setUint32(0, count, true);
  for (let at = 0; at < count; at++) {
    view.setUint32(fixedBytes + at * 4, from[start + at]!, true);
    view.setUint32(fixedBytes + (count + at) * 4, to[start + at]!, true);
  }
}

/** Reads a section from `bytes`, which begin at offset 0 of their buffer; null when they cannot be one. */
export function decodeMovedRowsSection(bytes: Uint8Array): MovedRows | null {
  if (bytes.length < fixedBytes) return null;
  const count = new DataView(bytes.buffer, bytes.byteOffset, fixedBytes).getUint32(0, true);
  if (bytes.length !== movedRowsSectionBytes(count)) return null;
  const start = bytes.byteOffset + fixedBytes;
  return {
    from: new Uint32Array(bytes.buffer, start, count),
    to: new Uint32Array(bytes.buffer, start + count * 4, count),
  };
}
