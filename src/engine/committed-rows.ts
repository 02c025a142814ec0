/**
 * What do staged writes know of the rows that are committed?
 *
 * They are asked of whatever generation is present at the time, since a compaction may come between two questions;
 * `numbering` tells that it did.
 */
import type { CommittedRows } from "./write-buffer.js";

/** The rows of whichever generation `present` gives. */
export function presentRows(present: () => CommittedRows): CommittedRows {
  return rowsOf(present, (row) => present().isLive(row));
}

/** The rows as they are once `transaction` is committed, for what goes into it later: those that it deletes are dead. */
export function withoutDeleted(
  committed: CommittedRows,
  transaction: { deletes(row: number): boolean },
): CommittedRows {
  return rowsOf(
    () => committed,
    (row) => committed.isLive(row) && !transaction.deletes(row),
  );
}

function rowsOf(present: () => CommittedRows, isLive: (row: number) => boolean): CommittedRows {
  return {
    get rowCount() {
      return present().rowCount;
    },
    get version() {
      return present().version;
    },
    get numbering() {
      return present().numbering;
    },
    get fieldNames() {
      return present().fieldNames;
    },
    find: (id) => present().find(id),
    isLive,
    isDeleted: (row) => present().isDeleted(row),
    fieldText: (row) => present().fieldText(row),
    hasAttached: (row) => present().hasAttached(row),
  };
}
