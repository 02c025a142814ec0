/**
 * How is the compiled metrics kernel called on packed bits?
 *
 * The functions are described where they are written, in `kernel/assembly/metrics/packed.ts` and `majority.ts`.
 */

import * as metricsModule from "../../kernel/generated/metrics-module.js";
import type { KernelMemory, Scratch } from "../../kernel/kernel-memory.js";
import { instantiateModule } from "../../kernel/wasm-module.js";
import type { BinaryMetric } from "../../types.js";
import { type MetricKernel, metricNumbers } from "../metric/metric-kernel.js";

/** The functions of `assembly/metrics/index.ts` that work on packed bits. */
export interface PackedKernel extends MetricKernel {
  packedStride(dim: number): number;
  packRows(source: number, dim: number, rows: number, target: number): void;
  countRows(source: number, stride: number, rows: number, counts: number): void;
  packQuery(state: number, dim: number): void;
  scanPackedRows(
    state: number,
    rows: number,
    counts: number,
    stride: number,
    first: number,
    count: number,
    mask: number,
  ): void;
  scanPackedList(
    state: number,
    rows: number,
    counts: number,
    stride: number,
    ids: number,
    count: number,
    mask: number,
    end: number,
  ): void;
  assignPacked(
    metric: number,
    rows: number,
    counts: number,
    stride: number,
    count: number,
    centroids: number,
    centroidCounts: number,
    clusters: number,
    labels: number,
  ): void;
  moveCentroids(
    metric: number,
    rows: number,
    stride: number,
    members: number,
    starts: number,
    from: number,
    to: number,
    centroids: number,
    counters: number,
  ): void;
}

export const packedModule = metricsModule;

/** The metrics kernel working on `memory`. */
export function instantiatePackedKernel(memory: WebAssembly.Memory): PackedKernel {
  return instantiateModule<PackedKernel>(metricsModule, memory);
}

/** Begins a search for the `k` nearest packed rows and gives its state, which is scratch. */
export function beginPackedQuery(
  memory: KernelMemory,
  kernel: PackedKernel,
  metric: BinaryMetric,
  query: Float32Array,
  k: number,
): Scratch {
  const state = memory.acquireScratch(kernel.stateBytes(query.length, k) >>> 0);
  new Float32Array(memory.buffer, kernel.queryPlace(state.address) >>> 0, query.length).set(query);
  kernel.beginQuery(state.address, metricNumbers[metric], query.length, k, Number.POSITIVE_INFINITY);
  kernel.packQuery(state.address, query.length);
  return state;
}

/** Copies a mask over rows to scratch; null where there is none. */
export function placeMask(memory: KernelMemory, mask: Uint32Array | null, rowCount: number): Scratch | null {
  if (mask === null) return null;
  const words = mask.subarray(0, Math.ceil(rowCount / 32));
  const scratch = memory.acquireScratch(words.length * 4 + 8);
  new Uint32Array(memory.buffer, scratch.address, words.length).set(words);
  return scratch;
}

/** What a search found. */
export interface PackedResult {
  readonly rows: Uint32Array;
  readonly values: Float64Array;
  readonly rowsScored: number;
}

/** Ends a search: what it found, best first, ties to the lower row. */
export function endPackedQuery(memory: KernelMemory, kernel: PackedKernel, state: Scratch): PackedResult {
  const { address } = state;
  kernel.endQuery(address);
  const count = kernel.resultCount(address);
  const rows = new Uint32Array(memory.buffer, kernel.resultRows(address) >>> 0, count).slice();
  const values = new Float64Array(memory.buffer, kernel.resultScores(address) >>> 0, count).slice();
  for (let i = 0; i < count; i++) values[i] = 0 - values[i]!;
  const rowsScored = kernel.rescoredCount(address) >>> 0;
  memory.releaseScratch(state);
  return { rows, values, rowsScored };
}
