/**
 * Which frames does a batch of transactions become?
 *
 * First a plan (where each frame begins and ends), since the last frame of the batch carries the mark that commits it;
 * then one frame at a time, so that a huge batch never stands in memory twice.
 */
import { assert } from "../errors.js";
import { limits } from "../limits.js";
import type { GenerationFiles } from "./generation-files.js";
import { encodeFrameHeader, frameHeaderBytes, frameKinds, padTo8 } from "./log-frame.js";
import { rangeCrc } from "./range-crc.js";
import { encodeRowListSection, rowListSectionBytes } from "./row-list-section.js";
import { encodeIds, encodeRowsSection, rowsSectionBytes } from "./rows-section.js";
import type { RowsPart, StoredRows, Transaction } from "./transaction.js";

/** Where frames are cut; tests set them low. */
export interface FrameLimits {
  readonly rowsMax: number;
  /** Bytes of the index section and the JSON together. */
  readonly bytesMax: number;
}

export const defaultFrameLimits: FrameLimits = { rowsMax: limits.frameRowsMax, bytesMax: 8 * 1024 * 1024 };

/** A frame ready to be written, with what belongs into the vector file. */
export interface EncodedFrame {
  readonly bytes: Uint8Array;
  readonly stored: StoredRows | null;
  readonly vectors: readonly Uint8Array[];
}

type FramePlan =
  | { readonly part: RowsPart; readonly from: number; readonly to: number }
  | {
      readonly kind: number;
      readonly list: Uint32Array | readonly number[];
      readonly from: number;
      readonly to: number;
    };

/** Where a batch begins. */
export interface BatchStart {
  readonly batch: number;
  readonly logBytes: number;
  readonly rowCount: number;
  readonly syncedBytes: number;
}

/** The frames of a batch, in order. */
export function* encodeBatch(
  files: GenerationFiles,
  transactions: readonly Transaction[],
  start: BatchStart,
  frameLimits: FrameLimits,
): Generator<EncodedFrame> {
  const plans = planFrames(transactions, frameLimits);
  let offset = start.logBytes;
  let firstRow = start.rowCount;
  for (let part = 0; part < plans.length; part++) {
    const plan = plans[part]!;
    const head = { batch: start.batch, syncedBytes: start.syncedBytes, part, isLast: part === plans.length - 1 };
    const frame =
      "part" in plan ? encodeRowsFrame(files, plan, head, offset, firstRow) : encodeListFrame(files, plan, head);
    offset += frame.bytes.length;
    firstRow += frame.stored?.rowCount ?? 0;
    yield frame;
  }
}

function planFrames(transactions: readonly Transaction[], frameLimits: FrameLimits): FramePlan[] {
  const plans: FramePlan[] = [];
  for (const transaction of transactions) {
    for (const part of transaction.rows) planRows(plans, part, frameLimits);
    planList(plans, frameKinds.superseded, transaction.superseded, frameLimits);
    planList(plans, frameKinds.deleted, transaction.deleted, frameLimits);
    planList(plans, frameKinds.restored, transaction.restored, frameLimits);
  }
  return plans;
}

function planRows(plans: FramePlan[], part: RowsPart, { rowsMax, bytesMax }: FrameLimits): void {
  const { rowCount, fieldEnds, ids } = part;
  assert(fieldEnds.length === rowCount, "one field end a row");
  assert((rowCount === 0 ? 0 : fieldEnds[rowCount - 1]) === part.fieldBytes.length, "the last row ends the fields");
  let from = 0;
  let bytes = 0;
  for (let row = 0; row < rowCount; row++) {
    const id = Array.isArray(ids) ? (ids as readonly unknown[])[row] : 0;
    const idBytes = typeof id === "string" ? id.length * 3 + 4 : 12;
    const rowBytes = fieldEnds[row]! - (row === 0 ? 0 : fieldEnds[row - 1]!) + idBytes + 8;
    if (row > from && (row - from === rowsMax || bytes + rowBytes > bytesMax)) {
      plans.push({ part, from, to: row });
      from = row;
      bytes = 0;
    }
    bytes += rowBytes;
  }
  if (from < rowCount) plans.push({ part, from, to: rowCount });
}

