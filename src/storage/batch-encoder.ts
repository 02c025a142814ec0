/**
 * Which bytes does a batch of transactions become?
 *
 * One frame at a time, so that a huge batch never stands in memory twice.
 */
import { assert } from "../errors.js";
import { type FrameLimits, type FramePlan, planFrames } from "./batch-plan.js";
import { encodeFieldVectorsSection, fieldVectorsSectionBytes } from "./field-vectors-section.js";
import type { GenerationFiles } from "./generation-files.js";
import { encodeFrameHeader, type FrameHeader, frameHeaderBytes, frameKinds, padTo8 } from "./log-frame.js";
import { encodeMovedRowsSection, movedRowsSectionBytes } from "./moved-rows-section.js";
import { rangeCrc } from "./range-crc.js";
import { encodeRowListSection, rowListSectionBytes } from "./row-list-section.js";
import { encodeIds, encodeRowsSection, rowsSectionBytes } from "./rows-section.js";
import { encodeSparseSection, sparseSectionBytes } from "./sparse-section.js";
import type { StoredFieldVectors, StoredRows, StoredSparse, Transaction } from "./transaction.js";
import type { VectorFile } from "./vector-file.js";

/** Vectors that belong behind the `first` ones of a file. */
export interface FrameVectors {
  readonly file: VectorFile;
  readonly first: number;
  readonly pieces: readonly Uint8Array[];
}

/** A frame ready to be written, with what belongs into a vector file. */
export interface EncodedFrame {
  readonly bytes: Uint8Array;
  readonly vectors?: FrameVectors;
  readonly rows?: StoredRows;
  readonly fieldVectors?: StoredFieldVectors;
  readonly sparse?: StoredSparse;
}

/** Where a batch begins. */
export interface BatchStart {
  readonly batch: number;
  readonly logBytes: number;
  readonly rowCount: number;
  readonly slotCounts: readonly number[];
  readonly syncedBytes: number;
}

type FrameStart = Pick<FrameHeader, "batch" | "syncedBytes" | "part" | "isLast">;
type PlanOf<Kind> = Extract<FramePlan, { readonly kind: Kind }>;

/** The frames of a batch, in order. */
export function* encodeBatch(
  files: GenerationFiles,
  transactions: readonly Transaction[],
  start: BatchStart,
  frameLimits: FrameLimits,
): Generator<EncodedFrame> {
  const plans = planFrames(transactions, start.rowCount, frameLimits);
  const slotCounts = [...start.slotCounts];
  let offset = start.logBytes;
  let firstRow = start.rowCount;
  for (let part = 0; part < plans.length; part++) {
    const plan = plans[part]!;
    const head = { batch: start.batch, syncedBytes: start.syncedBytes, part, isLast: part === plans.length - 1 };
    let frame: EncodedFrame;
    if (plan.kind === frameKinds.rows) {
      frame = encodeRowsFrame(files, plan, head, offset, firstRow);
      firstRow += plan.to - plan.from;
    } else if (plan.kind === frameKinds.fieldVectors) {
      const { fieldNumber } = plan.part;
      const firstSlot = slotCounts[fieldNumber] ?? 0;
      frame = encodeFieldVectorsFrame(files, plan, head, firstSlot);
      slotCounts[fieldNumber] = firstSlot + plan.to - plan.from;
    } else if (plan.kind === frameKinds.sparse) frame = encodeSparseFrame(files, plan, head, offset);
    else if (plan.kind === frameKinds.moved) frame = encodeMovedFrame(files, plan, head);
    else frame = encodeListFrame(files, plan, head);
    offset += frame.bytes.length;
    yield frame;
  }
}

/** Bytes of a frame whose index section is written by `encodeIndex`. */
function frameOf(
  { fs, saltBytes }: GenerationFiles,
  head: FrameStart,
  kind: number,
  indexBytes: number,
  encodeIndex: (index: Uint8Array) => void,
  blob: Uint8Array = noBytes,
): Uint8Array {
  const bytes = new Uint8Array(frameHeaderBytes + indexBytes + padTo8(blob.length));
  const index = bytes.subarray(frameHeaderBytes, frameHeaderBytes + indexBytes);
  encodeIndex(index);
  bytes.set(blob, frameHeaderBytes + indexBytes);
  const indexCrc = rangeCrc(fs, index);
  encodeFrameHeader(fs, bytes, saltBytes, { ...head, kind, indexBytes, blobBytes: blob.length, indexCrc });
  return bytes;
}

const noBytes = new Uint8Array(0);

