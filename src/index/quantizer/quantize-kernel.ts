/**
 * How is the compiled module for clustering and compressed vectors called?
 *
 * Addresses, counts and row numbers are unsigned 32-bit numbers. The functions are described where they are written, in
 * `kernel/assembly/quantize/`.
 */
import * as quantizeModule from "../../kernel/generated/quantize-module.js";
import { instantiateModule, type ModuleSource } from "../../kernel/wasm-module.js";

/** The functions of `assembly/quantize/index.ts`. */
export interface QuantizeKernel {
  packVectors(source: number, count: number, dim: number, blocks: number): void;
  unpackLane(block: number, lane: number, dim: number, target: number): void;
  halfSquares(vectors: number, count: number, dim: number, target: number): void;
  normaliseRows(rows: number, count: number, dim: number): void;
}

/** The module, for tasks of a pool. */
export const quantizeSource: ModuleSource = quantizeModule;

/** The module working on `memory` on this thread. */
export function instantiateQuantizeKernel(memory: WebAssembly.Memory): QuantizeKernel {
  return instantiateModule<QuantizeKernel>(quantizeModule, memory);
}
