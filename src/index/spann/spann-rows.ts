/**
 * How are the vectors of posting lists read back?
 *
 * Each row's vector from the one block that it is known to lie in.
 */
import { assert } from "../../errors.js";
import { TimeSlice } from "../../time-slice.js";
import { blockHeaderBytes } from "../diskann/block-shape.js";
import { noNode } from "../diskann/node-table.js";
import type { SpannState } from "./spann-state.js";

const blocksTogether = 16;

/** Rows as float32, row-major, in the order asked for. */
export async function readRows({ places, shape, file }: SpannState, rows: ArrayLike<number>): Promise<Float32Array> {
  const { dim, blockNodes, blockBytes, nodeBytes } = shape;
  const target = new Float32Array(rows.length * dim);
  const nodes = Array.from({ length: rows.length }, (_, at) => {
    const node = places[rows[at]!];
    assert(node !== undefined && node !== noNode, "rows that are read are in the index");
    return node;
  });
  const order = nodes.map((_, at) => at).sort((a, b) => nodes[a]! - nodes[b]!);
  const slice = new TimeSlice();
  for (let at = 0; at < order.length; ) {
    const found: number[] = [];
    let end = at;
    for (; end < order.length; end++) {
      const place = Math.floor(nodes[order[end]!]! / blockNodes);
      if (place === found.at(-1)) continue;
      if (found.length === blocksTogether) break;
      found.push(place);
    }
    const bytes = new Uint8Array(found.length * blockBytes);
    const reads = found.map(async (place, i) => {
      const part = bytes.subarray(i * blockBytes, (i + 1) * blockBytes);
      await file.read(part, place);
      file.verifyAny(part, place);
    });
    const failed = (await Promise.allSettled(reads)).find((read) => read.status === "rejected");
    if (failed !== undefined) throw failed.reason;
    for (let i = 0; at < end; at++) {
      const node = nodes[order[at]!]!;
      while (found[i]! < Math.floor(node / blockNodes)) i++;
      const offset = i * blockBytes + blockHeaderBytes + (node % blockNodes) * nodeBytes;
      target.set(new Float32Array(bytes.buffer, offset, dim), order[at]! * dim);
    }
    if (slice.isDue()) await slice.giveWay();
  }
  return target;
}
