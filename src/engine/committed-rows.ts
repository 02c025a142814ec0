/**
 * What do staged writes know of the rows that are committed?
 *
 * They are asked of whatever generation is present at the time, since a compaction may come between two questions;
 * `numbering` tells that it did.
 */
import type { Id } from "../types.js";

/** What staging must know of the committed rows. */
export interface CommittedRows {
  readonly rowCount: number;
  /** Grows with every commit: what was checked at an earlier version must be checked again. */
  readonly version: number;
  /** Changes when a compaction gives the rows new numbers. */
  readonly numbering: number;
  /** Names that the metadata of committed rows is known to have. */
  readonly fieldNames: ReadonlySet<string>;
  /** Newest row of an id, dead or live; -1 for none. */
  find(id: Id): number;
  isLive(row: number): boolean;
  isDeleted(row: number): boolean;
  /** Metadata text of a row. */
  fieldText(row: number): string;
  /** True where a named or a sparse vector hangs on the row. */
  hasAttached(row: number): boolean;
}

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
