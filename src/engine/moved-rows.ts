/**
 * Where does what hangs on rows go, when a transaction replaces them?
 *
 * To the row that replaces each, from one to the next: an id that is staged several times hands its named and sparse vectors
 * on, unless it was deleted in between.
 */
import type { MovedRows } from "../storage/transaction.js";
import type { Id } from "../types.js";
import type { StagedPart } from "./staged-rows.js";

/**
 * The moves, in the order of the staged rows; null for none.
 *
 * @param previous Of each staged row: the staged row it replaces, doubled, plus 1 when that was deleted before; -1 for none.
 * @param firstRow Row that the first staged row becomes.
 * @param committedHolder The committed row whose vectors the first staged row of an id takes over; -1 for none.
 */
export function movedRows(
  parts: readonly StagedPart[],
  previous: readonly number[],
  firstRow: number,
  committedHolder: (id: Id) => number,
): MovedRows | null {
  const from: number[] = [];
  const to: number[] = [];
  const seen = new Set<Id>();
  /** Staged rows that something is handed to. */
  const holders = new Set<number>();
  let staged = 0;
  for (const { ids } of parts) {
    for (let at = 0; at < ids.length; at++, staged++) {
      const id = ids[at]!;
      let source: number;
      if (seen.has(id)) {
        const before = previous[staged]!;
        const wasDeleted = (before & 1) === 1;
        source = before >= 0 && !wasDeleted && holders.has(before >> 1) ? firstRow + (before >> 1) : -1;
      } else {
        source = committedHolder(id);
        seen.add(id);
      }
      if (source < 0) continue;
      from.push(source);
      to.push(firstRow + staged);
      holders.add(staged);
    }
  }
  return from.length === 0 ? null : { from: Uint32Array.from(from), to: Uint32Array.from(to) };
}
