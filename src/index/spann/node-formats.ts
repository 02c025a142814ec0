/**
 * Which bytes stand for a row in a list?
 *
 * Its vector as float32, padded with zeros to four, then its number; or its SQ8 code, then scale, s²·|c|² and its
 * number.
 */
import type { KernelMemory } from "../../kernel/kernel-memory.js";
import type { DenseMetric } from "../../types.js";
import type { BlockShape } from "../diskann/block-shape.js";
import { codeStride, NodeTable } from "../diskann/node-table.js";
import { type RowStretch, stretchRows } from "../diskann/row-source.js";
import type { NodeFormat } from "./list-writer.js";
import { codeNodeBytes, codeNodes } from "./spann-state.js";

/** Nodes that hold vectors. */
export function vectorFormat({ dim, nodeBytes, blockNodes, vectorBytes }: BlockShape): NodeFormat {
  let vectors = new Float32Array(0);
  return {
    nodeBytes,
    blockNodes,
    begin: (stretch) => {
      vectors = stretch.vectors as Float32Array<ArrayBuffer>;
    },
    write: (target, offset, index, row) => {
      const place = target.byteOffset + offset;
      new Float32Array(target.buffer, place, dim).set(vectors.subarray(index * dim, (index + 1) * dim));
      new Uint32Array(target.buffer, place + vectorBytes, 1)[0] = row;
    },
  };
}

/** Nodes that hold SQ8 codes relative to `centre`; rows are coded in `memory`, where stretches lie. */
export function codeFormat(
  shape: BlockShape,
  metric: DenseMetric,
  centre: Float32Array,
  memory: KernelMemory,
): NodeFormat {
  const { dim } = shape;
  const tableShape = { dim, metric, kind: "sq8", subspaces: 0 } as const;
  const table = NodeTable.create(tableShape, stretchRows(dim), 0, memory);
  table.centre.set(centre);
  const { codes, scalars } = table;
  const stride = codeStride(tableShape);
  return {
    nodeBytes: codeNodeBytes(shape),
    blockNodes: codeNodes(shape),
    begin: ({ count, address }: RowStretch) => {
      table.kernel.encodeNodes(table.address, 0, count, address, 4 * dim);
    },
    write: (target, offset, index, row) => {
      const place = target.byteOffset + offset;
      target.set(codes.subarray(index * stride, (index + 1) * stride), offset);
      new Float32Array(target.buffer, place + stride, 2).set(scalars.subarray(2 * index, 2 * index + 2));
      new Uint32Array(target.buffer, place + stride + 8, 1)[0] = row;
    },
  };
}
