/**
 * Which rows score best?
 *
 * Rows are visited in windows, in ascending order. In each, the bounds of the blocks that reach into it tell which
 * lists can bring a row above the threshold alone (MaxScore: Turtle & Flood, Query evaluation: strategies and
 * optimizations, 1995; with the block maxima of Ding & Suel, Faster top-k document retrieval using block-max indexes,
 * 2011). Only those are read through; the others are looked up for rows that are near enough. Lists come in a fixed
 * order, the weightiest first, and every score is summed in that order, so a row has the same score whatever was left
 * out on the way.
 */
import { enter, sortBest, threshold } from "./best-rows";
import { boundOf, firstFrom, lastRowOf, loadBlock, prepareBounds } from "./cursor";
import {
  BOUND_SLACK,
  C_BLOCK,
  C_BLOCKS,
  C_BOUND,
  C_COUNT,
  C_LOOK,
  C_ROWS,
  C_TIMES,
  C_WEIGHT,
  CURSOR_BYTES,
  Q_COUNT,
  Q_CURSOR_COUNT,
  Q_CURSORS,
  Q_LENGTH_SHIFT,
  Q_LENGTHS,
  Q_MASK,
  Q_ROW_LIMIT,
  Q_SUFFIXES,
  Q_UNITS,
  Q_WINDOW,
  WINDOW_ROWS,
} from "./layout";
import { loadLength } from "./lengths";
import { unitScore } from "./unit-score";

// @ts-ignore: decorator
@inline
function isAllowed(mask: usize, row: u32): bool {
  return mask == 0 || ((load<u32>(mask + (<usize>(row >> 5) << 2)) >> (row & 31)) & 1) != 0;
}

// @ts-ignore: decorator
@inline
function hasAllowed(mask: usize, from: u32): bool {
  if (mask == 0) return true;
  const start = mask + (<usize>from >> 3);
  for (let at = start; at < start + (WINDOW_ROWS >> 3); at += 16) if (v128.any_true(v128.load(at))) return true;
  return false;
}

// @ts-ignore: decorator
@inline
function cursorAt(question: usize, index: u32): usize {
  return <usize>load<u32>(question, Q_CURSORS) + <usize>index * CURSOR_BYTES;
}

/** Bounds of all lists in a window and their sums; returns the first row at or behind `from` that a block may hold. */
function boundWindow(question: usize, from: u32, end: u32): u32 {
  const suffixes = <usize>load<u32>(question, Q_SUFFIXES);
  let first: u32 = 0xffff_ffff;
  let sum: f64 = 0;
  for (let c = load<u32>(question, Q_CURSOR_COUNT); c > 0; c -= 1) {
    const cursor = cursorAt(question, c - 1);
    const blocks = load<u32>(cursor, C_BLOCKS);
    let block = load<u32>(cursor, C_BLOCK);
    while (block < blocks && lastRowOf(cursor, block) < from) block += 1;
    store<u32>(cursor, block, C_BLOCK);
    let bound: f64 = 0;
    if (block < blocks) {
      let at: u32 = block == 0 ? 0 : lastRowOf(cursor, block - 1) + 1;
      first = min(first, max(at, from));
      for (; block < blocks && at < end; block += 1) {
        bound = max(bound, boundOf(question, cursor, block));
        at = lastRowOf(cursor, block) + 1;
      }
    }
    store<f64>(cursor, bound, C_BOUND);
    sum += bound;
    store<f64>(suffixes + (<usize>(c - 1) << 3), sum * BOUND_SLACK);
  }
  return first;
}

