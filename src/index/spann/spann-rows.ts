/**
 * How are the vectors of posting lists read back?
 *
 * Each row's vector from the one block that it is known to lie in, or all of them in the order of the file, each once.
 */
import { assert } from "../../errors.js";
import { TimeSlice } from "../../time-slice.js";
import type { ChunkOptions } from "../disk-rows.js";
import { throwIfAborted } from "../diskann/block-file.js";
import { blockHeaderBytes } from "../diskann/block-shape.js";
import { noNode } from "../diskann/node-table.js";
import { verifyRun } from "./list-reader.js";
import type { SpannState } from "./spann-state.js";

const chunkBytes = 1 << 20;
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

/** Visits every allowed row once; see `DiskRows`. */
export async function forEachChunk(
  { vectors, shape, places, file }: SpannState,
  visit: (rows: Uint32Array, vectors: Float32Array) => void | Promise<void>,
  { mask, signal }: ChunkOptions,
): Promise<void> {
  const { dim, blockNodes, blockBytes, nodeBytes, vectorBytes } = shape;
  const together = Math.max(1, Math.floor(chunkBytes / blockBytes));
  const bytes = new Uint8Array(together * blockBytes);
  const view = new DataView(bytes.buffer);
  const rows = new Uint32Array(together * blockNodes);
  const target = new Float32Array(rows.length * dim);
  const slice = new TimeSlice();
  for (const { list, run } of vectors.inFile()) {
    for (let from = 0; from < run.blocks; from += together) {
      throwIfAborted(signal);
      const part = { place: run.place + from, blocks: Math.min(together, run.blocks - from) };
      const present = bytes.subarray(0, part.blocks * blockBytes);
      await file.read(present, part.place);
      verifyRun(file, present, part, list);
      let count = 0;
      for (let block = 0; block < part.blocks; block++) {
        const nodes = Math.min(blockNodes, view.getUint32(block * blockBytes + 8, true));
        for (let i = 0; i < nodes; i++) {
          const offset = block * blockBytes + blockHeaderBytes + i * nodeBytes;
          const row = view.getUint32(offset + vectorBytes, true);
          // The other lists that a row stands in are passed over.
          if (places[row] !== (part.place + block) * blockNodes + i) continue;
          if (mask !== null && (((mask[row >>> 5] ?? 0) >>> (row & 31)) & 1) === 0) continue;
          rows[count] = row;
          target.set(new Float32Array(bytes.buffer, offset, dim), count++ * dim);
        }
      }
      if (count > 0) await visit(rows.subarray(0, count), target.subarray(0, count * dim));
      if (slice.isDue()) await slice.giveWay();
    }
  }
}
