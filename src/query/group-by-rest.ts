/**
 * Which rows could still change a grouping that is not complete?
 *
 * A ranking that was too short is not made longer for all rows: its next rows are looked for only among those that have a
 * place to go. Rows of full groups, rows that stand in the ranking already and, once all groups are there, rows of other
 * groups are left out. So
 *
 *     while (!grouped.isComplete) ranked = ranked + search(rowsToGroup(...), emptyPlaces(...))
 *
 * ends after few rounds with exactly the groups that the ranking of all rows would give.
 */

import type { ColumnStore } from "../metadata/column-store.js";
import { rowsWithValues } from "../metadata/column-value-rows.js";
import type { GroupedRows, GroupRequest } from "./group-by.js";
import type { RowFilter } from "./row-filter.js";

type Wanted = Pick<GroupRequest, "k" | "groupSize">;

/** The filter of the rows that come next; its `count` is 0 where the grouping is as complete as it can be. */
export function rowsToGroup(
  columns: ColumnStore,
  field: string,
  filter: RowFilter,
  ranked: ArrayLike<number>,
  { groups }: GroupedRows,
  { k, groupSize }: Wanted,
): RowFilter {
  const hasAllGroups = groups.length === k;
  // With all groups there, the open ones count; before that, any group but the full ones.
  const listed = groups.filter((group) => group.rows.length < groupSize === hasAllGroups);
  const values = new Set(listed.map((group) => group.value));
  const found = rowsWithValues(columns.columnOf(field), values, hasAllGroups, filter.mask, filter.rowCount);
  let { count } = found;
  for (let place = 0; place < ranked.length; place++) {
    const row = ranked[place]!;
    const bit = 1 << (row & 31);
    const word = found.mask[row >>> 5]!;
    if ((word & bit) === 0) continue;
    found.mask[row >>> 5] = word & ~bit;
    count -= 1;
  }
  return { ...filter, mask: found.mask, count, isNarrowed: true };
}

/** Rows that the groups have room for: as many are worth asking for at once. */
export function emptyPlaces({ groups }: GroupedRows, { k, groupSize }: Wanted): number {
  let places = (k - groups.length) * groupSize;
  for (const group of groups) places += groupSize - group.rows.length;
  return places;
}
