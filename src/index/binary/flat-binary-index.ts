/**
 * How are sets of bits searched exactly, packed?
 *
 * One bit a component, and a count of set bits a row, in blocks that never move; every search looks at every row that
 * it may return. Rows are appended in order and count once all of an extension are there, so searches beside it see the
 * rows before. The packed form is the same for all binary metrics.
 */
import { KernelMemory } from "../../kernel/kernel-memory.js";
import { TimeSlice } from "../../time-slice.js";
import type { BinaryMetric } from "../../types.js";
import type { IndexName } from "../index-name.js";
import type {
  BuildContext,
  IndexCandidates,
  IndexFamily,
  IndexParameters,
  IndexRows,
  IndexSearch,
  IndexSection,
  VectorIndex,
} from "../vector-index.js";
import { packRows, throwIfAborted } from "./pack-rows.js";
import {
  beginPackedQuery,
  endPackedQuery,
  instantiatePackedKernel,
  type PackedKernel,
  placeMask,
} from "./packed-kernel.js";

const version = 1;
/** Bytes of packed rows that a block aims at. */
const blockBytesAim = 256 * 1024;
/** Bytes of packed rows that a search looks at before it gives way: some milliseconds. */
const stepBytes = 32 * 1024 * 1024;

class FlatBinaryIndex implements VectorIndex {
  readonly name: IndexName;
  readonly parameters: IndexParameters;
  readonly leftOut = 0;
  readonly storesVectors = false;
  readonly #dim: number;
  readonly #memory = new KernelMemory();
  readonly #kernel: PackedKernel;
  readonly #stride: number;
  /** Rows a block, a power of two of at least 64. */
  readonly #blockRows: number;
  readonly #blocks: number[] = [];
  #rowCount = 0;

  constructor(name: IndexName, parameters: IndexParameters, dim: number) {
    this.name = name;
    this.parameters = parameters;
    this.#dim = dim;
    this.#kernel = instantiatePackedKernel(this.#memory.memory);
    this.#stride = this.#kernel.packedStride(dim);
    this.#blockRows = Math.max(64, 2 ** Math.floor(Math.log2(blockBytesAim / this.#stride)));
  }

  get rowCount(): number {
    return this.#rowCount;
  }

  expectedVisits(): number {
    return this.#rowCount;
  }

