/**
 * How is the compiled scan kernel called?
 *
 * Addresses and sizes are unsigned 32-bit numbers, which WebAssembly hands back signed: `>>> 0` restores them. The
 * functions are described where they are written, in `assembly/scan/`.
 */
import type { DenseMetric, Dtype } from "../types.js";
import * as scanModule from "./generated/scan-module.js";
import { instantiateModule } from "./wasm-module.js";

/** The functions of `assembly/scan/index.ts`. */
export interface Kernel {
  rowStride(dim: number, dtype: number): number;
  codeBytesPerRow(dim: number): number;
  blockBytes(dim: number, dtype: number, rows: number): number;
  codeBlockBytes(dim: number, rows: number): number;
  centreBytes(dim: number): number;
  stateBytes(dim: number, k: number): number;
  initBlock(block: number, dim: number, dtype: number, rows: number, firstRow: number, centre: number): void;
  initCodeBlock(
    block: number,
    dim: number,
    dtype: number,
    rows: number,
    firstRow: number,
    centre: number,
    stored: number,
  ): void;
  blockRows(block: number): number;
  blockCentre(block: number): number;
  spreadRows(source: number, target: number, rowBytes: number, stride: number, rows: number): void;
  encodeRows(block: number, from: number, to: number): void;
  normRows(block: number, from: number, to: number): void;
  keepChecksums(block: number, from: number, to: number): void;
  checkRows(rows: number, list: number, count: number): number;
  meanOfRows(block: number, rows: number, target: number, sums: number): void;
  queryPlace(state: number): number;
  beginQuery(state: number, metric: number, dim: number, k: number, floor: number): void;
  enterBlock(state: number, block: number): void;
  leaveCentre(state: number): void;
  beginNotes(state: number, place: number): void;
  noteCount(state: number): number;
  bestNoted(state: number): number;
  raiseBest(state: number, score: number): void;
  endQuery(state: number): void;
  resultCount(state: number): number;
  resultScores(state: number): number;
  resultRows(state: number): number;
  rescoredCount(state: number): number;
  enteredCount(state: number): number;
  exactScore(state: number, block: number, index: number): number;
  scoreRows(state: number, list: number, count: number, scores: number): void;
  countMask(mask: number, from: number, to: number): number;
  listMask(mask: number, from: number, to: number, list: number): number;
  scanCodesRun(state: number, block: number, from: number, to: number, mask: number): void;
  scanCodesList(state: number, block: number, list: number, count: number): void;
  scanFloatRows(state: number, block: number, list: number, from: number, to: number, mask: number): void;
  scanExactRows(state: number, block: number, list: number, from: number, to: number, mask: number): void;
}

/** Numbers of the metrics in the kernel. */
export const metricNumbers = { ip: 0, l2: 1, cos: 2 } as const satisfies Record<DenseMetric, number>;

/** Numbers of the dtypes in the kernel. */
export const dtypeNumbers = { float32: 0, float16: 1 } as const satisfies Record<Dtype, number>;

/** The scan kernel working on `memory`. */
export function instantiateKernel(memory: WebAssembly.Memory): Kernel {
  return instantiateModule<Kernel>(scanModule, memory);
}
