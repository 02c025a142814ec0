/**
 * Which of the nodes that a mask allows are the nearest?
 *
 * A walk over allowed nodes alone soon ends: most neighbours are not allowed. As in ACORN (Patel et al., SIGMOD 2024)
 * the neighbours of those that are not allowed stand in for them: those are read, never scored. Allowed nodes can lie
 * in pockets with no such way between them, so a walk begins at many places: around the nearest of all nodes, which a
 * short walk finds, and at allowed nodes taken from everywhere. Where few rows are allowed, scoring all their codes is
 * the better way: see `scanMask`.
 */
import { insertKey, keyOf, rowOf, scoreOf } from "./beam";
import {
  Absolute,
  capacityOf,
  CHAIN_END,
  chainPlace,
  CodeDistance,
  Dot,
  FLOAT_L1,
  FLOAT_L2,
  FLOAT_MAX,
  G_CHAINED,
  G_SHIFT,
  G_SPACE,
  Greatest,
  isNode,
  L2,
  LEFT_OUT,
  listOf,
  NO_NODE,
  NONE,
  slabOf,
  Squared,
} from "./layout";
import {
  Allowed,
  padBatch,
  scoreFour,
  search,
  touchBatch,
  walkLevel,
} from "./walk";
import {
  clearVisited,
  hasBit,
  markVisited,
  W_BATCH,
  W_BEAM,
  W_COUNT,
  W_MASK,
  W_MAYBE,
  W_NORM_SHARE,
  W_QUERY,
  W_SCORED,
  W_SOURCES,
  W_VISITED,
} from "./walker";

/** Allowed rows from everywhere that a filtered walk begins with. */
const SEEDS: u32 = 32;
/** Nodes of a walk over all nodes that it begins with. */
export const SOURCES: u32 = 64;

/** True where the mask allows a node or a row of its chain. */
// @ts-ignore: decorator
@inline
function matches(graph: usize, mask: usize, maybe: usize, row: u32): bool {
  return hasBit(maybe, row) && (hasBit(mask, row) || isChainAllowed(graph, mask, row));
}

function isChainAllowed(graph: usize, mask: usize, node: u32): bool {
  let row = load<u32>(chainPlace(graph, node)) & ~NO_NODE;
  while (row != CHAIN_END) {
    if (hasBit(mask, row)) return true;
    row = load<u32>(chainPlace(graph, row)) & ~NO_NODE;
  }
  return false;
}

/** Puts the bits of the mask for the rows below `rowCount` and of the nodes with chains together. */
function mergeMask(graph: usize, walker: usize, rowCount: u32): void {
  const mask = <usize>load<u32>(walker, W_MASK);
  const maybe = <usize>load<u32>(walker, W_MAYBE);
  const slabRows: u32 = 1 << load<u32>(graph, G_SHIFT);
  for (let first: u32 = 0; first < rowCount; first += slabRows) {
    const chained = slabOf(graph, first) + load<u32>(graph, G_CHAINED);
    const start = <usize>first >> 3;
    for (let i: usize = 0; i < <usize>slabRows >> 3; i += 16) {
      v128.store(maybe + start + i, v128.or(v128.load(mask + start + i), v128.load(chained + i)));
    }
  }
}

/** Copies allowed neighbours that were not visited into the batch, then those of neighbours that are not allowed. */
// @ts-ignore: decorator
@inline
export function takeMatching(
  graph: usize, walker: usize, visited: usize, batch: usize, list: usize, capacity: u32,
): u32 {
  const mask = <usize>load<u32>(walker, W_MASK);
  const maybe = <usize>load<u32>(walker, W_MAYBE);
  const end = list + (<usize>capacity << 2);
  let count: u32 = 0;
  for (let place = list; place < end; place += 4) {
    const row = load<u32>(place);
    if (row == NONE) break;
    if (hasBit(visited, row) || !matches(graph, mask, maybe, row)) continue;
    markVisited(walker, row);
    store<u32>(batch + (<usize>count << 2), row);
    count++;
  }
  for (let place = list; place < end && count < 2 * capacity; place += 4) {
    const between = load<u32>(place);
    if (between == NONE) break;
    if (hasBit(visited, between)) continue;
    markVisited(walker, between);
    const further = listOf(graph, between, 0);
    const furtherEnd = further + (<usize>capacity << 2);
    for (let other = further; other < furtherEnd; other += 4) {
      const row = load<u32>(other);
      if (row == NONE) break;
      if (!hasBit(maybe, row) || hasBit(visited, row)) continue;
      if (!hasBit(mask, row) && !isChainAllowed(graph, mask, row)) continue;
      markVisited(walker, row);
      store<u32>(batch + (<usize>count << 2), row);
      count++;
    }
  }
  touchBatch(graph, walker, batch, count);
  return count;
}

