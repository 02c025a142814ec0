/**
 * Which rows of a block are among the best under a metric?
 *
 * Every row is scored, unless a bound excludes it; ties go to the lower row, because rows come in order and a later
 * one must be strictly better.
 */
import { pushHeap, replaceWorst, worstScore } from "../scan/heap";
import {
  B_DTYPE,
  B_FIRST_ROW,
  B_ROW_STRIDE,
  B_ROWS,
  FLOAT16,
  Half,
  Q_COUNT,
  Q_DIM,
  Q_FLOOR,
  Q_K,
  Q_METRIC,
  Q_RESCORED,
  Q_TAU,
  Single,
  STATE_HEADER,
} from "../scan/layout";
import { isTooFar } from "./distribution-bounds";
import { layOut } from "./state";
import { prepare, valueAt } from "./value";

/** Address where the host puts the query as float32, before `beginQuery`. */
export function queryPlace(state: usize): usize {
  return state + STATE_HEADER;
}

/** Begins a search for the `k` rows of the lowest values up to `ceiling`. */
export function beginQuery(state: usize, metric: i32, dim: i32, k: u32, ceiling: f64): void {
  memory.fill(state, 0, STATE_HEADER);
  layOut(state, dim, k);
  store<i32>(state, metric, Q_METRIC);
  store<i32>(state, dim, Q_DIM);
  store<u32>(state, k, Q_K);
  store<f64>(state, 0 - ceiling, Q_FLOOR);
  store<f64>(state, -Infinity, Q_TAU);
  prepare(state, metric, dim);
}

// @ts-ignore: decorator
@inline
function offer(state: usize, value: f64, row: u32): void {
  const score = 0 - value;
  const count = load<u32>(state, Q_COUNT);
  const k = load<u32>(state, Q_K);
  if (count < k) {
    if (!(score >= load<f64>(state, Q_FLOOR))) return;
    pushHeap(state, score, row);
    if (count + 1 < k) return;
  } else {
    if (!(score > load<f64>(state, Q_TAU))) return;
    replaceWorst(state, score, row);
  }
  store<f64>(state, worstScore(state), Q_TAU);
}

// @ts-ignore: decorator
@inline
function scan<E>(state: usize, block: usize, from: u32, to: u32, mask: usize): void {
  const stride = <usize>load<u32>(block, B_ROW_STRIDE);
  const rows = <usize>load<u32>(block, B_ROWS);
  const first = load<u32>(block, B_FIRST_ROW);
  let scored = load<u32>(state, Q_RESCORED);
  let row = from;
  while (row < to) {
    let word: u32 = 0xffff_ffff;
    if (mask) word = load<u32>(mask + (<usize>(row >>> 5) << 2));
    word >>>= row & 31;
    const end = min(to, (row | 31) + 1);
    for (; word != 0; word &= word - 1) {
      const index = row + ctz(word);
      if (index >= end) break;
      const place = rows + <usize>index * stride;
      scored++;
      if (!isTooFar<E>(state, place)) offer(state, valueAt<E>(state, place), first + index);
    }
    row = end;
  }
  store<u32>(state, scored, Q_RESCORED);
}

/** Scores the block's rows `from` to `to`; bit i of `mask`, unless it is 0, lets row i of the block pass. */
export function scanMetric(state: usize, block: usize, from: u32, to: u32, mask: usize): void {
  if (load<i32>(block, B_DTYPE) == FLOAT16) scan<Half>(state, block, from, to, mask);
  else scan<Single>(state, block, from, to, mask);
}

/** Value of the block's row `index`. */
export function metricValue(state: usize, block: usize, index: u32): f64 {
  const row = <usize>load<u32>(block, B_ROWS) + <usize>index * load<u32>(block, B_ROW_STRIDE);
  return load<i32>(block, B_DTYPE) == FLOAT16 ? valueAt<Half>(state, row) : valueAt<Single>(state, row);
}
