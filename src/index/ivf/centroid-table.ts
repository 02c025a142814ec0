/**
 * Where do centroids lie, and how are those near to a query found?
 *
 * As float32 in blocks (all of them are compared with a row), as float32 row by row (a few are compared with a query), and,
 * where there are many, as one-bit codes that name the few.
 */
import type { KernelMemory } from "../../kernel/kernel-memory.js";
import type { DenseMetric } from "../../types.js";
import { CodeQuery } from "../quantizer/code-query.js";
import { type Codec, createCodec } from "../quantizer/codec.js";
import type { QuantizeKernel } from "../quantizer/quantize-kernel.js";

/** Centroids from which on codes pay. */
const codedMin = 768;
/** Candidates that codes name: so many for each list that is looked at first, and so many more. */
const candidatesPerProbe = 3;
const candidatesMore = 48;
const seed = 1;

export class CentroidTable {
  readonly count: number;
  /** Addresses of the centroids in blocks of 32, and of the halves of their squares. */
  readonly blocks: number;
  readonly halves: number;
  readonly #memory: KernelMemory;
  readonly #kernel: QuantizeKernel;
  readonly #dim: number;
  readonly #rows: number;
  readonly #zeros: number;
  readonly #codes: { readonly codec: Codec; readonly chunk: number } | null;

  constructor(memory: KernelMemory, kernel: QuantizeKernel, centroids: Float32Array, dim: number, metric: DenseMetric) {
    const count = centroids.length / dim;
    const padded = Math.ceil(count / 32) * 32;
    this.count = count;
    this.#memory = memory;
    this.#kernel = kernel;
    this.#dim = dim;
    this.#rows = memory.allocate(count * dim * 4);
    this.blocks = memory.allocate(padded * dim * 4);
    this.halves = memory.allocate(padded * 4);
    this.#zeros = memory.allocate(padded * 4);
    new Float32Array(memory.buffer, this.#rows, count * dim).set(centroids);
    kernel.packVectors(this.#rows, count, dim, this.blocks);
    kernel.halfSquares(this.#rows, count, dim, this.halves);
    new Float32Array(memory.buffer, this.#zeros, padded).fill(Number.POSITIVE_INFINITY, count);
    this.#codes = count < codedMin ? null : this.#encode(centroids, metric);
  }

  /** Looks for the query's best rows in the lists of a directory, `nprobe` of them first. */
  search(query: CodeQuery, nprobe: number, directory: number): void {
    const candidates = nprobe * candidatesPerProbe + candidatesMore;
    const codes = this.#codes;
    const ranker = codes === null || candidates > this.count / 2 ? null : this.#rank(query, candidates, codes);
    try {
      this.#kernel.searchLists(
        query.state,
        directory,
        this.count,
        this.blocks,
        this.#rows,
        this.halves,
        this.#zeros,
        ranker?.state ?? 0,
      );
    } finally {
      ranker?.release();
    }
  }

  #rank({ query }: CodeQuery, wanted: number, codes: { readonly codec: Codec; readonly chunk: number }): CodeQuery {
    const { count } = this;
    const ranker = new CodeQuery({
      memory: this.#memory,
      kernel: this.#kernel,
      codec: codes.codec,
      dim: this.#dim,
      rowCount: count,
      request: { query, mask: null, rowCount: count },
      wanted,
      lists: 0,
    });
    this.#kernel.enterOnlyCentre(ranker.state);
    this.#kernel.scanChunk(ranker.state, codes.chunk, 0, Math.ceil(count / 32));
    return ranker;
  }

  #encode(centroids: Float32Array, metric: DenseMetric): { readonly codec: Codec; readonly chunk: number } {
    const { count } = this;
    const dim = this.#dim;
    const memory = this.#memory;
    const mean = new Float32Array(dim);
    for (let at = 0; at < centroids.length; at++) mean[at % dim]! += (centroids[at] as number) / count;
    const codec = createCodec(memory, this.#kernel, {
      compression: { kind: "rabitq", seed },
      // The query of a cosine search is compared with centroids as they are.
      metric: metric === "ip" ? "ip" : "l2",
      dim,
      isNumbered: false,
      centres: mean,
    });
    const padded = Math.ceil(count / 32) * 32;
    const chunk = memory.allocate(this.#kernel.chunkBytes(codec.address, padded) >>> 0);
    this.#kernel.addChunk(0, chunk, padded, 0);
    const scratch = memory.acquireScratch(codec.recordBytes + codec.scratchBytes + 64);
    const work = Math.ceil((scratch.address + codec.recordBytes) / 64) * 64;
    this.#kernel.encodeInPlace(codec.address, this.#rows, count, chunk, 0, scratch.address, work, dim * 4);
    memory.releaseScratch(scratch);
    this.#kernel.publishChunk(chunk, count);
    return { codec, chunk };
  }
}
