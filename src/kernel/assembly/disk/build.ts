/**
 * How does the graph come to be?
 *
 * Vamana (Subramanya et al., NeurIPS 2019) over codes in memory: each node is searched for, what was expanded on the way is pruned to its neighbours, and each neighbour gets an edge back. Several threads link nodes of
 * one graph: the high bit of a node's count is its lock, taken one at a time; readers take no lock, since every value
 * that a neighbour's place ever holds is a node.
 */
import { extraOf, nodeDistance } from "./codes";
import { seedEntries } from "./entries";
import { clearFrontier, gather, scoreGathered, see } from "./frontier";
import {
  codeOf,
  EXPANDED,
  F_BASE,
  F_CAPACITY,
  F_COUNT,
  F_EXTRA,
  F_FACTOR,
  F_FRESH,
  F_HAS_EXTRA,
  F_LIST,
  F_NEXT,
  F_QUERY,
  F_SEEN,
  F_TABLE,
  F_TOUCHED,
  F_TOUCHED_CAPACITY,
  F_WEIGHT,
  FRESH_BYTES,
  FRONTIER_BYTES,
  LOCKED,
  T_COUNT,
  T_LINKS,
  T_SCALARS,
  T_SLOTS,
  T_SQUARE_MAX,
  T_STRIDE,
} from "./layout";
import {
  addCandidate,
  P_ALPHA,
  P_CAPACITY,
  P_CHOSEN,
  P_CHOSEN_COUNT,
  P_COUNT,
  P_DEGREE,
  P_FILL,
  P_POOL,
  prune,
  PRUNER_BYTES,
} from "./prune";

/** u32 address where the neighbours chosen for a node are kept while edges go back. */
const J_KEPT: usize = FRONTIER_BYTES + PRUNER_BYTES;
const JOB_BYTES: usize = J_KEPT + 32;
const TOUCHED_MAX: u32 = 8192;

// @ts-ignore: decorator
@inline
function aligned16(bytes: usize): usize {
  return (bytes + 15) & ~15;
}

/** Candidates that a pool has room for. */
// @ts-ignore: decorator
@inline
function poolCapacity(listSize: u32, slots: u32): u32 {
  return 3 * listSize + slots + 1;
}

/** Bytes of the scratch of one thread that links nodes; its address is a multiple of 64. */
export function jobBytes(nodes: u32, stride: u32, listSize: u32, slots: u32): usize {
  return (
    JOB_BYTES +
    aligned16(<usize>listSize << 3) +
    aligned16(<usize>((nodes + 31) >> 5) << 2) +
    aligned16(<usize>stride << 1) +
    aligned16(FRESH_BYTES) +
    (<usize>TOUCHED_MAX << 2) +
    aligned16(<usize>poolCapacity(listSize, slots) << 3) +
    2 * aligned16((<usize>slots + 4) << 2)
  );
}

/** Lays out a thread's scratch; clears it. */
export function initJob(job: usize, table: usize, listSize: u32, degree: u32): void {
  const nodes = load<u32>(table, T_COUNT);
  const slots = load<u32>(table, T_SLOTS);
  const stride = load<u32>(table, T_STRIDE);
  const pruner = job + FRONTIER_BYTES;
  memory.fill(job, 0, jobBytes(nodes, stride, listSize, slots));
  let place = job + JOB_BYTES;
  store<u32>(job, <u32>table, F_TABLE);
  store<u32>(job, <u32>place, F_LIST);
  store<u32>(job, listSize, F_CAPACITY);
  place += aligned16(<usize>listSize << 3);
  store<u32>(job, <u32>place, F_SEEN);
  place += aligned16(<usize>((nodes + 31) >> 5) << 2);
  store<u32>(job, <u32>place, F_QUERY);
  place += aligned16(<usize>stride << 1);
  store<u32>(job, <u32>place, F_FRESH);
  place += aligned16(FRESH_BYTES);
  store<u32>(job, <u32>place, F_TOUCHED);
  store<u32>(job, TOUCHED_MAX, F_TOUCHED_CAPACITY);
  place += <usize>TOUCHED_MAX << 2;
  store<u32>(pruner, <u32>place, P_POOL);
  store<u32>(pruner, poolCapacity(listSize, slots), P_CAPACITY);
  store<u32>(pruner, degree, P_DEGREE);
  place += aligned16(<usize>poolCapacity(listSize, slots) << 3);
  store<u32>(pruner, <u32>place, P_CHOSEN);
  place += aligned16((<usize>slots + 4) << 2);
  store<u32>(job, <u32>place, J_KEPT);
}

