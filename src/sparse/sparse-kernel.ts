/**
 * How is the compiled module for sparse vectors called?
 *
 * Addresses and counts are unsigned 32-bit numbers, which WebAssembly hands back signed: `>>> 0` restores them. The functions
 * are described where they are written, in `kernel/assembly/sparse/`; the constants repeat its `layout.ts`.
 */
import * as sparseModule from "../kernel/generated/sparse-module.js";
import { instantiateModule } from "../kernel/wasm-module.js";

/** The functions of `assembly/sparse/index.ts`. */
export interface SparseKernel {
  keyTableBytes(weights: number): number;
  collectKeys(
    rows: number,
    starts: number,
    slots: number,
    features: number,
    values: number,
    table: number,
    weights: number,
    keys: number,
  ): number;
  rankFeatures(
    rows: number,
    starts: number,
    slots: number,
    features: number,
    values: number,
    table: number,
    weights: number,
    keys: number,
    count: number,
    numbers: number,
  ): void;
  nameLists(segment: number, keys: number, count: number): void;
  mergeLists(sources: number, maps: number, heads: number, count: number, keys: number): number;
  countLists(segment: number, rows: number, map: number, tallies: number): number;
  dropEmptyLists(keys: number, tallies: number, lists: number, ranks: number): number;
  renumber(map: number, lists: number, ranks: number): void;
  postingBytes(tallies: number, lists: number, slots: number): number;
  segmentBytes(slots: number, lists: number, weights: number, postings: number): number;
  layOut(segment: number, slots: number, lists: number, weights: number): void;
  hashLists(segment: number): void;
  placeLists(segment: number, tallies: number): void;
  fillFrom(segment: number, source: number, rows: number, map: number, tallies: number, slot: number): number;
  queryBytes(count: number, k: number, lists: number): number;
  layOutQuery(query: number, count: number, k: number, lists: number): void;
  featuresPlace(query: number): number;
  weightsPlace(query: number): number;
  beginQuery(query: number, mask: number, rowLimit: number, wanted: number): void;
  searchLoose(query: number, loose: number): void;
  searchSegment(query: number, segment: number): void;
  scoreSlots(query: number, segment: number, slots: number, count: number): void;
  matchLoose(query: number, loose: number, bits: number): void;
  matchSegment(query: number, segment: number, bits: number): void;
  endQuery(query: number): void;
  resultCount(query: number): number;
  resultRows(query: number): number;
  resultScores(query: number): number;
  scoredCount(query: number): number;
}

/** Words of a segment's header, by number. */
export const header = {
  slots: 0,
  lists: 1,
  weights: 2,
  width: 3,
  rows: 4,
  starts: 5,
  features: 6,
  info: 7,
  values: 8,
  numbers: 9,
} as const;

/** Bytes of a segment's header, and of what it says of a list. */
export const headerBytes = 64;
export const listBytes = 12;

/** Most vectors of a segment. */
export const slotsMax = 8_192;

/** Row of a dead vector. */
export const noRow = 0xffff_ffff;

/** The module working on `memory`. */
export function instantiateSparseKernel(memory: WebAssembly.Memory): SparseKernel {
  return instantiateModule<SparseKernel>(sparseModule, memory);
}
