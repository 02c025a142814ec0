/**
 * How are rows turned into product codes outside the kernel's own lists?
 *
 * For indexes that keep codes in a place of their own: one byte a part, and for a query a table of 256 scores a part
 * (higher is better) whose entries add up to the score of a code.
 */

import { KernelMemory } from "../../kernel/kernel-memory.js";
import type { DenseMetric } from "../../types.js";
import type { BuildContext, IndexRows } from "../vector-index.js";
import { type Codec, createCodec } from "./codec.js";
import { type Codebook, codebookRowsMax, trainCodebook } from "./product-codebook.js";
import { instantiateQuantizeKernel, type QuantizeKernel } from "./quantize-kernel.js";
import { sampleRows } from "./row-sample.js";

/** Rows encoded in one call. */
const rowsTogether = 64;

export class ProductQuantizer {
  readonly codebook: Codebook;
  /** Parts of a vector: bytes of a code. */
  readonly subspaces: number;
  #memory = new KernelMemory(256 << 20);
  #kernel: QuantizeKernel;
  #codec: Codec;
  #rows: number;
  #records: number;
  #scratch: number;
  #state: number;

  constructor(codebook: Codebook) {
    this.codebook = codebook;
    this.subspaces = codebook.subspaces;
    const { dim } = codebook;
    this.#kernel = instantiateQuantizeKernel(this.#memory.memory);
    const compression = { kind: "pq", codebook } as const;
    const options = { compression, metric: "ip", dim, isNumbered: false, centres: null } as const;
    this.#codec = createCodec(this.#memory, this.#kernel, options);
    this.#rows = this.#memory.allocate(rowsTogether * dim * 4);
    this.#records = this.#memory.allocate(rowsTogether * this.#codec.recordBytes);
    this.#scratch = this.#memory.allocate(this.#codec.scratchBytes);
    this.#state = this.#memory.allocate(this.#kernel.stateBytes(this.#codec.address, 1, 0));
  }

  /** Learns words from a sample of the rows; about `subspaces` parts, null: eight components each. */
  static async train(
    rows: IndexRows,
    subspaces: number | null,
    seed: number,
    context: Pick<BuildContext, "pool" | "dead" | "signal">,
  ): Promise<ProductQuantizer> {
    const sample = await sampleRows(rows, codebookRowsMax, seed, context);
    const { pool, signal } = context;
    return new ProductQuantizer(await trainCodebook(sample, rows.dim, subspaces, { pool, signal, seed }));
  }

  /** Writes the codes of row-major vectors, `subspaces` bytes each, from `offset` of `target` on. */
  encode(vectors: Float32Array, target: Uint8Array, offset = 0): void {
    const { dim } = this.codebook;
    const { recordBytes } = this.#codec;
    const count = Math.floor(vectors.length / dim);
    for (let from = 0; from < count; from += rowsTogether) {
      const size = Math.min(rowsTogether, count - from);
      const part = vectors.subarray(from * dim, (from + size) * dim);
      new Float32Array(this.#memory.buffer, this.#rows, size * dim).set(part);
      this.#kernel.encodeRows(this.#codec.address, this.#rows, size, 0, this.#records, this.#scratch);
      const records = new Uint8Array(this.#memory.buffer, this.#records, size * recordBytes);
      for (let i = 0; i < size; i++) {
        const codes = records.subarray(i * recordBytes, i * recordBytes + this.subspaces);
        target.set(codes, offset + (from + i) * this.subspaces);
      }
    }
  }

  /** The vector that a code stands for. */
  decode(code: Uint8Array, target: Float32Array): void {
    const { dim, subDim, words } = this.codebook;
    for (let m = 0; m < this.subspaces; m++) {
      const from = m * subDim;
      const size = Math.min(subDim, dim - from);
      const word = from * 256 + (code[m] as number) * size;
      target.set(words.subarray(word, word + size), from);
    }
  }

  /**
   * Writes 256 scores a part. A code's sum is ⟨q, x̂⟩ for `ip` and `cos`, and |q|² − |q − x̂|² for `l2`, with x̂ the vector
   * that the code stands for.
   */
  tables(query: Float32Array, metric: DenseMetric, target: Float32Array): void {
    const { dim, subDim, words } = this.codebook;
    const state = this.#state;
    const place = this.#kernel.initState(state, this.#codec.address, 1, 0, 0, 0xffff_ffff) >>> 0;
    new Float32Array(this.#memory.buffer, place, dim).set(query);
    this.#kernel.prepareQuery(state);
    const tables = new Uint32Array(this.#memory.buffer, state + 28, 1)[0] as number;
    target.set(new Float32Array(this.#memory.buffer, tables, this.subspaces * 256));
    if (metric !== "l2") return;
    for (let m = 0; m < this.subspaces; m++) {
      const size = Math.min(subDim, dim - m * subDim);
      for (let word = 0; word < 256; word++) {
        const start = m * subDim * 256 + word * size;
        let square = 0;
        for (let i = start; i < start + size; i++) square += (words[i] as number) ** 2;
        target[m * 256 + word] = 2 * (target[m * 256 + word] as number) - square;
      }
    }
  }

  /** Bytes in memory. */
  memoryBytes(): number {
    return this.#memory.usedBytes;
  }
}
