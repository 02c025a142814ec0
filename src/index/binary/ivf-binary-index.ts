/**
 * How are sets of bits searched without looking at all of them?
 *
 * Rows lie packed in the lists of clusters; a search looks at the lists of the clusters whose centroids are nearest
 * to the query, at more of them under a filter, and at as many as it takes where fewer than k rows came back. Values
 * are exact. Rows that were dead when they came are left out.
 */
import { LynseError } from "../../errors.js";
import { KernelMemory } from "../../kernel/kernel-memory.js";
import { TimeSlice } from "../../time-slice.js";
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
import { packRows } from "./pack-rows.js";
import { assignRows, type ClusterWork, clustersFor, type PackedPlace, trainCentroids } from "./packed-clusters.js";
import {
  beginPackedQuery,
  endPackedQuery,
  instantiatePackedKernel,
  type PackedKernel,
  placeMask,
} from "./packed-kernel.js";
import { PackedList } from "./packed-list.js";

const version = 1;
/** Rows that an extension packs, assigns and places together. */
const batchRows = 32_768;
/** Label of a row that stands in no list. */
const noCluster = 0xffff_ffff;
/** Share of the clusters that a search looks at by itself, and the least number of them. */
const probeShare = 0.06;
const probesMin = 8;
/** Times more clusters that a filter makes it look at, and the share of matching rows below which it looks at all. */
const filterWidening = 2;
const narrowShare = 0.5;
/** A packed row, in rows that an exact scan picks out of the float ones. */
const packedCost = 0.15;

type IvfMetric = "hamming" | "jaccard";

/** Packed rows in a memory, with their labels. */
interface PackedBatch {
  readonly memory: KernelMemory;
  readonly rows: PackedPlace;
  readonly labels: Uint32Array;
  /** Number of the first row. */
  readonly first: number;
}

class IvfBinaryIndex implements VectorIndex {
  readonly name: IndexName;
  readonly parameters: IndexParameters;
  readonly storesVectors = false;
  readonly #dim: number;
  readonly #metric: IvfMetric;
  readonly #memory = new KernelMemory();
  readonly #kernel: PackedKernel;
  readonly #stride: number;
  #centroids: PackedPlace = { address: 0, counts: 0, count: 0 };
  #lists: PackedList[] = [];
  #rowCount = 0;
  #leftOut = 0;

  constructor(name: IndexName, parameters: IndexParameters, dim: number) {
    this.name = name;
    this.parameters = parameters;
    this.#dim = dim;
    this.#metric = name.metric as IvfMetric;
    this.#kernel = instantiatePackedKernel(this.#memory.memory);
    this.#stride = this.#kernel.packedStride(dim);
  }

  get rowCount(): number {
    return this.#rowCount;
  }

  get leftOut(): number {
    return this.#leftOut;
  }

