/**
 * Where does a walk begin?
 *
 * No edge need lead from one cluster to another, so walks begin near the query. Some nodes are *entries*, each in the
 * chain of the *leader*, a node too, that is nearest to it. The leaders nearest to the query are found by looking at
 * all of them, and the entries in their chains go on the frontier. Chains only grow at their heads: a search on an
 * older table meets nodes beyond its own and passes over them.
 */
import { nodeDistance } from "./codes";
import { gather, scoreGathered, see } from "./frontier";
import { F_COUNT, F_FRESH, F_LIST, F_TABLE, FRESH_ROOM, PROBES, T_COUNT, T_ENTRIES } from "./layout";

/** u32 leaders, and u32 address of their nodes, in ascending order. */
const E_LEADER_COUNT: usize = 0;
const E_LEADERS: usize = 4;
/** u32 address of each leader's first entry plus one; 0: none. */
const E_HEADS: usize = 8;
/** u32 addresses of the node of each entry, and of the entry after it in its chain, plus one; 0: the last. */
const E_NODES: usize = 12;
const E_NEXT: usize = 16;

/** Entries of chains that one walk looks at. */
const ENTRIES_MAX: u32 = 4096;

// @ts-ignore: decorator
@inline
function wordAt(words: usize, index: u32): u32 {
  return load<u32>(words + (<usize>index << 2));
}

/** The number of the leader that is this node, which is one. */
function leaderOf(entries: usize, node: u32): u32 {
  const leaders = <usize>load<u32>(entries, E_LEADERS);
  let low: u32 = 0;
  let high = load<u32>(entries, E_LEADER_COUNT);
  while (low + 1 < high) {
    const middle = (low + high) >>> 1;
    if (wordAt(leaders, middle) <= node) low = middle;
    else high = middle;
  }
  return low;
}

/** Puts the leaders and the entries of those nearest to the query on an empty frontier. */
export function seedEntries(frontier: usize): void {
  const table = <usize>load<u32>(frontier, F_TABLE);
  const entries = <usize>load<u32>(table, T_ENTRIES);
  const leaders = <usize>load<u32>(entries, E_LEADERS);
  const nodes = load<u32>(table, T_COUNT);
  for (let i: u32 = 0, count = load<u32>(entries, E_LEADER_COUNT); i < count; i++) {
    const node = wordAt(leaders, i);
    if (see(frontier, node)) gather(frontier, node);
  }
  scoreGathered(frontier);
  // The frontier changes while chains are followed.
  const probes = <usize>load<u32>(frontier, F_FRESH) + (<usize>FRESH_ROOM << 2);
  const probeCount = min(PROBES, load<u32>(frontier, F_COUNT));
  for (let i: u32 = 0; i < probeCount; i++) {
    const node = load<u32>(<usize>load<u32>(frontier, F_LIST) + (<usize>i << 3), 4);
    store<u32>(probes + (<usize>i << 2), leaderOf(entries, node));
  }
  const heads = <usize>load<u32>(entries, E_HEADS);
  const entryNodes = <usize>load<u32>(entries, E_NODES);
  const nexts = <usize>load<u32>(entries, E_NEXT);
  let left = ENTRIES_MAX;
  for (let i: u32 = 0; i < probeCount; i++) {
    let entry = wordAt(heads, wordAt(probes, i));
    for (; entry != 0 && left > 0; entry = wordAt(nexts, entry - 1), left--) {
      const node = wordAt(entryNodes, entry - 1);
      if (node < nodes && see(frontier, node)) gather(frontier, node);
    }
  }
  scoreGathered(frontier);
}

/** Writes the number of the nearest leader of each of the nodes `from` to `to` of a list to `owners`. */
export function ownEntries(table: usize, nodes: usize, owners: usize, from: u32, to: u32): void {
  const entries = <usize>load<u32>(table, T_ENTRIES);
  const leaders = <usize>load<u32>(entries, E_LEADERS);
  const count = load<u32>(entries, E_LEADER_COUNT);
  for (let i = from; i < to; i++) {
    const node = wordAt(nodes, i);
    let best: u32 = 0;
    let least: f32 = Infinity;
    for (let j: u32 = 0; j < count; j++) {
      const distance = nodeDistance(table, node, wordAt(leaders, j));
      if (!(distance < least)) continue;
      least = distance;
      best = j;
    }
    store<u32>(owners + (<usize>i << 2), best);
  }
}
