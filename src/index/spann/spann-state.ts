/**
 * What does a search of posting lists work on?
 *
 * Centroids in memory, lists in a file: vectors, each row in several lists or, where there are codes too, in one; and
 * SQ8 codes, each row in several lists. Of every row it is known where its vector lies. Never changes; an extension
 * makes another state.
 */
import { KernelMemory } from "../../kernel/kernel-memory.js";
import type { DenseMetric } from "../../types.js";
import type { BlockFile } from "../diskann/block-file.js";
import { type BlockShape, blockHeaderBytes, blockShape } from "../diskann/block-shape.js";
import { type DiskKernel, instantiateDiskKernel } from "../diskann/disk-kernel.js";
import { NodeTable } from "../diskann/node-table.js";
import type { ListRuns } from "./list-runs.js";

/** Bytes of a code's scale, squared norm and row, with padding. */
const codeTailBytes = 16;

export interface SpannParts {
  readonly metric: DenseMetric;
  readonly isCoded: boolean;
  readonly shape: BlockShape;
  readonly memory: KernelMemory;
  /** Address of the centroids, padded to four components, and their number. */
  readonly centroids: number;
  readonly listCount: number;
  /** What codes are taken relative to. */
  readonly centre: Float32Array;
  readonly file: BlockFile;
  readonly vectors: ListRuns;
  /** Null where lists hold vectors only. */
  readonly codes: ListRuns | null;
  /** Where the vector of each row lies, in nodes from the beginning of the file; `noNode` where it was left out. */
  readonly places: Uint32Array;
  readonly leftOut: number;
  readonly fileBlocks: number;
}

export class SpannState implements SpannParts {
  readonly metric: DenseMetric;
  readonly isCoded: boolean;
  readonly shape: BlockShape;
  readonly memory: KernelMemory;
  readonly centroids: number;
  readonly listCount: number;
  readonly centre: Float32Array;
  readonly file: BlockFile;
  readonly vectors: ListRuns;
  readonly codes: ListRuns | null;
  readonly places: Uint32Array;
  readonly leftOut: number;
  readonly fileBlocks: number;
  readonly kernel: DiskKernel;
  /** Address of the table header that searches of the kernel refer to. */
  readonly table: number;
  #meanRows: number | null = null;

  constructor(parts: SpannParts) {
    this.metric = parts.metric;
    this.isCoded = parts.isCoded;
    this.shape = parts.shape;
    this.memory = parts.memory;
    this.centroids = parts.centroids;
    this.listCount = parts.listCount;
    this.centre = parts.centre;
    this.file = parts.file;
    this.vectors = parts.vectors;
    this.codes = parts.codes;
    this.places = parts.places;
    this.leftOut = parts.leftOut;
    this.fileBlocks = parts.fileBlocks;
    this.kernel = instantiateDiskKernel(this.memory.memory);
    const shape = { dim: this.shape.dim, metric: this.metric, kind: "sq8", subspaces: 0 } as const;
    this.table = NodeTable.header(shape, this.memory, this.places.length, this.centre);
  }

  get rowCount(): number {
    return this.places.length;
  }

  get fileBytes(): number {
    return this.file.positionOf(this.fileBlocks);
  }

  /** Rows of a list, roughly. */
  get meanRows(): number {
    this.#meanRows ??= this.#countMeanRows();
    return this.#meanRows;
  }

  #countMeanRows(): number {
    const lists = this.codes ?? this.vectors;
    const blocks = lists.lists.reduce((sum, _, list) => sum + lists.blocksOf(list), 0);
    const nodes = this.isCoded ? codeNodes(this.shape) : this.shape.blockNodes;
    return this.listCount === 0 ? 0 : (blocks * nodes) / this.listCount;
  }
}

/** The shape of the blocks of lists over vectors of `dim` components. */
export function listShape(dim: number): BlockShape {
  return blockShape(dim, 0);
}

/** Bytes of a node of a list of codes. */
export function codeNodeBytes({ dim }: BlockShape): number {
  return Math.ceil(dim / 16) * 16 + codeTailBytes;
}

/** Codes of a block. */
export function codeNodes(shape: BlockShape): number {
  return Math.floor((shape.blockBytes - blockHeaderBytes) / codeNodeBytes(shape));
}

/** Puts centroids (row-major) into a new memory, padded to four components. */
export function placeCentroids(centroids: Float32Array, dim: number): { memory: KernelMemory; address: number } {
  const memory = new KernelMemory();
  const padded = Math.ceil(dim / 4) * 4;
  const count = centroids.length / dim;
  const address = memory.allocate(4 * padded * count);
  const target = new Float32Array(memory.buffer, address, padded * count);
  for (let i = 0; i < count; i++) target.set(centroids.subarray(i * dim, (i + 1) * dim), i * padded);
  return { memory, address };
}
