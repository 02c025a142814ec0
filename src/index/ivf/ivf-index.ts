/**
 * How are the best rows found by looking at a few clusters?
 *
 * Rows are grouped around centroids (Sivic & Zisserman, *Video Google*, 2003; Jégou, Douze & Schmid, 2011); a search ranks the
 * centroids and looks at the lists of the nearest, and at more of them until enough rows were met. Lists hold float32
 * copies or codes; product codes and RaBitQ stand for what a row differs from its centroid by.
 */
import { KernelMemory } from "../../kernel/kernel-memory.js";
import type { DenseMetric } from "../../types.js";
import type { IndexName } from "../index-name.js";
import { CodeQuery } from "../quantizer/code-query.js";
import { type Codec, type Compression, createCodec } from "../quantizer/codec.js";
import { readCompression, type SavedCompression, writeCompression } from "../quantizer/compression-section.js";
import { codebookRowsMax } from "../quantizer/product-codebook.js";
import { instantiateQuantizeKernel, type QuantizeKernel } from "../quantizer/quantize-kernel.js";
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
import { CentroidTable } from "./centroid-table.js";
import { InvertedLists } from "./inverted-lists.js";
import { assignRows, trainCentroids } from "./k-means.js";
import { ListEncoder } from "./list-encoder.js";

/** Rows a cluster at least, where their number is automatic. */
const rowsPerClusterMin = 8;
/** Matches that a search under a filter meets, in multiples of k, before it stops widening. */
const matchesPerWanted = 64;
/** A matching row of a list, one that does not match, and a centroid, in rows that an exact scan picks out. */
const matchCost = 0.5;
const missCost = 0.08;
const centroidCost = 0.3;
const sectionHeaderBytes = 12;

/** Lists for more than ten rows grow by a power of what they are a multiple of ten by. */
const probesGrowth = 1 / 3;

/** Candidates for `k` rows by default, see docs/internals/ivf.md. */
function shortlistFor(k: number, compression: Compression): number {
  switch (compression.kind) {
    case "float":
      return Math.max(k, 16);
    case "pq":
      // Wider parts tell rows of one cluster apart less well, however many of them are wanted.
      return Math.max(4, compression.codebook.subDim) * (k + 30);
    default:
      return Math.max(2 * k, 16);
  }
}

class IvfIndex implements VectorIndex {
  readonly name: IndexName;
  readonly parameters: IndexParameters;
  readonly storesVectors = false;
  readonly #dim: number;
  readonly #saved: SavedCompression;
  readonly #memory = new KernelMemory();
  readonly #kernel: QuantizeKernel;
  readonly #codec: Codec;
  readonly #lists: InvertedLists;
  readonly #encoder: ListEncoder;
  readonly #centroids: CentroidTable;
  #rowCount = 0;
  #leftOut = 0;

