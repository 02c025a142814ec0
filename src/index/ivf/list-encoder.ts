/**
 * How do rows come into inverted lists?
 *
 * Batch by batch: read, assigned to the nearest centroid and encoded by tasks of the pool, then appended on this thread. A
 * batch is in the lists whole or not at all.
 */
import type { KernelMemory, Scratch } from "../../kernel/kernel-memory.js";
import type { Codec } from "../quantizer/codec.js";
import { type QuantizeKernel, quantizeSource } from "../quantizer/quantize-kernel.js";
import type { BuildContext, IndexRows } from "../vector-index.js";
import type { InvertedLists } from "./inverted-lists.js";

/** Bytes of rows read at once. */
const batchBytes = 1 << 20;
/** Multiplications of one task: a few milliseconds. */
const taskProducts = 1 << 24;
/** Multiplications that encoding a component takes, roughly. */
const productsPerComponent = 256;

export interface ListEncoderOptions {
  readonly memory: KernelMemory;
  readonly kernel: QuantizeKernel;
  readonly codec: Codec;
  readonly lists: InvertedLists;
  readonly dim: number;
  /** Rows are scaled to length 1 first. */
  readonly isNormalised: boolean;
  /** Addresses of the centroids in blocks, and of the halves of their squares. */
  readonly centroids: number;
  readonly halves: number;
}

/** Scratch of one run. */
interface Places {
  readonly rows: Scratch;
  readonly clusters: Scratch;
  readonly distances: Scratch;
  readonly records: Scratch;
  readonly skipped: Scratch;
  readonly slots: Scratch;
  readonly slotBytes: number;
}

export class ListEncoder {
  readonly #options: ListEncoderOptions;

  constructor(options: ListEncoderOptions) {
    this.#options = options;
  }

  /**
   * Appends the rows from `first` on. `known` has the list of each row, or is null. `onBatch` is told where the batch ended
   * and how many of its rows were dead.
   */
  async append(
    rows: IndexRows,
    first: number,
    context: BuildContext,
    known: Uint32Array | null,
    onBatch: (end: number, leftOut: number) => void,
  ): Promise<void> {
    const { memory, kernel, dim, lists, isNormalised } = this.#options;
    if (first >= rows.rowCount) return;
    const batchRows = Math.min(rows.rowCount - first, Math.max(32, Math.floor(batchBytes / (dim * 4))));
    const places = this.#acquire(batchRows, context.pool.threads);
    try {
      for (let from = first; from < rows.rowCount; from += batchRows) {
        const size = Math.min(batchRows, rows.rowCount - from);
        const read = rows.read(from, from + size, new Float32Array(memory.buffer, places.rows.address, size * dim));
        if (read !== undefined) await read;
        if (isNormalised) kernel.normaliseRows(places.rows.address, size, dim);
        if (known === null) await this.#assign(places, size, context);
        else {
          const target = new Uint32Array(memory.buffer, places.clusters.address, size);
          target.set(known.subarray(from, from + size));
        }
        await this.#encode(places, size, context);
        const leftOut = this.#markDead(places, from, size, context.dead);
        const skipped = leftOut > 0 ? places.skipped.address : 0;
        lists.append(places.records.address, places.clusters.address, size, from, skipped);
        onBatch(from + size, leftOut);
      }
    } finally {
      for (const place of Object.values(places)) if (typeof place === "object") memory.releaseScratch(place);
    }
  }

  #acquire(batchRows: number, threads: number): Places {
    const { memory, codec, dim, lists } = this.#options;
    const padded = Math.ceil(lists.count / 32) * 32;
    const slotBytes = Math.ceil((codec.scratchBytes + padded * 16 + 64) / 64) * 64;
    return {
      rows: memory.acquireScratch(batchRows * dim * 4),
      clusters: memory.acquireScratch(batchRows * 4),
      distances: memory.acquireScratch(batchRows * 4),
      records: memory.acquireScratch(batchRows * codec.recordBytes),
      skipped: memory.acquireScratch(Math.ceil(batchRows / 32) * 4),
      slots: memory.acquireScratch(threads * slotBytes),
      slotBytes,
    };
  }

  async #assign(places: Places, size: number, context: BuildContext): Promise<void> {
    const { dim, lists, centroids, halves } = this.#options;
    const padded = Math.ceil(lists.count / 32) * 32;
    const step = Math.max(4, Math.ceil(taskProducts / (padded * dim) / 4) * 4);
    await this.#run("nearestCentroids", size, step, places, context, (at, count, scratch) => [
      places.rows.address + at * dim * 4,
      count,
      dim,
      centroids,
      halves,
      padded,
      1,
      places.clusters.address + at * 4,
      places.distances.address + at * 4,
      scratch,
    ]);
  }

  async #encode(places: Places, size: number, context: BuildContext): Promise<void> {
    const { dim, codec } = this.#options;
    const step = Math.max(16, Math.ceil(taskProducts / (productsPerComponent * dim)));
    await this.#run("encodeRows", size, step, places, context, (at, count, scratch) => [
      codec.address,
      places.rows.address + at * dim * 4,
      count,
      places.clusters.address + at * 4,
      places.records.address + at * codec.recordBytes,
      scratch,
    ]);
  }

  async #run(
    name: string,
    size: number,
    step: number,
    places: Places,
    { pool, signal }: BuildContext,
    argsOf: (at: number, count: number, scratch: number) => readonly number[],
  ): Promise<void> {
    const { memory } = this.#options.memory;
    let next = 0;
    await pool.run(
      (slot) => {
        if (next >= size) return null;
        const at = next;
        next = Math.min(size, at + step);
        const args = argsOf(at, next - at, places.slots.address + slot * places.slotBytes);
        return { module: quantizeSource, memory, name, args };
      },
      { signal },
    );
  }

  /** Writes which rows of a batch are dead. Returns how many. */
  #markDead(places: Places, from: number, size: number, dead: Uint32Array | null): number {
    if (dead === null) return 0;
    const words = new Uint32Array(this.#options.memory.buffer, places.skipped.address, Math.ceil(size / 32)).fill(0);
    let count = 0;
    for (let i = 0; i < size; i++) {
      const row = from + i;
      if ((((dead[row >>> 5] ?? 0) >>> (row & 31)) & 1) === 0) continue;
      words[i >>> 5]! |= 1 << (i & 31);
      count++;
    }
    return count;
  }
}
