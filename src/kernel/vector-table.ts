/**
 * How is one vector compared with many?
 *
 * A `VectorTable` keeps the vectors of one field in the encoding they are stored in, next to int8 codes derived from
 * them, and finds the exact best rows for a query. Rows are only ever added or cut off at the end; a search works on
 * a snapshot given as a row count and may be spread over time. Top of the kernel layer: knows nothing of ids, files
 * or filters.
 *
 * Rows lie in blocks of a power of two of rows, blocks in segments (one WebAssembly memory each, up to 4 GiB). Codes
 * are taken relative to a centre, the mean of the rows in the block before, renewed when the number of blocks
 * doubles; a block keeps its centre, so nothing is ever encoded twice.
 */
import { assert, LynseError } from "../errors.js";
import type { DenseMetric, Dtype } from "../types.js";
import { decodeFloat16, encodeFloat16 } from "./float16.js";
import { dtypeNumbers, metricNumbers } from "./kernel-module.js";
import { type Block, type RunRequest, type ScanRequest, type ScanResult, ScanRun } from "./scan-run.js";
import { type Scratch, Segment } from "./segment.js";

export type { FirstPass, ScanRequest, ScanResult } from "./scan-run.js";

/** Bytes of stored rows that a block aims at. */
const blockBytesAim = 1 << 20;
const blockRowsMin = 64;
const blockRowsMax = 4_096;
/** Bytes of a segment that blocks leave to scratch, at most; an eighth of smaller segments. */
const scratchReserve = 64 << 20;
/** Queries that go over the rows together. */
const queriesTogether = 32;

export interface VectorTableOptions {
  /** Components of a vector, 1 to `limits.dimMax`. */
  readonly dim: number;
  readonly dtype: Dtype;
  /** Largest size of one memory. Default just under 4 GiB; less where address space is short. */
  readonly segmentBytesMax?: number;
}

/** A search in progress. `finish` or `cancel` must be called, once. */
export interface SearchInProgress {
  /** Rows looked at so far. */
  readonly rowsDone: number;
  /** Looks at about `rowsMax` more rows. Returns true when all have been looked at. */
  step(rowsMax: number): boolean;
  /** Looks at what is left and returns the result. */
  finish(): ScanResult;
  /** Ends the search without a result. */
  cancel(): void;
}

/** Several searches in progress, over the rows together. */
export interface BatchInProgress extends Omit<SearchInProgress, "finish"> {
  /** Looks at what is left and returns the results in the order of the queries. */
  finish(): ScanResult[];
}

/** What a range search is asked for. */
export interface RangeRequest extends Omit<ScanRequest, "k"> {
  /** Least value that counts (ip, cos) or greatest (l2), inclusive. */
  readonly threshold: number;
  /** Most rows to return, the best ones. */
  readonly maxResults: number;
}

/** Place for appended rows. */
export interface AppendPlace {
  /** Room for `rows` rows in the stored encoding, unpadded, row-major. */
  readonly target: Uint8Array;
  readonly rows: number;
}

/** Bytes that a table occupies. */
export interface TableMemory {
  /** Rows as stored, with their padding. */
  readonly vectorBytes: number;
  /** Codes and scalars derived from the rows. */
  readonly codeBytes: number;
  /** Both, and headers, centres and scratch. */
  readonly totalBytes: number;
}

/** Rows scored in one go. */
const scoredTogether = 1024;
/** Rows whose waiting codes a search derives: a few milliseconds. */
const helpRows = 8192;

/** Rows a block: the power of two nearest below the aimed size, within limits. */
export function rowsPerBlock(rowBytes: number, bytesAim: number = blockBytesAim): number {
  const rows = 2 ** Math.floor(Math.log2(bytesAim / rowBytes));
  return Math.min(blockRowsMax, Math.max(blockRowsMin, rows));
}

function isPowerOfTwo(index: number): boolean {
  return (index & (index - 1)) === 0;
}

