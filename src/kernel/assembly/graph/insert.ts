/**
 * How does a row become a node?
 *
 * Insertion of Malkov & Yashunin 2018 with its heuristic: a candidate becomes a neighbour when it is nearer to the new
 * node than to every neighbour chosen before. Distances are those of codes, squared, or in float spaces those of rows,
 * whatever the metric.
 *
 * Under inner product with rows of uneven length nodes are linked by inner product instead (ip-NSW, Morozov & Babenko,
 * 2018): the nearest by distance are not on the way to long rows.
 *
 * Several threads insert at the same time: a list is changed under its node's lock, one lock at a time, and read
 * without.
 */
import { EXPANDED, insertKey, keyOf, rowOf, scoreOf } from "./beam";
import { widenCode } from "./distance";
import {
  Absolute,
  capacityOf,
  CodeDistance,
  codeOf,
  Dot,
  FLOAT_L1,
  FLOAT_L2,
  FLOAT_MAX,
  G_ENTRY,
  G_ENTRY_LOCK,
  G_LOCKS,
  G_M,
  G_SPACE,
  G_STRIDE,
  Greatest,
  isCode,
  isByDot,
  isDot,
  isNode,
  levelOf,
  listOf,
  LOCK_COUNT,
  NONE,
  normPlace,
  Squared,
} from "./layout";
import {
  descend,
  Every,
  scoreFour,
  searchFrom,
  startAt,
  walkLevel,
} from "./walk";
import {
  W_BATCH,
  W_BEAM,
  W_COUNT,
  W_MERGE,
  W_NORM_SHARE,
  W_OTHER,
  W_QUERY,
  W_SELECTED,
} from "./walker";

// @ts-ignore: decorator
@inline
function lock(place: usize): void {
  while (atomic.cmpxchg<u32>(place, 0, 1) != 0) {}
}

// @ts-ignore: decorator
@inline
function unlock(place: usize): void {
  atomic.store<u32>(place, 0);
}

// @ts-ignore: decorator
@inline
function lockOf(graph: usize, row: u32): usize {
  return graph + G_LOCKS + (<usize>(row & (LOCK_COUNT - 1)) << 2);
}

/** A code as a query. */
// @ts-ignore: decorator
@inline
function asQuery<K>(graph: usize, row: u32, place: usize): usize {
  const code = codeOf(graph, row);
  if (!isCode<K>()) return code;
  widenCode(code, load<u32>(graph, G_STRIDE), place);
  return place;
}

/** Distance of a row with a score from the query with this squared norm. */
// @ts-ignore: decorator
@inline
function distanceOf<K>(norm: i32, score: i32): f32 {
  if (isDot<K>()) return <f32>-score;
  return isCode<K>() ? <f32>(norm - 2 * score) : reinterpret<f32>(-score);
}

/** True where one of the `count` selected rows is nearer to `row`, whose code is the query, than `distance`. */
// @ts-ignore: decorator
@inline
function isCovered<K>(graph: usize, query: usize, row: u32, distance: f32, selected: usize, count: u32): bool {
  const half = f32x4.splat(0.5);
  const norm = i32x4.splat(load<i32>(normPlace(graph, row)));
  for (let i: u32 = 0; i < count; i += 4) {
    const scores = scoreFour<K>(graph, query, half, selected + (<usize>i << 2));
    let distances = i32x4.neg(scores);
    if (isDot<K>()) distances = f32x4.convert_i32x4_s(distances);
    else if (isCode<K>()) distances = f32x4.convert_i32x4_s(i32x4.sub(norm, i32x4.shl(scores, 1)));
    if (v128.any_true(f32x4.lt(distances, f32x4.splat(distance)))) return true;
  }
  return false;
}

/**
 * Chooses up to `most` neighbours of node `own` from the sorted keys, nearest first. Writes them to `selected` and
 * returns how many.
 */
