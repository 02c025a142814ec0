/**
 * What of a slab is kept on disk, and does what was read make a graph?
 *
 * Codes, lists of level 0, chains and upper lists of a slab's rows are one stretch of bytes each. Norms follow from
 * codes, levels from row numbers. Bytes come from outside: after `checkRows` and `areChainsSound` no walk can leave the
 * graph or go round in a chain.
 */
import {
  capacityOf,
  CHAIN_END,
  chainPlace,
  codeOf,
  G_ENTRY,
  G_M,
  G_NORM_MAX,
  G_SPACE,
  G_STRIDE,
  isFloatSpace,
  isNode,
  LEFT_OUT,
  levelOf,
  listOf,
  markChained,
  NO_NODE,
  NONE,
  normPlace,
} from "./layout";

/** Address of the codes of the rows from `row` on, to the end of its slab. */
export function codesPlace(graph: usize, row: u32): usize {
  return codeOf(graph, row);
}

/** Address of the lists of level 0 of the rows from `row` on. */
export function listsPlace(graph: usize, row: u32): usize {
  return listOf(graph, row, 0);
}

/** Address of the chains of the rows from `row` on. */
export function chainsPlace(graph: usize, row: u32): usize {
  return chainPlace(graph, row);
}

/** Address of the upper lists of the rows [from, to) of one slab; 0 where they have none. */
export function upperPlace(graph: usize, from: u32, to: u32): usize {
  for (let row = from; row < to; row++) if (levelOf(graph, row) > 0) return listOf(graph, row, 1);
  return 0;
}

/** Bytes of the upper lists of the rows [from, to) of one slab. */
export function upperBytes(graph: usize, from: u32, to: u32): usize {
  let levels: usize = 0;
  for (let row = from; row < to; row++) levels += levelOf(graph, row);
  return (levels << 2) * load<u32>(graph, G_M);
}

/** Derives the norms of the rows [from, to) from their codes. */
export function deriveNorms(graph: usize, from: u32, to: u32): void {
  if (isFloatSpace(load<i32>(graph, G_SPACE))) return;
  const stride = <usize>load<u32>(graph, G_STRIDE);
  let normMax = load<i32>(graph, G_NORM_MAX);
  for (let row = from; row < to; row++) {
    const code = codeOf(graph, row);
    let sum = i32x4.splat(0);
    for (let i: usize = 0; i < stride; i += 8) {
      const steps = v128.load_ext<i8>(code + i);
      sum = i32x4.add(sum, i32x4.dot_i16x8_s(steps, steps));
    }
    const norm =
      i32x4.extract_lane(sum, 0) + i32x4.extract_lane(sum, 1) + i32x4.extract_lane(sum, 2) + i32x4.extract_lane(sum, 3);
    store<i32>(normPlace(graph, row), norm);
    normMax = max(normMax, norm);
  }
  store<i32>(graph, normMax, G_NORM_MAX);
}

function isListSound(graph: usize, row: u32, level: u32, rowCount: u32): bool {
  const list = listOf(graph, row, level);
  const capacity = capacityOf(graph, level);
  let hasEnded = false;
  for (let i: u32 = 0; i < capacity; i++) {
    const neighbour = load<u32>(list + (<usize>i << 2));
    if (neighbour == NONE) {
      hasEnded = true;
      continue;
    }
    if (hasEnded || neighbour >= rowCount || neighbour == row) return false;
    if (!isNode(graph, neighbour) || (level > 0 && levelOf(graph, neighbour) < level)) return false;
  }
  return true;
}

/** Marks a chain's rows. They descend after the first, so that no chain is endless. */
function isChainSound(graph: usize, node: u32, rowCount: u32, seen: usize): bool {
  let row = load<u32>(chainPlace(graph, node));
  let above = rowCount;
  while (row != CHAIN_END) {
    if (row >= above || row <= node || isNode(graph, row)) return false;
    const word = seen + (<usize>(row >> 5) << 2);
    const bit: u32 = 1 << (row & 31);
    if (load<u32>(word) & bit) return false;
    markChained(graph, node);
    store<u32>(word, load<u32>(word) | bit);
    above = row;
    row = load<u32>(chainPlace(graph, row)) & ~NO_NODE;
  }
  return true;
}

/**
 * True where the rows [from, to) are nodes of a graph of `rowCount` rows whose lists and chains can be trusted, or none.
 * `seen` has a bit a row, zero at first, and gets those in chains.
 */
export function checkRows(graph: usize, rowCount: u32, seen: usize, from: u32, to: u32): bool {
  const entry = load<u32>(graph, G_ENTRY);
  if (entry != NONE && (entry >= rowCount || !isNode(graph, entry))) return false;
  for (let row = from; row < to; row++) {
    if (!isNode(graph, row)) continue;
    if (entry == NONE) return false;
    const level = levelOf(graph, row);
    for (let i: u32 = 0; i <= level; i++) if (!isListSound(graph, row, i, rowCount)) return false;
    if (!isChainSound(graph, row, rowCount, seen)) return false;
  }
  return true;
}

/** True where each of the rows [from, to) that is no node was left out or seen in a chain. */
export function areChainsSound(graph: usize, seen: usize, from: u32, to: u32): bool {
  for (let row = from; row < to; row++) {
    if (isNode(graph, row) || load<u32>(chainPlace(graph, row)) == LEFT_OUT) continue;
    if (((load<u32>(seen + (<usize>(row >> 5) << 2)) >> (row & 31)) & 1) == 0) return false;
  }
  return true;
}
