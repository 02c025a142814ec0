/**
 * What does the index section of a ROWS frame hold?
 *
 * Everything about the frame's rows but the JSON itself, so that a replay can skip the JSON and a reader can verify one
 * row's JSON alone.
 *
 *     0  u32 firstRow      16  u32 crc of the rows' vector bytes      24  f64 first id (range) | u64 bytes of the ids
 *     4  u32 rowCount      20  u32 0                                  32  ids, padded to 8
 *     8  u32 dim                                                      ..  u32 fieldLengths[rowCount]
 *    12  u32 idKind                                                   ..  u32 fieldCrcs[rowCount], padded to 8
 *
 * idKind 0: consecutive integers, no ids bytes. 1: f64 ids[rowCount]. 2: u32 lengths[rowCount] in UTF-8 bytes, with
 * 0xffffffff for an integer id, then the strings and the integers (f64, 8 bytes) back to back.
 */
import type { Id } from "../types.js";
import { padTo8 } from "./log-frame.js";
import type { ReplayedIds, ReplayedRows } from "./replay-visitor.js";
import type { RowIds } from "./transaction.js";

const fixedBytes = 32;
const integerMark = 0xffff_ffff;
const idKinds = { range: 0, integers: 1, mixed: 2 } as const;

const encoder = new TextEncoder();
const decoder = new TextDecoder("utf-8", { ignoreBOM: true });

/** Ids of a frame's rows in their stored form. */
export interface EncodedIds {
  readonly kind: number;
  /** First id of a range, else the number of `bytes`. */
  readonly start: number;
  readonly bytes: Uint8Array;
}

const noBytes = new Uint8Array(0);

/** Stored form of the ids of rows `[from, to)` of a part. */
export function encodeIds(ids: RowIds, from: number, to: number): EncodedIds {
  if (!Array.isArray(ids))
    return { kind: idKinds.range, start: (ids as { start: number }).start + from, bytes: noBytes };
  const list = ids as readonly Id[];
  let isIntegers = true;
  for (let at = from; isIntegers && at < to; at++) isIntegers = typeof list[at] === "number";
  if (!isIntegers) return encodeMixedIds(list, from, to);
  const values = new Float64Array(to - from);
  for (let at = from; at < to; at++) values[at - from] = list[at] as number;
  return { kind: idKinds.integers, start: values.byteLength, bytes: new Uint8Array(values.buffer) };
}

function encodeMixedIds(ids: readonly Id[], from: number, to: number): EncodedIds {
  const count = to - from;
  const lengths = new Uint32Array(count);
  // One UTF-16 unit takes at most three bytes of UTF-8, an integer eight.
  let room = count * 4;
  for (let at = from; at < to; at++) {
    const id = ids[at]!;
    room += typeof id === "string" ? id.length * 3 : 8;
  }
  const bytes = new Uint8Array(room);
  const end = encodeStrings(bytes, lengths, ids, from, to) ?? encodeOneByOne(bytes, lengths, ids, from, to);
  bytes.set(new Uint8Array(lengths.buffer), 0);
  return { kind: idKinds.mixed, start: end, bytes: bytes.subarray(0, end) };
}

/** The usual case in one call: ASCII strings only. Null when they are not; otherwise the end of the bytes written. */
function encodeStrings(
  bytes: Uint8Array,
  lengths: Uint32Array,
  ids: readonly Id[],
  from: number,
  to: number,
): number | null {
  for (let at = from; at < to; at++) {
    const id = ids[at]!;
    if (typeof id !== "string") return null;
    lengths[at - from] = id.length;
  }
  const start = lengths.byteLength;
  const all = ids.slice(from, to).join("");
  const { written } = encoder.encodeInto(all, bytes.subarray(start));
  return written === all.length ? start + written : null;
}

function encodeOneByOne(bytes: Uint8Array, lengths: Uint32Array, ids: readonly Id[], from: number, to: number): number {
  const view = new DataView(bytes.buffer);
  let end = lengths.byteLength;
  for (let at = from; at < to; at++) {
    const id = ids[at]!;
    if (typeof id === "string") {
      const { written } = encoder.encodeInto(id, bytes.subarray(end));
      lengths[at - from] = written;
      end += written;
    } else {
      lengths[at - from] = integerMark;
      view.setFloat64(end, id, true);
      end += 8;
    }
  }
  return end;
}

/** Bytes of the index section of a frame with these ids. */
export function rowsSectionBytes(rowCount: number, ids: EncodedIds): number {
  return fixedBytes + padTo8(ids.bytes.length) + padTo8(rowCount * 8);
}