function select<K>(
  graph: usize, walker: usize, keys: usize, count: u32, most: u32, selected: usize, own: u32, alpha: f32,
): u32 {
  const other = <usize>load<u32>(walker, W_OTHER);
  const norm = load<i32>(normPlace(graph, own));
  let chosen: u32 = 0;
  for (let i: u32 = 0; i < count && chosen < most; i++) {
    const key = load<i64>(keys + (<usize>i << 3));
    const row = rowOf(key);
    if (row == own) continue;
    if (chosen > 0) {
      const distance = distanceOf<K>(norm, scoreOf(key));
      // A share of an inner product says nothing: it may be negative.
      const limit = isDot<K>() ? distance : distance * alpha;
      const query = asQuery<K>(graph, row, other);
      if (isCovered<K>(graph, query, row, limit, selected, chosen)) continue;
    }
    // Four places are read at a time.
    v128.store(selected + (<usize>chosen << 2), i32x4.splat(row));
    chosen++;
  }
  return chosen;
}

/** Adds `row` to the neighbours of `node`, and chooses anew among them where the list is full. */
function addNeighbour<K>(graph: usize, walker: usize, node: u32, row: u32, level: u32, alpha: f32): void {
  const capacity = capacityOf(graph, level);
  const list = listOf(graph, node, level);
  const mutex = lockOf(graph, node);
  lock(mutex);
  let count: u32 = 0;
  while (count < capacity) {
    const present = load<u32>(list + (<usize>count << 2));
    if (present == NONE) break;
    if (present == row) {
      unlock(mutex);
      return;
    }
    count++;
  }
  if (count < capacity) atomic.store<u32>(list + (<usize>count << 2), row);
  else replaceNeighbours<K>(graph, walker, node, row, list, capacity, alpha);
  unlock(mutex);
}

function replaceNeighbours<K>(
  graph: usize, walker: usize, node: u32, row: u32, list: usize, capacity: u32, alpha: f32,
): void {
  const batch = <usize>load<u32>(walker, W_BATCH);
  const merge = <usize>load<u32>(walker, W_MERGE);
  const selected = <usize>load<u32>(walker, W_SELECTED) + 4 * <usize>capacity + 64;
  const half = f32x4.splat(0.5);
  memory.copy(batch, list, 4 * <usize>capacity);
  v128.store(batch + (<usize>capacity << 2), i32x4.splat(row));
  const count = capacity + 1;
  const query = asQuery<K>(graph, node, load<u32>(walker, W_OTHER));
  for (let i: u32 = 0; i < count; i += 4) {
    const four = batch + (<usize>i << 2);
    v128.store(walker, scoreFour<K>(graph, query, half, four), 112);
    for (let lane: u32 = 0; lane < 4 && i + lane < count; lane++) {
      const neighbour = load<u32>(four + (<usize>lane << 2));
      insertKey(merge, i + lane, keyOf(load<i32>(walker + 112 + (<usize>lane << 2)), neighbour));
    }
  }
  const chosen = select<K>(graph, walker, merge, count, capacity, selected, node, alpha);
  for (let i: u32 = 0; i < capacity; i++) {
    atomic.store<u32>(list + (<usize>i << 2), i < chosen ? load<u32>(selected + (<usize>i << 2)) : NONE);
  }
}

/** Writes the neighbours chosen for a new node; others may have linked to it meanwhile. */
function writeOwnList(graph: usize, node: u32, level: u32, selected: usize, chosen: u32): void {
  const capacity = capacityOf(graph, level);
  const list = listOf(graph, node, level);
  const mutex = lockOf(graph, node);
  lock(mutex);
  let count: u32 = 0;
  while (count < capacity && load<u32>(list + (<usize>count << 2)) != NONE) count++;
  for (let i: u32 = 0; i < chosen && count < capacity; i++) {
    const row = load<u32>(selected + (<usize>i << 2));
    let isPresent = false;
    for (let j: u32 = 0; j < count; j++) if (load<u32>(list + (<usize>j << 2)) == row) isPresent = true;
    if (isPresent) continue;
    atomic.store<u32>(list + (<usize>count << 2), row);
    count++;
  }
  unlock(mutex);
}

