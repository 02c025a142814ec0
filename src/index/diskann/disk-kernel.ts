/**
 * How is the compiled kernel for indexes on disk called?
 *
 * Addresses and sizes are unsigned 32-bit numbers, which WebAssembly hands back signed: `>>> 0` restores them. The
 * functions are described where they are written, in `kernel/assembly/disk/`.
 */
import * as diskModule from "../../kernel/generated/disk-module.js";
import { instantiateModule } from "../../kernel/wasm-module.js";

/** The functions of `assembly/disk/index.ts`. */
export interface DiskKernel {
  encodeNodes(table: number, first: number, count: number, source: number, step: number): number;
  jobBytes(nodes: number, stride: number, listSize: number, slots: number): number;
  initJob(job: number, table: number, listSize: number, degree: number): void;
  middleNode(table: number, count: number, step: number): number;
  walkBytes(table: number, blocks: number, capacity: number, k: number): number;
  initWalk(walk: number, table: number, blocks: number, capacity: number, k: number): number;
  beginWalk(walk: number, k: number, mask: number, rowLimit: number, blockNodes: number, nodeBytes: number): void;
  seedWalk(walk: number, first: number, end: number, step: number): void;
  seedEntries(walk: number): void;
  ownEntries(table: number, nodes: number, owners: number, from: number, to: number): void;
  scanNodes(walk: number, from: number, to: number): void;
  scanMask(walk: number, fromWord: number, toWord: number): void;
  nextBlocks(walk: number, target: number, most: number, depth: number): number;
  absorbBlock(walk: number, buffer: number, block: number, isWalk: number): number;
  rankingBytes(count: number): number;
  rankedEntries(ranking: number): number;
  rankLists(walk: number, ranking: number, centroids: number, count: number, wanted: number): number;
  absorbVectors(walk: number, buffer: number, blocks: number, blockBytes: number): number;
  absorbCodes(walk: number, buffer: number, blocks: number, blockBytes: number): number;
  frontierRows(walk: number, target: number, most: number): number;
  offerVector(walk: number, place: number, row: number): void;
  prunerBytes(capacity: number, degree: number): number;
  initPruner(pruner: number, capacity: number, degree: number, alphaSquare: number): void;
  beginInsertion(walk: number, node: number): void;
  chooseLinks(walk: number, pruner: number, node: number, links: number): void;
  mergeLinks(table: number, pruner: number, node: number, links: number, added: number, count: number): void;
  decodeNodes(table: number, list: number, count: number, target: number, place: number): void;
  recodeNodes(source: number, target: number, order: number, from: number, to: number, place: number): void;
  scoredCodes(walk: number): number;
  walkState(walk: number): number;
  endQuery(state: number): void;
  resultCount(state: number): number;
  resultScores(state: number): number;
  resultRows(state: number): number;
}

/** The module, for tasks of a pool. */
export const diskModuleSource = diskModule;

/** The kernel working on `memory`. */
export function instantiateDiskKernel(memory: WebAssembly.Memory): DiskKernel {
  return instantiateModule<DiskKernel>(diskModule, memory);
}
