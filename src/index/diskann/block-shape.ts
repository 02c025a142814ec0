/**
 * How do nodes lie in the blocks of a file?
 *
 * A block is a whole number of 4 KiB sectors with as many nodes of one size as fit: the least number of sectors of
 * which at most an eighth stays unused, or the best number below the largest block.
 *
 *     block:  0 u32 CRC-32 of the bytes from 4 on    4 u32 number    8 u32 nodes    12 u32 salt of the file    16 nodes
 *     node:   dim4 float32 (zeros beyond the dimension), u32 row, u32 neighbours, maxDegree u32 nodes
 */

/** Bytes of a sector: what a device reads at least. */
export const sectorBytes = 4096;
export const blockHeaderBytes = 16;
const sectorsMax = 32;

export interface BlockShape {
  readonly dim: number;
  readonly maxDegree: number;
  /** Bytes of a node's vector with its padding. */
  readonly vectorBytes: number;
  readonly nodeBytes: number;
  /** Nodes of a block. */
  readonly blockNodes: number;
  readonly blockBytes: number;
}

/** The shape of the blocks for vectors of `dim` components and nodes of at most `maxDegree` neighbours. */
export function blockShape(dim: number, maxDegree: number): BlockShape {
  const vectorBytes = Math.ceil(dim / 4) * 16;
  const nodeBytes = vectorBytes + 8 + 4 * maxDegree;
  let best = 0;
  let bestUse = 0;
  const least = Math.ceil((nodeBytes + blockHeaderBytes) / sectorBytes);
  for (let sectors = least; sectors <= Math.max(least, sectorsMax) && bestUse < 7 / 8; sectors++) {
    const room = sectors * sectorBytes;
    const use = (Math.floor((room - blockHeaderBytes) / nodeBytes) * nodeBytes) / room;
    if (use <= bestUse) continue;
    bestUse = use;
    best = room;
  }
  const blockNodes = Math.floor((best - blockHeaderBytes) / nodeBytes);
  return { dim, maxDegree, vectorBytes, nodeBytes, blockNodes, blockBytes: best };
}
