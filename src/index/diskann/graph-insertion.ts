/**
 * How do new rows get into an index on disk?
 *
 * The streaming merge of FreshDiskANN (Singh et al., 2021), some thousand rows at a time: every new row is searched for
 * and gets its neighbours, edges back are gathered by block, then each block that they touch is read, changed and
 * written again at the end of the file, and the new nodes after them. What searches see changes at once when all is
 * written; a failure before leaves bytes at the end of the file that nothing names.
 */
import { TimeSlice } from "../../time-slice.js";
import type { BuildContext, IndexRows } from "../vector-index.js";
import { type BlockFile, throwIfAborted } from "./block-file.js";
import { blockHeaderBytes } from "./block-shape.js";
import { DiskGraph } from "./disk-graph.js";
import { isLaterEntry, ownersOf } from "./entry-choice.js";
import { type NodeTable, noNode } from "./node-table.js";
import { appendCodes, decodedTable } from "./product-table.js";
import { liveRows } from "./row-source.js";

/** Blocks read together. */
const beamWidth = 4;
/** Bytes of vectors, and rows, that are inserted together at most. */
const batchBytesMax = 8 << 20;
const batchRowsMax = 2048;
const writeBytesMax = 4 << 20;

export interface InsertOptions {
  readonly listSize: number;
  readonly alpha: number;
}

/** Rows that are inserted together. */
export function batchRows(dim: number): number {
  return Math.max(64, Math.min(batchRowsMax, Math.floor(batchBytesMax / (4 * dim))));
}

/** The state with the rows [graph.rowCount, `rowCount`) too; blocks go to `file`, which is the state's own. */
export async function insertRows(
  graph: DiskGraph,
  file: BlockFile,
  source: IndexRows,
  rowCount: number,
  options: InsertOptions,
  context: BuildContext,
): Promise<DiskGraph> {
  const rows = liveRows(context.dead, graph.table.rowCount, rowCount);
  const { table } = graph;
  const next = table.grown(table.nodeCount + rows.length, rowCount);
  const codes = table.shape.kind === "sq8" ? next : await decodedTable(table, rows.length, context);
  return await new Insertion({ graph, file, source, rows, table: next, codes, options, context }).run();
}

interface InsertionParts {
  readonly graph: DiskGraph;
  readonly file: BlockFile;
  readonly source: IndexRows;
  /** The new rows. */
  readonly rows: Uint32Array;
  /** The table after the insertion, and the one of SQ8 codes that distances are taken from. */
  readonly table: NodeTable;
  readonly codes: NodeTable;
  readonly options: InsertOptions;
  readonly context: BuildContext;
}

class Insertion {
  readonly #graph: DiskGraph;
  /** The same blocks, read into the memory of the codes. */
  readonly #draft: DiskGraph;
  readonly #file: BlockFile;
  readonly #source: IndexRows;
  readonly #rows: Uint32Array;
  readonly #table: NodeTable;
  readonly #codes: NodeTable;
  readonly #vectors: Float32Array;
  readonly #options: InsertOptions;
  readonly #context: BuildContext;
  readonly #slice = new TimeSlice();
  /** Neighbours of the new nodes: a count and the nodes, `#linkStride` words each. */
  readonly #links: Uint32Array;
  readonly #linkStride: number;
  /** 1 for each new node that a node from before leads to. */
  readonly #isReached: Uint8Array;
  /** New nodes by the node that gets an edge back. */
  readonly #back = new Map<number, number[]>();

  constructor({ graph, file, source, rows, table, codes, options, context }: InsertionParts) {
    this.#graph = graph;
    this.#file = file;
    this.#source = source;
    this.#rows = rows;
    this.#table = table;
    this.#codes = codes;
    const { shape, file: present, places, leftOut, fileBlocks } = graph;
    this.#draft = new DiskGraph({ shape, table: codes, file: present, places, leftOut, fileBlocks }, graph);
    this.#vectors = new Float32Array(rows.length * source.dim);
    this.#options = options;
    this.#context = context;
    this.#linkStride = 1 + shape.maxDegree;
    this.#isReached = new Uint8Array(rows.length);
    this.#links = new Uint32Array(rows.length * this.#linkStride);
  }

