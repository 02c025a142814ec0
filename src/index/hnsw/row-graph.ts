/**
 * Where does a graph's memory come from?
 *
 * A graph has a memory of its own, which grows by slabs. Walkers are scratch: one walk at a time in each. A walker has
 * room for the rows that there was place for when it was made, so that no row may be linked that a walk under way on
 * another thread has no room for.
 */
import { KernelMemory, type Scratch } from "../../kernel/kernel-memory.js";
import { yieldToEventLoop } from "../../time-slice.js";
import { type GraphKernel, instantiateGraphKernel } from "./graph-kernel.js";
import type { WalkSpace } from "./walk-space.js";

/** Least bytes of a slab: the header has room for 4 GiB of them. */
const slabBytesAim = 2 ** 20;

export interface GraphOptions {
  readonly space: WalkSpace;
  /** Neighbours chosen for a node; lists have room for as many on upper levels, for twice as many on level 0. */
  readonly m: number;
  readonly seed: number;
}

/** Scratch of a walk. */
export interface Walker {
  readonly address: number;
  /** Rows and nodes that it has room for. */
  readonly rows: number;
  readonly ef: number;
  readonly scratch: Scratch;
}

export class RowGraph {
  readonly memory = new KernelMemory();
  readonly kernel: GraphKernel;
  /** Address of the header. */
  readonly address: number;
  readonly space: WalkSpace;
  readonly m: number;
  /** Rows of a slab. */
  readonly slabRows: number;
  /** Rows that there is place for. */
  capacity = 0;
  /** Walkers that search on other threads at the moment. */
  readonly #lent = new Set<Walker>();

  constructor({ space, m, seed }: GraphOptions) {
    this.space = space;
    this.m = m;
    this.kernel = instantiateGraphKernel(this.memory.memory);
    const rowBytes = space.rowBytes + 8 * m + 12;
    const shift = Math.min(16, Math.max(7, Math.ceil(Math.log2(slabBytesAim / rowBytes))));
    this.slabRows = 2 ** shift;
    this.address = this.memory.allocate(this.kernel.graphBytes(space.dim) >>> 0);
    this.kernel.initGraph(this.address, space.dim, space.number, m, shift, seed | 0);
  }

  /** Makes place for rows up to `rowCount`. */
  reserve(rowCount: number): void {
    while (this.capacity < rowCount) {
      const slab = this.memory.allocate(this.kernel.slabBytes(this.address, this.capacity) >>> 0);
      this.kernel.addSlab(this.address, this.capacity, slab);
      this.capacity += this.slabRows;
    }
  }

  /** Resolves when all walks under way have room for the rows that there is place for. */
  async settled(): Promise<void> {
    // Those that begin from now on have.
    while ([...this.#lent].some((walker) => walker.rows < this.capacity)) await yieldToEventLoop();
  }

  /** Tells that a walker searches on another thread. */
  lend(walker: Walker): void {
    this.#lent.add(walker);
  }

  /** Tells that it does no more. */
  takeBack(walker: Walker): void {
    this.#lent.delete(walker);
  }

  /** A walker for the rows that there is place for. */
  acquireWalker(ef: number): Walker {
    const rows = this.capacity;
    const bytes = this.kernel.walkerBytes(this.address, rows, ef) >>> 0;
    const scratch = this.memory.acquireScratch(bytes);
    this.kernel.initWalker(scratch.address, this.address, rows, ef);
    return { address: scratch.address, rows, ef, scratch };
  }

  releaseWalker(walker: Walker): void {
    this.memory.releaseScratch(walker.scratch);
  }
}
