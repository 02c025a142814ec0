/**
 * Which rows of a table of codes can be among the best for a query?
 *
 * Goes over a snapshot in steps. What is noted (`assembly/scan/notes.ts`) is taken out of the kernel after each block; rows
 * that k others have proved better meanwhile are dropped. Where a query cannot tell rows apart by their codes, notes grow
 * without bound: `isFull` then asks the owner to score what there is (`take`) and to say what it learnt (`raise`).
 */
import { assert } from "../errors.js";
import type { DenseMetric } from "../types.js";
import type { CodeTable } from "./code-table.js";
import { metricNumbers } from "./kernel-module.js";
import type { Block } from "./scan-run.js";
import type { Scratch, Segment } from "./segment.js";

export interface CodeScanRequest {
  readonly metric: DenseMetric;
  /** `dim` finite components. */
  readonly query: Float32Array;
  /** Rows wanted, at least 1. */
  readonly k: number;
  /** Snapshot: only rows below it are looked at. */
  readonly rowCount: number;
  /** Rows before this one need not be looked at; up to 63 of them are all the same. */
  readonly fromRow: number;
  /** Bit r & 31 of word r >>> 5 set: row r may be returned. Null: all rows. Must not change while the scan runs. */
  readonly mask: Uint32Array | null;
  /** Least score that counts; a score is higher where a row is better: minus the squared distance for l2. */
  readonly floor: number;
}

/** Bytes of a note. */
const noteBytes = 16;
/** Notes up to which none are asked back for. */
const notesMax = 65_536;

export class CodeScan {
  readonly #table: CodeTable;
  readonly #request: CodeScanRequest;
  readonly #capacity: number;
  readonly #stateBytes: number;
  #row: number;
  #segment: Segment | null = null;
  #state: Scratch | null = null;
  #notes: Scratch | null = null;
  #mask: Scratch | null = null;
  #list: Scratch | null = null;
  #rows = new Uint32Array(256);
  #most = new Float64Array(256);
  #count = 0;
  /** Rows looked at. */
  rowsScored = 0;