/** Adds what the lists from `from` on give a row, and takes the row in where the whole exceeds the threshold. */
function complete(question: usize, row: u32, partial: f64, from: u32): void {
  const least = threshold(question);
  const count = load<u32>(question, Q_CURSOR_COUNT);
  const suffixes = <usize>load<u32>(question, Q_SUFFIXES);
  let score = partial;
  for (let c = from; c < count; c += 1) {
    if ((score + load<f64>(suffixes + (<usize>c << 3))) * BOUND_SLACK <= least) return;
    const cursor = cursorAt(question, c);
    const blocks = load<u32>(cursor, C_BLOCKS);
    let block = max(load<u32>(cursor, C_LOOK), load<u32>(cursor, C_BLOCK));
    while (block < blocks && lastRowOf(cursor, block) < row) block += 1;
    store<u32>(cursor, block, C_LOOK);
    if (block == blocks) continue;
    const rest = load<f64>(suffixes + (<usize>(c + 1) << 3));
    if ((score + boundOf(question, cursor, block) + rest) * BOUND_SLACK <= least) return;
    loadBlock(cursor, block);
    const index = firstFrom(cursor, row);
    if (load<u32>(<usize>load<u32>(cursor, C_ROWS) + (<usize>index << 2)) != row) continue;
    const times = load<u32>(<usize>load<u32>(cursor, C_TIMES) + (<usize>index << 2));
    if (times == 0) continue;
    const length = loadLength(<usize>load<u32>(question, Q_LENGTHS), load<u32>(question, Q_LENGTH_SHIFT), row);
    score += load<f64>(cursor, C_WEIGHT) * unitScore(question, <usize>load<u32>(question, Q_UNITS), times, length);
  }
  if (score > least) enter(question, score, row);
}

/** Reads one list through the window; the others are looked up. */
function streamList(question: usize, cursor: usize, from: u32, end: u32, next: u32): void {
  const units = <usize>load<u32>(question, Q_UNITS);
  const lengths = <usize>load<u32>(question, Q_LENGTHS);
  const shift = load<u32>(question, Q_LENGTH_SHIFT);
  const mask = <usize>load<u32>(question, Q_MASK);
  const weight = load<f64>(cursor, C_WEIGHT);
  const rest = load<f64>(<usize>load<u32>(question, Q_SUFFIXES) + (<usize>next << 3));
  const blocks = load<u32>(cursor, C_BLOCKS);
  // Without other lists equal scores are refused exactly: there may be a great many of them.
  const slack = rest > 0 ? BOUND_SLACK : 1;
  let least = threshold(question);
  for (let block = load<u32>(cursor, C_BLOCK); block < blocks; block += 1) {
    if (block > 0 && lastRowOf(cursor, block - 1) + 1 >= end) break;
    if ((boundOf(question, cursor, block) + rest) * slack <= least) continue;
    loadBlock(cursor, block);
    const rows = <usize>load<u32>(cursor, C_ROWS);
    const times = <usize>load<u32>(cursor, C_TIMES);
    const stop = <usize>load<u32>(cursor, C_COUNT) << 2;
    for (let i = <usize>firstFrom(cursor, from) << 2; i < stop; i += 4) {
      const row = load<u32>(rows + i);
      if (row >= end) break;
      if (!isAllowed(mask, row)) continue;
      const t = load<u32>(times + i);
      if (t == 0) continue;
      const score = weight * unitScore(question, units, t, loadLength(lengths, shift, row));
      if ((score + rest) * slack <= least) continue;
      complete(question, row, score, next);
      least = threshold(question);
    }
  }
}

/** Adds a list's scores to those of the window. */
function addList(question: usize, cursor: usize, from: u32, end: u32): void {
  const units = <usize>load<u32>(question, Q_UNITS);
  const lengths = <usize>load<u32>(question, Q_LENGTHS);
  const shift = load<u32>(question, Q_LENGTH_SHIFT);
  const window = <usize>load<u32>(question, Q_WINDOW) - (<usize>from << 3);
  const weight = load<f64>(cursor, C_WEIGHT);
  const blocks = load<u32>(cursor, C_BLOCKS);
  for (let block = load<u32>(cursor, C_BLOCK); block < blocks; block += 1) {
    if (block > 0 && lastRowOf(cursor, block - 1) + 1 >= end) break;
    loadBlock(cursor, block);
    const rows = <usize>load<u32>(cursor, C_ROWS);
    const times = <usize>load<u32>(cursor, C_TIMES);
    const stop = <usize>load<u32>(cursor, C_COUNT) << 2;
    for (let i = <usize>firstFrom(cursor, from) << 2; i < stop; i += 4) {
      const row = load<u32>(rows + i);
      if (row >= end) break;
      const t = load<u32>(times + i);
      if (t == 0) continue;
      const at = window + (<usize>row << 3);
      store<f64>(at, load<f64>(at) + weight * unitScore(question, units, t, loadLength(lengths, shift, row)));
    }
  }
}

