/**
 * How does a row become a node?
 *
 * Insertion of Malkov & Yashunin 2018 with its heuristic: a candidate becomes a neighbour when it is nearer to the new node
 * than to every neighbour chosen before. Distances are exact squared distances of codes, whatever the metric.
 *
 * Several threads insert at the same time: a list is changed under its node's lock, one lock at a time, and read without.
 */
import { EXPANDED, insertKey, keyOf, rowOf, scoreOf } from "./beam";
import { dotFour, widenCode } from "./distance";
import {
  capacityOf,
  codeOf,
  G_ENTRY,
  G_ENTRY_LOCK,
  G_LOCKS,
  G_M,
  G_STRIDE,
  isNode,
  levelOf,
  listOf,
  LOCK_COUNT,
  NONE,
  normPlace,
} from "./layout";
import {
  descend,
  startAt,
  W_BATCH,
  W_BEAM,
  W_COUNT,
  W_MERGE,
  W_NORM_SHARE,
  W_OTHER,
  W_QUERY,
  W_SELECTED,
  walkLevel,
} from "./walk";

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

/**
 * True where one of the `count` selected rows is nearer to the candidate than `distance`; `query` is the candidate's code
 * as int16.
 */
// @ts-ignore: decorator
@inline
function isCovered(
  graph: usize, query: usize, norm: i32, distance: f32, selected: usize, count: u32,
): bool {
  const stride = <usize>load<u32>(graph, G_STRIDE);
  for (let i: u32 = 0; i < count; i += 4) {
    const place = selected + (<usize>i << 2);
    const rowA = load<u32>(place);
    const rowB = load<u32>(place, 4);
    const rowC = load<u32>(place, 8);
    const rowD = load<u32>(place, 12);
    const dots = dotFour(
      query, stride, codeOf(graph, rowA), codeOf(graph, rowB), codeOf(graph, rowC), codeOf(graph, rowD),
    );
    let norms = v128.load32_zero(normPlace(graph, rowA));
    norms = v128.load_lane<i32>(normPlace(graph, rowB), norms, 1);
    norms = v128.load_lane<i32>(normPlace(graph, rowC), norms, 2);
    norms = v128.load_lane<i32>(normPlace(graph, rowD), norms, 3);
    const distances = i32x4.sub(i32x4.add(norms, i32x4.splat(norm)), i32x4.shl(dots, 1));
    if (v128.any_true(f32x4.lt(f32x4.convert_i32x4_s(distances), f32x4.splat(distance)))) return true;
  }
  return false;
}

/**
 * Chooses up to `most` neighbours of a node with squared norm `norm` from the sorted keys, nearest first; a key's score is
 * dot product − norm / 2. Writes them to `selected` and returns how many.
 */
function select(
  graph: usize, walker: usize, norm: i32, keys: usize, count: u32, most: u32, selected: usize, own: u32, alpha: f32,
): u32 {
  const other = <usize>load<u32>(walker, W_OTHER);
  const stride = <usize>load<u32>(graph, G_STRIDE);
  let chosen: u32 = 0;
  for (let i: u32 = 0; i < count && chosen < most; i++) {
    const key = load<i64>(keys + (<usize>i << 3));
    const row = rowOf(key);
    if (row == own) continue;
    if (chosen > 0) {
      const distance = <f32>(norm - 2 * scoreOf(key));
      widenCode(codeOf(graph, row), stride, other);
      if (isCovered(graph, other, load<i32>(normPlace(graph, row)), distance * alpha, selected, chosen)) continue;
    }
    // Four places are read at a time.
    const place = selected + (<usize>chosen << 2);
    store<u32>(place, row);
    store<u32>(place, row, 4);
    store<u32>(place, row, 8);
    store<u32>(place, row, 12);
    chosen++;
  }
  return chosen;
}

/** Adds `row` to the neighbours of `node`, and chooses anew among them where the list is full. */
function addNeighbour(graph: usize, walker: usize, node: u32, row: u32, level: u32, alpha: f32): void {
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
  else replaceNeighbours(graph, walker, node, row, list, capacity, alpha);
  unlock(mutex);
}

