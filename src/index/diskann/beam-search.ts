/**
 * Which rows come near a query, when only their codes are in memory?
 *
 * Beam search of DiskANN: the best nodes of the frontier whose blocks were not read yet are read, some at a time, until
 * none is left. The walk begins at the entries near the query, which are found by codes alone.
 * Where few rows are allowed, the codes of all of them are scored instead and only the blocks of the best are read; the
 * cheaper plan is taken.
 */
import type { Scratch } from "../../kernel/kernel-memory.js";
import { TimeSlice } from "../../time-slice.js";
import type { IndexCandidates, IndexSearch } from "../vector-index.js";
import { throwIfAborted } from "./block-file.js";
import type { DiskGraph } from "./disk-graph.js";
import { blocksInFile } from "./graph-rows.js";

export interface BeamOptions {
  /** Entries of the frontier for a search without a filter. */
  readonly listSize: number;
  /** Blocks read together. */
  readonly beamWidth: number;
}

/** Largest frontier, in multiples of what was asked for. */
const frontierGrowthMax = 64;
/**
 * Costs in microseconds: a node's code out of order and in order, a bit of a mask, a block read at once
 * and one awaited, a node expanded.
 */
const cost = {
  strayCode: 0.02,
  nextCode: 0.012,
  maskBit: 0.004,
  block: 2,
  awaitedBlock: 25,
  expansion: 1,
};
/** Words of a mask, and nodes, that are scored without giving way. */
const stretch = 16_384;
/** Bytes of blocks that a scan of the file reads at once. */
const scanBytes = 256 << 10;

/** One search in progress on a state. */
export class BeamSearch {
  readonly #graph: DiskGraph;
  readonly #request: IndexSearch;
  readonly #options: BeamOptions;
  readonly #scratch: Scratch[] = [];
  readonly #slice = new TimeSlice();
  #walk = 0;
  #mask = 0;
  #rowsScored = 0;

  constructor(graph: DiskGraph, request: IndexSearch, options: BeamOptions) {
    this.#graph = graph;
    this.#request = request;
    this.#options = options;
  }