  constructor(table: CodeTable, request: CodeScanRequest) {
    const { query, k, rowCount, fromRow, mask } = request;
    assert(query.length === table.dim, "the query has the table's dimension");
    assert(Number.isInteger(k) && k >= 1, "k is a positive integer");
    assert(rowCount >= 0 && rowCount <= table.rowCount, "the snapshot lies in the table");
    assert(mask === null || mask.length * 32 >= rowCount, "the mask covers the snapshot");
    this.#table = table;
    this.#request = request;
    this.#row = Math.min(rowCount, fromRow & ~63);
    this.#capacity = Math.max(1, Math.min(k, rowCount - this.#row));
    const first = table.blocks[Math.floor(this.#row / table.blockRows)];
    this.#stateBytes = first === undefined ? 0 : first.segment.kernel.stateBytes(table.dim, this.#capacity) >>> 0;
    if (first !== undefined && rowCount > this.#row) this.#enter(first.segment);
  }

  /** Looks at about `rowsMax` more rows, fewer where `isFull` says so. Returns true when all have been looked at. */
  step(rowsMax: number): boolean {
    const { rowCount } = this.#request;
    const { blockRows, blocks } = this.#table;
    const end = Math.min(rowCount, this.#row + Math.max(64, rowsMax - (rowsMax % 64)));
    while (this.#row < end && !this.isFull) {
      const index = Math.floor(this.#row / blockRows);
      const block = blocks[index]!;
      const first = index * blockRows;
      const to = Math.min(blockRows, end - first);
      if (block.segment !== this.#segment) this.#enter(block.segment);
      this.#scan(block, this.#row - first, to, first);
      this.#row = first + to;
    }
    return this.#row >= rowCount;
  }

  /** True when what is noted is to be scored before the scan goes on. */
  get isFull(): boolean {
    return this.#count > Math.max(notesMax, 4 * this.#capacity);
  }

  /** The noted rows that can still be among the best, ascending; they are noted no more. */
  take(): Uint32Array {
    this.#drop();
    const rows = this.#rows.slice(0, this.#count);
    this.#count = 0;
    return rows;
  }

  /** Tells a score that k of the rows looked at so far have. */
  raise(score: number): void {
    if (this.#segment !== null && this.#state !== null) this.#segment.kernel.raiseBest(this.#state.address, score);
  }

  /** Ends the scan, which may be over; must be called once. */
  release(): void {
    const segment = this.#segment;
    if (segment === null) return;
    for (const scratch of [this.#state, this.#notes, this.#mask, this.#list]) {
      if (scratch !== null) segment.releaseScratch(scratch);
    }
    this.#segment = this.#state = this.#notes = this.#mask = this.#list = null;
  }

  /** Takes scratch in a segment; the search goes on there with what it knows. */
  #enter(segment: Segment): void {
    const before = this.#segment;
    const { kernel } = segment;
    const { blockRows, dim } = this.#table;
    const { mask, metric, query, rowCount, floor } = this.#request;
    const state = segment.acquireScratch(this.#stateBytes);
    if (before !== null && this.#state !== null) {
      const carried = new Uint8Array(before.buffer, this.#state.address, this.#stateBytes);
      new Uint8Array(segment.buffer, state.address, this.#stateBytes).set(carried);
      kernel.leaveCentre(state.address);
      this.release();
    } else {
      new Float32Array(segment.buffer, kernel.queryPlace(state.address) >>> 0, dim).set(query);
      kernel.beginQuery(state.address, metricNumbers[metric], dim, this.#capacity, floor);
    }
    this.#segment = segment;
    this.#state = state;
    this.#notes = segment.acquireScratch(blockRows * noteBytes);
    if (mask === null) return;
    const words = mask.subarray(segment.firstRow >>> 5, Math.ceil(rowCount / 32));
    this.#mask = segment.acquireScratch(words.length * 4 + 8);
    new Uint32Array(segment.buffer, this.#mask.address, words.length).set(words);
    this.#list = segment.acquireScratch(blockRows * 4 + 16);
  }

  #scan({ segment, address }: Block, from: number, to: number, first: number): void {
    const { kernel } = segment;
    const state = this.#state!.address;
    let mask = 0;
    let isListed = false;
    let count = to - from;
    if (this.#mask !== null) {
      mask = this.#mask.address + (first - segment.firstRow) / 8;
      const matching = kernel.countMask(mask, from, to);
      if (matching === 0) return;
      isListed = matching * 2 < count;
      if (isListed) kernel.listMask(mask, from, to, this.#list!.address);
      count = matching;
    }
    kernel.beginNotes(state, this.#notes!.address);
    kernel.enterBlock(state, address);
    if (isListed) kernel.scanCodesList(state, address, this.#list!.address, count);
    else kernel.scanCodesRun(state, address, from, to, mask);
    this.rowsScored += count;
    this.#takeNotes(segment, state);
  }

  /** Copies what the kernel noted in a block. */
  #takeNotes(segment: Segment, state: number): void {
    const count = segment.kernel.noteCount(state) >>> 0;
    if (count === 0) return;
    if (this.#count + count > this.#rows.length) this.#makeRoom(count);
    const place = this.#notes!.address;
    const rows = new Uint32Array(segment.buffer, place, count * 4);
    const most = new Float64Array(segment.buffer, place, count * 2);
    for (let i = 0; i < count; i++) {
      this.#rows[this.#count + i] = rows[4 * i]!;
      this.#most[this.#count + i] = most[2 * i + 1]!;
    }
    this.#count += count;
  }

  #makeRoom(count: number): void {
    this.#drop();
    const wanted = 2 * (this.#count + count);
    if (wanted <= this.#rows.length) return;
    const rows = new Uint32Array(wanted);
    const most = new Float64Array(wanted);
    rows.set(this.#rows.subarray(0, this.#count));
    most.set(this.#most.subarray(0, this.#count));
    this.#rows = rows;
    this.#most = most;
  }

  /** Drops the notes of rows that cannot reach a score that k rows reach. */
  #drop(): void {
    if (this.#segment === null || this.#state === null) return;
    const best = this.#segment.kernel.bestNoted(this.#state.address);
    let left = 0;
    for (let i = 0; i < this.#count; i++) {
      if (this.#most[i]! < best) continue;
      this.#rows[left] = this.#rows[i]!;
      this.#most[left] = this.#most[i]!;
      left += 1;
    }
    this.#count = left;
  }
}
