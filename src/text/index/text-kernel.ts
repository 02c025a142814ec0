/**
 * Which functions does the compiled text module have, and where are its numbers?
 *
 * The places are those of `src/kernel/assembly/text/layout.ts`; a test compares them.
 */

/** Functions of the module. Numbers are addresses unless named otherwise; a bit mask is read as u32s. */
export interface TextKernel {
  addNode(state: number, parent: number, key: number, length: number, flags: number): number;
  addRows(cursor: number, set: number, sums: number, limit: number): void;
  addToken(state: number, raw: number, length: number, field: number): number;
  beginInput(state: number, input: number, ends: number, count: number): void;
  beginLengths(state: number): void;
  beginTerms(state: number): void;
  countRows(cursor: number, live: number, limit: number): number;
  countSet(set: number, live: number, words: number): number;
  extendLengths(state: number, table: number, chosen: number, rowCount: number): number;
  fillBounds(cursor: number, lengths: number, shift: number, table: number, from: number, count: number): void;
  fillOccurrences(state: number, table: number, chosen: number, from: number, count: number): void;
  fillUnits(question: number): void;
  findTerm(state: number, text: number, length: number): number;
  intersect(set: number, other: number, words: number, isWithout: number): void;
  learnToken(state: number, raw: number, length: number, term: number, termLength: number): number;
  listRows(set: number, sums: number, words: number, rows: number, times: number): number;
  nextTerms(state: number, prefix: number, length: number, to: number, most: number): number;
  openCursor(cursor: number, term: number, table: number, shift: number, buffers: number): void;
  openPlain(cursor: number, rows: number, times: number, count: number, bounds: number): void;
  postingsOf(term: number): number;
  readLengthSection(state: number, piece: number, bytes: number, rowCount: number): number;
  readRows(state: number): number;
  readSignature(state: number, base: number, field: number, run: number): number;
  readTermSection(state: number, piece: number, bytes: number): number;
  releasePlace(state: number, address: number, bytes: number): void;
  searchLists(question: number): void;
  sumDeadLengths(lengths: number, shift: number, limit: number, live: number, to: number): void;
  takePlace(state: number, bytes: number): number;
  writeLengthSection(state: number, to: number, room: number): number;
  writeTermSection(state: number, to: number, room: number): number;
}

/** What the reading functions return. */
export const kernelStatus = { done: 0, needRoom: 1, newToken: 2, otherString: 3, newKey: 4, broken: 5 } as const;

/** Places in the state. */
export const statePlace = {
  heapNext: 0,
  heapEnd: 4,
  wanted: 8,
  freeBytes: 12,
  text: 16,
  textLength: 20,
  node: 24,
  row: 28,
  termCount: 40,
  aliasCount: 44,
  signatures: 48,
  signatureCount: 52,
  lengths: 108,
  lengthShift: 112,
  rowsWithText: 120,
  totalLength: 128,
  postingCount: 172,
  cursor: 180,
} as const;

/** Bytes of a state. */
export const stateBytes = 4416;

/** Places in a question, and its size. */
export const questionPlace = {
  units: 0,
  lengths: 4,
  lengthShift: 8,
  mask: 12,
  rowLimit: 16,
  cursors: 20,
  cursorCount: 24,
  k: 28,
  count: 32,
  scores: 36,
  rows: 40,
  window: 44,
  k1: 48,
  b: 56,
  average: 64,
  suffixes: 72,
} as const;

export const questionBytes = 80;
export const cursorBytes = 96;
/** Both buffers of a cursor. */
export const cursorBufferBytes = 2 * 1088;
/** Places in a cursor. */
export const cursorPlace = { weight: 0, sealed: 28, boundTable: 80 } as const;
export const windowRows = 2048;
export const windowBytes = windowRows * 8;
export const unitBytes = 8 * 256 * 8;
/** Field numbers of rows, and flags. */
export const nodeIndexed = 1;
/** Bytes of a term at most. */
export const termBytesMax = 0xff_ffff;
/** Rows of an index at most. */
export const indexRowsMax = 0x7fff_fff0;
