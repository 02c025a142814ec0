/**
 * What does the index section of a FIELD VECTORS frame hold?
 *
 * Which slots of which field it is about, and their rows; the vectors are in the field's own file.
 *
 *     0  u32 fieldNumber    8  u32 count    16  u32 crc of the slots' vector bytes    24  u32 rows[count], padded to 8
 *     4  u32 firstSlot     12  u32 dim      20  u32 0
 */
import { padTo8 } from "./log-frame.js";
import type { StoredFieldVectors } from "./transaction.js";

const fixedBytes = 24;

export interface FieldVectorsSection {
  readonly part: StoredFieldVectors;
  readonly dim: number;
}

/** Bytes of the index section of `count` slots. */
export function fieldVectorsSectionBytes(count: number): number {
  return fixedBytes + padTo8(count * 4);
}

/** Writes a section into `target`, which has exactly its size. */
export function encodeFieldVectorsSection(target: Uint8Array, { part, dim }: FieldVectorsSection): void {
  const view = new DataView(target.buffer, target.byteOffset, target.length);
  view.setUint32(0, part.fieldNumber, true);
  view.setUint32(4, part.firstSlot, true);
  view.setUint32(8, part.count, true);
  view.setUint32(12, dim, true);
  view.setUint32(16, part.vectorsCrc, true);
  const { rows } = part;
  target.set(new Uint8Array(rows.buffer, rows.byteOffset, rows.byteLength), fixedBytes);
}

/** Reads a section from `bytes`, which begin at offset 0 of their buffer; null when they cannot be one. */
export function decodeFieldVectorsSection(bytes: Uint8Array): FieldVectorsSection | null {
  if (bytes.length < fixedBytes) return null;
  const view = new DataView(bytes.buffer, bytes.byteOffset, fixedBytes);
  const count = view.getUint32(8, true);
  if (bytes.length !== fieldVectorsSectionBytes(count)) return null;
  const part = {
    fieldNumber: view.getUint32(0, true),
    firstSlot: view.getUint32(4, true),
    count,
    vectorsCrc: view.getUint32(16, true),
    rows: new Uint32Array(bytes.buffer, bytes.byteOffset + fixedBytes, count),
  };
  return { part, dim: view.getUint32(12, true) };
}