  async run(): Promise<IndexCandidates> {
    try {
      return await this.#run();
    } finally {
      for (const scratch of this.#scratch) this.#graph.table.memory.releaseScratch(scratch);
    }
  }

  async #run(): Promise<IndexCandidates> {
    const { table } = this.#graph;
    const { k, mask } = this.#request;
    const listSize = Math.max(this.#options.listSize, k);
    const isFiltered = mask !== null;
    const frontier = this.#frontierOf(listSize);
    const isWalk = frontier > 0;
    this.#begin(isWalk ? frontier : listSize);
    if (isWalk) {
      await this.#walkGraph(frontier);
      const found = table.kernel.resultCount(table.kernel.walkState(this.#walk)) >>> 0;
      if (found >= Math.min(k, this.#allowedNodes())) return this.#finish(isFiltered ? "filtered-beam" : "beam");
      this.#begin(listSize);
    }
    await this.#scanCodes(listSize);
    const found = table.kernel.resultCount(table.kernel.walkState(this.#walk)) >>> 0;
    const allowed = table.kernel.scoredCodes(this.#walk) >>> 0;
    // Vectors far out of the range of float32 have no codes to go by.
    if (found < Math.min(k, allowed)) return await this.#scanBlocks();
    return this.#finish(isWalk ? "beam+scan" : "scan");
  }

  /** Reads every block and scores every allowed row exactly. */
  async #scanBlocks(): Promise<IndexCandidates> {
    this.#begin(1);
    const together = Math.max(1, Math.floor(scanBytes / this.#graph.shape.blockBytes));
    await this.#readAll(Array.from(blocksInFile(this.#graph)), together);
    return this.#finish("exact-scan");
  }

  /** Entries of the frontier of a walk; 0: scoring the codes of all allowed rows is cheaper. */
  #frontierOf(listSize: number): number {
    const { table, reader } = this.#graph;
    const { nodeCount } = table;
    const { mask, maskCount, rowCount } = this.#request;
    const allowed = this.#allowedNodes();
    const share = mask === null ? 1 : Math.max(1e-9, maskCount / Math.max(1, rowCount));
    const frontier = Math.ceil(listSize / Math.min(1, share));
    if (frontier > listSize * frontierGrowthMax || frontier * 4 > nodeCount) return 0;
    const byMask = allowed * cost.strayCode + nodeCount * cost.maskBit;
    const inOrder = nodeCount * cost.nextCode;
    const block = reader.isAwaiting ? cost.awaitedBlock : cost.block;
    const scan = (mask === null ? inOrder : byMask) + this.#depthOf(listSize) * block;
    const walk = frontier * (block + cost.expansion);
    return walk <= scan ? frontier : 0;
  }

  #allowedNodes(): number {
    const { nodeCount } = this.#graph.table;
    return this.#request.mask === null ? nodeCount : Math.min(nodeCount, this.#request.maskCount);
  }

  /** Entries whose blocks are read when every allowed row's code was scored. */
  #depthOf(listSize: number): number {
    const { kind } = this.#graph.table.shape;
    return kind === "pq" ? listSize : Math.min(listSize, (kind === "sq4" ? 5 : 2) * this.#request.k + 30);
  }

  /** Takes scratch for a frontier of `capacity` entries and begins. */
  #begin(capacity: number): void {
    const { table, shape, blockCount } = this.#graph;
    const { memory, kernel } = table;
    const { query, k, mask, rowCount } = this.#request;
    const rowLimit = Math.min(rowCount, table.rowCount);
    const kept = Math.max(1, Math.min(k, table.nodeCount));
    const bytes = kernel.walkBytes(table.address, blockCount, capacity, kept) >>> 0;
    this.#walk = this.#take(bytes);
    if (mask !== null && this.#mask === 0) {
      const words = Math.ceil(rowLimit / 32);
      this.#mask = this.#take(4 * words + 4);
      new Uint32Array(memory.buffer, this.#mask, words).set(mask.subarray(0, words));
    }
    const place = kernel.initWalk(this.#walk, table.address, blockCount, capacity, kept) >>> 0;
    new Float32Array(memory.buffer, place, shape.dim).set(query);
    kernel.beginWalk(this.#walk, kept, this.#mask, rowLimit, shape.blockNodes, shape.nodeBytes);
  }

  #take(bytes: number): number {
    const scratch = this.#graph.table.memory.acquireScratch(bytes);
    this.#scratch.push(scratch);
    return scratch.address;
  }

  async #walkGraph(frontier: number): Promise<void> {
    this.#graph.table.kernel.seedEntries(this.#walk);
    await this.#readFrontier(frontier, 1);
  }

  async #scanCodes(listSize: number): Promise<void> {
    const { kernel, nodeCount } = this.#graph.table;
    const { mask, rowCount } = this.#request;
    const isFiltered = mask !== null;
    const end = isFiltered ? Math.ceil(Math.min(rowCount, this.#graph.table.rowCount) / 32) : nodeCount;
    for (let from = 0; from < end; from += stretch) {
      const to = Math.min(end, from + stretch);
      if (isFiltered) kernel.scanMask(this.#walk, from, to);
      else kernel.scanNodes(this.#walk, from, to);
      await this.#giveWay();
    }
    await this.#readFrontier(this.#depthOf(listSize), 0);
  }

  /** Reads the blocks of the first `depth` entries of the frontier, until none is left. */
  async #readFrontier(depth: number, isWalk: number): Promise<void> {
    const { table, reader, shape } = this.#graph;
    const { kernel, memory } = table;
    const { beamWidth } = this.#options;
    const list = this.#take(4 * beamWidth);
    const buffer = this.#take(beamWidth * shape.blockBytes);
    for (;;) {
      const count = kernel.nextBlocks(this.#walk, list, beamWidth, depth) >>> 0;
      if (count === 0) return;
      const blocks = new Uint32Array(memory.buffer, list, count);
      if (reader.isAwaiting) {
        await reader.readTogether(blocks, buffer);
        for (let i = 0; i < count; i++) {
          this.#rowsScored += kernel.absorbBlock(this.#walk, buffer + i * shape.blockBytes, blocks[i]!, isWalk);
        }
      } else {
        for (let i = 0; i < count; i++) {
          const address = reader.readNow(blocks[i]!, buffer);
          this.#rowsScored += kernel.absorbBlock(this.#walk, address, blocks[i]!, isWalk);
        }
      }
      await this.#giveWay();
    }
  }

  /** Reads the given blocks, `together` at a time. */
  async #readAll(blocks: readonly number[], together: number): Promise<void> {
    const { table, reader, shape } = this.#graph;
    const buffer = this.#take(together * shape.blockBytes);
    for (let at = 0; at < blocks.length; at += together) {
      const some = blocks.slice(at, at + together);
      await reader.readRuns(some, buffer);
      for (let i = 0; i < some.length; i++) {
        this.#rowsScored += table.kernel.absorbBlock(this.#walk, buffer + i * shape.blockBytes, some[i]!, 0);
      }
      await this.#giveWay();
    }
  }

  async #giveWay(): Promise<void> {
    if (!this.#slice.isDue()) return;
    throwIfAborted(this.#request.signal);
    await this.#slice.giveWay();
  }

  #finish(plan: string): IndexCandidates {
    const { table } = this.#graph;
    const { kernel, memory } = table;
    const state = kernel.walkState(this.#walk) >>> 0;
    kernel.endQuery(state);
    const count = kernel.resultCount(state) >>> 0;
    const rows = new Uint32Array(memory.buffer, kernel.resultRows(state) >>> 0, count).slice();
    const values = new Float64Array(memory.buffer, kernel.resultScores(state) >>> 0, count).slice();
    if (table.shape.metric === "l2") for (let i = 0; i < count; i++) values[i] = 0 - values[i]!;
    return { rows, values, rowsScored: (kernel.scoredCodes(this.#walk) >>> 0) + this.#rowsScored, plan };
  }
}
