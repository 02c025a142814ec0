/**
 * Up to where has a log been read or written?
 *
 * Always the end of a whole batch, so that everything before it is committed.
 */
import { fileHeaderBytes } from "./file-header.js";

export interface LogPosition {
  /** Generation whose log it is. */
  readonly generation: number;
  /** Bytes of the log before this position. */
  readonly bytes: number;
  /** Rows written before this position, dead ones included. */
  readonly rowCount: number;
  /** Batches written before this position: the next batch has this number plus one. */
  readonly batch: number;
  /** Slots written before this position to each named vector field, by field number; absent ones have none. */
  readonly slotCounts: readonly number[];
}

/** Slot counts after `count` more slots of a field. */
export function addSlots(slotCounts: readonly number[], fieldNumber: number, count: number): readonly number[] {
  const length = Math.max(slotCounts.length, fieldNumber + 1);
  const added = Array.from({ length }, (_, field) => slotCounts[field] ?? 0);
  added[fieldNumber]! += count;
  return added;
}

/** The position before the first batch. */
export function startOfLog(generation: number): LogPosition {
  return { generation, bytes: fileHeaderBytes, rowCount: 0, batch: 0, slotCounts: [] };
}