// @ts-ignore: decorator
@inline
function linksOf(table: usize, node: u32): usize {
  return <usize>load<u32>(table, T_LINKS) + ((<usize>node * (1 + load<u32>(table, T_SLOTS))) << 2);
}

/** Takes a node's lock; returns its count of neighbours. */
// @ts-ignore: decorator
@inline
function lock(links: usize): u32 {
  while (true) {
    const count = atomic.load<u32>(links);
    if (!(count & LOCKED) && atomic.cmpxchg<u32>(links, count, count | LOCKED) == count) return count;
  }
}

/** Gives the lock back with a new count. */
// @ts-ignore: decorator
@inline
function unlock(links: usize, count: u32): void {
  atomic.store<u32>(links, count);
}

/** Makes a node the query of the job's frontier. */
export function aimAtNode(job: usize, table: usize, node: u32): void {
  const code = codeOf(table, node);
  const stride = <usize>load<u32>(table, T_STRIDE);
  const query = <usize>load<u32>(job, F_QUERY);
  const scalar = <usize>load<u32>(table, T_SCALARS) + (<usize>node << 3);
  const squareMax = load<f32>(table, T_SQUARE_MAX);
  for (let i: usize = 0; i < stride; i += 8) v128.store(query + (i << 1), v128.load_ext<i8>(code + i));
  store<f32>(job, load<f32>(scalar, 4), F_BASE);
  store<f32>(job, 1, F_WEIGHT);
  store<f32>(job, -2 * load<f32>(scalar), F_FACTOR);
  store<i32>(job, i32(squareMax > 0), F_HAS_EXTRA);
  store<f32>(job, extraOf(squareMax, load<f32>(scalar, 4)), F_EXTRA);
}

/** Goes from what is on the frontier towards the node `aim`; every other node that is expanded becomes a candidate. */
function walkGraph(job: usize, table: usize, aim: u32): void {
  const pruner = job + FRONTIER_BYTES;
  const list = <usize>load<u32>(job, F_LIST);
  scoreGathered(job);
  while (true) {
    let next = load<u32>(job, F_NEXT);
    const count = load<u32>(job, F_COUNT);
    while (next < count && load<u32>(list + (<usize>next << 3), 4) & EXPANDED) next++;
    store<u32>(job, next, F_NEXT);
    if (next == count) return;
    const entry = list + (<usize>next << 3);
    const node = load<u32>(entry, 4);
    store<u32>(entry, node | EXPANDED, 4);
    if (node != aim) addCandidate(pruner, load<f32>(entry), node);
    const links = linksOf(table, node);
    const degree = min(load<u32>(links) & ~LOCKED, load<u32>(table, T_SLOTS));
    for (let i: u32 = 1; i <= degree; i++) {
      const neighbour = load<u32>(links + (<usize>i << 2));
      if (see(job, neighbour)) gather(job, neighbour);
    }
    scoreGathered(job);
  }
}

/** Adds the edge from `node` to `other`; prunes when there is no room. */
function linkBack(job: usize, table: usize, node: u32, other: u32): void {
  const pruner = job + FRONTIER_BYTES;
  const links = linksOf(table, node);
  const count = lock(links);
  for (let i: u32 = 1; i <= count; i++) {
    if (load<u32>(links + (<usize>i << 2)) == other) return unlock(links, count);
  }
  if (count < load<u32>(table, T_SLOTS)) {
    store<u32>(links + (<usize>(count + 1) << 2), other);
    return unlock(links, count + 1);
  }
  store<u32>(pruner, 0, P_COUNT);
  addCandidate(pruner, nodeDistance(table, node, other), other);
  unlock(links, pruneLinks(table, pruner, node, links, count));
}

