/**
 * Can every node be reached, also after a change that ended half-way?
 *
 * Choosing neighbours anew can cut the last way to a node. A search over level 0 from the entry finds such nodes; each
 * is then linked from a near node that can be reached, in a free place or in place of a link that no way of that search
 * uses.
 *
 * The ways of that search lie in scratch: u32 rows of the graph, u32 nodes followed, u32 nodes found, and from byte 64
 * on for each row the node from which it was found (`NONE`: not yet), then the nodes found, in order.
 */
import { rowOf } from "./beam";
import { searchLike } from "./insert";
import {
  capacityOf,
  CHAIN_END,
  chainPlace,
  G_ENTRY,
  G_LOCKS,
  isNode,
  levelOf,
  listOf,
  LOCK_COUNT,
  NO_NODE,
  NONE,
} from "./layout";
import {
  search,
} from "./walk";
import {
  W_BEAM,
  W_COUNT,
} from "./walker";

const R_ROWS: usize = 0;
const R_FOLLOWED: usize = 4;
const R_FOUND: usize = 8;
const HEADER: usize = 64;

/** Bytes of the ways of a graph with `rowCount` rows. */
export function waysBytes(rowCount: u32): usize {
  return HEADER + ((<usize>rowCount + 1) << 3);
}

/** Opens every lock: a thread may have ended while it held one. */
export function resetLocks(graph: usize): void {
  memory.fill(graph + G_LOCKS, 0, 4 * <usize>LOCK_COUNT);
}

// @ts-ignore: decorator
@inline
function parentPlace(ways: usize, row: u32): usize {
  return ways + HEADER + (<usize>row << 2);
}

// @ts-ignore: decorator
@inline
function foundPlace(ways: usize, index: u32): usize {
  return parentPlace(ways, load<u32>(ways, R_ROWS) + index);
}

// @ts-ignore: decorator
@inline
function addFound(ways: usize, row: u32, parent: u32): void {
  const found = load<u32>(ways, R_FOUND);
  store<u32>(parentPlace(ways, row), parent);
  store<u32>(foundPlace(ways, found), row);
  store<u32>(ways, found + 1, R_FOUND);
}

/** Begins at the entry. */
export function beginWays(graph: usize, ways: usize, rowCount: u32): void {
  store<u32>(ways, rowCount, R_ROWS);
  store<u32>(ways, 0, R_FOLLOWED);
  store<u32>(ways, 0, R_FOUND);
  memory.fill(parentPlace(ways, 0), 0xff, <usize>rowCount << 2);
  const entry = load<u32>(graph, G_ENTRY);
  if (entry != NONE) addFound(ways, entry, entry);
}

/** Follows the links of up to `most` nodes that were found; returns 0 when none is left. */
export function followWays(graph: usize, ways: usize, most: u32): u32 {
  const capacity = capacityOf(graph, 0);
  let from = load<u32>(ways, R_FOLLOWED);
  for (; most > 0 && from < load<u32>(ways, R_FOUND); from++, most--) {
    const node = load<u32>(foundPlace(ways, from));
    const list = listOf(graph, node, 0);
    for (let i: u32 = 0; i < capacity; i++) {
      const row = load<u32>(list + (<usize>i << 2));
      if (row == NONE) break;
      if (load<u32>(parentPlace(ways, row)) == NONE) addFound(ways, row, node);
    }
  }
  store<u32>(ways, from, R_FOLLOWED);
  return load<u32>(ways, R_FOUND) - from;
}

/** Nodes found so far. */
export function foundCount(ways: usize): u32 {
  return load<u32>(ways, R_FOUND);
}

/** Links `row` from `node`: in a free place, or in place of a link that is nobody's way. False where there is none. */
function linkFrom(graph: usize, ways: usize, node: u32, row: u32): bool {
  const list = listOf(graph, node, 0);
  const capacity = capacityOf(graph, 0);
  let chosen: usize = 0;
  for (let i: u32 = 0; i < capacity; i++) {
    const place = list + (<usize>i << 2);
    const present = load<u32>(place);
    const isFree = present == NONE;
    if (isFree || load<u32>(parentPlace(ways, present)) != node) chosen = place;
    if (isFree) break;
  }
  if (chosen == 0) return false;
  atomic.store<u32>(chosen, row);
  addFound(ways, row, node);
  return true;
}

/** Links each node of the rows [from, to) that was not found from a near one that was, when all links were followed. */
export function connectRows(graph: usize, walker: usize, ways: usize, from: u32, to: u32, ef: u32): void {
  const beam = <usize>load<u32>(walker, W_BEAM);
  for (let row = from; row < to; row++) {
    if (!isNode(graph, row) || load<u32>(parentPlace(ways, row)) != NONE) continue;
    searchLike(graph, walker, row, ef);
    const count = load<u32>(walker, W_COUNT);
    let isLinked = false;
    for (let i: u32 = 0; i < count && !isLinked; i++) {
      const near = rowOf(load<i64>(beam + (<usize>i << 3)));
      if (near == row || load<u32>(parentPlace(ways, near)) == NONE) continue;
      isLinked = linkFrom(graph, ways, near, row);
    }
    // Ways are a tree, which has fewer links than there are places: somewhere one is free.
    for (let i = load<u32>(ways, R_FOUND); i > 0 && !isLinked; i--) {
      isLinked = linkFrom(graph, ways, load<u32>(foundPlace(ways, i - 1)), row);
    }
    followWays(graph, ways, 0xffffffff);
  }
}

/**
 * Makes the rows [from, to) forget those from `rowCount` on: no list and no chain leads there any more. Other threads
 * may walk meanwhile.
 */
export function cutRows(graph: usize, from: u32, to: u32, rowCount: u32): void {
  for (let row = from; row < to; row++) {
    if (!isNode(graph, row)) continue;
    const level = levelOf(graph, row);
    for (let at: u32 = 0; at <= level; at++) cutList(graph, row, at, rowCount);
    // The newest rows of a chain come first.
    let next = load<u32>(chainPlace(graph, row));
    while (next != CHAIN_END && next >= rowCount) next = load<u32>(chainPlace(graph, next)) & ~NO_NODE;
    store<u32>(chainPlace(graph, row), next);
  }
}

function cutList(graph: usize, row: u32, level: u32, rowCount: u32): void {
  const list = listOf(graph, row, level);
  const capacity = capacityOf(graph, level);
  let kept: u32 = 0;
  for (let i: u32 = 0; i < capacity; i++) {
    const neighbour = load<u32>(list + (<usize>i << 2));
    if (neighbour == NONE) break;
    if (neighbour >= rowCount) continue;
    store<u32>(list + (<usize>kept << 2), neighbour);
    kept++;
  }
  for (; kept < capacity; kept++) store<u32>(list + (<usize>kept << 2), NONE);
}
