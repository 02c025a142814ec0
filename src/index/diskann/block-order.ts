/**
 * Which nodes share a block?
 *
 * A block that is read for one node should bring others that the search wants next. Blocks are filled one after the
 * other with a node and its nearest neighbours that have no place yet, then with theirs; the nodes that blocks begin
 * with come breadth first from the entry (the idea of Starling, Wang et al., SIGMOD 2024).
 */
import { TimeSlice } from "../../time-slice.js";
import type { GraphLinks } from "./graph-links.js";

/** The node at each place. */
export async function orderNodes(graph: GraphLinks, nodeCount: number, blockNodes: number): Promise<Uint32Array> {
  const nodeAt = new Uint32Array(nodeCount);
  const isPlaced = new Uint8Array(nodeCount);
  const queue = breadthFirst(graph, nodeCount);
  const slice = new TimeSlice();
  let placed = 0;
  const place = (node: number): void => {
    isPlaced[node] = 1;
    nodeAt[placed++] = node;
  };
  for (let i = 0; i < nodeCount; i++) {
    const node = queue[i]!;
    if (isPlaced[node] === 1) continue;
    let member = placed;
    place(node);
    const end = Math.ceil(placed / blockNodes) * blockNodes;
    while (placed < end && member < placed) placed = addNeighbours(graph, nodeAt, isPlaced, member++, placed, end);
    if ((i & 1023) === 0 && slice.isDue()) await slice.giveWay();
  }
  return nodeAt;
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

/** All nodes, breadth first from the entry; those that it does not reach begin again. */
function breadthFirst({ links, stride, entry }: GraphLinks, nodeCount: number): Uint32Array {
  const queue = new Uint32Array(nodeCount);
  const isQueued = new Uint8Array(nodeCount);
  let end = 0;
  let start = 0;
  for (let root = -1; root < nodeCount; root++) {
    const node = root < 0 ? entry : root;
    if (node >= nodeCount || isQueued[node] === 1) continue;
    isQueued[node] = 1;
    queue[end++] = node;
    for (; start < end; start++) {
      const first = queue[start]! * stride;
      const last = first + links[first]!;
      for (let at = first + 1; at <= last; at++) {
        const neighbour = links[at]!;
        if (isQueued[neighbour] === 1) continue;
        isQueued[neighbour] = 1;
        queue[end++] = neighbour;
      }
    }
  }
  return queue;
}
