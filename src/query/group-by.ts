/**
 * Which are the best rows of the best groups?
 *
 * A group is a value of a field: a string, number or boolean. A row whose field is an array belongs to the group of
 * each of its values, as in Qdrant; a row without such a value belongs to none. Groups stand in the order of their best
 * rows, so the first `k` values met in a ranking are the groups, and the first `groupSize` rows of each are its rows: a
 * longer ranking adds to a result, and never changes what stands in it.
 */

/** What groups can be made of. `1`, `"1"` and `true` are three groups. */
export type GroupValue = string | number | boolean;

export interface RowGroup {
  readonly value: GroupValue;
  /** Places in the ranking, best first. */
  readonly rows: readonly number[];
}

export interface GroupRequest {
  /** Groups wanted. */
  readonly k: number;
  /** Rows of each. */
  readonly groupSize: number;
  /** True where the ranking has all rows that match: there is nothing to come after it. */
  readonly isExhausted: boolean;
}

export interface GroupedRows {
  readonly groups: readonly RowGroup[];
  /** False where a longer ranking would find more groups, or more rows of these. */
  readonly isComplete: boolean;
}

/** Groups a ranking's rows, best first; `valuesOf` gives the distinct groups of a row. */
export function groupRows(
  ranked: ArrayLike<number>,
  valuesOf: (row: number) => readonly GroupValue[],
  { k, groupSize, isExhausted }: GroupRequest,
): GroupedRows {
  const groups = new Map<GroupValue, number[]>();
  let open = k;
  for (let place = 0; place < ranked.length && open > 0; place++) {
    for (const value of valuesOf(ranked[place]!)) {
      const rows = groups.get(value);
      if (rows === undefined) {
        if (groups.size === k) continue;
        groups.set(value, [place]);
        if (groupSize === 1) open -= 1;
      } else if (rows.length < groupSize) {
        rows.push(place);
        if (rows.length === groupSize) open -= 1;
      }
    }
  }
  return { groups: Array.from(groups, ([value, rows]) => ({ value, rows })), isComplete: open === 0 || isExhausted };
}
