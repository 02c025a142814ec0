/**
 * Which nodes are the nearest to a query?
 *
 * The greedy best-first search of Malkov & Yashunin ("Efficient and robust approximate nearest neighbor search using
 * hierarchical navigable small world graphs", 2018): down the levels with one node, over level 0 with the `ef` best.
 * The `ef` best are one sorted array, which is frontier and result in one.
 *
 * Walks read lists that other threads write: each number in a list is a row that was coded before, or `NONE`.
 */
import { EXPANDED, insertKey, keyOf, rowOf, scoreOf } from "./beam";
import { distanceFour, dotFour } from "./distance";
import { takeMatching } from "./filter";
import {
  Absolute,
  capacityOf,
  CHAIN_END,
  chainPlace,
  CodeDistance,
  codeOf,
  Dot,
  FLOAT_L1,
  FLOAT_L2,
  FLOAT_MAX,
  G_ENTRY,
  G_SPACE,
  G_STRIDE,
  Greatest,
  isCode,
  isDot,
  L2,
  levelOf,
  listOf,
  NO_NODE,
  NONE,
  normPlace,
  Squared,
} from "./layout";
import {
  clearVisited,
  hasBit,
  markVisited,
  W_BATCH,
  W_BEAM,
  W_COUNT,
  W_MARGIN,
  W_MASK,
  W_NORM_SHARE,
  W_QUERY,
  W_RESULTS,
  W_SCORED,
  W_TOUCHED,
  W_VISITED,
} from "./walker";

// Which nodes a walk takes, as types.
export type Every = i8;
export type Allowed = i16;

/** What a beam holds: nodes, nodes of which the mask allows some rows, or rows that are listed as they are. */
export const NODES: i32 = 0;
export const MASKED_NODES: i32 = 1;
export const ROWS: i32 = 2;

/** Scores of the four nodes at `rows`: higher is nearer. */
// @ts-ignore: decorator
@inline
export function scoreFour<K>(graph: usize, query: usize, share: v128, rows: usize): v128 {
  const stride = <usize>load<u32>(graph, G_STRIDE);
  const rowA = load<u32>(rows);
  const rowB = load<u32>(rows, 4);
  const rowC = load<u32>(rows, 8);
  const rowD = load<u32>(rows, 12);
  const a = codeOf(graph, rowA);
  const b = codeOf(graph, rowB);
  const c = codeOf(graph, rowC);
  const d = codeOf(graph, rowD);
  // The bits of floats that are not negative are in the order of the floats.
  if (!isCode<K>()) return i32x4.neg(distanceFour<K>(query, stride, a, b, c, d));
  const dots = dotFour(query, stride, a, b, c, d);
  if (isDot<K>()) return dots;
  let norms = v128.load32_zero(normPlace(graph, rowA));
  norms = v128.load_lane<i32>(normPlace(graph, rowB), norms, 1);
  norms = v128.load_lane<i32>(normPlace(graph, rowC), norms, 2);
  norms = v128.load_lane<i32>(normPlace(graph, rowD), norms, 3);
  return i32x4.sub(dots, i32x4.trunc_sat_f32x4_s(f32x4.mul(share, f32x4.convert_i32x4_s(norms))));
}

/**
 * Copies the neighbours that were not visited into the batch, marks them and returns how many.
 */
// @ts-ignore: decorator
@inline
function takeNew(graph: usize, walker: usize, visited: usize, batch: usize, list: usize, capacity: u32): u32 {
  let count: usize = 0;
  const end = list + (<usize>capacity << 2);
  for (; list < end; list += 4) {
    const row = load<u32>(list);
    if (row == NONE) break;
    const word = visited + (<usize>(row >> 5) << 2);
    const bits = load<u32>(word);
    const bit: u32 = 1 << (row & 31);
    store<u32>(word, bits | bit);
    store<u32>(batch + (count << 2), row);
    count += (bits & bit) == 0 ? 1 : 0;
  }
  touchBatch(graph, walker, batch, count);
  return <u32>count;
}

/** Reads a byte of each code of the batch ahead, so that the waits for memory overlap. */
// @ts-ignore: decorator
@inline
export function touchBatch(graph: usize, walker: usize, batch: usize, count: usize): void {
  let touched: u32 = 0;
  for (let i: usize = 0; i < count; i++) touched += load<u8>(codeOf(graph, load<u32>(batch + (i << 2))));
  store<u32>(walker, touched, W_TOUCHED);
}