export class VectorTable {
  readonly dim: number;
  readonly dtype: Dtype;
  /** Bytes of one row in the stored encoding. */
  readonly bytesPerRow: number;
  /** Rows a block. */
  readonly blockRows: number;
  /** Bytes of one row's codes. */
  readonly codeStride: number;
  #segmentBytesMax: number;
  #rowStride: number;
  #rowCount = 0;
  #encodedRows = 0;
  #isSearched = false;
  #segments: Segment[] = [];
  #blocks: Block[] = [];
  #staging: { readonly segment: Segment; readonly scratch: Scratch } | null = null;
  #placeRows = 0;
  #isReleased = false;

  constructor(options: VectorTableOptions) {
    const componentBytes = options.dtype === "float16" ? 2 : 4;
    this.dim = options.dim;
    this.dtype = options.dtype;
    this.bytesPerRow = options.dim * componentBytes;
    this.codeStride = Math.ceil(options.dim / 16) * 16;
    this.#rowStride = Math.ceil(options.dim / 4) * 4 * componentBytes;
    this.blockRows = rowsPerBlock(this.#rowStride);
    this.#segmentBytesMax = options.segmentBytesMax ?? Number.MAX_SAFE_INTEGER;
  }

  get rowCount(): number {
    return this.#rowCount;
  }

  /** The blocks, for runs over them. */
  get blocks(): readonly Block[] {
    return this.#blocks;
  }

  /**
   * Place for up to `rowsMax` more rows, in the stored encoding (little-endian, unpadded, row-major). `rows` may be
   * less than asked for, where a block ends. The rows count once `finishAppend` has taken them over; another call
   * gives another place.
   */
  beginAppend(rowsMax: number): AppendPlace {
    assert(rowsMax >= 1, "at least one row is appended");
    this.#assertUsable();
    this.#releaseStaging();
    const { segment, address } = this.#lastBlock();
    const index = this.#rowCount % this.blockRows;
    const rows = Math.min(rowsMax, this.blockRows - index);
    this.#placeRows = rows;
    const bytes = rows * this.bytesPerRow;
    let place = (segment.kernel.blockRows(address) >>> 0) + index * this.#rowStride;
    if (this.#rowStride !== this.bytesPerRow) {
      const scratch = segment.acquireScratch(bytes);
      this.#staging = { segment, scratch };
      place = scratch.address;
    }
    return { target: new Uint8Array(segment.buffer, place, bytes), rows };
  }

  /**
   * Place for the rows after those of the present place, so that one can be filled while the other is taken over; null
   * where it cannot be told yet. Taken over by the `finishAppend` after the next one.
   */
  beginAppendAhead(rowsMax: number): AppendPlace | null {
    this.#assertUsable();
    const first = this.#rowCount + this.#placeRows;
    const index = first / this.blockRows;
    const isWholeBlock = this.#placeRows > 0 && Number.isInteger(index);
    // A block whose centre is made anew must know the rows before it.
    if (!isWholeBlock || this.#staging !== null || this.#rowStride !== this.bytesPerRow || isPowerOfTwo(index))
      return null;
    const { segment, address } = this.#blockAt(index);
    const rows = Math.min(rowsMax, this.blockRows);
    this.#placeRows += rows;
    return {
      target: new Uint8Array(segment.buffer, segment.kernel.blockRows(address) >>> 0, rows * this.bytesPerRow),
      rows,
    };
  }

  /**
   * Takes over the first `rows` rows written to the place of `beginAppend`: from now on searches see them. Their codes
   * are derived at once, or later by `encodePending` when `isDeferred`; until then searches go over the stored rows.
   */
  finishAppend(rows: number, isDeferred = false): void {
    const index = this.#rowCount % this.blockRows;
    const isPlaced = rows <= this.#placeRows && index + rows <= this.blockRows;
    assert(rows >= 0 && isPlaced, "no more rows are taken over than there was place for");
    this.#assertUsable();
    const { segment, address } = this.#lastBlock();
    const { kernel } = segment;
    if (this.#staging !== null) {
      const target = (kernel.blockRows(address) >>> 0) + index * this.#rowStride;
      kernel.spreadRows(this.#staging.scratch.address, target, this.bytesPerRow, this.#rowStride, rows);
      this.#releaseStaging();
    }
    if (isDeferred || this.#encodedRows < this.#rowCount) {
      kernel.normRows(address, index, index + rows);
    } else {
      kernel.encodeRows(address, index, index + rows);
      this.#encodedRows += rows;
    }
    this.#rowCount += rows;
    this.#placeRows = Math.max(0, this.#placeRows - rows);
  }

  /** Derives the codes of about `rowsMax` rows that wait for them. Returns true when none is left. */
  encodePending(rowsMax: number): boolean {
    this.#assertUsable();
    const end = Math.min(this.#rowCount, this.#encodedRows + rowsMax);
    while (this.#encodedRows < end) {
      const { segment, address } = this.#blockOf(this.#encodedRows);
      const from = this.#encodedRows % this.blockRows;
      const to = Math.min(this.blockRows, from + end - this.#encodedRows);
      segment.kernel.encodeRows(address, from, to);
      this.#encodedRows += to - from;
    }
    return this.#encodedRows === this.#rowCount;
  }

  /** Rows whose codes are there, from row 0. */
  get encodedRows(): number {
    return this.#encodedRows;
  }

  /** Forgets the rows from `rowCount` on. Searches in progress must not reach into them. */
  truncate(rowCount: number): void {
    assert(rowCount >= 0 && rowCount <= this.#rowCount, "a table is cut at one of its rows");
    this.#releaseStaging();
    this.#placeRows = 0;
    this.#rowCount = rowCount;
    this.#encodedRows = Math.min(this.#encodedRows, rowCount);
  }

  /** Appends row-major float32 rows, rounded to the stored encoding. */
  appendFloats(vectors: Float32Array): void {
    const { dim } = this;
    for (let done = 0; done < vectors.length; ) {
      const { target, rows } = this.beginAppend((vectors.length - done) / dim);
      const part = vectors.subarray(done, done + rows * dim);
      if (this.dtype === "float32") target.set(new Uint8Array(part.buffer, part.byteOffset, part.byteLength));
      else encodeFloat16(part, new Uint16Array(target.buffer, target.byteOffset, part.length));
      this.finishAppend(rows);
      done += part.length;
    }
  }

  /** Rows as float32, row-major, a copy. */
  readRows(rows: ArrayLike<number>): Float32Array {
    const { dim } = this;
    const target = new Float32Array(rows.length * dim);
    for (let i = 0; i < rows.length; i++) {
      this.#readInto(rows[i] as number, target.subarray(i * dim, (i + 1) * dim));
    }
    return target;
  }

  /** Copies the rows [from, to) into `target` as float32, row-major. */
  copyRows(from: number, to: number, target: Float32Array): void {
    const { dim } = this;
    assert(target.length >= (to - from) * dim, "the target has room for the rows");
    const isDense = this.dtype === "float32" && this.#rowStride === this.bytesPerRow;
    for (let row = from; row < to; ) {
      const index = row % this.blockRows;
      const count = isDense ? Math.min(to - row, this.blockRows - index) : 1;
      const at = (row - from) * dim;
      if (isDense) {
        const { segment, address } = this.#blockOf(row);
        const place = (segment.kernel.blockRows(address) >>> 0) + index * this.#rowStride;
        target.set(new Float32Array(segment.buffer, place, count * dim), at);
      } else {
        this.#readInto(row, target.subarray(at, at + dim));
      }
      row += count;
    }
  }

  /**
   * Copies rows from `from` on, below `to`, into `target` as they are stored, unpadded: as many as lie in one block. Returns
   * their number.
   */
  copyStored(from: number, to: number, target: Uint8Array): number {
    const { bytesPerRow } = this;
    const index = from % this.blockRows;
    const count = Math.min(to - from, this.blockRows - index);
    const { segment, address } = this.#blockOf(from);
    const place = (segment.kernel.blockRows(address) >>> 0) + index * this.#rowStride;
    if (this.#rowStride === bytesPerRow) {
      target.set(new Uint8Array(segment.buffer, place, count * bytesPerRow));
      return count;
    }
    for (let i = 0; i < count; i++) {
      target.set(new Uint8Array(segment.buffer, place + i * this.#rowStride, bytesPerRow), i * bytesPerRow);
    }
    return count;
  }

  /** The exact best rows for a query. */
  search(request: ScanRequest): ScanResult {
    return this.beginSearch(request).finish();
  }

  /** As `search`, in steps. */
  beginSearch(request: ScanRequest): SearchInProgress {
    return this.#begin(request.query, { ...request, floor: Number.NEGATIVE_INFINITY });
  }

  /** As `search` for each of the row-major `queries`, which share the way through memory. */
  searchBatch(queries: Float32Array, request: Omit<ScanRequest, "query">): ScanResult[] {
    const results: ScanResult[] = [];
    const length = queriesTogether * this.dim;
    for (let start = 0; start < queries.length; start += length) {
      results.push(...this.beginBatch(queries.subarray(start, start + length), request).finish());
    }
    return results;
  }

  /** As `searchBatch`, in steps; meant for some tens of queries, which all take scratch at once. */
  beginBatch(queries: Float32Array, request: Omit<ScanRequest, "query">): BatchInProgress {
    this.#assertUsable();
    this.#helpEncoding(request);
    return new ScanRun(this, queries, { ...request, floor: Number.NEGATIVE_INFINITY });
  }

  /** The best rows whose value reaches a threshold. */
  searchRange(request: RangeRequest): ScanResult {
    return this.beginRange(request).finish();
  }

  /** As `searchRange`, in steps. */
  beginRange(request: RangeRequest): SearchInProgress {
    const { threshold, maxResults, ...rest } = request;
    assert(!Number.isNaN(threshold), "a threshold is a number");
    // No squared distance is below zero: a snapshot without rows gives the empty result at once.
    const isEmpty = request.metric === "l2" && threshold < 0;
    const floor = request.metric === "l2" ? 0 - threshold : threshold;
    return this.#begin(request.query, { ...rest, k: maxResults, floor, ...(isEmpty ? { rowCount: 0 } : {}) });
  }

  /** Exact values of the given rows, in their order. */
  scoreRows(metric: DenseMetric, query: Float32Array, rows: ArrayLike<number>): Float64Array {
    assert(query.length === this.dim, "the query has the table's dimension");
    this.#assertUsable();
    const values = new Float64Array(rows.length);
    for (let from = 0; from < rows.length; ) from = this.#scoreStretch(metric, query, rows, from, values);
    if (metric === "l2") for (let i = 0; i < values.length; i++) values[i] = 0 - values[i]!;
    return values;
  }

  /** Scores rows from position `from` on that lie in one segment; returns the position after them. */
  #scoreStretch(
    metric: DenseMetric,
    query: Float32Array,
    rows: ArrayLike<number>,
    from: number,
    values: Float64Array,
  ): number {
    const { segment } = this.#blockOf(rows[from] as number);
    const { kernel } = segment;
    const stateBytes = kernel.stateBytes(this.dim, 1) >>> 0;
    const limit = Math.min(rows.length - from, scoredTogether);
    const scratch = segment.acquireScratch(stateBytes + 16 * limit);
    const state = scratch.address;
    const list = new Uint32Array(segment.buffer, state + stateBytes + 8 * limit, 2 * limit);
    let count = 0;
    for (; count < limit; count++) {
      const row = rows[from + count] as number;
      const block = this.#blockOf(row);
      if (block.segment !== segment) break;
      list[2 * count] = block.address;
      list[2 * count + 1] = row % this.blockRows;
    }
    new Float32Array(segment.buffer, kernel.queryPlace(state) >>> 0, this.dim).set(query);
    kernel.beginQuery(state, metricNumbers[metric], this.dim, 1, Number.NEGATIVE_INFINITY);
    const scores = state + stateBytes;
    kernel.scoreRows(state, list.byteOffset, count, scores);
    values.set(new Float64Array(segment.buffer, scores, count), from);
    segment.releaseScratch(scratch);
    return from + count;
  }

  /** Bytes that the table's rows take. */
  memory(): TableMemory {
    const vectorBytes = this.#rowCount * this.#rowStride;
    const codeBytes = this.#rowCount * (this.#segments[0]?.kernel.codeBytesPerRow(this.dim) ?? 0);
    let totalBytes = vectorBytes + codeBytes;
    for (const segment of this.#segments) totalBytes += segment.scratchBytes + segment.overheadBytes;
    return { vectorBytes, codeBytes, totalBytes };
  }

  /** Gives the memory back. The table cannot be used afterwards. */
  release(): void {
    this.#isReleased = true;
    this.#staging = null;
    this.#rowCount = 0;
    this.#blocks = [];
    this.#segments = [];
  }

  #begin(query: Float32Array, request: RunRequest): SearchInProgress {
    assert(query.length === this.dim, "the query has the table's dimension");
    this.#assertUsable();
    this.#helpEncoding(request);
    const run = new ScanRun(this, query, request);
    return {
      get rowsDone() {
        return run.rowsDone;
      },
      step: (rowsMax) => run.step(rowsMax),
      finish: () => run.finish()[0] as ScanResult,
      cancel: () => run.cancel(),
    };
  }

  /**
   * Codes that wait are derived bit by bit by the searches that would use them: a program that only awaits searches
   * leaves no time for other work. The first search does not, so that it is answered soon.
   */
  #helpEncoding({ firstPass }: Pick<ScanRequest, "firstPass">): void {
    if (this.#encodedRows === this.#rowCount) return;
    const isFirst = !this.#isSearched;
    this.#isSearched = true;
    if (firstPass === "int8") this.encodePending(Number.POSITIVE_INFINITY);
    else if (!isFirst) this.encodePending(helpRows);
  }

  #assertUsable(): void {
    if (this.#isReleased) throw new LynseError("CLOSED", "the vectors were released; open the collection again");
  }

  #blockOf(row: number): Block {
    assert(row >= 0 && row < this.#rowCount, "a row number lies in the table");
    return this.#blocks[Math.floor(row / this.blockRows)] as Block;
  }

  #readInto(row: number, target: Float32Array): void {
    const { segment, address } = this.#blockOf(row);
    const place = (segment.kernel.blockRows(address) >>> 0) + (row % this.blockRows) * this.#rowStride;
    if (this.dtype === "float32") target.set(new Float32Array(segment.buffer, place, this.dim));
    else decodeFloat16(new Uint16Array(segment.buffer, place, this.dim), target);
  }

  #releaseStaging(): void {
    if (this.#staging !== null) this.#staging.segment.releaseScratch(this.#staging.scratch);
    this.#staging = null;
  }

  /** The block that the next row goes to, made when it is not there yet. */
  #lastBlock(): Block {
    return this.#blockAt(Math.floor(this.#rowCount / this.blockRows));
  }

  /** Block `index`, made when it is the next one. */
  #blockAt(index: number): Block {
    const present = this.#blocks[index];
    if (present !== undefined) return present;
    const dtype = dtypeNumbers[this.dtype];
    let segment = this.#segments.at(-1) ?? this.#addSegment();
    const bytes = segment.kernel.blockBytes(this.dim, dtype, this.blockRows) >>> 0;
    const reserve = Math.min(scratchReserve, this.#segmentBytesMax / 8);
    if (this.#blocks.at(-1)?.segment === segment && !segment.hasRoomFor(bytes + reserve)) segment = this.#addSegment();
    const centre = this.#centreFor(index, segment);
    const address = segment.allocate(bytes);
    segment.kernel.initBlock(address, this.dim, dtype, this.blockRows, index * this.blockRows, centre);
    const block = { segment, address };
    this.#blocks.push(block);
    return block;
  }

  #addSegment(): Segment {
    const segment = new Segment(this.#rowCount, this.#segmentBytesMax);
    this.#segments.push(segment);
    return segment;
  }

  /** Address in `segment` of the centre for block `index`. */
  #centreFor(index: number, segment: Segment): number {
    const { kernel } = segment;
    const bytes = kernel.centreBytes(this.dim) >>> 0;
    const before = this.#blocks[index - 1];
    if (before === undefined) return segment.allocateOverhead(bytes);
    const isRenewed = isPowerOfTwo(index);
    const present = before.segment.kernel.blockCentre(before.address) >>> 0;
    if (!isRenewed && before.segment === segment) return present;
    const target = segment.allocateOverhead(bytes);
    const copy = (address: number) =>
      new Uint8Array(segment.buffer, target, bytes).set(new Uint8Array(before.segment.buffer, address, bytes));
    if (!isRenewed) {
      copy(present);
      return target;
    }
    const scratch = before.segment.acquireScratch(3 * bytes);
    before.segment.kernel.meanOfRows(before.address, this.blockRows, scratch.address, scratch.address + bytes);
    copy(scratch.address);
    before.segment.releaseScratch(scratch);
    return target;
  }
}
