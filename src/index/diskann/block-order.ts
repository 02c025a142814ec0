/**
 * Which nodes share a block, and which does no way lead to?
 *
 * A block that is read for one node should bring others that the search wants next. Blocks are filled one after the
 * other with a node and its nearest neighbours that have no place yet, then with theirs; the nodes that blocks begin
 * with come breadth first from the entries (the idea of Starling, Wang et al., SIGMOD 2024).
 */
import { TimeSlice } from "../../time-slice.js";
import type { GraphLinks } from "./graph-links.js";

/** Nodes after which the clock is looked at. */
const nodesUnwatched = 128;

export interface NodeOrder {
  /** The node at each place. */
  readonly nodeAt: Uint32Array;
  /** Nodes that are reached from no other root: from all of them and the roots, every node is. */
  readonly unreached: Uint32Array;
}

/** An order of the nodes that are reached from the graph's entry and from `roots`, and then of the others. */
export async function orderNodes(
  graph: GraphLinks,
  nodeCount: number,
  blockNodes: number,
  roots: Iterable<number>,
): Promise<NodeOrder> {
  const nodeAt = new Uint32Array(nodeCount);
  const isPlaced = new Uint8Array(nodeCount);
  const slice = new TimeSlice();
  const { queue, unreached } = await breadthFirst(graph, nodeCount, roots, slice);
  let placed = 0;
  for (let i = 0; i < nodeCount; i++) {
    const node = queue[i]!;
    if (isPlaced[node] === 0) {
      let member = placed;
      isPlaced[node] = 1;
      nodeAt[placed++] = node;
      const end = Math.ceil(placed / blockNodes) * blockNodes;
      while (placed < end && member < placed) placed = addNeighbours(graph, nodeAt, isPlaced, member++, placed, end);
    }
    if (i % nodesUnwatched === 0 && slice.isDue()) await slice.giveWay();
  }
  return { nodeAt, unreached };
}

/** Gives places below `end` to the neighbours of the node at place `member`; returns the places given. */
function addNeighbours(
  { links, stride }: GraphLinks,
  nodeAt: Uint32Array,
  isPlaced: Uint8Array,
  member: number,
  placed: number,
  end: number,
): number {
  const first = nodeAt[member]! * stride;
  const last = first + links[first]!;
  let count = placed;
  for (let at = first + 1; at <= last && count < end; at++) {
    const neighbour = links[at]!;
    if (isPlaced[neighbour] === 1) continue;
    isPlaced[neighbour] = 1;
    nodeAt[count++] = neighbour;
  }
  return count;
}

/** All nodes, breadth first from the entry, from each root that was not reached, and from each node that was not. */
async function breadthFirst(
  { links, stride, entry }: GraphLinks,
  nodeCount: number,
  roots: Iterable<number>,
  slice: TimeSlice,
): Promise<{ queue: Uint32Array; unreached: Uint32Array }> {
  const queue = new Uint32Array(nodeCount);
  const isQueued = new Uint8Array(nodeCount);
  const unreached: number[] = [];
  let end = 0;
  let start = 0;
  const goFrom = async (root: number): Promise<void> => {
    isQueued[root] = 1;
    queue[end++] = root;
    for (; start < end; start++) {
      const first = queue[start]! * stride;
      const last = first + links[first]!;
      for (let at = first + 1; at <= last; at++) {
        const neighbour = links[at]!;
        if (isQueued[neighbour] === 1) continue;
        isQueued[neighbour] = 1;
        queue[end++] = neighbour;
      }
      if (start % nodesUnwatched === 0 && slice.isDue()) await slice.giveWay();
    }
  };
  if (entry < nodeCount) await goFrom(entry);
  for (const root of roots) if (isQueued[root] === 0) await goFrom(root);
  for (let node = 0; node < nodeCount; node++) {
    if (isQueued[node] === 1) continue;
    unreached.push(node);
    await goFrom(node);
  }
  return { queue, unreached: Uint32Array.from(unreached) };
}