  async run(): Promise<DiskGraph> {
    const { shape, leftOut } = this.#graph;
    const { memory, kernel } = this.#codes;
    await this.#readVectors();
    await this.#codeRows();
    const poolRows = this.#options.listSize + this.#rows.length + shape.maxDegree;
    const pruner = memory.acquireScratch(kernel.prunerBytes(poolRows, shape.maxDegree) >>> 0);
    const alphaSquare = this.#options.alpha * this.#options.alpha;
    kernel.initPruner(pruner.address, poolRows, shape.maxDegree, alphaSquare);
    try {
      for (let i = 0; i < this.#rows.length; i++) {
        await this.#linkRow(i, pruner.address);
        if (this.#slice.isDue()) await this.#slice.giveWay();
        throwIfAborted(this.#context.signal);
      }
      const { places, fileBlocks } = await this.#writeBlocks(pruner.address);
      await this.#file.sync();
      const entries = this.#newEntries();
      this.#table.entries.add(entries, await ownersOf(this.#codes, entries, this.#context));
      const skipped = this.#table.rowCount - this.#graph.table.rowCount - this.#rows.length;
      const parts = { shape, table: this.#table, file: this.#file, places, leftOut: leftOut + skipped, fileBlocks };
      return new DiskGraph(parts, this.#codes === this.#table ? this.#draft : this.#graph);
    } finally {
      memory.releaseScratch(pruner);
    }
  }

  async #readVectors(): Promise<void> {
    const { dim } = this.#source;
    const row = new Float32Array(dim);
    const from = this.#graph.table.rowCount;
    const isWhole = this.#rows.length === this.#table.rowCount - from;
    if (isWhole) return await this.#source.read(from, this.#table.rowCount, this.#vectors);
    for (let i = 0; i < this.#rows.length; i++) {
      await this.#source.read(this.#rows[i]!, this.#rows[i]! + 1, row);
      this.#vectors.set(row, i * dim);
    }
  }

  async #codeRows(): Promise<void> {
    const { rows, nodes } = this.#table;
    const { memory, kernel, address } = this.#codes;
    const first = this.#graph.table.nodeCount;
    nodes.fill(noNode, this.#graph.table.rowCount);
    const scratch = memory.acquireScratch(this.#vectors.byteLength);
    new Float32Array(memory.buffer, scratch.address, this.#vectors.length).set(this.#vectors);
    kernel.encodeNodes(address, first, this.#rows.length, scratch.address, 4 * this.#source.dim);
    memory.releaseScratch(scratch);
    if (this.#codes !== this.#table) await appendCodes(this.#codes, this.#table, first, this.#context);
    for (let i = 0; i < this.#rows.length; i++) {
      rows[first + i] = this.#rows[i]!;
      nodes[this.#rows[i]!] = first + i;
    }
  }

  /** Searches for the new row `i` and chooses its neighbours. */
  async #linkRow(i: number, pruner: number): Promise<void> {
    const { shape, reader } = this.#draft;
    const { kernel, memory, nodeCount, address } = this.#codes;
    const before = this.#graph.table.nodeCount;
    const { listSize } = this.#options;
    const blocks = Math.ceil(nodeCount / shape.blockNodes);
    const walk = memory.acquireScratch(kernel.walkBytes(address, blocks, listSize, 1) >>> 0);
    const list = memory.acquireScratch(4 * (beamWidth + shape.maxDegree + 1));
    const buffer = memory.acquireScratch(beamWidth * shape.blockBytes);
    try {
      const query = kernel.initWalk(walk.address, address, blocks, listSize, 1) >>> 0;
      const vector = this.#vectors.subarray(i * shape.dim, (i + 1) * shape.dim);
      new Float32Array(memory.buffer, query, shape.dim).set(vector);
      kernel.beginWalk(walk.address, 1, 0, 0, shape.blockNodes, shape.nodeBytes);
      kernel.beginInsertion(walk.address, before + i);
      kernel.seedEntries(walk.address);
      for (;;) {
        const count = kernel.nextBlocks(walk.address, list.address, beamWidth, listSize) >>> 0;
        if (count === 0) break;
        const wanted = new Uint32Array(memory.buffer, list.address, count);
        const { isAwaiting } = reader;
        if (isAwaiting) await reader.readTogether(wanted, buffer.address);
        for (let j = 0; j < count; j++) {
          const block = wanted[j]!;
          const place = buffer.address + j * shape.blockBytes;
          kernel.absorbBlock(walk.address, isAwaiting ? place : reader.readNow(block, place), block, 1);
        }
      }
      // The other new nodes are in no block yet.
      kernel.seedWalk(walk.address, before, nodeCount, 1);
      kernel.chooseLinks(walk.address, pruner, before + i, list.address);
      this.#links.set(new Uint32Array(memory.buffer, list.address, this.#linkStride), i * this.#linkStride);
      this.#noteBack(i);
    } finally {
      for (const scratch of [walk, list, buffer]) memory.releaseScratch(scratch);
    }
  }

  /** Notes the edges back to the new row `i`. */
  #noteBack(i: number): void {
    const node = this.#graph.table.nodeCount + i;
    const first = i * this.#linkStride;
    const last = first + this.#links[first]!;
    for (let at = first + 1; at <= last; at++) {
      const other = this.#links[at]!;
      const known = this.#back.get(other);
      if (known === undefined) this.#back.set(other, [node]);
      else known.push(node);
    }
  }

  /** Writes the blocks that change and those of the new nodes; returns where all blocks lie. */
  async #writeBlocks(pruner: number): Promise<{ places: Uint32Array; fileBlocks: number }> {
    const { shape, table: before } = this.#graph;
    const { blockNodes, blockBytes } = shape;
    const touched = new Set<number>();
    for (const node of this.#back.keys()) touched.add(Math.floor(node / blockNodes));
    const blockCount = Math.ceil(this.#table.nodeCount / blockNodes);
    if (this.#rows.length > 0) {
      for (let block = Math.floor(before.nodeCount / blockNodes); block < blockCount; block++) touched.add(block);
    }
    const places = new Uint32Array(blockCount);
    places.set(this.#graph.places);
    let fileBlocks = this.#graph.fileBlocks;
    const together = Math.max(1, Math.floor(writeBytesMax / blockBytes));
    const blocks = [...touched].sort((a, b) => a - b);
    const buffer = new Uint8Array(Math.min(together, blocks.length) * blockBytes);
    for (let at = 0; at < blocks.length; at += together) {
      const some = blocks.slice(at, at + together);
      for (const [i, block] of some.entries()) {
        const bytes = buffer.subarray(i * blockBytes, (i + 1) * blockBytes);
        await this.#fillBlock(bytes, block, pruner);
        places[block] = fileBlocks + i;
      }
      await this.#file.write(buffer.subarray(0, some.length * blockBytes), fileBlocks);
      fileBlocks += some.length;
      throwIfAborted(this.#context.signal);
      if (this.#slice.isDue()) await this.#slice.giveWay();
    }
    return { places, fileBlocks };
  }

  /** Makes a block as it is after the insertion. */
  async #fillBlock(bytes: Uint8Array, block: number, pruner: number): Promise<void> {
    const { shape, table: before, reader, blockCount } = this.#graph;
    const { blockNodes, nodeBytes, vectorBytes } = shape;
    bytes.fill(0);
    if (block < blockCount) {
      const place = reader.places[block]!;
      await this.#graph.file.read(bytes, place);
      this.#graph.file.verify(bytes, block, place);
    }
    const first = block * blockNodes;
    const last = Math.min(this.#table.nodeCount, first + blockNodes);
    for (let node = first; node < last; node++) {
      const offset = bytes.byteOffset + blockHeaderBytes + (node - first) * nodeBytes;
      const words = new Uint32Array(bytes.buffer, offset + vectorBytes, 1 + this.#linkStride);
      const i = node - before.nodeCount;
      if (i >= 0) {
        const vector = this.#vectors.subarray(i * shape.dim, (i + 1) * shape.dim);
        new Float32Array(bytes.buffer, offset, shape.dim).set(vector);
        words[0] = this.#rows[i]!;
        words.set(this.#links.subarray(i * this.#linkStride, (i + 1) * this.#linkStride), 1);
      }
      const added = this.#back.get(node);
      if (added !== undefined) this.#mergeLinks(node, words.subarray(1), added, pruner);
      if (i >= 0) this.#links.set(words.subarray(1, 1 + this.#linkStride), i * this.#linkStride);
      else if (added !== undefined) this.#noteReached(words.subarray(1));
    }
    this.#file.seal(bytes, block, last - first);
  }

  /** Notes the new rows among the neighbours of a node that was there before. */
  #noteReached(links: Uint32Array): void {
    const before = this.#graph.table.nodeCount;
    for (let at = 1; at <= links[0]!; at++) if (links[at]! >= before) this.#isReached[links[at]! - before] = 1;
  }

  /** The new nodes that become entries: a share of them, and those that nothing leads to. */
  #newEntries(): Uint32Array {
    const before = this.#graph.table.nodeCount;
    const isReached = this.#isReached;
    const entries: number[] = [];
    const open: number[] = [];
    for (let i = 0; i < isReached.length; i++) {
      if (isReached[i] === 1) open.push(i);
      if (!isLaterEntry(before + i)) continue;
      entries.push(before + i);
      if (isReached[i] === 0) open.push(i);
      isReached[i] = 1;
    }
    for (let i = -1; i < isReached.length; i++) {
      if (i >= 0) {
        if (isReached[i] === 1) continue;
        isReached[i] = 1;
        entries.push(before + i);
        open.push(i);
      }
      for (let next = open.pop(); next !== undefined; next = open.pop()) {
        const first = next * this.#linkStride;
        for (let at = first + 1; at <= first + this.#links[first]!; at++) {
          const other = this.#links[at]! - before;
          if (other < 0 || isReached[other] === 1) continue;
          isReached[other] = 1;
          open.push(other);
        }
      }
    }
    return Uint32Array.from(entries);
  }

  #mergeLinks(node: number, links: Uint32Array, added: readonly number[], pruner: number): void {
    const { memory, kernel, address } = this.#codes;
    const scratch = memory.acquireScratch(4 * (links.length + added.length));
    const place = new Uint32Array(memory.buffer, scratch.address, links.length + added.length);
    place.set(links);
    place.set(added, links.length);
    kernel.mergeLinks(address, pruner, node, scratch.address, scratch.address + 4 * links.length, added.length);
    links.set(place.subarray(0, links.length));
    memory.releaseScratch(scratch);
  }
}