/** What a sum must exceed so that `rest` more may lift it above the threshold. */
// @ts-ignore: decorator
@inline
function nearEnough(least: f64, rest: f64): f64 {
  return rest > 0 ? max<f64>(0, least / BOUND_SLACK - rest) : least;
}

/** Completes the rows of the window that are near enough, and clears it. */
function sweep(question: usize, from: u32, end: u32, next: u32): void {
  const window = <usize>load<u32>(question, Q_WINDOW);
  const mask = <usize>load<u32>(question, Q_MASK);
  const rest = load<f64>(<usize>load<u32>(question, Q_SUFFIXES) + (<usize>next << 3));
  const zero = f64x2.splat(0);
  let least2 = f64x2.splat(nearEnough(threshold(question), rest));
  const stop = window + (<usize>(end - from) << 3);
  for (let at = window; at < stop; at += 16) {
    const pair = v128.load(at);
    const found = i64x2.bitmask(f64x2.gt(pair, least2));
    v128.store(at, zero);
    if (found == 0) continue;
    const row = from + <u32>((at - window) >> 3);
    if (found & 1 && isAllowed(mask, row)) complete(question, row, f64x2.extract_lane(pair, 0), next);
    if (found & 2 && row + 1 < end && isAllowed(mask, row + 1)) {
      complete(question, row + 1, f64x2.extract_lane(pair, 1), next);
    }
    least2 = f64x2.splat(nearEnough(threshold(question), rest));
  }
}

/** Visits one window. */
function searchWindow(question: usize, from: u32, end: u32): void {
  const count = load<u32>(question, Q_CURSOR_COUNT);
  const suffixes = <usize>load<u32>(question, Q_SUFFIXES);
  const least = threshold(question);
  let essential = count;
  while (essential > 0 && load<f64>(suffixes + (<usize>(essential - 1) << 3)) <= least) essential -= 1;
  let active: u32 = 0;
  let only: u32 = 0;
  for (let c: u32 = 0; c < essential; c += 1) {
    if (load<f64>(cursorAt(question, c), C_BOUND) == 0) continue;
    active += 1;
    only = c;
  }
  if (active == 0) return;
  if (active == 1) {
    streamList(question, cursorAt(question, only), from, end, essential);
    return;
  }
  for (let c: u32 = 0; c < essential; c += 1) {
    const cursor = cursorAt(question, c);
    if (load<f64>(cursor, C_BOUND) > 0) addList(question, cursor, from, end);
  }
  sweep(question, from, end, essential);
}

/** Answers a question whose window is all zero; leaves the best rows in order. */
export function searchLists(question: usize): void {
  const count = load<u32>(question, Q_CURSOR_COUNT);
  const limit = load<u32>(question, Q_ROW_LIMIT);
  const mask = <usize>load<u32>(question, Q_MASK);
  store<u32>(question, 0, Q_COUNT);
  store<f64>(<usize>load<u32>(question, Q_SUFFIXES) + (<usize>count << 3), 0);
  for (let c: u32 = 0; c < count; c += 1) prepareBounds(question, cursorAt(question, c));
  let from: u32 = 0;
  while (from < limit) {
    if (hasAllowed(mask, from)) {
      const first = boundWindow(question, from, min(limit, from + WINDOW_ROWS));
      if (first == 0xffff_ffff) break;
      if (first >= from + WINDOW_ROWS) {
        from = first & ~(WINDOW_ROWS - 1);
        continue;
      }
      searchWindow(question, from, min(limit, from + WINDOW_ROWS));
    }
    from += WINDOW_ROWS;
  }
  sortBest(question);
}
