/**
 * Which clusters do packed rows fall into?
 *
 * k-means on bits (`kernel/assembly/metrics/majority.ts`): centroids begin as rows of a sample drawn at random, and
 * move a fixed number of times. Long loops run on the pool; the result does not depend on how many threads it has,
 * because a row's label and a centroid's bits depend on nothing that another task writes.
 */
import type { KernelMemory } from "../../kernel/kernel-memory.js";
import type { KernelPool } from "../../kernel/kernel-pool.js";
import { metricNumbers } from "../metric/metric-kernel.js";
import { type PackedKernel, packedModule } from "./packed-kernel.js";

/** Rows of the sample for each cluster, and the times that centroids move. */
const sampledPerCluster = 32;
const moves = 6;
/** Bytes of centroids that one task compares rows with, and bits that one counts: a few milliseconds each. */
const taskBytes = 64 * 1024 * 1024;
const taskBits = 4 * 1024 * 1024;

/** Packed rows or centroids in a memory. */
export interface PackedPlace {
  readonly address: number;
  /** Address of the numbers of set bits, u16 each. */
  readonly counts: number;
  readonly count: number;
}

export interface ClusterWork {
  readonly metric: "hamming" | "jaccard";
  readonly memory: KernelMemory;
  readonly kernel: PackedKernel;
  readonly stride: number;
  readonly pool: KernelPool;
  readonly signal: AbortSignal | undefined;
}

/** Number of clusters for `rowCount` rows: 4·√n, but few enough that sixteen rows fall into each. */
export function clustersFor(rowCount: number): number {
  return Math.max(1, Math.round(Math.min(4 * Math.sqrt(rowCount), rowCount / 16)));
}

/** Writes at `labels`, u32, the number of the nearest of `centroids` for each of `rows`. All in the work's memory. */
export async function assignRows(
  work: ClusterWork,
  rows: PackedPlace,
  centroids: PackedPlace,
  labels: number,
  onAssigned: (rows: number) => void = () => {},
): Promise<void> {
  const { stride, pool, signal, memory } = work;
  const rowsPerTask = Math.max(1, Math.ceil(taskBytes / (stride * centroids.count)));
  const metric = metricNumbers[work.metric];
  let next = 0;
  let done = 0;
  await pool.run(
    () => {
      if (next >= rows.count) return null;
      const from = next;
      const count = Math.min(rowsPerTask, rows.count - from);
      next += count;
      const args = [metric, rows.address + from * stride, rows.counts + from * 2, stride, count];
      args.push(centroids.address, centroids.counts, centroids.count, labels + from * 4);
      return { module: packedModule, memory: memory.memory, name: "assignPacked", args };
    },
    {
      signal,
      onResult: () => {
        done = Math.min(rows.count, done + rowsPerTask);
        onAssigned(done);
      },
    },
  );
}

/** A generator of pseudo-random whole numbers below a bound: Marsaglia's xorshift32 (2003). */
function randomFrom(seed: number): (below: number) => number {
  let state = (Math.imul(seed, 0x9e37_79b1) ^ 0x85eb_ca6b) >>> 0 || 1;
  return (below) => {
    state ^= state << 13;
    state ^= state >>> 17;
    state ^= state << 5;
    state >>>= 0;
    return Math.floor((state / 2 ** 32) * below);
  };
}

/** Draws `count` of the numbers below `below`, ascending, each set of them as likely as any other. */
function drawDistinct(count: number, below: number, random: (below: number) => number): Uint32Array {
  const drawn = new Set<number>();
  for (let top = below - count; top < below; top++) {
    const number = random(top + 1);
    drawn.add(drawn.has(number) ? top : number);
  }
  return Uint32Array.from(drawn).sort();
}

/** Copies packed rows; `from` gives the number of each. */
function gather(work: ClusterWork, source: number, from: Uint32Array, target: number): void {
  const { memory, stride } = work;
  const bytes = new Uint8Array(memory.buffer);
  for (let i = 0; i < from.length; i++) {
    const start = source + from[i]! * stride;
    bytes.copyWithin(target + i * stride, start, start + stride);
  }
}

/** Rows in the order of their clusters: those of cluster c stand from `starts[c]` to `starts[c + 1]`. */
function groupByLabel(labels: Uint32Array, clusters: number): { members: Uint32Array; starts: Uint32Array } {
  const starts = new Uint32Array(clusters + 1);
  for (const label of labels) if (label < clusters) starts[label + 1]!++;
  for (let c = 0; c < clusters; c++) starts[c + 1]! += starts[c]!;
  const places = starts.slice();
  const members = new Uint32Array(starts[clusters]!);
  for (let i = 0; i < labels.length; i++) {
    const label = labels[i]!;
    if (label < clusters) members[places[label]!++] = i;
  }
  return { members, starts };
}

/** Moves every centroid to its members. */
async function moveAll(
  work: ClusterWork,
  sample: PackedPlace,
  members: number,
  starts: number,
  centroids: PackedPlace,
  counters: readonly number[],
): Promise<void> {
  const { stride, pool, signal, memory } = work;
  const perCluster = (sample.count / centroids.count + 8) * stride * 8;
  const clustersPerTask = Math.max(1, Math.floor(taskBits / perCluster));
  let next = 0;
  await pool.run(
    (slot) => {
      if (next >= centroids.count) return null;
      const from = next;
      next = Math.min(centroids.count, from + clustersPerTask);
      const args = [metricNumbers[work.metric], sample.address, stride, members, starts, from, next];
      args.push(centroids.address, counters[slot]!);
      return { module: packedModule, memory: memory.memory, name: "moveCentroids", args };
    },
    { signal },
  );
}

/**
 * Finds `clusters` centroids for the rows whose numbers are `live`, and writes them to the place `centroids`, which has
 * room for them. Everything is in the work's memory, where scratch is left behind.
 */
export async function trainCentroids(
  work: ClusterWork,
  rows: PackedPlace,
  live: Uint32Array,
  centroids: PackedPlace,
  seed: number,
): Promise<void> {
  const { memory, kernel, stride, pool } = work;
  const clusters = centroids.count;
  const random = randomFrom(seed);
  const size = Math.min(live.length, clusters * sampledPerCluster);
  const drawn = drawDistinct(size, live.length, random).map((at) => live[at]!);
  const address = memory.allocate(size * stride);
  const sample = { address, counts: memory.allocate(size * 2), count: size };
  const labels = memory.allocate(size * 4);
  const members = memory.allocate(size * 4);
  const starts = memory.allocate((clusters + 1) * 4);
  const counters = Array.from({ length: pool.threads }, () => memory.allocate(stride * 32));
  gather(work, rows.address, drawn, address);
  kernel.countRows(address, stride, size, sample.counts);
  gather(work, address, drawDistinct(clusters, size, random), centroids.address);
  for (let move = 0; move < moves; move++) {
    kernel.countRows(centroids.address, stride, clusters, centroids.counts);
    await assignRows(work, sample, centroids, labels);
    const groups = groupByLabel(new Uint32Array(memory.buffer, labels, size).slice(), clusters);
    new Uint32Array(memory.buffer, members, size).set(groups.members);
    new Uint32Array(memory.buffer, starts, clusters + 1).set(groups.starts);
    await moveAll(work, sample, members, starts, centroids, counters);
    for (let c = 0; c < clusters; c++) {
      // A cluster that lost its rows starts anew from one of them.
      if (groups.starts[c] !== groups.starts[c + 1]) continue;
      gather(work, address, Uint32Array.of(random(size)), centroids.address + c * stride);
    }
  }
  kernel.countRows(centroids.address, stride, clusters, centroids.counts);
}
