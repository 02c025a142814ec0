/**
 * How is the compiled metrics kernel called?
 *
 * Addresses are unsigned 32-bit numbers, which WebAssembly hands back signed: `>>> 0` restores them. The functions are
 * described where they are written, in `kernel/assembly/metrics/`.
 */
import * as metricsModule from "../../kernel/generated/metrics-module.js";
import { instantiateModule } from "../../kernel/wasm-module.js";
import type { ScannedMetric } from "./metric-order.js";

/** The functions of `assembly/metrics/index.ts` that scan float rows. */
export interface MetricKernel {
  stateBytes(dim: number, k: number): number;
  queryPlace(state: number): number;
  beginQuery(state: number, metric: number, dim: number, k: number, ceiling: number): void;
  scanMetric(state: number, block: number, from: number, to: number, mask: number): void;
  metricValue(state: number, block: number, index: number): number;
  endQuery(state: number): void;
  resultCount(state: number): number;
  resultScores(state: number): number;
  resultRows(state: number): number;
  rescoredCount(state: number): number;
}

/** Numbers of the metrics in the kernel. */
export const metricNumbers = {
  hamming: 0,
  jaccard: 1,
  tanimoto: 1,
  dice: 2,
  l1: 3,
  chebyshev: 4,
  canberra: 5,
  bray_curtis: 6,
  haversine: 7,
  correlation: 8,
  hellinger: 9,
  wasserstein: 10,
  jensen_shannon: 11,
} as const satisfies Record<ScannedMetric, number>;

const kernels = new WeakMap<WebAssembly.Memory, MetricKernel>();

/** The metrics kernel working on `memory`; one a memory. */
export function metricKernelOf(memory: WebAssembly.Memory): MetricKernel {
  let kernel = kernels.get(memory);
  if (kernel === undefined) {
    kernel = instantiateModule<MetricKernel>(metricsModule, memory);
    kernels.set(memory, kernel);
  }
  return kernel;
}
