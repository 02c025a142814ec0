/**
 * How do rows that were written get into the row table?
 *
 * A stored frame tells where each row's metadata lies; ids come from whoever wrote or replayed it.
 */
import type { ReplayedIds } from "../storage/replay-visitor.js";
import type { StoredRows } from "../storage/transaction.js";
import type { VectorRanges } from "../storage/vector-ranges.js";
import type { RowTable } from "./row-table.js";

/** Appends a frame's rows, whose ids begin at position `from` of `ids`. */
export function appendStoredRows(
  to: { readonly rows: RowTable; readonly ranges: VectorRanges },
  frame: StoredRows,
  ids: ReplayedIds,
  from = 0,
): void {
  const { rows } = to;
  rows.reserve(frame.rowCount);
  let offset = frame.fieldOffset;
  const isRange = "start" in ids;
  for (let i = 0; i < frame.rowCount; i++) {
    const length = frame.fieldLengths[i]!;
    rows.append(isRange ? ids.start + from + i : ids[from + i]!, offset, length, frame.fieldCrcs[i]!);
    offset += length;
  }
  to.ranges.push(frame.rowCount, frame.vectorsCrc);
}