/** Prunes a locked node's neighbours together with the candidates of the pool; returns their number. */
function pruneLinks(table: usize, pruner: usize, node: u32, links: usize, count: u32): u32 {
  for (let i: u32 = 1; i <= count; i++) {
    const neighbour = load<u32>(links + (<usize>i << 2));
    addCandidate(pruner, nodeDistance(table, node, neighbour), neighbour);
  }
  prune(table, pruner);
  const chosen = <usize>load<u32>(pruner, P_CHOSEN);
  const kept = load<u32>(pruner, P_CHOSEN_COUNT);
  for (let i: u32 = 0; i < kept; i++) store<u32>(links + (<usize>(i + 1) << 2), load<u32>(chosen + (<usize>i << 2)));
  return kept;
}

/**
 * Links the nodes that stand in `order` from place `from` to `to`, coming from the entries where `isFirst`, later from
 * where they are, and from the node `entry`. Nodes get `fill` neighbours at least where there are candidates.
 */
export function linkNodes(
  job: usize,
  order: usize,
  from: u32,
  to: u32,
  entry: u32,
  isFirst: i32,
  alphaSquare: f32,
  fill: u32,
): void {
  const table = <usize>load<u32>(job, F_TABLE);
  const pruner = job + FRONTIER_BYTES;
  const keptPlace = <usize>load<u32>(job, J_KEPT);
  store<f32>(pruner, alphaSquare, P_ALPHA);
  store<u32>(pruner, fill, P_FILL);
  for (let place = from; place < to; place++) {
    const node = load<u32>(order + (<usize>place << 2));
    clearFrontier(job);
    store<u32>(pruner, 0, P_COUNT);
    aimAtNode(job, table, node);
    if (isFirst) seedEntries(job);
    else if (see(job, node)) gather(job, node);
    if (see(job, entry)) gather(job, entry);
    walkGraph(job, table, node);
    const links = linksOf(table, node);
    const kept = pruneLinks(table, pruner, node, links, lock(links));
    for (let i: u32 = 0; i < kept; i++) {
      store<u32>(keptPlace + (<usize>i << 2), load<u32>(links + (<usize>(i + 1) << 2)));
    }
    unlock(links, kept);
    for (let i: u32 = 0; i < kept; i++) linkBack(job, table, load<u32>(keptPlace + (<usize>i << 2)), node);
  }
}

/** Prunes the neighbours of the nodes `from` to `to` where they are more than a node keeps. */
export function trimNodes(job: usize, from: u32, to: u32): void {
  const table = <usize>load<u32>(job, F_TABLE);
  const pruner = job + FRONTIER_BYTES;
  store<u32>(pruner, load<u32>(pruner, P_DEGREE), P_FILL);
  for (let node = from; node < to; node++) {
    const links = linksOf(table, node);
    const count = lock(links);
    if (count <= load<u32>(pruner, P_DEGREE)) {
      unlock(links, count);
      continue;
    }
    store<u32>(pruner, 0, P_COUNT);
    unlock(links, pruneLinks(table, pruner, node, links, count));
  }
}

/** The node nearest to the centre of the codes: among `count` nodes, `step` apart. */
export function middleNode(table: usize, count: u32, step: u32): u32 {
  const scalars = <usize>load<u32>(table, T_SCALARS);
  let best: u32 = 0;
  let least: f32 = Infinity;
  for (let i: u32 = 0; i < count; i++) {
    const node = i * step;
    const square = load<f32>(scalars + (<usize>node << 3), 4);
    if (square < least) {
      least = square;
      best = node;
    }
  }
  return best;
}