function replaceNeighbours(
  graph: usize, walker: usize, node: u32, row: u32, list: usize, capacity: u32, alpha: f32,
): void {
  const stride = <usize>load<u32>(graph, G_STRIDE);
  const batch = <usize>load<u32>(walker, W_BATCH);
  const merge = <usize>load<u32>(walker, W_MERGE);
  const other = <usize>load<u32>(walker, W_OTHER);
  const selected = <usize>load<u32>(walker, W_SELECTED) + 4 * <usize>capacity + 64;
  memory.copy(batch, list, 4 * <usize>capacity);
  const count = capacity + 1;
  const place = batch + (<usize>capacity << 2);
  store<u32>(place, row);
  store<u32>(place, row, 4);
  store<u32>(place, row, 8);
  store<u32>(place, row, 12);
  widenCode(codeOf(graph, node), stride, other);
  for (let i: u32 = 0; i < count; i += 4) {
    const four = batch + (<usize>i << 2);
    const dots = dotFour(
      other, stride, codeOf(graph, load<u32>(four)), codeOf(graph, load<u32>(four, 4)),
      codeOf(graph, load<u32>(four, 8)), codeOf(graph, load<u32>(four, 12)),
    );
    v128.store(walker, dots, 112);
    for (let lane: u32 = 0; lane < 4 && i + lane < count; lane++) {
      const neighbour = load<u32>(four + (<usize>lane << 2));
      const score = load<i32>(walker + 112 + (<usize>lane << 2)) - (load<i32>(normPlace(graph, neighbour)) >> 1);
      insertKey(merge, i + lane, keyOf(score, neighbour));
    }
  }
  const norm = load<i32>(normPlace(graph, node));
  const chosen = select(graph, walker, norm, merge, count, capacity, selected, node, alpha);
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

function insertNode(graph: usize, walker: usize, row: u32, ef: u32, alpha: f32): void {
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
  const query = <usize>load<u32>(walker, W_QUERY);
  const beam = <usize>load<u32>(walker, W_BEAM);
  const selected = <usize>load<u32>(walker, W_SELECTED);
  const norm = load<i32>(normPlace(graph, row));
  widenCode(codeOf(graph, row), load<u32>(graph, G_STRIDE), query);
  store<f32>(walker, 0.5, W_NORM_SHARE);
  let at = min(level, top);
  let start = descend(true, graph, walker, entry, top, at);
  while (true) {
    startAt(walker, start);
    walkLevel(true, false, graph, walker, at, ef);
    const count = load<u32>(walker, W_COUNT);
    const chosen = select(graph, walker, norm, beam, count, m, selected, row, alpha);
    writeOwnList(graph, row, at, selected, chosen);
    start = load<i64>(beam) & ~(<i64>EXPANDED);
    for (let i: u32 = 0; i < chosen; i++) {
      addNeighbour(graph, walker, load<u32>(selected + (<usize>i << 2)), row, at, alpha);
    }
    if (at == 0) break;
    at--;
  }
  if (level <= top) return;
  lock(graph + G_ENTRY_LOCK);
  if (level > levelOf(graph, atomic.load<u32>(graph, G_ENTRY))) atomic.store<u32>(graph, row, G_ENTRY);
  unlock(graph + G_ENTRY_LOCK);
}

/** Searches for the nodes nearest to a row's code; the beam then holds up to `ef`. */
export function searchLike(graph: usize, walker: usize, row: u32, ef: u32): void {
  const entry = atomic.load<u32>(graph, G_ENTRY);
  widenCode(codeOf(graph, row), load<u32>(graph, G_STRIDE), load<u32>(walker, W_QUERY));
  store<f32>(walker, 0.5, W_NORM_SHARE);
  startAt(walker, descend(true, graph, walker, entry, levelOf(graph, entry), 0));
  walkLevel(true, false, graph, walker, 0, ef);
}

/** Inserts the nodes among the rows [from, to). */
export function insertRows(graph: usize, walker: usize, from: u32, to: u32, ef: u32, alpha: f32): void {
  for (let row = from; row < to; row++) if (isNode(graph, row)) insertNode(graph, walker, row, ef, alpha);
}
