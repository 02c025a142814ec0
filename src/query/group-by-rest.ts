/**
 * How does a grouping become complete whose ranking was too short?
 *
 * The ranking is not made longer for all rows: its next rows are looked for only among those that have a place to go.
 * Rows of full groups, rows that stand in the ranking already and, once all groups are there, rows of other groups are
 * left out. The first row that is found then always fills a place, so a few rounds give exactly the groups that the
 * ranking of all rows would.
 */
import { rowValues } from "../metadata/column-row-values.js";
import type { ColumnStore } from "../metadata/column-store.js";
import { rowsWithValues } from "../metadata/column-value-rows.js";
import type { RankedRows } from "./best-rows.js";
import { type GroupedRows, type GroupRequest, groupRows } from "./group-by.js";
import type { RowFilter } from "./row-filter.js";

/** Rows asked for at once for each place: neighbours in a ranking are often of one group, which is soon full. */
const rowsPerPlace = 4;

export interface GroupingTask extends Pick<GroupRequest, "k" | "groupSize"> {
  readonly columns: ColumnStore;
  /** Its column has all rows of the filter: `ensure` ran before. */
  readonly field: string;
  /** Rows that may be returned. */
  readonly filter: RowFilter;
  /** The best rows of another filter, at most `count`; fewer only where no more match. */
  find(filter: RowFilter, count: number): RankedRows | Promise<RankedRows>;
}

/** A ranking of the rows that matter to a grouping, with their groups. */
export interface GroupedRanking {
  /** `first` and what was found after it; rows without a place are missing in between. */
  readonly ranking: RankedRows;
  readonly grouped: GroupedRows;
}

/**
 * The groups of the ranking that begins with `first`, the best rows of the filter; `isExhausted`: it is all of them.
 */
export async function groupCompletely(
  task: GroupingTask,
  first: RankedRows,
  isExhausted: boolean,
): Promise<GroupedRanking> {
  const { columns, field, k, groupSize } = task;
  const column = columns.columnOf(field);
  let ranking = first;
  let isLast = isExhausted;
  for (;;) {
    const grouped = groupRows(ranking.rows, (row) => rowValues(column, row), { k, groupSize, isExhausted: isLast });
    if (grouped.isComplete) return { ranking, grouped };
    const rest = rowsToGroup(task, ranking.rows, grouped);
    const count = Math.min(rest.count, rowsPerPlace * emptyPlaces(task, grouped));
    const next = count === 0 ? null : await task.find(rest, count);
    isLast = next === null || next.rows.length < count || count === rest.count;
    if (next !== null) ranking = joined(ranking, next);
  }
}

/** The filter of the rows that have a place. */
function rowsToGroup(task: GroupingTask, ranked: Uint32Array, { groups }: GroupedRows): RowFilter {
  const { columns, field, filter, k, groupSize } = task;
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

/** Rows that the groups have room for. */
function emptyPlaces({ k, groupSize }: GroupingTask, { groups }: GroupedRows): number {
  let places = (k - groups.length) * groupSize;
  for (const group of groups) places += groupSize - group.rows.length;
  return places;
}

function joined(one: RankedRows, other: RankedRows): RankedRows {
  const count = one.rows.length + other.rows.length;
  const rows = new Uint32Array(count);
  const values = new Float64Array(count);
  rows.set(one.rows);
  rows.set(other.rows, one.rows.length);
  values.set(one.values);
  values.set(other.values, one.values.length);
  return { rows, values };
}