function planList(
  plans: FramePlan[],
  kind: number,
  list: Uint32Array | readonly number[],
  { bytesMax }: FrameLimits,
): void {
  const countMax = Math.max(1, Math.floor(bytesMax / 4));
  for (let from = 0; from < list.length; from += countMax) {
    plans.push({ kind, list, from, to: Math.min(list.length, from + countMax) });
  }
}

type FrameStart = Pick<Parameters<typeof encodeFrameHeader>[3], "batch" | "syncedBytes" | "part" | "isLast">;

function encodeRowsFrame(
  files: GenerationFiles,
  { part, from, to }: { part: RowsPart; from: number; to: number },
  head: FrameStart,
  offset: number,
  firstRow: number,
): EncodedFrame {
  const { fs, saltBytes, vectors: file } = files;
  assert(file !== null, "the dimension is fixed before rows are written");
  const { fieldBytes, fieldEnds } = part;
  const rowCount = to - from;
  const blobStart = from === 0 ? 0 : fieldEnds[from - 1]!;
  const blob = fieldBytes.subarray(blobStart, fieldEnds[to - 1]!);
  const fieldLengths = new Uint32Array(rowCount);
  const fieldCrcs = new Uint32Array(rowCount);
  let start = blobStart;
  for (let row = 0; row < rowCount; row++) {
    const end = fieldEnds[from + row]!;
    fieldLengths[row] = end - start;
    fieldCrcs[row] = end === start ? 0 : rangeCrc(fs, fieldBytes, start, end);
    start = end;
  }
  const vectors = slicePieces(part.vectorBytes, from * file.stride, to * file.stride);
  let vectorsCrc = 0;
  for (const piece of vectors) vectorsCrc = fs.crc32(piece, vectorsCrc);
  const ids = encodeIds(part.ids, from, to);
  const indexBytes = rowsSectionBytes(rowCount, ids);
  const bytes = new Uint8Array(frameHeaderBytes + indexBytes + padTo8(blob.length));
  const index = bytes.subarray(frameHeaderBytes, frameHeaderBytes + indexBytes);
  encodeRowsSection(index, { firstRow, rowCount, dim: file.dim, vectorsCrc, ids, fieldLengths, fieldCrcs });
  bytes.set(blob, frameHeaderBytes + indexBytes);
  encodeFrameHeader(fs, bytes, saltBytes, {
    ...head,
    kind: frameKinds.rows,
    indexBytes,
    blobBytes: blob.length,
    indexCrc: rangeCrc(fs, index),
  });
  const fieldOffset = offset + frameHeaderBytes + indexBytes;
  return { bytes, vectors, stored: { firstRow, rowCount, fieldOffset, fieldLengths, fieldCrcs, vectorsCrc } };
}

function encodeListFrame(
  files: GenerationFiles,
  plan: { kind: number; list: Uint32Array | readonly number[]; from: number; to: number },
  head: FrameStart,
): EncodedFrame {
  const { fs, saltBytes } = files;
  const indexBytes = rowListSectionBytes(plan.to - plan.from);
  const bytes = new Uint8Array(frameHeaderBytes + indexBytes);
  const index = bytes.subarray(frameHeaderBytes);
  encodeRowListSection(index, plan.list, plan.from, plan.to);
  const indexCrc = rangeCrc(fs, index);
  encodeFrameHeader(fs, bytes, saltBytes, { ...head, kind: plan.kind, indexBytes, blobBytes: 0, indexCrc });
  return { bytes, vectors: [], stored: null };
}

/** Bytes `[start, end)` of pieces that lie one after the other. */
function slicePieces(pieces: readonly Uint8Array[], start: number, end: number): Uint8Array[] {
  const slices: Uint8Array[] = [];
  let pieceStart = 0;
  for (const piece of pieces) {
    const pieceEnd = pieceStart + piece.length;
    if (pieceEnd > start && pieceStart < end) {
      slices.push(piece.subarray(Math.max(0, start - pieceStart), Math.min(piece.length, end - pieceStart)));
    }
    pieceStart = pieceEnd;
  }
  assert(pieceStart >= end, "there is a vector for every row");
  return slices;
}
