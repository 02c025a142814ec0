/**
 * How are the best rows found by looking at a compressed form of all of them?
 *
 * Every row has a code, a fraction of its size; a search estimates every row's score and proposes the best ones, several
 * times as many as wanted, which the owner scores exactly. Rows are coded in order, so a row's place follows from its
 * number. Dead rows keep theirs: masks exclude them.
 */
import { LynseError } from "../../errors.js";
import { KernelMemory } from "../../kernel/kernel-memory.js";
import { TimeSlice } from "../../time-slice.js";
import type { DenseMetric } from "../../types.js";
import type { IndexName } from "../index-name.js";
import { CodeQuery } from "../quantizer/code-query.js";
import { type Codec, type Compression, createCodec } from "../quantizer/codec.js";
import { readCompression, type SavedCompression, writeCompression } from "../quantizer/compression-section.js";
import { codebookRowsMax } from "../quantizer/product-codebook.js";
import { instantiateQuantizeKernel, type QuantizeKernel, quantizeSource } from "../quantizer/quantize-kernel.js";
import { sampleRows } from "../quantizer/row-sample.js";
import { trainCompression } from "../quantizer/train-compression.js";
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

const chunkHeaderBytes = 64;
/** Bytes of a chunk that are aimed at. */
const chunkBytesAim = 1 << 20;
/** Bytes of rows read at once. */
const readBytes = 1 << 20;
/** Multiplications of one encoding task, 256 a component. */
const taskProducts = 1 << 25;
/** Bytes of codes that a search looks at in one go; beyond, other work runs in between. */
const scanBytesAtOnce = 32 << 20;

/** What reaches a recall of 0.99, see docs/internals/quantizers.md. */
function oversampleOf(compression: Compression): number {
  switch (compression.kind) {
    case "float":
      return 1;
    case "sq8":
      return 2;
    case "pq":
      // Wider parts say less about a row.
      return Math.max(4, Math.ceil(2.5 * compression.codebook.subDim));
    case "rabitq":
      return 12;
    case "polarvec":
      return Math.max(2, Math.floor(12 / compression.bits));
  }
}

/**
 * Candidates for `k` rows by default. Codes name the neighbourhood and tell rows within it apart less well; how many those
 * are does not depend on how many are wanted.
 */
function shortlistFor(k: number, compression: Compression): number {
  return oversampleOf(compression) * (k + 30);
}

class FlatQuantizedIndex implements VectorIndex {
  readonly name: IndexName;
  readonly parameters: IndexParameters;
  readonly leftOut = 0;
  readonly storesVectors = false;
  readonly #metric: DenseMetric;
  readonly #dim: number;
  readonly #saved: SavedCompression;
  readonly #memory = new KernelMemory();
  readonly #kernel: QuantizeKernel;
  readonly #codec: Codec;
  readonly #chunkRows: number;
  #chunks: number[] = [];
  #rowCount = 0;

