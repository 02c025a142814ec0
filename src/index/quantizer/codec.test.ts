import { expect, test } from "vitest";
import { KernelMemory } from "../../kernel/kernel-memory.js";
import { SeededRandom } from "../../storage/seeded-random.js";
import type { DenseMetric } from "../../types.js";
import { clusteredRows, normal, scoreOf } from "./clustered-rows.arbitraries.js";
import { CodeQuery } from "./code-query.js";
import { type Compression, createCodec } from "./codec.js";
import { instantiateQuantizeKernel } from "./quantize-kernel.js";

/** Estimated scores of all rows, by row. */
function estimates(
  compression: Compression,
  metric: DenseMetric,
  vectors: Float32Array,
  query: Float32Array,
  centres: Float32Array | null,
): Float32Array {
  const dim = query.length;
  const count = vectors.length / dim;
  const memory = new KernelMemory(64 << 20);
  const kernel = instantiateQuantizeKernel(memory.memory);
  const codec = createCodec(memory, kernel, { compression, metric, dim, isNumbered: false, centres });
  const padded = Math.ceil(count / 32) * 32;
  const chunk = memory.allocate(kernel.chunkBytes(codec.address, padded));
  kernel.addChunk(0, chunk, padded, 0);
  const rows = memory.allocate(vectors.byteLength);
  new Float32Array(memory.buffer, rows, vectors.length).set(vectors);
  const record = memory.allocate(codec.recordBytes);
  const scratch = memory.allocate(codec.scratchBytes);
  kernel.encodeInPlace(codec.address, rows, count, chunk, 0, record, scratch, dim * 4);
  kernel.publishChunk(chunk, count);
  const request = { query, mask: null, rowCount: count };
  const run = new CodeQuery({ memory, kernel, codec, dim, rowCount: count, request, wanted: count, lists: 0 });
  kernel.enterOnlyCentre(run.state);
  kernel.scanChunk(run.state, chunk, 0, padded / 32);
  const found = run.finish();
  const [list] = new Uint32Array(memory.buffer, run.state + 12, 1);
  const [scoresAt] = new Uint32Array(memory.buffer, list! + 12, 1);
  const scores = new Float32Array(memory.buffer, scoresAt!, count).slice();
  const byRow = new Float32Array(count).fill(Number.NaN);
  for (const [i, row] of found.rows.entries()) byRow[row] = scores[i] as number;
  return byRow;
}

function unitRows(count: number, dim: number, seed: number): Float32Array {
  const random = new SeededRandom(seed);
  const rows = Float32Array.from({ length: count * dim }, () => normal(random));
  for (let at = 0; at < rows.length; at += dim) {
    const norm = Math.hypot(...rows.subarray(at, at + dim));
    for (let i = at; i < at + dim; i++) rows[i]! /= norm;
  }
  return rows;
}

/** Differences of the estimates from the inner products. */
function errorsOf(
  compression: Compression,
  dim: number,
  count: number,
): { mean: number; deviation: number; all: number[] } {
  const vectors = unitRows(count, dim, 3);
  const all: number[] = [];
  for (let i = 0; i < 4; i++) {
    const query = unitRows(1, dim, 50 + i);
    const estimated = estimates(compression, "ip", vectors, query, null);
    for (let row = 0; row < count; row++) all.push(estimated[row]! - scoreOf("ip", query, vectors, row));
  }
  const mean = all.reduce((sum, each) => sum + each, 0) / all.length;
  const deviation = Math.sqrt(all.reduce((sum, each) => sum + (each - mean) ** 2, 0) / all.length);
  return { mean, deviation, all };
}

test.each([128, 96, 200])("RaBitQ at %i dimensions is unbiased and errs as its theorem says", (dim) => {
  const { mean, deviation, all } = errorsOf({ kind: "rabitq", seed: 9 }, dim, 2000);
  // ⟨ō, o⟩ is √(2/π) in the mean; the standard error of unit vectors is √(1 − ⟨ō, o⟩²) / (⟨ō, o⟩ √(D − 1)).
  const standard = Math.sqrt((1 - 2 / Math.PI) / (2 / Math.PI) / (dim - 1));
  expect(Math.abs(mean)).toBeLessThan((4 * standard) / Math.sqrt(2000));
  expect(deviation / standard).toBeGreaterThan(0.9);
  expect(deviation / standard).toBeLessThan(1.1);
  const within = all.filter((error) => Math.abs(error) <= 1.9 * standard).length / all.length;
  expect(within).toBeGreaterThan(0.92);
});

