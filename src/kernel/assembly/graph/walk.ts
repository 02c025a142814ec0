/**
 * Which nodes are the nearest to a query?
 *
 * The greedy best-first search of Malkov & Yashunin ("Efficient and robust approximate nearest neighbor search using
 * hierarchical navigable small world graphs", 2018): down the levels with one node, over level 0 with the `ef` best. The
 * `ef` best are one sorted array, which is frontier and result in one.
 *
 * A walker is the state of one walk at a time. Walks read lists that other threads write: each number in a list is a
 * row that was coded before, or `NONE`.
 */
import { EXPANDED, insertKey, keyOf, rowOf, scoreOf } from "./beam";
import { distanceFour, dotFour } from "./distance";
import { SOURCES, takeMatching } from "./filter";
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
  G_CAPACITY,
  G_CENTRE,
  G_DIM,
  G_ENTRY,
  G_LISTS,
  G_NORM_MAX,
  G_NORMS,
  G_SCALE,
  G_SHIFT,
  G_SLABS,
  G_SPACE,
  G_STRIDE,
  Greatest,
  isCode,
  isDot,
  isFloatSpace,
  L2,
  levelOf,
  listOf,
  NO_NODE,
  NONE,
  normPlace,
  Squared,
} from "./layout";

/** Margin of codes in lengths of the int16 query: four standard deviations of their rounding. */
const CODE_MARGIN: f64 = 1.2;
/** Margin of float32 distances, in steps of the last bit. */
const FLOAT_MARGIN: i32 = 64;

/** What a beam holds: nodes, nodes of which the mask allows some rows, or rows that are listed as they are. */
const MASKED_NODES: i32 = 1;
const ROWS: i32 = 2;

// Walker header.
/** u32 places: the query as float32, as int16, the beam, rows waiting for their scores, visited bits, results. */
export const W_FLOATS: usize = 0;
export const W_QUERY: usize = 4;
export const W_BEAM: usize = 8;
export const W_BATCH: usize = 12;
export const W_VISITED: usize = 16;
export const W_RESULTS: usize = 20;
/** u32 bytes of the visited bits, multiple of 64. */
export const W_VISITED_BYTES: usize = 24;
/** u32 keys that the beam has room for and those in it. */
export const W_EF_MAX: usize = 28;
export const W_COUNT: usize = 32;
/** u32 nodes scored and nodes expanded. */
export const W_SCORED: usize = 36;
export const W_HOPS: usize = 40;
/** f32: a score is the dot product less this share of the node's norm. */
export const W_NORM_SHARE: usize = 44;
/** u32 sum of bytes read ahead, for nobody. */
export const W_TOUCHED: usize = 48;
/** i32 what the scores of two rows may differ by though they are equally near. */
export const W_MARGIN: usize = 52;
/** u32 places for the work of an insertion: see `insert.ts`. */
export const W_SELECTED: usize = 56;
export const W_OTHER: usize = 60;
export const W_MERGE: usize = 64;
/** u32 places of the mask, a bit a row, and of the mask with the bits of nodes that have a chain. */
export const W_MASK: usize = 68;
export const W_MAYBE: usize = 72;
/** u32 place of the keys that a filtered walk begins with. */
export const W_SOURCES: usize = 76;
const HEADER: usize = 128;

// @ts-ignore: decorator
@inline
function aligned64(bytes: usize): usize {
  return (bytes + 63) & ~63;
}

/** Bytes of a walker for graphs of up to `rows` rows, walks with up to `ef` nodes and `results` rows in their result. */
export function walkerBytes(graph: usize, rows: u32, ef: u32, results: u32): usize {
  const stride = <usize>load<u32>(graph, G_STRIDE);
  const capacity = <usize>load<u32>(graph, G_CAPACITY);
  const query = aligned64(stride << 2) + 2 * aligned64(stride << 1);
  const lists = 2 * aligned64((capacity << 2) + 64) + aligned64((capacity << 3) + 64) + batchBytes(capacity);
  const beam = beamBytes(ef) + beamBytes(SOURCES);
  return HEADER + query + beam + lists + 3 * bitBytes(rows) + aligned64(<usize>results << 2);
}

