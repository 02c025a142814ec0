/**
 * Which rows come near a query, when only centroids are in memory?
 *
 * The lists of the nearest centroids are read, nearest first: as many as asked for, fewer where the next centroid is
 * much farther than the nearest (query-aware pruning in SPANN; not where a search says how many), more until enough
 * rows were met. Lists of vectors give exact scores; lists of codes give a shortlist whose vectors are read. Where
 * hardly any rows are allowed, their vectors are read at once.
 */
import type { Scratch } from "../../kernel/kernel-memory.js";
import { TimeSlice } from "../../time-slice.js";
import { throwIfAborted } from "../diskann/block-file.js";
import { blockHeaderBytes } from "../diskann/block-shape.js";
import { noNode } from "../diskann/node-table.js";
import type { IndexCandidates, IndexSearch } from "../vector-index.js";
import type { ListReader, WantedRun } from "./list-reader.js";
import type { ListRun, ListRuns } from "./list-runs.js";
import type { SpannEffort } from "./spann-effort.js";
import type { SpannState } from "./spann-state.js";

/** Squared distance of a centroid, in multiples of the nearest one's, from which lists are not worth reading. */
const pruningFactor = 6;
/** Lists ranked at first; eight times as many whenever they do not do. */
const rankedAtFirst = 64;
/** Lists, and blocks of single vectors, read together. */
const listsTogether = 4;
const blocksTogether = 16;
/** Bytes of a scan of all vectors that are read at once. */
const scanBytes = 256 << 10;

export class SpannSearch {
  readonly #state: SpannState;
  readonly #reader: ListReader;
  readonly #request: IndexSearch;
  readonly #effort: SpannEffort;
  readonly #slice = new TimeSlice();
  readonly #scratch: Scratch[] = [];
  #walk = 0;
  #rowsScored = 0;
  #buffer: Scratch | null = null;

  constructor(state: SpannState, reader: ListReader, request: IndexSearch, effort: SpannEffort) {
    this.#state = state;
    this.#reader = reader;
    this.#request = request;
    this.#effort = effort;
  }

