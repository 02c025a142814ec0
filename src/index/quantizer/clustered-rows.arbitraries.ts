/**
 * What do the tests of compressed and clustered indexes run on?
 *
 * Rows in clusters with near-duplicates among them, from a seed, and the exact answer by brute force.
 */
import { inlinePool } from "../../kernel/kernel-pool.js";
import { MemoryFileSystem } from "../../storage/memory-file-system.js";
import { SeededRandom } from "../../storage/seeded-random.js";
import type { DenseMetric } from "../../types.js";
import type { BuildContext, IndexRows, IndexSearch, IndexSection } from "../vector-index.js";

export function normal(random: SeededRandom): number {
  const u = (random.below(1 << 30) + 1) / 2 ** 30;
  return Math.sqrt(-2 * Math.log(u)) * Math.cos(2 * Math.PI * (random.below(1 << 30) / 2 ** 30));
}

/** Row-major rows: a centre for about 40 of them, a spread around it, every fifth nearly the row before. */
export function clusteredRows(count: number, dim: number, seed: number): Float32Array {
  const random = new SeededRandom(seed);
  const centres = Array.from({ length: Math.max(1, Math.ceil(count / 40)) }, () =>
    Float64Array.from({ length: dim }, () => normal(random)),
  );
  const rows = new Float32Array(count * dim);
  for (let row = 0; row < count; row++) {
    const centre = centres[random.below(centres.length)] as Float64Array;
    const isNear = row > 0 && row % 5 === 0;
    for (let i = 0; i < dim; i++) {
      const around = isNear ? (rows[(row - 1) * dim + i] as number) : (centre[i] as number);
      rows[row * dim + i] = around + normal(random) * (isNear ? 0.02 : 0.4);
    }
  }
  return rows;
}

export function indexRows(vectors: Float32Array, dim: number, rowCount = vectors.length / dim): IndexRows {
  return { dim, rowCount, read: (from, to, target) => target.set(vectors.subarray(from * dim, to * dim)) };
}

export function buildContext(changes: Partial<BuildContext> = {}): BuildContext {
  const folder = { fs: new MemoryFileSystem(), path: "index" };
  return { pool: inlinePool, dead: null, folder, signal: undefined, onProgress: () => {}, ...changes };
}

/** Score of a row, higher is better. */
export function scoreOf(metric: DenseMetric, query: Float32Array, vectors: Float32Array, row: number): number {
  const dim = query.length;
  let dot = 0;
  let square = 0;
  let distance = 0;
  let querySquare = 0;
  for (let i = 0; i < dim; i++) {
    const x = vectors[row * dim + i] as number;
    const q = query[i] as number;
    dot += x * q;
    square += x * x;
    querySquare += q * q;
    distance += (x - q) ** 2;
  }
  if (metric === "l2") return -distance;
  if (metric === "ip") return dot;
  return square * querySquare === 0 ? 0 : dot / Math.sqrt(square * querySquare);
}

/** Share of the k best allowed rows, by score, that are among the candidates. */
export function recallOf(
  metric: DenseMetric,
  query: Float32Array,
  vectors: Float32Array,
  rows: Uint32Array,
  k: number,
  isAllowed: (row: number) => boolean = () => true,
): number {
  const scores: number[] = [];
  for (let row = 0; row < vectors.length / query.length; row++) {
    if (isAllowed(row)) scores.push(scoreOf(metric, query, vectors, row));
  }
  scores.sort((a, b) => b - a);
  const wanted = Math.min(k, scores.length);
  const least = scores[wanted - 1] as number;
  const found = [...rows].filter((row) => scoreOf(metric, query, vectors, row) >= least - 1e-9).length;
  return Math.min(found, wanted) / wanted;
}

export function searchRequest(query: Float32Array, rowCount: number, changes: Partial<IndexSearch> = {}): IndexSearch {
  return { query, k: 10, mask: null, maskCount: rowCount, rowCount, nprobe: null, signal: undefined, ...changes };
}

export function maskOf(rowCount: number, isSet: (row: number) => boolean): { mask: Uint32Array; maskCount: number } {
  const mask = new Uint32Array(Math.ceil(rowCount / 32));
  let maskCount = 0;
  for (let row = 0; row < rowCount; row++) {
    if (!isSet(row)) continue;
    mask[row >>> 5]! |= 1 << (row & 31);
    maskCount++;
  }
  return { mask, maskCount };
}

/** Sections as they come back from a file. */
export function savedSections(sections: readonly IndexSection[]): Map<string, Uint8Array> {
  return new Map(
    sections.map(({ name, bytes }) => {
      const parts = bytes instanceof Uint8Array ? [bytes] : bytes;
      const whole = new Uint8Array(parts.reduce((sum, part) => sum + part.length, 0));
      let at = 0;
      for (const part of parts) {
        whole.set(part, at);
        at += part.length;
      }
      return [name, whole];
    }),
  );
}