  constructor(name: IndexName, parameters: IndexParameters, dim: number, saved: SavedCompression) {
    this.name = name;
    this.parameters = parameters;
    this.#metric = name.metric as DenseMetric;
    this.#dim = dim;
    this.#saved = saved;
    this.#kernel = instantiateQuantizeKernel(this.#memory.memory);
    const { compression, centres } = saved;
    const options = { compression, centres, metric: this.#metric, dim, isNumbered: false };
    this.#codec = createCodec(this.#memory, this.#kernel, options);
    const rows = 2 ** Math.floor(Math.log2((chunkBytesAim / this.#codec.blockBytes) * 32));
    this.#chunkRows = Math.min(8192, Math.max(256, rows));
  }

  get rowCount(): number {
    return this.#rowCount;
  }

  expectedVisits(): number {
    return this.#rowCount;
  }

  search(request: IndexSearch): IndexCandidates | Promise<IndexCandidates> {
    const rowCount = Math.min(this.#rowCount, request.rowCount);
    const query = new CodeQuery({
      memory: this.#memory,
      kernel: this.#kernel,
      codec: this.#codec,
      dim: this.#dim,
      rowCount: this.#rowCount,
      request,
      wanted: this.#wanted(request, rowCount),
      lists: 0,
    });
    this.#kernel.enterOnlyCentre(query.state);
    if ((rowCount / 32) * this.#codec.blockBytes > scanBytesAtOnce)
      return this.#searchInSlices(query, rowCount, request);
    try {
      for (let first = 0; first < rowCount; first += this.#chunkRows) this.#scan(query, first);
      return candidatesOf(query);
    } finally {
      query.release();
    }
  }

  async extend(rows: IndexRows, context: BuildContext): Promise<void> {
    const { pool, signal } = context;
    const rowBytes = this.#dim * 4;
    const readRows = Math.max(32, Math.floor(readBytes / rowBytes / 32) * 32);
    const first = this.#rowCount;
    const staging = this.#memory.acquireScratch(Math.min(readRows, rows.rowCount - first) * rowBytes);
    const slotBytes = Math.ceil((this.#codec.scratchBytes + this.#codec.recordBytes) / 64) * 64;
    const scratch = this.#memory.acquireScratch(pool.threads * slotBytes);
    try {
      while (this.#rowCount < rows.rowCount) {
        const from = this.#rowCount;
        const chunk = this.#chunkFor(from);
        const index = from % this.#chunkRows;
        // Up to the end of a chunk or of a block, so that two tasks never share one.
        const most = Math.min(rows.rowCount - from, this.#chunkRows - index, readRows);
        const size =
          (index + most) % 32 === 0 || from + most === rows.rowCount ? most : Math.max(1, most - (index % 32));
        const read = rows.read(
          from,
          from + size,
          new Float32Array(this.#memory.buffer, staging.address, size * this.#dim),
        );
        if (read !== undefined) await read;
        let next = 0;
        const step = Math.max(32, Math.floor(taskProducts / (256 * this.#dim) / 32) * 32);
        await pool.run(
          (slot) => {
            if (next >= size) return null;
            const at = next;
            next = Math.min(size, at + step - ((index + at) % 32));
            const record = scratch.address + slot * slotBytes;
            const args = [this.#codec.address, staging.address + at * rowBytes, next - at, chunk, index + at];
            args.push(record, Math.ceil((record + this.#codec.recordBytes) / 16) * 16, rowBytes);
            return { module: quantizeSource, memory: this.#memory.memory, name: "encodeInPlace", args };
          },
          { signal },
        );
        this.#kernel.publishChunk(chunk, index + size);
        this.#rowCount += size;
        context.onProgress(this.#rowCount - first, rows.rowCount - first);
      }
    } finally {
      this.#memory.releaseScratch(staging);
      this.#memory.releaseScratch(scratch);
    }
  }

  serialize(): readonly IndexSection[] {
    const codes: Uint8Array[] = [];
    for (const [i, chunk] of this.#chunks.entries()) {
      const rows = Math.min(this.#chunkRows, this.#rowCount - i * this.#chunkRows);
      if (rows <= 0) break;
      const bytes = Math.ceil(rows / 32) * this.#codec.blockBytes;
      codes.push(new Uint8Array(this.#memory.buffer, chunk + chunkHeaderBytes, bytes));
    }
    const rowCount = new Uint8Array(Uint32Array.of(this.#rowCount).buffer);
    return [
      { name: "codec", bytes: writeCompression(this.#saved, this.#dim) },
      { name: "codes", bytes: [rowCount, ...codes] },
    ];
  }

  /** Takes over the codes that `serialize` gave. Returns false where their length makes no sense. */
  restore(section: Uint8Array): boolean {
    if (section.length < 4) return false;
    const rowCount = new DataView(section.buffer, section.byteOffset).getUint32(0, true);
    const { blockBytes } = this.#codec;
    if (section.length !== 4 + Math.ceil(rowCount / 32) * blockBytes) return false;
    let at = 4;
    for (let from = 0; from < rowCount; from += this.#chunkRows) {
      const chunk = this.#chunkFor(from);
      const rows = Math.min(this.#chunkRows, rowCount - from);
      const bytes = Math.ceil(rows / 32) * blockBytes;
      new Uint8Array(this.#memory.buffer, chunk + chunkHeaderBytes, bytes).set(section.subarray(at, at + bytes));
      this.#kernel.publishChunk(chunk, rows);
      at += bytes;
    }
    this.#rowCount = rowCount;
    return true;
  }

  memoryBytes(): number {
    return this.#memory.usedBytes;
  }

  diskBytes(): number {
    return 0;
  }

  release(): void {
    this.#chunks = [];
    this.#rowCount = 0;
  }

  #wanted({ k, mask, maskCount }: IndexSearch, rowCount: number): number {
    const asked = this.parameters["oversample"] ?? 0;
    const wanted = asked > 0 ? k * asked : shortlistFor(k, this.#saved.compression);
    return Math.max(1, Math.min(wanted, rowCount, mask === null ? rowCount : maskCount));
  }

  #scan(query: CodeQuery, firstRow: number): void {
    const chunk = this.#chunks[firstRow / this.#chunkRows] as number;
    this.#kernel.scanChunk(query.state, chunk, 0, this.#chunkRows / 32);
  }

  async #searchInSlices(query: CodeQuery, rowCount: number, { signal }: IndexSearch): Promise<IndexCandidates> {
    const slice = new TimeSlice();
    try {
      for (let first = 0; first < rowCount; first += this.#chunkRows) {
        this.#scan(query, first);
        if (!slice.isDue()) continue;
        await slice.giveWay();
        if (signal?.aborted === true) {
          throw new LynseError("ABORTED", "the call was ended by its AbortSignal", {}, signal.reason);
        }
      }
      return candidatesOf(query);
    } finally {
      query.release();
    }
  }

  /** Address of the chunk of a row, made when it is the next one. */
  #chunkFor(row: number): number {
    const index = Math.floor(row / this.#chunkRows);
    const present = this.#chunks[index];
    if (present !== undefined) return present;
    const chunk = this.#memory.allocate(this.#kernel.chunkBytes(this.#codec.address, this.#chunkRows) >>> 0);
    this.#kernel.addChunk(0, chunk, this.#chunkRows, index * this.#chunkRows);
    this.#chunks.push(chunk);
    return chunk;
  }
}

function candidatesOf(query: CodeQuery): IndexCandidates {
  const { rows, rowsScored } = query.finish();
  return { rows, values: null, rowsScored, plan: "scan" };
}

/** The mean of row-major vectors; null without any. */
function meanOf(sample: Float32Array, dim: number): Float32Array | null {
  const count = sample.length / dim;
  if (count === 0) return null;
  const sums = new Float64Array(dim);
  for (let at = 0; at < sample.length; at += dim) {
    for (let i = 0; i < dim; i++) sums[i]! += sample[at + i] as number;
  }
  return Float32Array.from(sums, (sum) => sum / count);
}

/** Scales row-major vectors to length 1; those of length 0 stay. */
function normalise(vectors: Float32Array, dim: number): void {
  for (let at = 0; at < vectors.length; at += dim) {
    let square = 0;
    for (let i = at; i < at + dim; i++) square += (vectors[i] as number) ** 2;
    const factor = square > 0 ? 1 / Math.sqrt(square) : 0;
    for (let i = at; i < at + dim; i++) vectors[i] = (vectors[i] as number) * factor;
  }
}

/** Indexes `FLAT-…-{SQ8, PQ, RABITQ, POLARVEC}`. */
export const flatQuantizedFamily: IndexFamily = {
  async build(name, parameters, rows, context) {
    const seed = parameters["seed"] ?? 0;
    const { pool, signal } = context;
    const isSampled = name.quantizer === "PQ" || name.quantizer === "RABITQ";
    const sample = isSampled ? await sampleRows(rows, codebookRowsMax, seed, context) : new Float32Array(0);
    if (name.metric === "cos") normalise(sample, rows.dim);
    const compression = await trainCompression(name, rows.dim, sample, { pool, signal, seed });
    const centres = compression.kind === "rabitq" ? meanOf(sample, rows.dim) : null;
    const index = new FlatQuantizedIndex(name, parameters, rows.dim, { compression, centres });
    await index.extend(rows, context);
    return index;
  },

  async load(name, parameters, sections, { dim }) {
    const codec = sections.get("codec");
    const codes = sections.get("codes");
    if (codec === undefined || codes === undefined) return null;
    const saved = readCompression(codec, name, dim);
    if (saved === null || (saved.centres !== null && saved.centres.length !== dim)) return null;
    const index = new FlatQuantizedIndex(name, parameters, dim, saved);
    return index.restore(codes) ? index : null;
  },
};