  search(request: IndexSearch): IndexCandidates | Promise<IndexCandidates> {
    const memory = this.#memory;
    const rowCount = Math.min(this.#rowCount, request.rowCount);
    const capacity = Math.max(1, Math.min(request.k, rowCount));
    const state = beginPackedQuery(memory, this.#kernel, this.name.metric as BinaryMetric, request.query, capacity);
    const mask = placeMask(memory, request.mask, rowCount);
    const release = () => {
      if (mask !== null) memory.releaseScratch(mask);
    };
    const finish = (): IndexCandidates => {
      release();
      return { ...endPackedQuery(memory, this.#kernel, state), plan: "scan" };
    };
    const stepRows = Math.ceil(stepBytes / (this.#stride * this.#blockRows)) * this.#blockRows;
    const scan = (from: number) =>
      this.#scan(state.address, from, Math.min(rowCount, from + stepRows), mask?.address ?? 0);
    if (rowCount <= stepRows) {
      scan(0);
      return finish();
    }
    return this.#searchInSteps(scan, rowCount, stepRows, request.signal).then(finish, (error: unknown) => {
      release();
      memory.releaseScratch(state);
      throw error;
    });
  }

  async extend(rows: IndexRows, context: BuildContext): Promise<void> {
    const from = this.#rowCount;
    const stride = this.#stride;
    const total = rows.rowCount - from;
    if (total <= 0) return;
    let counted = from;
    await packRows({
      memory: this.#memory,
      kernel: this.#kernel,
      rows,
      from,
      placeOf: (row) => {
        const index = row % this.#blockRows;
        return { address: this.#blockOf(row) + index * stride, room: this.#blockRows - index };
      },
      onPacked: (row) => {
        this.#count(counted, row);
        counted = row;
        context.onProgress(row - from, total);
      },
      signal: context.signal,
    });
    this.#rowCount = rows.rowCount;
  }

  serialize(): readonly IndexSection[] {
    const pieces: Uint8Array[] = [];
    for (let row = 0; row < this.#rowCount; row += this.#blockRows) {
      const rows = Math.min(this.#blockRows, this.#rowCount - row);
      pieces.push(new Uint8Array(this.#memory.buffer, this.#blockOf(row), rows * this.#stride));
    }
    const header = Uint32Array.of(version, this.#dim, this.#rowCount);
    return [
      { name: "header", bytes: new Uint8Array(header.buffer) },
      { name: "bits", bytes: pieces },
    ];
  }

  /** Takes over what `serialize` kept; false where it makes no sense. */
  load(header: Uint8Array, bits: Uint8Array): boolean {
    const [found, dim, rowCount] = new Uint32Array(header.slice().buffer, 0, 3);
    if (found !== version || dim !== this.#dim || bits.length !== rowCount! * this.#stride) return false;
    for (let row = 0; row < rowCount!; row += this.#blockRows) {
      const end = Math.min(rowCount!, row + this.#blockRows);
      const address = this.#blockOf(row);
      const piece = bits.subarray(row * this.#stride, end * this.#stride);
      new Uint8Array(this.#memory.buffer, address, piece.length).set(piece);
      this.#count(row, end);
    }
    this.#rowCount = rowCount!;
    return true;
  }

  memoryBytes(): number {
    return this.#memory.usedBytes;
  }

  diskBytes(): number {
    return 0;
  }

  release(): void {
    this.#blocks.length = 0;
    this.#rowCount = 0;
  }

  /** Address of the row's block, made when it is the next one: packed rows, then their counts. */
  #blockOf(row: number): number {
    const index = Math.floor(row / this.#blockRows);
    return (this.#blocks[index] ??= this.#memory.allocate(this.#blockRows * (this.#stride + 2)));
  }

  #count(from: number, to: number): void {
    const address = this.#blockOf(from);
    const index = from % this.#blockRows;
    const counts = address + this.#blockRows * this.#stride + index * 2;
    this.#kernel.countRows(address + index * this.#stride, this.#stride, to - from, counts);
  }

  #scan(state: number, from: number, to: number, mask: number): void {
    for (let row = from; row < to; row += this.#blockRows) {
      const address = this.#blocks[row / this.#blockRows]!;
      const counts = address + this.#blockRows * this.#stride;
      const rows = Math.min(this.#blockRows, to - row);
      this.#kernel.scanPackedRows(state, address, counts, this.#stride, row, rows, mask);
    }
  }

  async #searchInSteps(
    scan: (from: number) => void,
    rowCount: number,
    stepRows: number,
    signal: AbortSignal | undefined,
  ): Promise<void> {
    const slice = new TimeSlice();
    for (let row = 0; row < rowCount; row += stepRows) {
      throwIfAborted(signal);
      scan(row);
      if (slice.isDue()) await slice.giveWay();
    }
  }
}

/** FLAT-{HAMMING,JACCARD,TANIMOTO,DICE}: exact values over packed bits. */
export const flatBinaryFamily: IndexFamily = {
  async build(name, parameters, rows, context) {
    const index = new FlatBinaryIndex(name, parameters, rows.dim);
    await index.extend(rows, context);
    return index;
  },
  async load(name, parameters, sections, { dim }) {
    const header = sections.get("header");
    const bits = sections.get("bits");
    if (header?.length !== 12 || bits === undefined) return null;
    const index = new FlatBinaryIndex(name, parameters, dim);
    return index.load(header, bits) ? index : null;
  },
};
