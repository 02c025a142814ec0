/**
 * What does a search work on?
 *
 * One state of an index: codes in memory, blocks in a file, and where each block lies. Never changes; an extension
 * makes another one, and searches end on the one that they began with.
 */
import type { BlockFile } from "./block-file.js";
import { BlockCache, BlockReader } from "./block-reader.js";
import type { BlockShape } from "./block-shape.js";
import type { NodeTable } from "./node-table.js";

/** Share of the raw vectors' bytes that cached blocks may take, and the most that they ever take. */
const cacheShare = 1 / 36;
const cacheBytesMax = 16 << 20;

/** What a state is made of. */
export interface GraphParts {
  readonly shape: BlockShape;
  readonly table: NodeTable;
  readonly file: BlockFile;
  /** Where each block lies in the file, in blocks. */
  readonly places: Uint32Array;
  /** Rows covered but left out, because they were dead at the time. */
  readonly leftOut: number;
  /** Blocks that the file holds, those written again since included. */
  readonly fileBlocks: number;
}

export class DiskGraph implements GraphParts {
  readonly shape: BlockShape;
  readonly table: NodeTable;
  readonly file: BlockFile;
  readonly reader: BlockReader;
  readonly leftOut: number;
  readonly fileBlocks: number;
  readonly #cache: BlockCache;

  /** `before`: the state before this one, whose cached blocks are kept where they still lie there. */
  constructor(parts: GraphParts, before?: DiskGraph) {
    this.shape = parts.shape;
    this.table = parts.table;
    this.file = parts.file;
    this.leftOut = parts.leftOut;
    this.fileBlocks = parts.fileBlocks;
    const { memory } = this.table;
    const isKept = before !== undefined && before.table.memory === memory && before.file.name === this.file.name;
    const bytesMax = Math.min(cacheBytesMax, this.table.nodeCount * this.shape.dim * 4 * cacheShare);
    this.#cache = isKept ? before.#cache : new BlockCache(memory, this.shape.blockBytes, bytesMax);
    this.reader = new BlockReader(this.file, parts.places, memory, this.#cache);
  }

  get places(): Uint32Array {
    return this.reader.places;
  }

  get blockCount(): number {
    return this.reader.places.length;
  }

  /** Forgets what came after this state: blocks that were read, and entries, whose nodes will be others. */
  forgetLater(): void {
    this.#cache.forgetFrom(this.fileBlocks);
    this.table.entries.cut(this.table.nodeCount);
  }

  get fileBytes(): number {
    return this.file.positionOf(this.fileBlocks);
  }
}
