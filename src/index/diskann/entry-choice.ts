/**
 * Which nodes become leaders and entries, and whose are they?
 *
 * A random sample: rows often come in an order that an even one would follow. An eighth of the nodes are entries, so
 * that a cluster of some dozen rows has some; what they do not lead to becomes an entry later.
 */
import type { BuildContext } from "../vector-index.js";
import { diskModuleSource } from "./disk-kernel.js";
import { EntryChains, type EntryLists } from "./entry-chains.js";
import type { NodeTable } from "./node-table.js";

/** Leaders for each root of the number of nodes, and at most. */
const leaderShare = 2;
const leadersMax = 4096;
/** One node of this many is an entry, as a power of two. */
const entryBits = 3;
/** Nodes whose leaders are found in a task. */
const taskNodes = 64;

/** Leaders and entries of a table, of which `order` is a random order; sets the table's chains. */
export async function chooseEntries(
  table: NodeTable,
  order: Uint32Array,
  context: Pick<BuildContext, "pool" | "signal">,
): Promise<void> {
  const { nodeCount } = table;
  const leaderCount = Math.min(nodeCount, leadersMax, Math.ceil(leaderShare * Math.sqrt(nodeCount)));
  const leaders = order.slice(0, leaderCount).sort();
  const nodes = order.slice(leaderCount, leaderCount + Math.ceil(nodeCount / (1 << entryBits)));
  const none = new Uint32Array(0);
  table.setEntries(new EntryChains(table.memory, { leaders, nodes: none, owners: none }, nodes.length));
  table.entries.add(nodes, await ownersOf(table, nodes, context));
}

/** True for nodes that become entries when they come later: an eighth of them, by a hash. */
export function isLaterEntry(node: number): boolean {
  return Math.imul(node, 0x9e3779b1) >>> (32 - entryBits) === 0;
}

/** The number of the nearest leader of each node. */
export async function ownersOf(
  table: NodeTable,
  nodes: Uint32Array,
  { pool, signal }: Pick<BuildContext, "pool" | "signal">,
): Promise<Uint32Array> {
  const { memory, address } = table;
  const scratch = memory.acquireScratch(8 * nodes.length);
  new Uint32Array(memory.buffer, scratch.address, nodes.length).set(nodes);
  const owners = scratch.address + 4 * nodes.length;
  let given = 0;
  const next = () => {
    if (given >= nodes.length) return null;
    const from = given;
    given = Math.min(nodes.length, from + taskNodes);
    const args = [address, scratch.address, owners, from, given];
    return { module: diskModuleSource, memory: memory.memory, name: "ownEntries", args };
  };
  try {
    await pool.run(next, { signal });
    return new Uint32Array(memory.buffer, owners, nodes.length).slice();
  } finally {
    memory.releaseScratch(scratch);
  }
}

/** The same entries under other numbers: node n is `placeOf[n]`. */
export function renumbered({ leaders, nodes, owners }: EntryLists, placeOf: Uint32Array): EntryLists {
  const places = leaders.map((node) => placeOf[node]!);
  const byPlace = Uint32Array.from(places, (_, leader) => leader).sort((a, b) => places[a]! - places[b]!);
  const numberOf = new Uint32Array(leaders.length);
  for (const [number, leader] of byPlace.entries()) numberOf[leader] = number;
  return {
    leaders: places.sort(),
    nodes: nodes.map((node) => placeOf[node]!),
    owners: owners.map((leader) => numberOf[leader]!),
  };
}