/** Fills up the batch to a multiple of four. */
// @ts-ignore: decorator
@inline
export function padBatch(batch: usize, count: u32): void {
  const last = load<u32>(batch + (<usize>(count - 1) << 2));
  const place = batch + (<usize>count << 2);
  store<u32>(place, last);
  store<u32>(place, last, 4);
  store<u32>(place, last, 8);
}

/**
 * Walks a level from the nodes in the beam, which are marked as visited, and leaves the `ef` best there. Under
 * `Allowed`, only over nodes that the mask allows, and over those near by where others lie between.
 */
export function walkLevel<K, F>(graph: usize, walker: usize, level: u32, ef: u32): void {
  const query = <usize>load<u32>(walker, W_QUERY);
  const beam = <usize>load<u32>(walker, W_BEAM);
  const batch = <usize>load<u32>(walker, W_BATCH);
  const visited = <usize>load<u32>(walker, W_VISITED);
  const share = f32x4.splat(load<f32>(walker, W_NORM_SHARE));
  const capacity = capacityOf(graph, level);
  let count = load<u32>(walker, W_COUNT);
  let scored: u32 = 0;
  let worst = count < ef ? i32.MIN_VALUE : scoreOf(load<i64>(beam + (<usize>(ef - 1) << 3)));
  let next: u32 = 0;
  while (next < count) {
    const place = beam + (<usize>next << 3);
    const key = load<i64>(place);
    if (<u64>key & EXPANDED) {
      next++;
      continue;
    }
    store<i64>(place, key | <i64>EXPANDED);
    next++;
    const list = listOf(graph, rowOf(key), level);
    const fresh = sizeof<F>() == sizeof<Allowed>()
      ? takeMatching(graph, walker, visited, batch, list, capacity)
      : takeNew(graph, walker, visited, batch, list, capacity);
    if (fresh == 0) continue;
    scored += fresh;
    padBatch(batch, fresh);
    for (let i: u32 = 0; i < fresh; i += 4) {
      const rows = batch + (<usize>i << 2);
      const scores = scoreFour<K>(graph, query, share, rows);
      let better = i32x4.bitmask(i32x4.gt_s(scores, i32x4.splat(worst)));
      if (fresh - i < 4) better &= (1 << (fresh - i)) - 1;
      if (better == 0) continue;
      v128.store(walker, scores, 112);
      do {
        const lane = <usize>ctz(better);
        better &= better - 1;
        const score = load<i32>(walker + 112 + (lane << 2));
        if (score <= worst) continue;
        const at = insertKey(beam, count, keyOf(score, load<u32>(rows + (lane << 2))));
        if (count < ef) count++;
        if (count == ef) worst = scoreOf(load<i64>(beam + (<usize>(ef - 1) << 3)));
        if (at < next) next = at;
      } while (better != 0);
    }
  }
  store<u32>(walker, count, W_COUNT);
  store<u32>(walker, load<u32>(walker, W_SCORED) + scored, W_SCORED);
}

/** Goes down from the entry to `level` by the best neighbour each time; returns the key of the node there. */
export function descend<K>(graph: usize, walker: usize, entry: u32, top: u32, level: u32): i64 {
  const query = <usize>load<u32>(walker, W_QUERY);
  const batch = <usize>load<u32>(walker, W_BATCH);
  const share = f32x4.splat(load<f32>(walker, W_NORM_SHARE));
  const m = <usize>capacityOf(graph, 1);
  store<u32>(batch, entry);
  padBatch(batch, 1);
  let best = keyOf(i32x4.extract_lane(scoreFour<K>(graph, query, share, batch), 0), entry);
  let scored: u32 = 1;
  for (; top > level; top--) {
    while (true) {
      const start = best;
      const list = listOf(graph, rowOf(best), top);
      let count: u32 = 0;
      for (let i: usize = 0; i < m; i++) {
        const row = load<u32>(list + (i << 2));
        if (row == NONE) break;
        store<u32>(batch + (<usize>count << 2), row);
        count++;
      }
      if (count == 0) break;
      padBatch(batch, count);
      scored += count;
      for (let i: u32 = 0; i < count; i += 4) {
        const rows = batch + (<usize>i << 2);
        const scores = scoreFour<K>(graph, query, share, rows);
        best = max(best, keyOf(i32x4.extract_lane(scores, 0), load<u32>(rows)));
        best = max(best, keyOf(i32x4.extract_lane(scores, 1), load<u32>(rows, 4)));
        best = max(best, keyOf(i32x4.extract_lane(scores, 2), load<u32>(rows, 8)));
        best = max(best, keyOf(i32x4.extract_lane(scores, 3), load<u32>(rows, 12)));
      }
      if (best == start) break;
    }
  }
  store<u32>(walker, load<u32>(walker, W_SCORED) + scored, W_SCORED);
  return best;
}

