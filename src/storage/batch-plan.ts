/**
 * Where is a batch of transactions cut into frames?
 *
 * Known before the first frame is made, since the last one carries the mark that commits the batch. A frame has at most
 * `rowsMax` rows, and more than `bytesMax` bytes only where a single row has.
 */
import { assert } from "../errors.js";
import { limits } from "../limits.js";
import { frameKinds } from "./log-frame.js";
import type { FieldVectorsPart, MovedRows, RowsPart, SparsePart, Transaction } from "./transaction.js";

/** Where frames are cut; tests set them low. */
export interface FrameLimits {
  readonly rowsMax: number;
  /** Bytes of the index section and the blob together. */
  readonly bytesMax: number;
}

/** A frame is encoded in one turn of the event loop: at this size, in one or two milliseconds. */
export const defaultFrameLimits: FrameLimits = { rowsMax: limits.frameRowsMax / 4, bytesMax: 2 * 1024 * 1024 };

/** Numbers of rows in a frame that holds only those, at 4 bytes each. */
type RowList = Uint32Array | readonly number[];

type FrameSource =
  | { readonly kind: typeof frameKinds.rows; readonly part: RowsPart }
  | { readonly kind: typeof frameKinds.moved; readonly part: MovedRows }
  | { readonly kind: typeof frameKinds.fieldVectors; readonly part: FieldVectorsPart }
  | { readonly kind: typeof frameKinds.sparse; readonly part: SparsePart }
  | { readonly kind: 2 | 3 | 4; readonly part: RowList };

/** What one frame holds: members `[from, to)` of a part of a transaction. */
export type FramePlan = FrameSource & { readonly from: number; readonly to: number };

/** The frames of a batch whose first row has the number `rowCount`, in order. */
export function planFrames(
  transactions: readonly Transaction[],
  rowCount: number,
  frameLimits: FrameLimits,
): readonly FramePlan[] {
  const plans: FramePlan[] = [];
  let rows = rowCount;
  for (const transaction of transactions) {
    const { moved, fieldVectors = [], sparse = [] } = transaction;
    for (const part of transaction.rows) {
      planRows(plans, part, frameLimits);
      rows += part.rowCount;
    }
    planList(plans, { kind: frameKinds.superseded, part: transaction.superseded }, frameLimits);
    planList(plans, { kind: frameKinds.deleted, part: transaction.deleted }, frameLimits);
    planList(plans, { kind: frameKinds.restored, part: transaction.restored }, frameLimits);
    if (moved !== undefined) planMoved(plans, moved, rows, frameLimits);
    for (const part of fieldVectors) planFieldVectors(plans, part, rows, frameLimits);
    for (const part of sparse) planSparse(plans, part, rows, frameLimits);
  }
  return plans;
}

function planRows(plans: FramePlan[], part: RowsPart, frameLimits: FrameLimits): void {
  const { rowCount, fieldEnds, ids } = part;
  assert(fieldEnds.length === rowCount, "one field end a row");
  assert((rowCount === 0 ? 0 : fieldEnds[rowCount - 1]) === part.fieldBytes.length, "the last row ends the fields");
  const list = Array.isArray(ids) ? (ids as readonly unknown[]) : null;
  cutByBytes(plans, { kind: frameKinds.rows, part }, rowCount, frameLimits, (row) => {
    const id = list === null ? 0 : list[row];
    const idBytes = typeof id === "string" ? id.length * 3 + 4 : 12;
    return fieldEnds[row]! - (row === 0 ? 0 : fieldEnds[row - 1]!) + idBytes + 8;
  });
}

function planSparse(plans: FramePlan[], part: SparsePart, rowCount: number, frameLimits: FrameLimits): void {
  const { rows, bytes, ends } = part;
  const count = rows.length;
  assert(ends.length === count, "one end a sparse vector");
  assert((count === 0 ? 0 : ends[count - 1]) === bytes.length, "the last sparse vector ends the bytes");
  assertWritten(rows, rowCount);
  cutByBytes(plans, { kind: frameKinds.sparse, part }, count, frameLimits, (at) => {
    const length = ends[at]! - (at === 0 ? 0 : ends[at - 1]!);
    assert(length >= 0 && length <= limits.frameBytesMax, "a sparse vector fits into a frame");
    return length + 12;
  });
}

function planList(
  plans: FramePlan[],
  source: Extract<FrameSource, { readonly part: RowList }>,
  { bytesMax }: FrameLimits,
): void {
  cutByCount(plans, source, source.part.length, Math.floor(bytesMax / 4));
}

function planMoved(plans: FramePlan[], part: MovedRows, rowCount: number, { bytesMax }: FrameLimits): void {
  assert(part.from.length === part.to.length, "rows are moved in pairs");
  assertWritten(part.from, rowCount);
  assertWritten(part.to, rowCount);
  cutByCount(plans, { kind: frameKinds.moved, part }, part.from.length, Math.floor(bytesMax / 8));
}

function planFieldVectors(
  plans: FramePlan[],
  part: FieldVectorsPart,
  rowCount: number,
  { rowsMax, bytesMax }: FrameLimits,
): void {
  assertWritten(part.rows, rowCount);
  const countMax = Math.min(rowsMax, Math.floor(bytesMax / 4));
  cutByCount(plans, { kind: frameKinds.fieldVectors, part }, part.rows.length, countMax);
}

/** A batch that names rows which are not there could never be read again. */
function assertWritten(rows: Uint32Array, rowCount: number): void {
  for (let at = 0; at < rows.length; at++) assert(rows[at]! < rowCount, "a row is written before it is named");
}

function cutByCount(plans: FramePlan[], source: FrameSource, count: number, countMax: number): void {
  const step = Math.max(1, countMax);
  for (let from = 0; from < count; from += step) {
    plans.push({ ...source, from, to: Math.min(count, from + step) });
  }
}

function cutByBytes(
  plans: FramePlan[],
  source: FrameSource,
  count: number,
  { rowsMax, bytesMax }: FrameLimits,
  bytesOf: (at: number) => number,
): void {
  let from = 0;
  let bytes = 0;
  for (let at = 0; at < count; at++) {
    const added = bytesOf(at);
    if (at > from && (at - from === rowsMax || bytes + added > bytesMax)) {
      plans.push({ ...source, from, to: at });
      from = at;
      bytes = 0;
    }
    bytes += added;
  }
  if (from < count) plans.push({ ...source, from, to: count });
}