/** Puts allowed rows from everywhere into the beam. */
// @ts-ignore: decorator
@inline
function addSeeds<K>(graph: usize, walker: usize, rowCount: u32, ef: u32): void {
  const mask = <usize>load<u32>(walker, W_MASK);
  const batch = <usize>load<u32>(walker, W_BATCH);
  const visited = <usize>load<u32>(walker, W_VISITED);
  const words = (rowCount + 31) >> 5;
  for (let i: u32 = 0; i < SEEDS; i++) {
    let word = <u32>((<u64>words * i) / SEEDS);
    const end = <u32>((<u64>words * (i + 1)) / SEEDS);
    while (word < end && load<u32>(mask + (<usize>word << 2)) == 0) word++;
    if (word == end) continue;
    const row = (word << 5) + ctz(load<u32>(mask + (<usize>word << 2)));
    if (row >= rowCount || !isNode(graph, row) || hasBit(visited, row)) continue;
    markVisited(walker, row);
    store<u32>(batch, row);
    offerBatch<K>(graph, walker, 1, ef);
  }
}

/**
 * Puts what is near to the nodes of a walk over all nodes into the beam: allowed ones, and what stands in for others.
 */
// @ts-ignore: decorator
@inline
function addSources<K>(graph: usize, walker: usize, sources: u32, ef: u32): void {
  const source = <usize>load<u32>(walker, W_SOURCES);
  const mask = <usize>load<u32>(walker, W_MASK);
  const maybe = <usize>load<u32>(walker, W_MAYBE);
  const batch = <usize>load<u32>(walker, W_BATCH);
  const visited = <usize>load<u32>(walker, W_VISITED);
  for (let i: u32 = 0; i < sources; i++) {
    const row = rowOf(load<i64>(source + (<usize>i << 3)));
    if (hasBit(visited, row)) continue;
    markVisited(walker, row);
    let fresh: u32 = 1;
    if (matches(graph, mask, maybe, row)) store<u32>(batch, row);
    else fresh = takeMatching(graph, walker, visited, batch, listOf(graph, row, 0), capacityOf(graph, 0));
    if (fresh > 0) offerBatch<K>(graph, walker, fresh, ef);
  }
}

// @ts-ignore: decorator
@inline
function walkFiltered<K>(graph: usize, walker: usize, rowCount: u32, ef: u32): void {
  const sources = min(load<u32>(walker, W_COUNT), SOURCES);
  memory.copy(load<u32>(walker, W_SOURCES), load<u32>(walker, W_BEAM), <usize>sources << 3);
  clearVisited(walker);
  store<u32>(walker, 0, W_COUNT);
  addSeeds<K>(graph, walker, rowCount, ef);
  addSources<K>(graph, walker, sources, ef);
  walkLevel<K, Allowed>(graph, walker, 0, ef);
}

/** Of the nodes in the beam those of which the mask allows a row, below `rowCount`. */
export function countAllowed(graph: usize, walker: usize, rowCount: u32): u32 {
  const beam = <usize>load<u32>(walker, W_BEAM);
  const mask = <usize>load<u32>(walker, W_MASK);
  const count = load<u32>(walker, W_COUNT);
  let allowed: u32 = 0;
  for (let i: u32 = 0; i < count; i++) {
    const row = rowOf(load<i64>(beam + (<usize>i << 3)));
    if ((row < rowCount && hasBit(mask, row)) || isChainAllowed(graph, mask, row)) allowed++;
  }
  return allowed;
}

/**
 * Searches among the rows below `rowCount` that the mask allows, from the nodes that `search` left in the beam; returns
 * how many nodes are in it then.
 */