export interface RowsSection {
  readonly firstRow: number;
  readonly rowCount: number;
  readonly dim: number;
  readonly vectorsCrc: number;
  readonly ids: EncodedIds;
  readonly fieldLengths: Uint32Array;
  readonly fieldCrcs: Uint32Array;
}

/** Writes a section into `target`, which has exactly its size. */
export function encodeRowsSection(target: Uint8Array, section: RowsSection): void {
  const view = new DataView(target.buffer, target.byteOffset, fixedBytes);
  const { ids, rowCount } = section;
  view.setUint32(0, section.firstRow, true);
  view.setUint32(4, rowCount, true);
  view.setUint32(8, section.dim, true);
  view.setUint32(12, ids.kind, true);
  view.setUint32(16, section.vectorsCrc, true);
  if (ids.kind === idKinds.range) view.setFloat64(24, ids.start, true);
  else view.setBigUint64(24, BigInt(ids.start), true);
  target.set(ids.bytes, fixedBytes);
  const lengthsAt = fixedBytes + padTo8(ids.bytes.length);
  const { fieldLengths, fieldCrcs } = section;
  target.set(new Uint8Array(fieldLengths.buffer, fieldLengths.byteOffset, rowCount * 4), lengthsAt);
  target.set(new Uint8Array(fieldCrcs.buffer, fieldCrcs.byteOffset, rowCount * 4), lengthsAt + rowCount * 4);
}

/** A section that was read, or what is wrong with it. */
export type DecodedRowsSection = (Omit<ReplayedRows, "fieldOffset"> & { readonly dim: number }) | string;

/** Reads a section from `bytes`, which begin at offset 0 of their buffer and hold exactly the section. */
export function decodeRowsSection(bytes: Uint8Array, blobBytes: number): DecodedRowsSection {
  if (bytes.length < fixedBytes) return "the index section is too short";
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
  const rowCount = view.getUint32(4, true);
  const idKind = view.getUint32(12, true);
  const isRange = idKind === idKinds.range;
  const idsLength = isRange ? 0 : Number(view.getBigUint64(24, true));
  if (bytes.length !== fixedBytes + padTo8(idsLength) + padTo8(rowCount * 8)) {
    return "the index section's size does not fit its rows";
  }
  const lengthsAt = bytes.byteOffset + fixedBytes + padTo8(idsLength);
  const fieldLengths = new Uint32Array(bytes.buffer, lengthsAt, rowCount);
  let total = 0;
  for (let at = 0; at < rowCount; at++) total += fieldLengths[at]!;
  if (total !== blobBytes) return "the lengths of the rows' metadata do not add up";
  const ids = isRange
    ? { start: view.getFloat64(24, true) }
    : decodeIds(bytes.subarray(fixedBytes, fixedBytes + idsLength), rowCount, idKind);
  if (ids === null) return "the ids cannot be read";
  return {
    firstRow: view.getUint32(0, true),
    rowCount,
    dim: view.getUint32(8, true),
    vectorsCrc: view.getUint32(16, true),
    ids,
    fieldLengths,
    fieldCrcs: new Uint32Array(bytes.buffer, lengthsAt + rowCount * 4, rowCount),
  };
}

function decodeIds(bytes: Uint8Array, rowCount: number, kind: number): ReplayedIds | null {
  if (kind === idKinds.integers) {
    return bytes.length === rowCount * 8 ? new Float64Array(bytes.buffer, bytes.byteOffset, rowCount) : null;
  }
  if (kind !== idKinds.mixed || bytes.length < rowCount * 4) return null;
  const lengths = new Uint32Array(bytes.buffer, bytes.byteOffset, rowCount);
  let total = rowCount * 4;
  for (let at = 0; at < rowCount; at++) total += lengths[at] === integerMark ? 8 : lengths[at]!;
  return total === bytes.length ? decodeMixedIds(bytes, lengths) : null;
}

function decodeMixedIds(bytes: Uint8Array, lengths: Uint32Array): Id[] {
  const rowCount = lengths.length;
  const start = rowCount * 4;
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
  const isStringsOnly = !lengths.includes(integerMark);
  // Where every unit is one byte, all ids are cut from one text: a sixth of the cost.
  const all = isStringsOnly ? decoder.decode(bytes.subarray(start)) : "";
  const isAscii = isStringsOnly && all.length === bytes.length - start;
  const ids: Id[] = new Array(rowCount);
  let at = start;
  for (let row = 0; row < rowCount; row++) {
    const length = lengths[row]!;
    if (length === integerMark) {
      ids[row] = view.getFloat64(at, true);
      at += 8;
    } else {
      const end = at + length;
      ids[row] = isAscii ? all.slice(at - start, end - start) : decoder.decode(bytes.subarray(at, end));
      at = end;
    }
  }
  return ids;
}