function encodeRowsFrame(
  files: GenerationFiles,
  { part, from, to, kind }: PlanOf<typeof frameKinds.rows>,
  head: FrameStart,
  offset: number,
  firstRow: number,
): EncodedFrame {
  const { vectors: file } = files;
  assert(file !== null, "the dimension is fixed before rows are written");
  const rowCount = to - from;
  const { blob, lengths, crcs } = textsOf(files, part.fieldBytes, part.fieldEnds, from, to);
  const pieces = slicePieces(part.vectorBytes, from * file.stride, to * file.stride);
  const vectorsCrc = crcOfPieces(files, pieces);
  const ids = encodeIds(part.ids, from, to);
  const indexBytes = rowsSectionBytes(rowCount, ids);
  const section = { firstRow, rowCount, dim: file.dim, vectorsCrc, ids, fieldLengths: lengths, fieldCrcs: crcs };
  const bytes = frameOf(files, head, kind, indexBytes, (index) => encodeRowsSection(index, section), blob);
  const fieldOffset = offset + frameHeaderBytes + indexBytes;
  const rows = { firstRow, rowCount, fieldOffset, fieldLengths: lengths, fieldCrcs: crcs, vectorsCrc };
  return { bytes, vectors: { file, first: firstRow, pieces }, rows };
}

function encodeFieldVectorsFrame(
  files: GenerationFiles,
  { part, from, to, kind }: PlanOf<typeof frameKinds.fieldVectors>,
  head: FrameStart,
  firstSlot: number,
): EncodedFrame {
  const { fieldNumber } = part;
  const file = files.fields[fieldNumber];
  assert(file !== undefined, "a vector field is created before it is written to");
  const pieces = slicePieces(part.vectorBytes, from * file.stride, to * file.stride);
  const rows = part.rows.slice(from, to);
  const fieldVectors = { fieldNumber, firstSlot, count: rows.length, vectorsCrc: crcOfPieces(files, pieces), rows };
  const bytes = frameOf(files, head, kind, fieldVectorsSectionBytes(rows.length), (index) => {
    encodeFieldVectorsSection(index, { part: fieldVectors, dim: file.dim });
  });
  return { bytes, vectors: { file, first: firstSlot, pieces }, fieldVectors };
}

function encodeSparseFrame(
  files: GenerationFiles,
  { part, from, to, kind }: PlanOf<typeof frameKinds.sparse>,
  head: FrameStart,
  logOffset: number,
): EncodedFrame {
  const { blob, lengths, crcs } = textsOf(files, part.bytes, part.ends, from, to);
  const rows = part.rows.slice(from, to);
  const indexBytes = sparseSectionBytes(rows.length);
  const encode = (index: Uint8Array): void => encodeSparseSection(index, { rows, lengths, crcs });
  const bytes = frameOf(files, head, kind, indexBytes, encode, blob);
  return { bytes, sparse: { rows, offset: logOffset + frameHeaderBytes + indexBytes, lengths, crcs } };
}

function encodeMovedFrame(
  files: GenerationFiles,
  { part, from, to, kind }: PlanOf<typeof frameKinds.moved>,
  head: FrameStart,
): EncodedFrame {
  const encode = (index: Uint8Array): void => encodeMovedRowsSection(index, part, from, to);
  return { bytes: frameOf(files, head, kind, movedRowsSectionBytes(to - from), encode) };
}

function encodeListFrame(files: GenerationFiles, plan: PlanOf<2 | 3 | 4>, head: FrameStart): EncodedFrame {
  const { part, from, to, kind } = plan;
  const encode = (index: Uint8Array): void => encodeRowListSection(index, part, from, to);
  return { bytes: frameOf(files, head, kind, rowListSectionBytes(to - from), encode) };
}

/** Members `[from, to)` of texts that lie back to back, with the length and checksum of each. */
function textsOf(
  { fs }: GenerationFiles,
  bytes: Uint8Array,
  ends: Uint32Array,
  from: number,
  to: number,
): { readonly blob: Uint8Array; readonly lengths: Uint32Array; readonly crcs: Uint32Array } {
  const blobStart = from === 0 ? 0 : ends[from - 1]!;
  const lengths = new Uint32Array(to - from);
  const crcs = new Uint32Array(to - from);
  let start = blobStart;
  for (let at = from; at < to; at++) {
    const end = ends[at]!;
    lengths[at - from] = end - start;
    crcs[at - from] = end === start ? 0 : rangeCrc(fs, bytes, start, end);
    start = end;
  }
  return { blob: bytes.subarray(blobStart, start), lengths, crcs };
}

function crcOfPieces({ fs }: GenerationFiles, pieces: readonly Uint8Array[]): number {
  let crc = 0;
  for (const piece of pieces) crc = fs.crc32(piece, crc);
  return crc;
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