test.each([
  [1, 0.3634],
  [2, 0.1175],
  [3, 0.03454],
  [4, 0.009497],
  [5, 0.002499],
  [6, 0.000642],
  [7, 0.000163],
  [8, 0.00012],
])("PolarVec with %i bits errs as its levels do", (bits, loss) => {
  const dim = 128;
  const { mean, deviation } = errorsOf({ kind: "polarvec", bits, seed: 4 }, dim, 1000);
  const standard = Math.sqrt(loss / (1 - loss) / (dim - 1));
  expect(Math.abs(mean)).toBeLessThan(standard / 5);
  // The query's tables are rounded to bytes as well: a step of about a thousandth.
  expect(deviation).toBeLessThan(1.15 * standard + 0.0012);
  expect(deviation).toBeGreaterThan(0.85 * standard);
});

// Standard errors of unit vectors, times √(D − 1); SQ8's follow from its step.
const compressions: readonly (readonly [Compression, number])[] = [
  [{ kind: "float" }, 0],
  [{ kind: "sq8" }, 0.02],
  [{ kind: "rabitq", seed: 2 }, 0.76],
  [{ kind: "polarvec", bits: 4, seed: 2 }, 0.1],
  [{ kind: "polarvec", bits: 8, seed: 2 }, 0.012],
];

function length(vector: Float32Array, centre: Float32Array): number {
  return Math.hypot(...vector.map((x, i) => x - centre[i]!));
}

test.each([
  1, 3, 17, 64, 129, 1536,
])("estimates follow the scores at %i dimensions, with and without a centre", (dim) => {
  const vectors = clusteredRows(70, dim, 5);
  const query = clusteredRows(1, dim, 6);
  const zero = new Float32Array(dim);
  for (const [compression, standard] of compressions) {
    const isCentred = compression.kind === "rabitq" || compression.kind === "polarvec";
    for (const metric of ["ip", "l2"] as const) {
      for (const centre of isCentred ? [null, vectors.slice(dim * 3, dim * 4)] : [null]) {
        const estimated = estimates(compression, metric, vectors, query, centre);
        const norm = length(query, zero);
        // Without a centre the part of the query alone is left out.
        const offset = metric === "l2" && centre === null ? -(norm ** 2) : 0;
        const reach = length(query, centre ?? zero);
        for (let row = 0; row < 70; row++) {
          const vector = vectors.subarray(row * dim, (row + 1) * dim);
          const products = reach * length(vector, centre ?? zero) * (metric === "l2" ? 2 : 1);
          // Tables of bytes take the query, not its distance from the centre.
          const table = norm * length(vector, centre ?? zero) * 0.05;
          const error = (products * 5 * standard) / Math.sqrt(Math.max(32, dim) - 1) + (standard > 0 ? table : 0);
          const rounding = 1e-5 * (norm ** 2 + length(vector, zero) ** 2 + reach ** 2 + 1);
          const difference = estimated[row]! + offset - scoreOf(metric, query, vectors, row);
          expect(Math.abs(difference)).toBeLessThanOrEqual(error + rounding);
        }
      }
    }
  }
});

test.each([8, 64, 96, 768, 1000])("the rotation of %i components keeps inner products", (width) => {
  const memory = new KernelMemory(8 << 20);
  const kernel = instantiateQuantizeKernel(memory.memory);
  const random = new SeededRandom(1);
  const vectors = memory.allocate(2 * width * 4);
  const signs = memory.allocate(4 * width * 4);
  const view = new Float32Array(memory.buffer, vectors, 2 * width);
  for (let i = 0; i < view.length; i++) view[i] = i === 0 ? 1 : i < width ? 0 : normal(random);
  const bits = new Uint32Array(memory.buffer, signs, 4 * width);
  for (let i = 0; i < bits.length; i++) bits[i] = random.below(2) === 1 ? 0x8000_0000 : 0;
  const before = [view[width]!, Math.hypot(...view.subarray(width))];
  kernel.rotateRows(vectors, 2, width, signs);
  const a = view.subarray(0, width);
  const b = view.subarray(width);
  expect(a.reduce((sum, x, i) => sum + x * b[i]!, 0)).toBeCloseTo(before[0]!, 4);
  expect(Math.hypot(...b)).toBeCloseTo(before[1]!, 3);
  // One component's energy is spread over all of them.
  if (width >= 64) expect(Math.max(...a.map(Math.abs))).toBeLessThan(6 / Math.sqrt(width));
});
