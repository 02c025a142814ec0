/**
 * How are the vectors of an index on disk read back?
 *
 * By row, or all of them in the order of the file, some MiB at a time. Every block is verified.
 */
import { assert } from "../../errors.js";
import { TimeSlice } from "../../time-slice.js";
import type { ChunkOptions } from "../disk-rows.js";
import { throwIfAborted } from "./block-file.js";
import { blockHeaderBytes } from "./block-shape.js";
import type { DiskGraph } from "./disk-graph.js";

const chunkBytes = 2 << 20;
/** Blocks that are read at the same time. */
const blocksTogether = 16;

/** Blocks in the order in which they lie in the file. */
export function blocksInFile({ places }: DiskGraph): Uint32Array {
  const blocks = Uint32Array.from(places, (_, block) => block);
  return blocks.sort((a, b) => places[a]! - places[b]!);
}

/** Rows as float32, row-major, in the order asked for. */
export async function readRows(graph: DiskGraph, rows: ArrayLike<number>): Promise<Float32Array> {
  const { table, shape, file, places } = graph;
  const { dim, blockNodes, blockBytes, nodeBytes } = shape;
  const target = new Float32Array(rows.length * dim);
  const nodes = Array.from({ length: rows.length }, (_, at) => {
    const node = table.nodes[rows[at]!];
    assert(node !== undefined && node < table.nodeCount, "rows that are read are in the index");
    return node;
  });
  const order = nodes.map((_, at) => at).sort((a, b) => nodes[a]! - nodes[b]!);
  const slice = new TimeSlice();
  for (let at = 0; at < order.length; ) {
    const blocks: number[] = [];
    let end = at;
    for (; end < order.length; end++) {
      const block = Math.floor(nodes[order[end]!]! / blockNodes);
      if (block === blocks.at(-1)) continue;
      if (blocks.length === blocksTogether) break;
      blocks.push(block);
    }
    const bytes = new Uint8Array(blocks.length * blockBytes);
    const read = async (block: number, i: number): Promise<void> => {
      const part = bytes.subarray(i * blockBytes, (i + 1) * blockBytes);
      await file.read(part, places[block]!);
      file.verify(part, block, places[block]!);
    };
    await settled(blocks.map(read));
    for (let i = 0; at < end; at++) {
      const node = nodes[order[at]!]!;
      while (blocks[i]! * blockNodes + blockNodes <= node) i++;
      const offset = i * blockBytes + blockHeaderBytes + (node % blockNodes) * nodeBytes;
      target.set(new Float32Array(bytes.buffer, offset, dim), order[at]! * dim);
    }
    if (slice.isDue()) await slice.giveWay();
  }
  return target;
}

/** Waits for all, then fails as the first that failed. */
async function settled(reads: readonly Promise<void>[]): Promise<void> {
  const failed = (await Promise.allSettled(reads)).find((read) => read.status === "rejected");
  if (failed !== undefined) throw failed.reason;
}

/** Visits every allowed row once; see `DiskRows`. */
export async function forEachChunk(
  graph: DiskGraph,
  visit: (rows: Uint32Array, vectors: Float32Array) => void | Promise<void>,
  { mask, signal }: ChunkOptions,
): Promise<void> {
  const { table, shape, file, places } = graph;
  const { dim, blockNodes, blockBytes } = shape;
  const together = Math.max(1, Math.floor(chunkBytes / blockBytes));
  const blocks = blocksInFile(graph);
  const bytes = new Uint8Array(Math.min(together, blocks.length) * blockBytes);
  const rows = new Uint32Array(together * blockNodes);
  const vectors = new Float32Array(rows.length * dim);
  const slice = new TimeSlice();
  for (let from = 0; from < blocks.length; ) {
    throwIfAborted(signal);
    const first = places[blocks[from]!]!;
    let to = from + 1;
    while (to < blocks.length && to - from < together && places[blocks[to]!] === first + to - from) to++;
    await file.read(bytes.subarray(0, (to - from) * blockBytes), first);
    for (let i = from; i < to; i++) {
      file.verify(bytes.subarray((i - from) * blockBytes, (i - from + 1) * blockBytes), blocks[i]!, first + i - from);
    }
    const found = placesOfRows(graph, blocks.subarray(from, to), mask);
    found.forEach(({ row, offset }, i) => {
      rows[i] = row;
      vectors.set(new Float32Array(bytes.buffer, offset, dim), i * dim);
    });
    if (found.length > 0) await visit(rows.subarray(0, found.length), vectors.subarray(0, found.length * dim));
    from = to;
    if (slice.isDue()) await slice.giveWay();
  }
  assert(table.nodeCount <= blocks.length * blockNodes, "every node lies in a block");
}

/** The allowed rows of blocks that lie one after the other in a buffer, ascending, and where their vectors begin. */
function placesOfRows(
  { table, shape }: DiskGraph,
  blocks: Uint32Array,
  mask: Uint32Array | null,
): { readonly row: number; readonly offset: number }[] {
  const { blockNodes, blockBytes, nodeBytes } = shape;
  const tableRows = table.rows;
  const found: { row: number; offset: number }[] = [];
  for (let i = 0; i < blocks.length; i++) {
    const first = blocks[i]! * blockNodes;
    const last = Math.min(table.nodeCount, first + blockNodes);
    for (let node = first; node < last; node++) {
      const row = tableRows[node]!;
      if (mask !== null && (((mask[row >>> 5] ?? 0) >>> (row & 31)) & 1) === 0) continue;
      found.push({ row, offset: i * blockBytes + blockHeaderBytes + (node - first) * nodeBytes });
    }
  }
  return found.sort((a, b) => a.row - b.row);
}
