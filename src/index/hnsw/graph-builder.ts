/**
 * How do rows get into a graph?
 *
 * Rows are read in chunks and coded; rows with the code of an earlier one join it; the others are inserted by tasks of a
 * few milliseconds on the threads of a pool; nodes that cannot be reached in the end are linked. Where any of it fails, the
 * graph forgets the new rows.
 */
import { inlinePool, type KernelTask } from "../../kernel/kernel-pool.js";
import { TimeSlice } from "../../time-slice.js";
import type { BuildContext, IndexRows } from "../vector-index.js";
import { graphSource } from "./graph-kernel.js";
import { chunkRowsOf, isSet, readMapped, throwIfAborted } from "./mapped-rows.js";
import type { RowGraph, Walker } from "./row-graph.js";

/** Nodes checked, joined or followed by one task. */
const sweepRows = 16_384;
/** Nodes that a search for a near one keeps where a node has to be linked. */
const repairEf = 64;
/** A candidate is left out when a neighbour chosen before is nearer to it than this share of its squared distance. */
const pruneShare = 0.87;

export interface BuildOptions {
  readonly efConstruction: number;
  /** Threads to use at most; 0: all of the pool's. */
  readonly threads: number;
}

export class GraphBuilder {
  readonly #graph: RowGraph;
  readonly #context: BuildContext;
  readonly #options: BuildOptions;
  readonly #threads: number;

  constructor(graph: RowGraph, context: BuildContext, options: BuildOptions) {
    this.#graph = graph;
    this.#context = context;
    this.#options = options;
    this.#threads = Math.min(options.threads === 0 ? context.pool.threads : options.threads, context.pool.threads);
  }

  /** Adds the rows [from, rows.rowCount). Returns how many of them were left out. */
  async add(rows: IndexRows, from: number): Promise<number> {
    const { kernel, address } = this.#graph;
    const entry = kernel.entryOf(address);
    try {
      this.#graph.reserve(rows.rowCount);
      await this.#graph.settled();
      kernel.resetLocks(address);
      const leftOut = await this.#encode(rows, from);
      await this.#join(from, rows.rowCount);
      await this.#insert(from, rows.rowCount);
      await this.#connect(rows.rowCount);
      return leftOut;
    } catch (error) {
      await this.#forget(from, entry);
      throw error;
    }
  }

  async #encode(rows: IndexRows, first: number): Promise<number> {
    const { kernel, address, memory, space } = this.#graph;
    const { dead, signal } = this.#context;
    const chunkRows = chunkRowsOf(space.dim);
    const scratch = memory.acquireScratch(chunkRows * space.dim * 4);
    const slice = new TimeSlice();
    let leftOut = 0;
    try {
      for (let from = first; from < rows.rowCount; from += chunkRows) {
        const to = Math.min(rows.rowCount, from + chunkRows);
        await readMapped(
          space,
          rows,
          from,
          to,
          new Float32Array(memory.buffer, scratch.address, (to - from) * space.dim),
        );
        kernel.encodeRows(address, scratch.address, from, to - from);
        for (let row = from; row < to; row++) {
          if (!isSet(dead, row)) continue;
          kernel.leaveOut(address, row);
          leftOut++;
        }
        throwIfAborted(signal);
        if (slice.isDue()) await slice.giveWay();
      }
    } finally {
      memory.releaseScratch(scratch);
    }
    return leftOut;
  }

  /** Joins the rows from `first` on to others with equal codes. */
  async #join(first: number, rowCount: number): Promise<void> {
    const { address, memory } = this.#graph;
    const places = 2 ** Math.ceil(Math.log2(2 * rowCount + 1));
    const table = memory.acquireScratch(4 * places);
    try {
      new Uint32Array(memory.buffer, table.address, places).fill(0);
      // Older nodes only take their places in the table.
      await this.#sweep("joinEqualRows", rowCount, (from, to) => [
        address,
        table.address,
        places,
        first,
        from,
        to - from,
      ]);
    } finally {
      memory.releaseScratch(table);
    }
  }

  async #insert(first: number, rowCount: number): Promise<void> {
    const { address, space } = this.#graph;
    const { pool, signal, onProgress } = this.#context;
    const { efConstruction } = this.#options;
    const taskRows = Math.max(2, Math.min(64, Math.round(16_384 / (space.dim + 64))));
    const total = rowCount - first;
    const walkers: Walker[] = [];
    const sizes: number[] = [];
    let next = first;
    let done = 0;
    try {
      const task = (slot: number): KernelTask | null => {
        if (next >= rowCount) return null;
        const walker = (walkers[slot] ??= this.#graph.acquireWalker(efConstruction));
        const from = next;
        next = Math.min(rowCount, from + taskRows);
        sizes[slot] = next - from;
        return this.#task("insertRows", [address, walker.address, from, next, efConstruction, pruneShare]);
      };
      const onResult = (_: number, slot: number): void => {
        done += sizes[slot] as number;
        onProgress(done, total);
      };
      await pool.run(task, { threads: this.#threads, signal, onResult });
    } finally {
      for (const walker of walkers) if (walker !== undefined) this.#graph.releaseWalker(walker);
    }
  }

  /** Links the nodes that cannot be reached from the entry. */
  async #connect(rowCount: number): Promise<void> {
    const { kernel, address, memory } = this.#graph;
    const ways = memory.acquireScratch(kernel.waysBytes(rowCount) >>> 0);
    const walker = this.#graph.acquireWalker(repairEf);
    try {
      kernel.beginWays(address, ways.address, rowCount);
      let isLeft = true;
      await this.#context.pool.run(
        () => (isLeft ? this.#task("followWays", [address, ways.address, sweepRows]) : null),
        { threads: 1, signal: this.#context.signal, onResult: (left) => (isLeft = left !== 0) },
      );
      await this.#sweep("connectRows", rowCount, (from, to) => [
        address,
        walker.address,
        ways.address,
        from,
        to,
        repairEf,
      ]);
    } finally {
      this.#graph.releaseWalker(walker);
      memory.releaseScratch(ways);
    }
  }

  /** Takes back what was done with the rows from `rowCount` on. */
  async #forget(rowCount: number, entry: number): Promise<void> {
    const { kernel, address } = this.#graph;
    const slice = new TimeSlice();
    kernel.resetLocks(address);
    kernel.setEntry(address, entry);
    for (let from = 0; from < rowCount; from += sweepRows) {
      kernel.cutRows(address, from, Math.min(rowCount, from + sweepRows), rowCount);
      if (slice.isDue()) await slice.giveWay();
    }
    if (rowCount === 0) return;
    // The pool may be what failed.
    const context = { ...this.#context, pool: inlinePool, signal: undefined };
    await new GraphBuilder(this.#graph, context, this.#options).#connect(rowCount);
  }

  #task(name: string, args: readonly number[]): KernelTask {
    return { module: graphSource, memory: this.#graph.memory.memory, name, args };
  }

  /** Calls a function of the kernel on all rows, in order. */
  async #sweep(name: string, rowCount: number, args: (from: number, to: number) => number[]): Promise<void> {
    let next = 0;
    const task = (): KernelTask | null => {
      if (next >= rowCount) return null;
      const from = next;
      next = Math.min(rowCount, from + sweepRows);
      return this.#task(name, args(from, next));
    };
    await this.#context.pool.run(task, { threads: 1, signal: this.#context.signal });
  }
}