export function searchFiltered(graph: usize, walker: usize, rowCount: u32, ef: u32): u32 {
  mergeMask(graph, walker, rowCount);
  const space = load<i32>(graph, G_SPACE);
  if (space == L2) walkFiltered<CodeDistance>(graph, walker, rowCount, ef);
  else if (space == FLOAT_L2) walkFiltered<Squared>(graph, walker, rowCount, ef);
  else if (space == FLOAT_L1) walkFiltered<Absolute>(graph, walker, rowCount, ef);
  else if (space == FLOAT_MAX) walkFiltered<Greatest>(graph, walker, rowCount, ef);
  else walkFiltered<Dot>(graph, walker, rowCount, ef);
  return load<u32>(walker, W_COUNT);
}

// @ts-ignore: decorator
@inline
function offerBatch<K>(graph: usize, walker: usize, fresh: u32, most: u32): void {
  const batch = <usize>load<u32>(walker, W_BATCH);
  const beam = <usize>load<u32>(walker, W_BEAM);
  const query = <usize>load<u32>(walker, W_QUERY);
  const share = f32x4.splat(load<f32>(walker, W_NORM_SHARE));
  let count = load<u32>(walker, W_COUNT);
  let worst = count < most ? i32.MIN_VALUE : scoreOf(load<i64>(beam + (<usize>(most - 1) << 3)));
  padBatch(batch, fresh);
  for (let i: u32 = 0; i < fresh; i += 4) {
    const rows = batch + (<usize>i << 2);
    const scores = scoreFour<K>(graph, query, share, rows);
    let better = i32x4.bitmask(i32x4.gt_s(scores, i32x4.splat(worst)));
    if (fresh - i < 4) better &= (1 << (fresh - i)) - 1;
    if (better == 0) continue;
    v128.store(walker, scores, 112);
    for (; better != 0; better &= better - 1) {
      const lane = <usize>ctz(better);
      const score = load<i32>(walker + 112 + (lane << 2));
      const row = load<u32>(rows + (lane << 2));
      if (score <= worst || load<u32>(chainPlace(graph, row)) == LEFT_OUT) continue;
      insertKey(beam, count, keyOf(score, row));
      if (count < most) count++;
      if (count == most) worst = scoreOf(load<i64>(beam + (<usize>(most - 1) << 3)));
    }
  }
  store<u32>(walker, count, W_COUNT);
}

/**
 * Scores all rows below `rowCount` that the mask allows and leaves the `most` best in the beam, rows instead of nodes:
 * their chains are not to be followed.
 */
export function scanMask(graph: usize, walker: usize, rowCount: u32, most: u32): u32 {
  const space = load<i32>(graph, G_SPACE);
  store<u32>(walker, 0, W_COUNT);
  if (space == L2) scan<CodeDistance>(graph, walker, rowCount, most);
  else if (space == FLOAT_L2) scan<Squared>(graph, walker, rowCount, most);
  else if (space == FLOAT_L1) scan<Absolute>(graph, walker, rowCount, most);
  else if (space == FLOAT_MAX) scan<Greatest>(graph, walker, rowCount, most);
  else scan<Dot>(graph, walker, rowCount, most);
  return load<u32>(walker, W_COUNT);
}

// @ts-ignore: decorator
@inline
function scan<K>(graph: usize, walker: usize, rowCount: u32, most: u32): void {
  const mask = <usize>load<u32>(walker, W_MASK);
  const batch = <usize>load<u32>(walker, W_BATCH);
  const full = capacityOf(graph, 0);
  const words = (rowCount + 31) >> 5;
  let fresh: u32 = 0;
  let scored: u32 = 0;
  for (let word: u32 = 0; word <= words; word++) {
    let bits = word < words ? load<u32>(mask + (<usize>word << 2)) : 0;
    while (bits != 0 || (word == words && fresh > 0)) {
      if (bits != 0) {
        const row = (word << 5) + ctz(bits);
        bits &= bits - 1;
        if (row >= rowCount) break;
        store<u32>(batch + (<usize>fresh << 2), row);
        fresh++;
        if (fresh < full) continue;
      }
      touchBatch(graph, walker, batch, fresh);
      offerBatch<K>(graph, walker, fresh, most);
      scored += fresh;
      fresh = 0;
    }
  }
  store<u32>(walker, load<u32>(walker, W_SCORED) + scored, W_SCORED);
}