/** Bytes of a beam with room for `ef` keys and one more; that of a short walk fits, too. */
function beamBytes(ef: u32): usize {
  return aligned64((<usize>max(ef, SOURCES) << 3) + 64);
}

/** Bytes of a batch: what a list and those of its nodes add, when it was twice a list's length before. */
function batchBytes(capacity: usize): usize {
  return aligned64(12 * capacity + 64);
}

/** Bytes of a bit a row. */
function bitBytes(rows: u32): usize {
  return aligned64((<usize>rows + 7) >> 3);
}

/** Lays a walker out; its bytes may hold anything. */
export function initWalker(walker: usize, graph: usize, rows: u32, ef: u32): void {
  const stride = <usize>load<u32>(graph, G_STRIDE);
  const capacity = <usize>load<u32>(graph, G_CAPACITY);
  const listBytes = aligned64((capacity << 2) + 64);
  let place = walker + HEADER;
  store<u32>(walker, <u32>place, W_FLOATS);
  place += aligned64(stride << 2);
  store<u32>(walker, <u32>place, W_QUERY);
  place += aligned64(stride << 1);
  store<u32>(walker, <u32>place, W_OTHER);
  place += aligned64(stride << 1);
  store<u32>(walker, <u32>place, W_BEAM);
  place += beamBytes(ef);
  store<u32>(walker, <u32>place, W_SOURCES);
  place += beamBytes(SOURCES);
  store<u32>(walker, <u32>place, W_BATCH);
  place += batchBytes(capacity);
  store<u32>(walker, <u32>place, W_SELECTED);
  place += 2 * listBytes;
  store<u32>(walker, <u32>place, W_MERGE);
  place += aligned64((capacity << 3) + 64);
  store<u32>(walker, <u32>place, W_VISITED);
  store<u32>(walker, <u32>bitBytes(rows), W_VISITED_BYTES);
  place += bitBytes(rows);
  store<u32>(walker, <u32>place, W_MASK);
  place += bitBytes(rows);
  store<u32>(walker, <u32>place, W_MAYBE);
  place += bitBytes(rows);
  store<u32>(walker, <u32>place, W_RESULTS);
  store<u32>(walker, ef, W_EF_MAX);
}

/** Where the host puts the query, float32. */
export function queryPlace(walker: usize): usize {
  return load<u32>(walker, W_FLOATS);
}

/** Makes the int16 query of the float32 one: as fine as sums in int32 allow. */
export function beginQuery(graph: usize, walker: usize): void {
  const dim = <usize>load<u32>(graph, G_DIM);
  const stride = <usize>load<u32>(graph, G_STRIDE);
  const centre = <usize>load<u32>(graph, G_CENTRE);
  const floats = <usize>load<u32>(walker, W_FLOATS);
  const query = <usize>load<u32>(walker, W_QUERY);
  const isL2 = load<i32>(graph, G_SPACE) == L2;
  store<u32>(walker, 0, W_SCORED);
  store<u32>(walker, 0, W_HOPS);
  if (isFloatSpace(load<i32>(graph, G_SPACE))) {
    memory.copy(query, floats, dim << 2);
    memory.fill(query + (dim << 2), 0, stride - (dim << 2));
    store<i32>(walker, FLOAT_MARGIN, W_MARGIN);
    return;
  }
  let largest: f64 = 0;
  let sum: f64 = 0;
  for (let i: usize = 0; i < dim; i++) {
    let x = load<f32>(floats + (i << 2));
    if (isL2) x -= load<f32>(centre + (i << 2));
    const size = Math.abs(<f64>x);
    largest = Math.max(largest, size);
    sum += size;
  }
  // |dot product| <= 127 * sum / unit stays below 2^30.
  let unit = Math.max(largest / 32767, sum * (127.0 / 1000000000));
  const scale = <f64>load<f32>(graph, G_SCALE);
  let share: f64 = 0;
  if (isL2) {
    unit = Math.max(unit, scale * <f64>load<i32>(graph, G_NORM_MAX) / 2000000000);
    share = unit > 0 ? scale / (2 * unit) : 1;
  }
  const steps = unit > 0 ? 1 / unit : 0;
  let square: f64 = 0;
  for (let i: usize = 0; i < dim; i++) {
    let x = load<f32>(floats + (i << 2));
    if (isL2) x -= load<f32>(centre + (i << 2));
    const step = <i32>nearest<f64>(<f64>x * steps);
    store<i16>(query + (i << 1), <i16>max(-32767, min(32767, step)));
    square += <f64>step * <f64>step;
  }
  for (let i = dim; i < stride; i++) store<i16>(query + (i << 1), 0);
  store<f32>(walker, <f32>share, W_NORM_SHARE);
  store<i32>(walker, <i32>(CODE_MARGIN * Math.sqrt(square)), W_MARGIN);
}

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

