/**
 * Which are the best rows of several lists?
 *
 * Lists come from parts of a field: an index, the rows after it, chunks of a file. Best first by the metric's order, ties
 * to the older row, each row once.
 */
import { isHigherBetter } from "../index/metric/metric-order.js";
import type { Metric } from "../types.js";

/** Rows with their values as the metric counts them. */
export interface RankedRows {
  readonly rows: Uint32Array;
  readonly values: Float64Array;
}

/** Rows up to which a list is short. */
const shortList = 64;

/** The `k` best rows of the lists together; a row that stands in two of them has the same value in both. */
export function bestRows(metric: Metric, k: number, lists: readonly RankedRows[]): RankedRows {
  let count = 0;
  for (const list of lists) count += list.rows.length;
  const rows = new Uint32Array(count);
  // Lower is better from here on.
  const keys = new Float64Array(count);
  const sign = isHigherBetter(metric) ? -1 : 1;
  let end = 0;
  for (const list of lists) {
    rows.set(list.rows, end);
    for (let i = 0; i < list.rows.length; i++) keys[end + i] = sign * list.values[i]!;
    end += list.rows.length;
  }
  const order = new Uint32Array(count);
  for (let i = 0; i < count; i++) order[i] = i;
  if (count <= shortList) sortShort(order, keys, rows);
  else order.sort((a, b) => keys[a]! - keys[b]! || rows[a]! - rows[b]!);
  const kept = new Uint32Array(Math.min(k, count));
  const values = new Float64Array(kept.length);
  let found = 0;
  for (let i = 0; i < count && found < kept.length; i++) {
    const at = order[i]!;
    if (i > 0 && rows[order[i - 1]!] === rows[at]) continue;
    kept[found] = rows[at]!;
    // 0 − x and not −x: no result is minus zero.
    values[found] = sign < 0 ? 0 - keys[at]! : keys[at]!;
    found += 1;
  }
  return { rows: kept.subarray(0, found), values: values.subarray(0, found) };
}

/**
 * As `bestRows` for one list in any order, each row in it once: sorts the arrays given, which are the caller's own, and gives
 * their first `k` entries.
 */
export function bestOf(metric: Metric, k: number, rows: Uint32Array, values: Float64Array): RankedRows {
  const count = rows.length;
  if (count > shortList) return bestRows(metric, k, [{ rows, values }]);
  const sign = isHigherBetter(metric) ? -1 : 1;
  for (let i = 1; i < count; i++) {
    const row = rows[i]!;
    const value = values[i]!;
    const key = sign * value;
    let at = i - 1;
    for (; at >= 0; at--) {
      const other = sign * values[at]!;
      if (other < key || (other === key && rows[at]! < row)) break;
      rows[at + 1] = rows[at]!;
      values[at + 1] = values[at]!;
    }
    rows[at + 1] = row;
    values[at + 1] = value;
  }
  return count <= k ? { rows, values } : { rows: rows.subarray(0, k), values: values.subarray(0, k) };
}

/** Insertion sort: for the tens of candidates that most searches have, quicker than a sort that calls back. */
function sortShort(order: Uint32Array, keys: Float64Array, rows: Uint32Array): void {
  for (let i = 1; i < order.length; i++) {
    const item = order[i]!;
    const key = keys[item]!;
    let at = i - 1;
    for (; at >= 0; at--) {
      const other = order[at]!;
      if (keys[other]! < key || (keys[other]! === key && rows[other]! < rows[item]!)) break;
      order[at + 1] = other;
    }
    order[at + 1] = item;
  }
}
