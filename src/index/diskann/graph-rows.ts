/**
 * How are the vectors of an index on disk read back?
 *
 * By row, in the order of their blocks. Every block is verified.
 */
import { assert } from "../../errors.js";
import { TimeSlice } from "../../time-slice.js";
import { blockHeaderBytes } from "./block-shape.js";
import type { DiskGraph } from "./disk-graph.js";

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