  constructor(name: IndexName, parameters: IndexParameters, dim: number, saved: SavedCompression) {
    const { compression, centres } = saved;
    const memory = this.#memory;
    this.name = name;
    this.parameters = parameters;
    this.#dim = dim;
    this.#saved = saved;
    this.#kernel = instantiateQuantizeKernel(memory.memory);
    const metric = name.metric as DenseMetric;
    const isResidual = compression.kind === "rabitq" || compression.kind === "pq";
    const options = { compression, metric, dim, isNumbered: true, centres: isResidual ? centres : null };
    this.#codec = createCodec(memory, this.#kernel, options);
    this.#centroids = new CentroidTable(memory, this.#kernel, centres!, dim, metric);
    const { count, blocks, halves } = this.#centroids;
    this.#lists = new InvertedLists(memory, this.#kernel, this.#codec, count);
    this.#encoder = new ListEncoder({
      memory,
      kernel: this.#kernel,
      codec: this.#codec,
      lists: this.#lists,
      dim,
      isNormalised: metric === "cos",
      centroids: blocks,
      halves,
    });
  }

  get rowCount(): number {
    return this.#rowCount;
  }

  get leftOut(): number {
    return this.#leftOut;
  }

  expectedVisits(k: number, nprobe: number | null): number {
    const { count } = this.#lists;
    return Math.ceil((this.#rowCount * this.#probes(k, nprobe)) / count) + count;
  }

  filteredVisits(k: number, nprobe: number | null, selectivity: number): number {
    const share = Math.max(selectivity, 1e-9);
    const needed = Math.min(this.#matchesNeeded(k, nprobe), this.#rowCount * share);
    return Math.ceil(matchCost * needed + missCost * (needed / share) + centroidCost * this.#lists.count);
  }

  /**
   * Matches to be met under a filter: more rows than a search without one looks at. Where the filter has to do with where rows
   * lie, the nearest matching ones are in lists far from the query, which are known less well.
   */
  #matchesNeeded(k: number, nprobe: number | null): number {
    return Math.max(k * matchesPerWanted, 2 * (this.expectedVisits(k, nprobe) - this.#lists.count));
  }

  search(request: IndexSearch): IndexCandidates {
    const { k, mask, maskCount } = request;
    const asked = this.parameters["oversample"] ?? 0;
    const wanted = asked > 0 ? k * asked : shortlistFor(k, this.#saved.compression);
    const most = Math.min(this.#rowCount, request.rowCount, mask === null ? this.#rowCount : maskCount);
    const query = new CodeQuery({
      memory: this.#memory,
      kernel: this.#kernel,
      codec: this.#codec,
      dim: this.#dim,
      rowCount: this.#rowCount,
      request,
      wanted: Math.max(1, Math.min(wanted, most)),
      lists: this.#lists.count,
    });
    try {
      const nprobe = this.#probes(k, request.nprobe);
      query.setEffort(nprobe, mask === null ? k : this.#matchesNeeded(k, request.nprobe));
      this.#centroids.search(query, nprobe, this.#lists.directory);
      const { rows, rowsScored } = query.finish();
      return { rows, values: null, rowsScored: rowsScored + this.#lists.count, plan: "probe" };
    } finally {
      query.release();
    }
  }

  /** Builds the lists of an empty index: rows are assigned first, so that each list is one chunk. */
  async fill(rows: IndexRows, metric: DenseMetric, context: BuildContext): Promise<void> {
    const clusters = new Uint32Array(rows.rowCount);
    const sizes = new Uint32Array(this.#lists.count);
    const { dead } = context;
    const total = 2 * rows.rowCount;
    await assignRows(rows, this.#saved.centres!, metric, { nearest: 1 }, context, (assignment) => {
      clusters.set(assignment.clusters, assignment.firstRow);
      for (let i = 0; i < assignment.rowCount; i++) {
        const row = assignment.firstRow + i;
        if (dead !== null && (((dead[row >>> 5] ?? 0) >>> (row & 31)) & 1) === 1) continue;
        sizes[assignment.clusters[i] as number]!++;
      }
      context.onProgress(assignment.firstRow + assignment.rowCount, total);
    });
    for (let list = 0; list < sizes.length; list++) this.#lists.reserve(list, sizes[list] as number);
    await this.#encoder.append(rows, 0, context, clusters, (end, leftOut) => {
      this.#rowCount = end;
      this.#leftOut += leftOut;
      context.onProgress(rows.rowCount + end, total);
    });
  }

  async extend(rows: IndexRows, context: BuildContext): Promise<void> {
    const first = this.#rowCount;
    await this.#encoder.append(rows, first, context, null, (end, leftOut) => {
      this.#rowCount = end;
      this.#leftOut += leftOut;
      context.onProgress(end - first, rows.rowCount - first);
    });
  }

  serialize(): readonly IndexSection[] {
    const header = Uint32Array.of(this.#rowCount, this.#leftOut, this.#lists.count);
    return [
      { name: "codec", bytes: writeCompression(this.#saved, this.#dim) },
      { name: "lists", bytes: [new Uint8Array(header.buffer), ...this.#lists.pieces()] },
    ];
  }

  /** Takes over the lists that `serialize` gave. Returns false where they make no sense. */
  restore(section: Uint8Array): boolean {
    if (section.length < sectionHeaderBytes) return false;
    const view = new DataView(section.buffer, section.byteOffset, section.byteLength);
    const rowCount = view.getUint32(0, true);
    const leftOut = view.getUint32(4, true);
    if (view.getUint32(8, true) !== this.#lists.count) return false;
    if (this.#lists.restore(section, sectionHeaderBytes, rowCount) !== rowCount - leftOut) return false;
    this.#rowCount = rowCount;
    this.#leftOut = leftOut;
    return true;
  }

  memoryBytes(): number {
    return this.#memory.usedBytes;
  }

  diskBytes(): number {
    return 0;
  }

  release(): void {
    this.#rowCount = 0;
  }

  /** Lists that a search looks at. */
  #probes(k: number, nprobe: number | null): number {
    const { count } = this.#lists;
    const asked = nprobe ?? this.parameters["nprobe"] ?? 0;
    return Math.min(count, asked > 0 ? asked : defaultProbes(count, k));
  }
}

/** Lists that reach a recall of 0.95, see docs/internals/ivf.md. */
function defaultProbes(lists: number, k: number): number {
  return Math.ceil(Math.sqrt(lists) * Math.max(1, k / 10) ** probesGrowth);
}

/** Clusters for so many rows. Where looking at a row costs next to nothing, half as many are faster. */
function defaultClusters(rows: number, { quantizer }: IndexName): number {
  const factor = quantizer === "RABITQ" ? 2 : 4;
  return Math.max(1, Math.min(Math.round(factor * Math.sqrt(rows)), Math.floor(rows / rowsPerClusterMin)));
}

/** Vectors that the compression of lists is trained on: what rows of a sample differ from their centroids by. */
async function sampleResiduals(
  rows: IndexRows,
  centres: Float32Array,
  metric: DenseMetric,
  seed: number,
  context: BuildContext,
): Promise<Float32Array> {
  const { dim } = rows;
  const sample = await sampleRows(rows, codebookRowsMax, seed, context);
  const sampled: IndexRows = {
    dim,
    rowCount: sample.length / dim,
    read: (from, to, target) => target.set(sample.subarray(from * dim, to * dim)),
  };
  const residuals = new Float32Array(sample.length);
  await assignRows(sampled, centres, metric, { nearest: 1 }, context, ({ firstRow, rowCount, vectors, clusters }) => {
    for (let row = 0; row < rowCount; row++) {
      const centre = (clusters[row] as number) * dim;
      const target = (firstRow + row) * dim;
      for (let i = 0; i < dim; i++) {
        residuals[target + i] = (vectors[row * dim + i] as number) - (centres[centre + i] as number);
      }
    }
  });
  return residuals;
}

/** Indexes `IVF-…[-SQ8 | -PQ | -RABITQ]`. */
export const ivfFamily: IndexFamily = {
  async build(name, parameters, rows, context) {
    const metric = name.metric as DenseMetric;
    const seed = parameters["seed"] ?? 0;
    const asked = parameters["nClusters"] ?? 0;
    const centres = await trainCentroids(
      rows,
      asked > 0 ? Math.min(asked, rows.rowCount) : defaultClusters(rows.rowCount, name),
      metric,
      seed,
      context,
    );
    const residuals =
      name.quantizer === "PQ" ? await sampleResiduals(rows, centres, metric, seed, context) : new Float32Array(0);
    const { pool, signal } = context;
    const compression = await trainCompression(name, rows.dim, residuals, { pool, signal, seed });
    const index = new IvfIndex(name, parameters, rows.dim, { compression, centres });
    await index.fill(rows, metric, context);
    return index;
  },

  async load(name, parameters, sections, { dim }) {
    const codec = sections.get("codec");
    const lists = sections.get("lists");
    if (codec === undefined || lists === undefined) return null;
    const saved = readCompression(codec, name, dim);
    if (saved === null || saved.centres === null) return null;
    const index = new IvfIndex(name, parameters, dim, saved);
    return index.restore(lists) ? index : null;
  },
};