// @ts-ignore: decorator
@inline
function insertNode<K>(graph: usize, walker: usize, row: u32, ef: u32, alpha: f32): void {
  const level = levelOf(graph, row);
  let entry = atomic.load<u32>(graph, G_ENTRY);
  if (entry == NONE) {
    lock(graph + G_ENTRY_LOCK);
    entry = atomic.load<u32>(graph, G_ENTRY);
    if (entry == NONE) atomic.store<u32>(graph, row, G_ENTRY);
    unlock(graph + G_ENTRY_LOCK);
    if (entry == NONE) return;
  }
  const top = levelOf(graph, entry);
  const m = load<u32>(graph, G_M);
  const beam = <usize>load<u32>(walker, W_BEAM);
  const selected = <usize>load<u32>(walker, W_SELECTED);
  beginRow<K>(graph, walker, row);
  let at = min(level, top);
  let start = descend<K>(graph, walker, entry, top, at);
  while (true) {
    startAt(walker, start);
    walkLevel<K, Every>(graph, walker, at, ef);
    const count = load<u32>(walker, W_COUNT);
    const chosen = select<K>(graph, walker, beam, count, m, selected, row, alpha);
    writeOwnList(graph, row, at, selected, chosen);
    start = load<i64>(beam) & ~(<i64>EXPANDED);
    for (let i: u32 = 0; i < chosen; i++) {
      addNeighbour<K>(graph, walker, load<u32>(selected + (<usize>i << 2)), row, at, alpha);
    }
    if (at == 0) break;
    at--;
  }
  if (level <= top) return;
  lock(graph + G_ENTRY_LOCK);
  if (level > levelOf(graph, atomic.load<u32>(graph, G_ENTRY))) atomic.store<u32>(graph, row, G_ENTRY);
  unlock(graph + G_ENTRY_LOCK);
}

/** Makes a row the query. */
// @ts-ignore: decorator
@inline
function beginRow<K>(graph: usize, walker: usize, row: u32): void {
  const query = <usize>load<u32>(walker, W_QUERY);
  const stride = <usize>load<u32>(graph, G_STRIDE);
  if (isCode<K>()) widenCode(codeOf(graph, row), stride, query);
  else memory.copy(query, codeOf(graph, row), stride);
  store<f32>(walker, 0.5, W_NORM_SHARE);
}

/** Searches for the nodes nearest to a row; the beam then holds up to `ef`. */
export function searchLike(graph: usize, walker: usize, row: u32, ef: u32): void {
  const space = load<i32>(graph, G_SPACE);
  if (space == FLOAT_L2) searchRow<Squared>(graph, walker, row, ef);
  else if (space == FLOAT_L1) searchRow<Absolute>(graph, walker, row, ef);
  else if (space == FLOAT_MAX) searchRow<Greatest>(graph, walker, row, ef);
  else searchRow<CodeDistance>(graph, walker, row, ef);
}

function searchRow<K>(graph: usize, walker: usize, row: u32, ef: u32): void {
  beginRow<K>(graph, walker, row);
  searchFrom<K>(graph, walker, atomic.load<u32>(graph, G_ENTRY), ef);
}

/** Inserts the nodes among the rows [from, to). */
export function insertRows(graph: usize, walker: usize, from: u32, to: u32, ef: u32, alpha: f32): void {
  const space = load<i32>(graph, G_SPACE);
  if (space == FLOAT_L2) insertAll<Squared>(graph, walker, from, to, ef, alpha);
  else if (space == FLOAT_L1) insertAll<Absolute>(graph, walker, from, to, ef, alpha);
  else if (space == FLOAT_MAX) insertAll<Greatest>(graph, walker, from, to, ef, alpha);
  else if (isByDot(graph)) insertAll<Dot>(graph, walker, from, to, ef, alpha);
  else insertAll<CodeDistance>(graph, walker, from, to, ef, alpha);
}

function insertAll<K>(graph: usize, walker: usize, from: u32, to: u32, ef: u32, alpha: f32): void {
  for (let row = from; row < to; row++) if (isNode(graph, row)) insertNode<K>(graph, walker, row, ef, alpha);
}