  expectedVisits(_k: number, nprobe: number | null): number {
    const clusters = this.#centroids.count;
    if (clusters === 0) return this.#rowCount;
    const listed = this.#rowCount - this.#leftOut;
    return Math.min(this.#rowCount, Math.ceil(clusters + (this.#probes(nprobe) / clusters) * listed));
  }

  filteredVisits(k: number, nprobe: number | null, selectivity: number): number {
    const rows =
      selectivity < narrowShare ? this.#rowCount * selectivity : this.expectedVisits(k, nprobe) * filterWidening;
    return Math.ceil(packedCost * Math.min(this.#rowCount, rows));
  }

  search(request: IndexSearch): IndexCandidates {
    const { query, mask, maskCount } = request;
    const memory = this.#memory;
    const rowCount = Math.min(this.#rowCount, request.rowCount);
    const k = Math.max(1, Math.min(request.k, this.#rowCount));
    const state = beginPackedQuery(memory, this.#kernel, this.#metric, query, k);
    const placed = placeMask(memory, mask, rowCount);
    const maskAddress = placed?.address ?? 0;
    const share = mask === null ? 1 : Math.max(1, maskCount) / Math.max(1, request.rowCount);
    const clusters = this.#centroids.count;
    // Skipping rows costs so little that under a narrow filter all lists are quicker than choosing among them, and certain.
    const probes = share < narrowShare ? clusters : this.#probes(request.nprobe) * (mask === null ? 1 : filterWidening);
    let wanted = Math.min(clusters, probes);
    let nearest = this.#nearestClusters(query, wanted);
    for (let probed = 0; probed < wanted; probed++) {
      this.#probe(state.address, nearest[probed]!, maskAddress, rowCount);
      const isShort = probed + 1 === wanted && this.#kernel.resultCount(state.address) < Math.min(k, maskCount);
      if (!isShort || wanted === clusters) continue;
      if (nearest.length < clusters) nearest = this.#nearestClusters(query, clusters);
      wanted++;
    }
    if (placed !== null) memory.releaseScratch(placed);
    return { ...endPackedQuery(memory, this.#kernel, state), plan: "probe" };
  }

  /** Makes centroids and lists for `rows`, at first. */
  async build(rows: IndexRows, context: BuildContext): Promise<void> {
    const { rowCount } = rows;
    const live = liveRows(rowCount, context.dead);
    if (live.length === 0) {
      throw new LynseError("INDEX_EMPTY", `index ${this.name.name} needs rows; add some before it is built`);
    }
    // Everything but the lists is made in a memory of its own, which goes when the build is done.
    const memory = new KernelMemory();
    const kernel = instantiatePackedKernel(memory.memory);
    const work = this.#workIn(memory, kernel, context);
    const progress = (share: number) => context.onProgress(Math.floor(share * rowCount), rowCount);
    const packed = await this.#pack(work, rows, 0, rowCount, (done) => progress((0.2 * done) / rowCount));
    const clusters = Math.min(live.length, this.parameters["nClusters"] || clustersFor(live.length));
    const centroids = placeFor(memory, this.#stride, clusters);
    await trainCentroids(work, packed, live, centroids, this.parameters["seed"] ?? 42);
    const labels = memory.allocate(rowCount * 4);
    await assignRows(work, packed, centroids, labels, (done) => progress(0.5 + (0.4 * done) / rowCount));
    this.#keepCentroids(memory, centroids);
    const batch = { memory, rows: packed, labels: labelsOf(memory, labels, rowCount, context.dead, 0), first: 0 };
    await this.#place(batch, true);
    this.#publish(rowCount, rowCount - live.length);
    progress(1);
  }

  async extend(rows: IndexRows, context: BuildContext): Promise<void> {
    const from = this.#rowCount;
    const total = rows.rowCount - from;
    if (total <= 0) return;
    const memory = this.#memory;
    const work = this.#workIn(memory, this.#kernel, context);
    let leftOut = 0;
    try {
      for (let row = from; row < rows.rowCount; ) {
        const count = Math.min(batchRows, rows.rowCount - row);
        const scratch = memory.acquireScratch(count * (this.#stride + 8));
        try {
          const labels = scratch.address + count * this.#stride;
          const place = { address: scratch.address, counts: labels + count * 4, count };
          await this.#packTo(work, rows, row, place, () => {});
          await assignRows(work, place, this.#centroids, labels);
          const batch = { memory, rows: place, labels: labelsOf(memory, labels, count, context.dead, row), first: row };
          leftOut += batch.labels.reduce((sum, label) => sum + (label === noCluster ? 1 : 0), 0);
          await this.#place(batch, false);
        } finally {
          memory.releaseScratch(scratch);
        }
        row += count;
        context.onProgress(row - from, total);
      }
    } catch (error) {
      for (const list of this.#lists) list.discard();
      throw error;
    }
    this.#publish(rows.rowCount, this.#leftOut + leftOut);
  }

  serialize(): readonly IndexSection[] {
    const { buffer } = this.#memory;
    const bits: Uint8Array[] = [];
    const ids: Uint8Array[] = [];
    for (const list of this.#lists) {
      for (const piece of list.pieces) {
        if (piece.count === 0) continue;
        bits.push(new Uint8Array(buffer, piece.rows, piece.count * this.#stride));
        ids.push(new Uint8Array(buffer, piece.ids, piece.count * 4));
      }
    }
    const { address, count } = this.#centroids;
    const header = Uint32Array.of(version, this.#dim, this.#rowCount, this.#leftOut, count);
    const sizes = Uint32Array.from(this.#lists, (list) => list.count);
    return [
      { name: "header", bytes: new Uint8Array(header.buffer) },
      { name: "centroids", bytes: new Uint8Array(buffer, address, count * this.#stride) },
      { name: "sizes", bytes: new Uint8Array(sizes.buffer) },
      { name: "ids", bytes: ids },
      { name: "bits", bytes: bits },
    ];
  }

  /** Takes over what `serialize` kept; false where it makes no sense. */
  load(sections: ReadonlyMap<string, Uint8Array>): boolean {
    const stride = this.#stride;
    const bits = sections.get("bits");
    const centroids = sections.get("centroids");
    const header = wordsOf(sections.get("header"));
    const sizes = wordsOf(sections.get("sizes"));
    const ids = wordsOf(sections.get("ids"));
    if (header?.length !== 5 || sizes === null || ids === null || bits === undefined || centroids === undefined) {
      return false;
    }
    const [found, dim, rowCount, leftOut, clusters] = header as unknown as [number, number, number, number, number];
    if (found !== version || dim !== this.#dim || clusters === 0 || sizes.length !== clusters) return false;
    const isWhole = ids.length + leftOut === rowCount && bits.length === ids.length * stride;
    if (!isWhole || centroids.length !== clusters * stride || !isPartition(ids, sizes, rowCount)) return false;
    this.#centroids = placeFor(this.#memory, stride, clusters);
    new Uint8Array(this.#memory.buffer, this.#centroids.address, centroids.length).set(centroids);
    this.#kernel.countRows(this.#centroids.address, stride, clusters, this.#centroids.counts);
    this.#lists = Array.from({ length: clusters }, () => new PackedList());
    let at = 0;
    for (let c = 0; c < clusters; c++) {
      this.#loadList(this.#lists[c]!, ids.subarray(at, at + sizes[c]!), bits.subarray(at * stride));
      at += sizes[c]!;
    }
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
    this.#lists = [];
    this.#centroids = { address: 0, counts: 0, count: 0 };
    this.#rowCount = 0;
  }

  #probes(nprobe: number | null): number {
    const clusters = this.#centroids.count;
    const given = nprobe || this.parameters["nprobe"] || 0;
    return Math.min(clusters, given > 0 ? given : Math.max(probesMin, Math.ceil(clusters * probeShare)));
  }

  /** The clusters whose centroids are nearest, nearest first. */
  #nearestClusters(query: Float32Array, count: number): Uint32Array {
    const { address, counts, count: clusters } = this.#centroids;
    if (count === 0) return new Uint32Array(0);
    const state = beginPackedQuery(this.#memory, this.#kernel, this.#metric, query, count);
    this.#kernel.scanPackedRows(state.address, address, counts, this.#stride, 0, clusters, 0);
    return endPackedQuery(this.#memory, this.#kernel, state).rows;
  }

  #probe(state: number, cluster: number, mask: number, end: number): void {
    for (const { rows, counts, ids, count } of this.#lists[cluster]!.pieces) {
      if (count > 0) this.#kernel.scanPackedList(state, rows, counts, this.#stride, ids, count, mask, end);
    }
  }

  #workIn(memory: KernelMemory, kernel: PackedKernel, context: BuildContext): ClusterWork {
    const { pool, signal } = context;
    return { metric: this.#metric, memory, kernel, stride: this.#stride, pool, signal };
  }

  async #pack(
    work: ClusterWork,
    rows: IndexRows,
    from: number,
    count: number,
    onPacked: (rows: number) => void,
  ): Promise<PackedPlace> {
    const place = placeFor(work.memory, this.#stride, count);
    await this.#packTo(work, rows, from, place, onPacked);
    return place;
  }

  async #packTo(
    work: ClusterWork,
    rows: IndexRows,
    from: number,
    place: PackedPlace,
    onPacked: (rows: number) => void,
  ): Promise<void> {
    const end = from + place.count;
    await packRows({
      memory: work.memory,
      kernel: work.kernel,
      rows: { dim: rows.dim, rowCount: end, read: (start, stop, target) => rows.read(start, stop, target) },
      from,
      placeOf: (row) => ({ address: place.address + (row - from) * this.#stride, room: end - row }),
      onPacked: (row) => onPacked(row - from),
      signal: work.signal,
    });
    work.kernel.countRows(place.address, this.#stride, place.count, place.counts);
  }

  #keepCentroids(memory: KernelMemory, centroids: PackedPlace): void {
    const place = placeFor(this.#memory, this.#stride, centroids.count);
    const bytes = centroids.count * this.#stride;
    const source = new Uint8Array(memory.buffer, centroids.address, bytes);
    new Uint8Array(this.#memory.buffer, place.address, bytes).set(source);
    this.#kernel.countRows(place.address, this.#stride, place.count, place.counts);
    this.#centroids = place;
    this.#lists = Array.from({ length: centroids.count }, () => new PackedList());
  }

  /** Copies rows to their lists, where they do not count yet. */
  async #place(batch: PackedBatch, isExact: boolean): Promise<void> {
    const { labels, first, memory } = batch;
    const stride = this.#stride;
    const sizes = new Uint32Array(this.#lists.length);
    for (const label of labels) if (label !== noCluster) sizes[label]!++;
    sizes.forEach((size, c) => {
      if (size > 0) this.#lists[c]!.reserve(this.#memory, stride, size, isExact);
    });
    const source = new Uint32Array(memory.buffer);
    const sourceCounts = new Uint16Array(memory.buffer);
    const target = new Uint32Array(this.#memory.buffer);
    const targetCounts = new Uint16Array(this.#memory.buffer);
    const words = stride / 4;
    const slice = new TimeSlice();
    for (let i = 0; i < labels.length; i++) {
      const label = labels[i]!;
      if (label === noCluster) continue;
      const { piece, index } = this.#lists[label]!.nextPlace();
      const from = (batch.rows.address >>> 2) + i * words;
      const to = (piece.rows >>> 2) + index * words;
      for (let word = 0; word < words; word++) target[to + word] = source[from + word]!;
      target[(piece.ids >>> 2) + index] = first + i;
      targetCounts[(piece.counts >>> 1) + index] = sourceCounts[(batch.rows.counts >>> 1) + i]!;
      if ((i & 1023) === 0 && slice.isDue()) await slice.giveWay();
    }
  }

  #loadList(list: PackedList, ids: Uint32Array, bits: Uint8Array): void {
    if (ids.length === 0) return;
    list.reserve(this.#memory, this.#stride, ids.length, true);
    const { piece } = list.nextPlace();
    for (let i = 1; i < ids.length; i++) list.nextPlace();
    new Uint8Array(this.#memory.buffer, piece.rows, ids.length * this.#stride).set(
      bits.subarray(0, ids.length * this.#stride),
    );
    new Uint32Array(this.#memory.buffer, piece.ids, ids.length).set(ids);
    this.#kernel.countRows(piece.rows, this.#stride, ids.length, piece.counts);
    list.publish();
  }

  #publish(rowCount: number, leftOut: number): void {
    for (const list of this.#lists) list.publish();
    this.#rowCount = rowCount;
    this.#leftOut = leftOut;
  }
}

/** Room for `count` packed rows and their counts. */
function placeFor(memory: KernelMemory, stride: number, count: number): PackedPlace {
  return { address: memory.allocate(count * stride), counts: memory.allocate(count * 2), count };
}

function isDead(dead: Uint32Array | null, row: number): boolean {
  return dead !== null && (((dead[row >>> 5] ?? 0) >>> (row & 31)) & 1) === 1;
}

/** Numbers of the rows that are not dead. */
function liveRows(rowCount: number, dead: Uint32Array | null): Uint32Array {
  const live = new Uint32Array(rowCount);
  let count = 0;
  for (let row = 0; row < rowCount; row++) if (!isDead(dead, row)) live[count++] = row;
  return live.subarray(0, count);
}

/** A copy of the labels, dead rows in no cluster. */
function labelsOf(
  memory: KernelMemory,
  address: number,
  count: number,
  dead: Uint32Array | null,
  first: number,
): Uint32Array {
  const labels = new Uint32Array(memory.buffer, address, count).slice();
  for (let i = 0; dead !== null && i < count; i++) if (isDead(dead, first + i)) labels[i] = noCluster;
  return labels;
}

/** Bytes as little-endian words; null where they are none. */
function wordsOf(bytes: Uint8Array | undefined): Uint32Array | null {
  if (bytes === undefined || bytes.length % 4 !== 0) return null;
  return new Uint32Array(bytes.slice().buffer, 0, bytes.length / 4);
}

/** True where the sizes add up to the ids, which are distinct rows. */
function isPartition(ids: Uint32Array, sizes: Uint32Array, rowCount: number): boolean {
  if (sizes.reduce((sum, size) => sum + size, 0) !== ids.length) return false;
  const seen = new Uint8Array(Math.ceil(rowCount / 8));
  for (const row of ids) {
    const bit = 1 << (row & 7);
    if (row >= rowCount || (seen[row >>> 3]! & bit) !== 0) return false;
    seen[row >>> 3]! |= bit;
  }
  return true;
}

/** IVF-{HAMMING,JACCARD}: clusters of packed bits. */
export const ivfBinaryFamily: IndexFamily = {
  async build(name, parameters, rows, context) {
    const index = new IvfBinaryIndex(name, parameters, rows.dim);
    await index.build(rows, context);
    return index;
  },
  async load(name, parameters, sections, { dim }) {
    const index = new IvfBinaryIndex(name, parameters, dim);
    return index.load(sections) ? index : null;
  },
};
