/**
 * Which `count` centroids stand best for many vectors?
 *
 * Lloyd's algorithm (*Least squares quantization in PCM*, 1982) from a k-means++ start (Arthur & Vassilvitskii, 2007), the
 * start drawn in rounds of several centroids as in k-means|| (Bahmani et al., 2012). Between rounds a centroid that
 * almost nothing belongs to moves into a cluster that far too much belongs to. Every sum is made in one order, so the
 * same seed gives the same centroids on any number of threads.
 */
import { LynseError } from "../../errors.js";
import { KernelMemory } from "../../kernel/kernel-memory.js";
import type { KernelPool, KernelTask } from "../../kernel/kernel-pool.js";
import { SeededRandom } from "../../storage/seeded-random.js";
import { instantiateQuantizeKernel, type QuantizeKernel, quantizeSource } from "./quantize-kernel.js";

export interface LloydOptions {
  readonly pool: KernelPool;
  readonly signal: AbortSignal | undefined;
  readonly seed: number;
  /** Rounds at most. Default 12. */
  readonly iterations?: number;
  /** Scales the vectors to length 1 first. Default false. */
  readonly isNormalised?: boolean;
}

/** Vectors a centroid that the start is drawn from. */
const startVectorsPerCentroid = 16;
/** Centroids drawn in one round of the start, at most. */
const startTogether = 32;
/** Multiplications of one task: a few milliseconds. */
const taskProducts = 1 << 25;
/** Times the mean size that a cluster may have before it is divided, and the share of it that one needs to stay. */
const largeFactor = 4;
const smallShare = 1 / 16;
/** A round that lowers the error by less than this share is the last. */
const gainMin = 5e-4;

/** One run of the algorithm: places in a memory of its own, and what is known of the clusters. */
class LloydRun {
  readonly dim: number;
  readonly vectorCount: number;
  readonly count: number;
  readonly options: LloydOptions;
  readonly #memory: KernelMemory;
  readonly #kernel: QuantizeKernel;
  readonly #random: SeededRandom;
  readonly #vectors: number;
  readonly #blocks: number;
  readonly #halves: number;
  readonly #clusters: number;
  readonly #distances: number;
  readonly #sums: number;
  readonly #counts: number;
  readonly #scratch: number;
  readonly #scratchBytes: number;
  readonly #padded: number;