  run(): Promise<IndexCandidates> {
    return this.#withScratch(async () => {
      const few = this.#fewRows();
      if (few !== null) {
        await this.#scoreRows(few);
        return this.#finish("rows");
      }
      const isWhole = (await this.#probe()) && (!this.#state.isCoded || (await this.#scoreShortlist()));
      if (isWhole) return this.#finish("probe");
      this.#begin();
      return await this.#scanAll();
    });
  }

  /** Reads all vectors and scores every allowed row exactly. */
  async #scanAll(): Promise<IndexCandidates> {
    const { file, vectors, kernel } = this.#state;
    const blocksMax = Math.max(1, Math.floor(scanBytes / file.blockBytes));
    for (const { list, run } of vectors.inFile()) {
      for (let from = 0; from < run.blocks; from += blocksMax) {
        const blocks = Math.min(blocksMax, run.blocks - from);
        const address = await this.#read([{ run: { place: run.place + from, blocks }, number: list }]);
        this.#rowsScored += kernel.absorbVectors(this.#walk, address, blocks, file.blockBytes);
      }
      await this.#giveWay();
    }
    return this.#finish("exact-scan");
  }

  async #withScratch(run: () => Promise<IndexCandidates>): Promise<IndexCandidates> {
    const { memory } = this.#state;
    try {
      this.#begin();
      return await run();
    } finally {
      for (const scratch of this.#scratch) memory.releaseScratch(scratch);
      if (this.#buffer !== null) memory.releaseScratch(this.#buffer);
    }
  }

  /** Entries of the shortlist of codes. */
  get #shortlist(): number {
    return Math.max(64, 2 * this.#request.k + 30);
  }

  #begin(): void {
    const { kernel, memory, table, shape, rowCount } = this.#state;
    const { query, k, mask } = this.#request;
    const rowLimit = Math.min(this.#request.rowCount, rowCount);
    const kept = Math.max(1, Math.min(k, rowCount));
    const bytes = kernel.walkBytes(table, 0, this.#shortlist, kept) >>> 0;
    this.#walk = this.#take(bytes);
    let maskPlace = 0;
    if (mask !== null) {
      const words = Math.ceil(rowLimit / 32);
      maskPlace = this.#take(4 * words + 4);
      new Uint32Array(memory.buffer, maskPlace, words).set(mask.subarray(0, words));
    }
    const place = kernel.initWalk(this.#walk, table, 0, this.#shortlist, kept) >>> 0;
    new Float32Array(memory.buffer, place, shape.dim).set(query);
    kernel.beginWalk(this.#walk, kept, maskPlace, rowLimit, shape.blockNodes, shape.nodeBytes);
  }

  #take(bytes: number): number {
    const scratch = this.#state.memory.acquireScratch(bytes);
    this.#scratch.push(scratch);
    return scratch.address;
  }

  /** The allowed rows where reading each one is less than reading lists; else null. */
  #fewRows(): number[] | null {
    const { mask, maskCount, rowCount } = this.#request;
    const { places, meanRows, shape } = this.#state;
    if (mask === null) return null;
    const listRows = this.#effort.evenProbes(maskCount) * meanRows;
    if (maskCount > listRows / shape.blockNodes) return null;
    const found: number[] = [];
    const end = Math.min(rowCount, places.length);
    for (let word = 0; word * 32 < end; word++) {
      for (let bits = mask[word]!; bits !== 0; bits &= bits - 1) {
        const row = word * 32 + 31 - Math.clz32(bits & -bits);
        if (row < end && places[row] !== noNode) found.push(row);
      }
    }
    return found;
  }

  /** Reads the lists of the nearest centroids. False where vectors out of range have none. */
  async #probe(): Promise<boolean> {
    const { kernel, memory, listCount, metric, centroids } = this.#state;
    const { mask, maskCount } = this.#request;
    const effort = this.#effort;
    let wanted = Math.min(listCount, Math.max(rankedAtFirst, effort.probes));
    let met = 0;
    for (let at = 0; at < listCount; ) {
      const ranking = this.#take(kernel.rankingBytes(wanted) >>> 0);
      const count = kernel.rankLists(this.#walk, ranking, centroids, listCount, wanted) >>> 0;
      const place = kernel.rankedEntries(ranking) >>> 0;
      const distances = new Float32Array(memory.buffer, place, 2 * count);
      const lists = new Uint32Array(memory.buffer, place, 2 * count);
      const isPruned = !effort.isGiven && metric !== "ip";
      const limit = isPruned ? pruningFactor * distances[0]! : Number.POSITIVE_INFINITY;
      while (at < count) {
        const isEnough =
          mask === null
            ? effort.suffices(at, met, distances[2 * at]! > limit)
            : effort.sufficesFiltered(at, met, maskCount);
        if (isEnough) return true;
        const end = Math.min(count, at + listsTogether, Math.max(effort.probes, at + 1));
        const some: number[] = [];
        for (; at < end; at++) some.push(lists[2 * at + 1]!);
        met += await this.#readLists(some);
        await this.#giveWay();
      }
      if (count < wanted) return false;
      wanted = Math.min(listCount, wanted * 8);
    }
    return true;
  }

  /** Reads lists and looks at their rows; returns how many allowed ones were new. */
  async #readLists(lists: readonly number[]): Promise<number> {
    const { kernel, file, codes, vectors } = this.#state;
    const runs: ListRuns = codes ?? vectors;
    const wanted = lists.flatMap((number) => runs.lists[number]!.map((run) => ({ run, number })));
    if (wanted.length === 0) return 0;
    const address = await this.#read(wanted);
    const blocks = wanted.reduce((sum, { run }) => sum + run.blocks, 0);
    const met =
      codes === null
        ? kernel.absorbVectors(this.#walk, address, blocks, file.blockBytes)
        : kernel.absorbCodes(this.#walk, address, blocks, file.blockBytes);
    this.#rowsScored += met;
    return met;
  }

  /** Reads runs into a buffer, which is used again by the next call; returns its address. */
  async #read(wanted: readonly WantedRun[]): Promise<number> {
    const { memory, file } = this.#state;
    const bytes = wanted.reduce((sum, { run }) => sum + run.blocks, 0) * file.blockBytes;
    if (this.#buffer === null || this.#buffer.bytes < bytes) {
      if (this.#buffer !== null) memory.releaseScratch(this.#buffer);
      this.#buffer = memory.acquireScratch(bytes);
    }
    const { address } = this.#buffer;
    const reading = this.#reader.read(file, memory, wanted, address);
    if (reading !== undefined) await reading;
    return address;
  }

  /** Reads the vectors of the rows whose codes look best. False where codes say nothing. */
  async #scoreShortlist(): Promise<boolean> {
    const { kernel, memory } = this.#state;
    const target = this.#take(4 * this.#shortlist);
    const count = kernel.frontierRows(this.#walk, target, this.#shortlist) >>> 0;
    if (count < Math.min(this.#shortlist, this.#rowsScored)) return false;
    await this.#scoreRows(Array.from(new Uint32Array(memory.buffer, target, count)));
    return true;
  }

  /** Reads the vectors of rows and scores them. */
  async #scoreRows(rows: readonly number[]): Promise<void> {
    const { kernel, shape, places, file } = this.#state;
    const { blockNodes, nodeBytes } = shape;
    const sorted = rows.slice().sort((a, b) => places[a]! - places[b]!);
    for (let at = 0; at < sorted.length; ) {
      const runs: ListRun[] = [];
      let end = at;
      for (; end < sorted.length; end++) {
        const place = Math.floor(places[sorted[end]!]! / blockNodes);
        if (place === runs.at(-1)?.place) continue;
        if (runs.length === blocksTogether) break;
        runs.push({ place, blocks: 1 });
      }
      const address = await this.#read(runs.map((run) => ({ run, number: null })));
      for (let i = 0; at < end; at++) {
        const node = places[sorted[at]!]!;
        while (runs[i]!.place < Math.floor(node / blockNodes)) i++;
        const offset = i * file.blockBytes + blockHeaderBytes + (node % blockNodes) * nodeBytes;
        kernel.offerVector(this.#walk, address + offset, sorted[at]!);
      }
      await this.#giveWay();
    }
    this.#rowsScored += rows.length;
  }

  async #giveWay(): Promise<void> {
    if (!this.#slice.isDue()) return;
    throwIfAborted(this.#request.signal);
    await this.#slice.giveWay();
  }

  #finish(plan: string): IndexCandidates {
    const { kernel, memory, metric } = this.#state;
    const state = kernel.walkState(this.#walk) >>> 0;
    kernel.endQuery(state);
    const count = kernel.resultCount(state) >>> 0;
    const rows = new Uint32Array(memory.buffer, kernel.resultRows(state) >>> 0, count).slice();
    const values = new Float64Array(memory.buffer, kernel.resultScores(state) >>> 0, count).slice();
    if (metric === "l2") for (let i = 0; i < count; i++) values[i] = 0 - values[i]!;
    return { rows, values, rowsScored: this.#rowsScored, plan };
  }
}
