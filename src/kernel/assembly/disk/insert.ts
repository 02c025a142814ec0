/**
 * Which neighbours does a node get that comes later, and what becomes of theirs?
 *
 * FreshDiskANN (Singh et al., 2021): a new node is searched for like a query, what the search ends with is pruned to
 * its neighbours, and each of them gets an edge back, pruned where there is no room.
 */
import { aimAtNode } from "./build";
import { nodeDistance } from "./codes";
import { F_COUNT, F_LIST, F_TABLE } from "./layout";
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

/** Bytes of a pruner for `capacity` candidates; its address is a multiple of 16. */
export function prunerBytes(capacity: u32, degree: u32): usize {
  return PRUNER_BYTES + (<usize>capacity << 3) + (<usize>degree << 2);
}

/** Lays out a pruner. */
export function initPruner(pruner: usize, capacity: u32, degree: u32, alphaSquare: f32): void {
  const pool = pruner + PRUNER_BYTES;
  store<u32>(pruner, <u32>pool, P_POOL);
  store<u32>(pruner, 0, P_COUNT);
  store<u32>(pruner, capacity, P_CAPACITY);
  store<u32>(pruner, <u32>(pool + (<usize>capacity << 3)), P_CHOSEN);
  store<u32>(pruner, 0, P_CHOSEN_COUNT);
  store<f32>(pruner, alphaSquare, P_ALPHA);
  store<u32>(pruner, degree, P_DEGREE);
  store<u32>(pruner, degree, P_FILL);
}

/** Makes a search that has begun one for a node: distances instead of the metric's estimates. */
export function beginInsertion(walk: usize, node: u32): void {
  aimAtNode(walk, load<u32>(walk, F_TABLE), node);
}

/** Writes the chosen nodes to `links`: a count, and the nodes. */
// @ts-ignore: decorator
@inline
function storeChosen(pruner: usize, links: usize): void {
  const count = load<u32>(pruner, P_CHOSEN_COUNT);
  store<u32>(links, count);
  memory.copy(links + 4, load<u32>(pruner, P_CHOSEN), <usize>count << 2);
}

/** Chooses neighbours of `node` among the entries of the frontier and writes them to `links`. */
export function chooseLinks(walk: usize, pruner: usize, node: u32, links: usize): void {
  const table = <usize>load<u32>(walk, F_TABLE);
  const list = <usize>load<u32>(walk, F_LIST);
  const count = load<u32>(walk, F_COUNT);
  store<u32>(pruner, 0, P_COUNT);
  for (let i: u32 = 0; i < count; i++) {
    const other = load<u32>(list + (<usize>i << 3), 4);
    if (other != node) addCandidate(pruner, nodeDistance(table, node, other), other);
  }
  prune(table, pruner);
  storeChosen(pruner, links);
}

/** Adds `count` nodes at `added` to the neighbours of `node` at `links`; prunes where they are more than have room. */
export function mergeLinks(table: usize, pruner: usize, node: u32, links: usize, added: usize, count: u32): void {
  const degree = load<u32>(pruner, P_DEGREE);
  const present = min(load<u32>(links), degree);
  store<u32>(pruner, 0, P_COUNT);
  for (let i: u32 = 0; i < present; i++) {
    const other = load<u32>(links + (<usize>(i + 1) << 2));
    addCandidate(pruner, nodeDistance(table, node, other), other);
  }
  for (let i: u32 = 0; i < count; i++) {
    const other = load<u32>(added + (<usize>i << 2));
    if (other != node) addCandidate(pruner, nodeDistance(table, node, other), other);
  }
  prune(table, pruner);
  storeChosen(pruner, links);
}