  constructor(vectors: Float32Array, dim: number, vectorCount: number, count: number, options: LloydOptions) {
    this.dim = dim;
    this.vectorCount = vectorCount;
    this.count = count;
    this.options = options;
    const { threads } = options.pool;
    this.#padded = Math.ceil(count / 32) * 32;
    this.#scratchBytes = this.#padded * 16 + 64;
    const bytes = [
      vectorCount * dim * 4,
      this.#padded * dim * 4,
      this.#padded * 4,
      vectorCount * 4,
      vectorCount * 4,
      count * dim * 4,
      count * 4,
      threads * this.#scratchBytes,
    ];
    this.#memory = new KernelMemory(bytes.reduce((sum, each) => sum + each + 64, 65_536));
    const places = bytes.map((each) => this.#memory.allocate(each));
    this.#vectors = places[0]!;
    this.#blocks = places[1]!;
    this.#halves = places[2]!;
    this.#clusters = places[3]!;
    this.#distances = places[4]!;
    this.#sums = places[5]!;
    this.#counts = places[6]!;
    this.#scratch = places[7]!;
    this.#kernel = instantiateQuantizeKernel(this.#memory.memory);
    this.#random = new SeededRandom(options.seed);
    this.#floats(this.#vectors, vectorCount * dim).set(vectors);
    if (options.isNormalised === true) this.#kernel.normaliseRows(this.#vectors, vectorCount, dim);
  }

  async run(): Promise<Float32Array> {
    const { iterations = 12 } = this.options;
    let centroids = await this.#start();
    let before = Number.POSITIVE_INFINITY;
    for (let round = 0; round < iterations; round++) {
      this.#place(centroids, this.count);
      await this.#assign();
      let error = 0;
      for (const distance of this.#floats(this.#distances, this.vectorCount)) error += distance;
      centroids = await this.#means(centroids);
      // The last rounds leave the centroids where they are best for what belongs to them.
      const isMended = round + 2 < iterations && this.#mend(centroids);
      if (!isMended && !(error < before * (1 - gainMin))) break;
      before = error;
    }
    return centroids;
  }

  /** Centroids drawn by their distance to those drawn before. */
  async #start(): Promise<Float32Array> {
    const { dim, count, vectorCount } = this;
    const vectors = this.#floats(this.#vectors, vectorCount * dim);
    const centroids = new Float32Array(count * dim);
    // Every stride-th vector stands for all; the place of each in memory follows from it.
    const stride = Math.max(1, Math.floor(vectorCount / (startVectorsPerCentroid * count)));
    const chosenFrom = Math.floor(vectorCount / stride);
    const distances = this.#floats(this.#distances, vectorCount).fill(Number.POSITIVE_INFINITY);
    let drawn = 0;
    while (drawn < count) {
      const together = Math.min(count - drawn, startTogether, Math.max(1, drawn >>> 1));
      const picks = this.#draw(distances, stride, chosenFrom, together);
      for (const [i, pick] of picks.entries()) {
        centroids.set(vectors.subarray(pick * dim, (pick + 1) * dim), (drawn + i) * dim);
      }
      this.#place(centroids.subarray(drawn * dim, (drawn + together) * dim), together);
      await this.#lower(stride, chosenFrom);
      drawn += together;
    }
    return centroids;
  }

  /** Vectors drawn with a probability that grows with their squared distance to what was drawn before. */
  #draw(distances: Float32Array, stride: number, chosenFrom: number, together: number): number[] {
    let total = 0;
    for (let i = 0; i < chosenFrom; i++) total += distances[i * stride] as number;
    const picks: number[] = [];
    if (!(total > 0) || !Number.isFinite(total)) {
      for (let i = 0; i < together; i++) picks.push(this.#random.below(chosenFrom) * stride);
      return picks;
    }
    const marks: number[] = [];
    for (let i = 0; i < together; i++) marks.push(((this.#random.below(2 ** 30) + 0.5) / 2 ** 30) * total);
    marks.sort((a, b) => a - b);
    let sum = 0;
    for (let i = 0; i < chosenFrom && picks.length < together; i++) {
      sum += distances[i * stride] as number;
      if ((marks[picks.length] as number) > sum) continue;
      picks.push(i * stride);
      // One vector is drawn once a round.
      while (picks.length < together && (marks[picks.length] as number) <= sum) marks[picks.length] = sum * (1 + 1e-12);
    }
    while (picks.length < together) picks.push(this.#random.below(chosenFrom) * stride);
    return picks;
  }

  /** Puts centroids where the kernel compares with them. */
  #place(centroids: Float32Array, count: number): void {
    this.#floats(this.#sums, count * this.dim).set(centroids.subarray(0, count * this.dim));
    this.#kernel.packVectors(this.#sums, count, this.dim, this.#blocks);
    this.#kernel.halfSquares(this.#sums, count, this.dim, this.#halves);
  }

  /** Lowers the distances of the vectors that stand for all to the nearest of the centroids placed last. */
  async #lower(stride: number, chosenFrom: number): Promise<void> {
    await this.#runOver(chosenFrom, 64, (from, to, scratch) => ({
      name: "lowerDistances",
      args: [this.#vectors, from, to, stride, this.dim, this.#blocks, this.#halves, this.#distances, scratch],
    }));
  }

  async #assign(): Promise<void> {
    const { dim } = this;
    const padded = this.#padded;
    await this.#runOver(this.vectorCount, padded, (from, to, scratch) => ({
      name: "nearestCentroids",
      args: [
        this.#vectors + from * dim * 4,
        to - from,
        dim,
        this.#blocks,
        this.#halves,
        padded,
        1,
        this.#clusters + from * 4,
        this.#distances + from * 4,
        scratch,
      ],
    }));
  }

  /** The mean of each cluster; a centroid that nothing belongs to stays. */
  async #means(centroids: Float32Array): Promise<Float32Array> {
    const { dim, count, vectorCount } = this;
    this.#floats(this.#sums, count * dim).fill(0);
    this.#words(this.#counts, count).fill(0);
    const tasks = Math.min(
      count,
      Math.max(4 * this.options.pool.threads, Math.ceil((vectorCount * dim) / taskProducts)),
    );
    const step = Math.ceil(count / tasks);
    let next = 0;
    await this.options.pool.run(
      () => {
        if (next >= count) return null;
        const from = next;
        next = Math.min(count, from + step);
        const args = [this.#vectors, vectorCount, dim, this.#clusters, from, next, this.#sums, this.#counts];
        return this.#task("addToClusters", args);
      },
      { signal: this.options.signal },
    );
    const means = this.#floats(this.#sums, count * dim).slice();
    const counts = this.#words(this.#counts, count);
    for (let cluster = 0; cluster < count; cluster++) {
      const size = counts[cluster] as number;
      const end = (cluster + 1) * dim;
      if (size === 0) means.set(centroids.subarray(cluster * dim, end), cluster * dim);
      else for (let i = cluster * dim; i < end; i++) means[i] = (means[i] as number) / size;
    }
    return means;
  }

  /** Moves centroids of tiny clusters to a vector of an oversized one. Returns true when one moved. */
  #mend(centroids: Float32Array): boolean {
    const { dim, count, vectorCount } = this;
    const counts = this.#words(this.#counts, count);
    const clusters = this.#words(this.#clusters, vectorCount);
    const distances = this.#floats(this.#distances, vectorCount);
    const mean = vectorCount / count;
    const errors = new Float64Array(count);
    for (let i = 0; i < vectorCount; i++) errors[clusters[i] as number]! += distances[i] as number;
    const order = Array.from({ length: count }, (_, cluster) => cluster);
    const small = order.filter((cluster) => (counts[cluster] as number) <= mean * smallShare);
    small.sort((a, b) => counts[a]! - counts[b]! || a - b);
    // An empty cluster takes from any that can be divided, a tiny one only from those that are far too large.
    const large = order.filter((cluster) => errors[cluster]! > 0 && counts[cluster]! >= 2);
    large.sort((a, b) => counts[b]! - counts[a]! || a - b);
    const moves = new Map<number, number>();
    for (const cluster of small) {
      const target = large[moves.size];
      if (target === undefined) break;
      if (counts[cluster]! > 0 && counts[target]! < mean * largeFactor) break;
      moves.set(target, cluster);
    }
    if (moves.size === 0) return false;
    const seen = new Uint32Array(count);
    const vectors = this.#floats(this.#vectors, vectorCount * dim);
    for (let i = 0; i < vectorCount; i++) {
      const cluster = clusters[i] as number;
      const moved = moves.get(cluster);
      if (moved === undefined || distances[i] === 0) continue;
      seen[cluster]!++;
      if (!this.#random.oneIn(seen[cluster] as number)) continue;
      centroids.set(vectors.subarray(i * dim, (i + 1) * dim), moved * dim);
    }
    return true;
  }

  /** Runs a function over the vectors [0, total) in tasks of a few milliseconds each. */
  async #runOver(
    total: number,
    centroids: number,
    toTask: (from: number, to: number, scratch: number) => { readonly name: string; readonly args: readonly number[] },
  ): Promise<void> {
    const step = Math.max(4, Math.ceil(taskProducts / (centroids * this.dim) / 4) * 4);
    let next = 0;
    await this.options.pool.run(
      (slot) => {
        if (next >= total) return null;
        const from = next;
        next = Math.min(total, from + step);
        const { name, args } = toTask(from, next, this.#scratch + slot * this.#scratchBytes);
        return this.#task(name, args);
      },
      { signal: this.options.signal },
    );
  }

  #task(name: string, args: readonly number[]): KernelTask {
    return { module: quantizeSource, memory: this.#memory.memory, name, args };
  }

  #floats(address: number, length: number): Float32Array {
    return new Float32Array(this.#memory.buffer, address, length);
  }

  #words(address: number, length: number): Uint32Array {
    return new Uint32Array(this.#memory.buffer, address, length);
  }
}

/** `count` centroids of row-major vectors, row-major; fewer where there are fewer vectors. */
export async function lloyd(
  vectors: Float32Array,
  dim: number,
  count: number,
  options: LloydOptions,
): Promise<Float32Array> {
  const vectorCount = Math.floor(vectors.length / dim);
  if (vectorCount === 0) throw new LynseError("INDEX_EMPTY", "there is no vector to learn from; add rows first");
  return await new LloydRun(vectors, dim, vectorCount, Math.min(count, vectorCount), options).run();
}
