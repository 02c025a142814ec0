/**
 * How is the compiled graph kernel called?
 *
 * The functions are described where they are written, in `kernel/assembly/graph/`. Addresses come back signed: `>>> 0`
 * restores them.
 */
import * as graphModule from "../../kernel/generated/graph-module.js";
import { instantiateModule, type ModuleSource } from "../../kernel/wasm-module.js";

/** The functions of `kernel/assembly/graph/index.ts`. */
export interface GraphKernel {
  graphBytes(dim: number): number;
  initGraph(graph: number, dim: number, space: number, m: number, shift: number, seed: number): void;
  centrePlace(graph: number): number;
  scaleOf(graph: number): number;
  setScale(graph: number, scale: number): void;
  isByDot(graph: number): number;
  setByDot(graph: number, isSet: number): void;
  slabBytes(graph: number, row: number): number;
  addSlab(graph: number, row: number, slab: number): void;
  entryOf(graph: number): number;
  setEntry(graph: number, row: number): void;
  encodeRows(graph: number, source: number, first: number, count: number): void;
  joinEqualRows(graph: number, table: number, places: number, fresh: number, first: number, count: number): number;
  leaveOut(graph: number, row: number): void;
  insertRows(graph: number, walker: number, from: number, to: number, ef: number, alpha: number): void;
  walkerBytes(graph: number, rows: number, ef: number): number;
  initWalker(walker: number, graph: number, rows: number, ef: number): void;
  maskPlace(walker: number): number;
  ask(
    walker: number,
    way: number,
    ef: number,
    firstEf: number,
    scanBelow: number,
    filterBelow: number,
    scanMost: number,
    rowCount: number,
    sure: number,
    limit: number,
  ): void;
  answerBytes(limit: number): number;
  answer(graph: number, walker: number, queries: number, count: number, answers: number): void;
  waysBytes(rowCount: number): number;
  beginWays(graph: number, ways: number, rowCount: number): void;
  followWays(graph: number, ways: number, most: number): number;
  foundCount(ways: number): number;
  connectRows(graph: number, walker: number, ways: number, from: number, to: number, ef: number): void;
  cutRows(graph: number, from: number, to: number, rowCount: number): void;
  resetLocks(graph: number): void;
  codesPlace(graph: number, row: number): number;
  listsPlace(graph: number, row: number): number;
  chainsPlace(graph: number, row: number): number;
  upperPlace(graph: number, from: number, to: number): number;
  upperBytes(graph: number, from: number, to: number): number;
  deriveNorms(graph: number, from: number, to: number): void;
  checkRows(graph: number, rowCount: number, seen: number, from: number, to: number): number;
  areChainsSound(graph: number, seen: number, from: number, to: number): number;
}

/** The module, for tasks of a pool. */
export const graphSource: ModuleSource = graphModule;

/** The graph kernel working on `memory`. */
export function instantiateGraphKernel(memory: WebAssembly.Memory): GraphKernel {
  return instantiateModule<GraphKernel>(graphModule, memory);
}