export function clearVisited(walker: usize): void {
  const visited = <usize>load<u32>(walker, W_VISITED);
  const end = visited + load<u32>(walker, W_VISITED_BYTES);
  const none = i32x4.splat(0);
  for (let place = visited; place < end; place += 64) {
    v128.store(place, none);
    v128.store(place, none, 16);
    v128.store(place, none, 32);
    v128.store(place, none, 48);
  }
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
 * Walks a level from the nodes in the beam, which are marked as visited, and leaves the `ef` best there. When
 * `isFiltered`, only over nodes that the mask allows, and over those near by where others lie between.
 */
// @ts-ignore: decorator
@inline
export function walkLevel<K>(isFiltered: bool, graph: usize, walker: usize, level: u32, ef: u32,
): void {
  const query = <usize>load<u32>(walker, W_QUERY);
  const beam = <usize>load<u32>(walker, W_BEAM);
  const batch = <usize>load<u32>(walker, W_BATCH);
  const visited = <usize>load<u32>(walker, W_VISITED);
  const share = f32x4.splat(load<f32>(walker, W_NORM_SHARE));
  const capacity = capacityOf(graph, level);
  let count = load<u32>(walker, W_COUNT);
  let scored: u32 = 0;
  let hops: u32 = 0;
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
    hops++;
    const list = listOf(graph, rowOf(key), level);
    const fresh = isFiltered
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
  store<u32>(walker, load<u32>(walker, W_HOPS) + hops, W_HOPS);
}

/** Goes down from the entry to `level` by the best neighbour each time; returns the key of the node there. */
// @ts-ignore: decorator
@inline
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

// @ts-ignore: decorator
@inline
export function markVisited(walker: usize, row: u32): void {
  const word = <usize>load<u32>(walker, W_VISITED) + (<usize>(row >> 5) << 2);
  store<u32>(word, load<u32>(word) | (1 << (row & 31)));
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
  walkLevel<K>(false, graph, walker, 0, ef);
}

/** Where the host puts the mask. */
export function maskPlace(walker: usize): usize {
  return load<u32>(walker, W_MASK);
}

/** Where `listRows` leaves the rows. */
export function resultPlace(walker: usize): usize {
  return load<u32>(walker, W_RESULTS);
}

export function scoredCount(walker: usize): u32 {
  return load<u32>(walker, W_SCORED);
}

export function hopCount(walker: usize): u32 {
  return load<u32>(walker, W_HOPS);
}

/**
 * Lists rows of what the beam holds (0: nodes, 1: nodes under the mask, 2: rows) that are below `rowCount`, best first, at
 * most `limit`. After the first `k` only those whose score could still be among the best k, given the rounding of codes.
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