/** Begins a walk at one node. */
// @ts-ignore: decorator
@inline
export function startAt(walker: usize, key: i64): void {
  clearVisited(walker);
  const row = rowOf(key);
  store<i64>(load<u32>(walker, W_BEAM), key);
  store<u32>(walker, 1, W_COUNT);
  markVisited(walker, row);
}

/** Searches the whole graph; the beam then holds up to `ef` nodes. Returns how many. */
export function search(graph: usize, walker: usize, ef: u32): u32 {
  const entry = atomic.load<u32>(graph, G_ENTRY);
  store<u32>(walker, 0, W_COUNT);
  if (entry == NONE) return 0;
  const space = load<i32>(graph, G_SPACE);
  if (space == L2) searchFrom<CodeDistance>(graph, walker, entry, ef);
  else if (space == FLOAT_L2) searchFrom<Squared>(graph, walker, entry, ef);
  else if (space == FLOAT_L1) searchFrom<Absolute>(graph, walker, entry, ef);
  else if (space == FLOAT_MAX) searchFrom<Greatest>(graph, walker, entry, ef);
  else searchFrom<Dot>(graph, walker, entry, ef);
  return load<u32>(walker, W_COUNT);
}

// @ts-ignore: decorator
@inline
export function searchFrom<K>(graph: usize, walker: usize, entry: u32, ef: u32): void {
  startAt(walker, descend<K>(graph, walker, entry, levelOf(graph, entry), 0));
  while (true) {
    walkLevel<K, Every>(graph, walker, 0, ef);
    // Links lead one way: from the entry every node can be reached, from elsewhere perhaps not.
    const count = load<u32>(walker, W_COUNT);
    if (count >= ef || hasBit(load<u32>(walker, W_VISITED), entry)) return;
    const batch = <usize>load<u32>(walker, W_BATCH);
    const share = f32x4.splat(load<f32>(walker, W_NORM_SHARE));
    markVisited(walker, entry);
    store<u32>(batch, entry);
    padBatch(batch, 1);
    const score = i32x4.extract_lane(scoreFour<K>(graph, load<u32>(walker, W_QUERY), share, batch), 0);
    insertKey(load<u32>(walker, W_BEAM), count, keyOf(score, entry));
    store<u32>(walker, count + 1, W_COUNT);
  }
}

/**
 * Lists rows of what the beam holds (`NODES`, `MASKED_NODES`, `ROWS`) that are below `rowCount`, best first,
 * at most `limit`. After the first `k` only those whose score could still be among the best k, given the rounding of
 * codes.
 */
export function listRows(
  graph: usize, walker: usize, what: i32, rowCount: u32, k: u32, limit: u32,
): u32 {
  const mask = <usize>load<u32>(walker, W_MASK);
  const target = <usize>load<u32>(walker, W_RESULTS);
  const beam = <usize>load<u32>(walker, W_BEAM);
  const count = load<u32>(walker, W_COUNT);
  let listed: u32 = 0;
  let least = i32.MIN_VALUE;
  for (let i: u32 = 0; i < count; i++) {
    const key = load<i64>(beam + (<usize>i << 3));
    if (scoreOf(key) < least) break;
    let row = rowOf(key);
    while (row != CHAIN_END) {
      const isAllowed = what != MASKED_NODES || (load<u32>(mask + (<usize>(row >> 5) << 2)) >> (row & 31)) & 1;
      if (isAllowed && row < rowCount) {
        if (listed == limit) return listed;
        store<u32>(target + (<usize>listed << 2), row);
        listed++;
        if (listed == k) least = scoreOf(key) - load<i32>(walker, W_MARGIN);
      }
      row = what == ROWS ? CHAIN_END : load<u32>(chainPlace(graph, row)) & ~NO_NODE;
    }
  }
  return listed;
}
