/**
 * How is the compiled module for clustering and compressed vectors called?
 *
 * Addresses, counts and row numbers are unsigned 32-bit numbers, which WebAssembly hands back signed: `>>> 0` restores them.
 * The functions are described where they are written, in `kernel/assembly/quantize/`.
 */
import * as quantizeModule from "../../kernel/generated/quantize-module.js";
import { instantiateModule, type ModuleSource } from "../../kernel/wasm-module.js";

/** The functions of `assembly/quantize/index.ts` that are called on this thread. */
export interface QuantizeKernel {
  packVectors(source: number, count: number, dim: number, blocks: number): void;
  halfSquares(vectors: number, count: number, dim: number, target: number): void;
  normaliseRows(rows: number, count: number, dim: number): void;
  rotateRows(vectors: number, count: number, width: number, signs: number): void;
  encodeRows(codec: number, rows: number, count: number, clusters: number, records: number, scratch: number): void;
  stateBytes(codec: number, wanted: number, lists: number): number;
  initState(state: number, codec: number, wanted: number, lists: number, mask: number, rowLimit: number): number;
  prepareQuery(state: number): void;
  enterOnlyCentre(state: number): void;
  scanChunk(state: number, chunk: number, from: number, to: number): void;
  searchLists(
    state: number,
    directory: number,
    lists: number,
    blocks: number,
    rows: number,
    halves: number,
    zeros: number,
    ranker: number,
  ): void;
  finishShortlist(list: number): number;
  chunkBytes(codec: number, rows: number): number;
  addChunk(entry: number, chunk: number, rows: number, firstRow: number): void;
  encodeInPlace(
    codec: number,
    rows: number,
    count: number,
    chunk: number,
    index: number,
    record: number,
    scratch: number,
    rowBytes: number,
  ): void;
  publishChunk(chunk: number, count: number): void;
  appendRecords(
    codec: number,
    directory: number,
    records: number,
    clusters: number,
    from: number,
    count: number,
    firstRow: number,
    skipped: number,
  ): number;
}

/** The module, for tasks of a pool. */
export const quantizeSource: ModuleSource = quantizeModule;

/** The module working on `memory` on this thread. */
export function instantiateQuantizeKernel(memory: WebAssembly.Memory): QuantizeKernel {
  return instantiateModule<QuantizeKernel>(quantizeModule, memory);
}
