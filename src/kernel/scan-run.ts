/**
 * How does one exact search go over the rows of a table?
 *
 * A run holds one or more queries on a snapshot of rows and goes through them in pieces, so that its owner can let
 * other work in between. Each query has a first pass of its own: int8 codes with certified bounds; where too many
 * rows survive those, float32 sums with theirs; where those fail too, float64 alone. Every surviving row is scored in
 * float64 at once, so all passes give the same answer to the bit. Scratch lives in the segment being scanned and
 * moves on with the run.
 */
import { assert } from "../errors.js";
import type { DenseMetric, Dtype } from "../types.js";
import { metricNumbers } from "./kernel-module.js";
import type { Scratch, Segment } from "./segment.js";

/** First pass of a search: which arithmetic excludes rows before float64 decides. */
export type FirstPass = "int8" | "float" | "none";

export interface ScanRequest {
  readonly metric: DenseMetric;
  /** `dim` finite components. */
  readonly query: Float32Array;
  /** Rows wanted, at least 1; may exceed the row count. */
  readonly k: number;
  /** Snapshot: only rows below it are looked at. */
  readonly rowCount: number;
  /** Rows before this one need not be looked at; up to 63 of them are all the same. Default 0. */
  readonly fromRow?: number;
  /** Bit r & 31 of word r >>> 5 set: row r may be returned. `null`: all rows. Must not change while the search runs. */
  readonly mask: Uint32Array | null;
  /** Number of set bits, when the caller knows it. */
  readonly maskCount?: number;
  /** Forces a first pass, for tests and measurements. Default `"auto"`. */
  readonly firstPass?: "auto" | FirstPass;
}

export interface ScanResult {
  /** Best first, ties to the lower row; min(k, matching rows) of them. */
  readonly rows: Uint32Array;
  /** ip: dot product; l2: squared distance; cos: similarity, 0 where a norm is 0. */
  readonly values: Float64Array;
  /** Rows that the first pass looked at. */
  readonly rowsScored: number;
  /** Rows scored in float64. */
  readonly rowsRescored: number;
  /** The pass that ended the scan. */
  readonly firstPass: FirstPass;
}

/** A block of a table: `address` is that of its header in the memory of `segment`. */
export interface Block {
  readonly segment: Segment;
  readonly address: number;
}

/** What a run needs to know of a table. */
export interface ScannedTable {
  readonly dim: number;
  readonly dtype: Dtype;
  /** Rows a block, a power of two. */
  readonly blockRows: number;
  readonly blocks: readonly Block[];
  /** Bytes of one row's codes. */
  readonly codeStride: number;
  /** Rows whose codes are there, from row 0. */
  readonly encodedRows: number;
}

/** What a run is asked for: `ScanRequest` without its query, and the least score that counts. */
export interface RunRequest extends Omit<ScanRequest, "query"> {
  /** Least score that counts (higher is better; minus the squared distance for l2), or -Infinity. */
  readonly floor: number;
}

/** Rows between two looks at how well a first pass excludes. */
const judgedRows = 512;
/** Share of rows scored in vain above which the int8 pass gives up; above one half the float pass does. */
const int8WasteMax = 1 / 8;
const floatWasteMax = 1 / 2;
/** Fewer rows than this are scored in float64 straight away. */
const smallRows = 64;
/** Bytes of codes that several queries visit in turn: they stay in the second-level cache. */
const sharedBytes = 131_072;

/** Per query: its pass and what it has done since it was last judged. */
class QueryProgress {
  pass: FirstPass;
  rowsScored = 0;
  rowsJudged = 0;
  wasteJudged = 0;

  constructor(pass: FirstPass) {
    this.pass = pass;
  }
}

/** True when more than `limit` of the mask's first `rowCount` bits are set. */
function hasMoreBits(mask: Uint32Array, rowCount: number, limit: number): boolean {
  let count = 0;
  const words = rowCount >>> 5;
  for (let i = 0; i <= words; i++) {
    let word = mask[i] ?? 0;
    if (i === words) word &= 2 ** (rowCount & 31) - 1;
    for (; word !== 0; word &= word - 1) count++;
    if (count > limit) return true;
  }
  return false;
}

export class ScanRun {
  #table: ScannedTable;
  #request: RunRequest;
  #queries: Float32Array;
  #queryCount: number;
  #capacity: number;
  #stateBytes = 0;
  #progress: QueryProgress[] = [];
  #row = 0;
  #segment: Segment | null = null;
  #states: Scratch | null = null;
  #mask: Scratch | null = null;
  #list: Scratch | null = null;
  #isForced: boolean;

  /** `queries` is row-major and is read before the constructor returns. */
  constructor(table: ScannedTable, queries: Float32Array, request: RunRequest) {
    const { k, rowCount, mask } = request;
    assert(queries.length > 0 && queries.length % table.dim === 0, "queries have the table's dimension");
    assert(Number.isInteger(k) && k >= 1, "k is a positive integer");
    assert(rowCount >= 0 && rowCount <= table.blocks.length * table.blockRows, "the snapshot lies in the table");
    assert(mask === null || mask.length * 32 >= rowCount, "the mask covers the snapshot");
    this.#table = table;
    this.#request = request;
    this.#queries = queries;
    this.#queryCount = queries.length / table.dim;
    this.#row = Math.min(rowCount, (request.fromRow ?? 0) & ~63);
    this.#capacity = Math.max(1, Math.min(k, rowCount - this.#row, request.maskCount ?? rowCount));
    this.#isForced = (request.firstPass ?? "auto") !== "auto";
    const pass = this.#firstPass();
    for (let i = 0; i < this.#queryCount; i++) this.#progress.push(new QueryProgress(pass));
    const first = table.blocks[Math.floor(this.#row / table.blockRows)];
    if (first !== undefined && rowCount > this.#row) this.#enter(first.segment);
  }

  /** Rows looked at so far. */
  get rowsDone(): number {
    return this.#row;
  }

  /** Looks at about `rowsMax` more rows. Returns true when all have been looked at. */
  step(rowsMax: number): boolean {
    const { rowCount } = this.#request;
    const { blockRows, blocks, codeStride } = this.#table;
    const shared = Math.max(64, (sharedBytes / codeStride) & ~63);
    const end = Math.min(rowCount, this.#row + Math.max(64, rowsMax - (rowsMax % 64)));
    while (this.#row < end) {
      const index = Math.floor(this.#row / blockRows);
      const block = blocks[index] as Block;
      const first = index * blockRows;
      const from = this.#row - first;
      let to = Math.min(blockRows, end - first);
      if (this.#queryCount > 1) to = Math.min(to, from + shared);
      if (block.segment !== this.#segment) this.#enter(block.segment);
      this.#scan(block, from, to, first);
      this.#row = first + to;
    }
    return this.#row >= rowCount;
  }

  /** Looks at what is left and returns the results, one a query. The run is over. */
  finish(): ScanResult[] {
    while (!this.step(Number.MAX_SAFE_INTEGER));
    const results: ScanResult[] = [];
    for (let i = 0; i < this.#queryCount; i++) results.push(this.#result(i));
    this.cancel();
    return results;
  }

  /** Ends the run without a result; harmless when it is over. */
  cancel(): void {
    const segment = this.#segment;
    if (segment === null) return;
    for (const scratch of [this.#states, this.#mask, this.#list]) if (scratch !== null) segment.releaseScratch(scratch);
    this.#segment = this.#states = this.#mask = this.#list = null;
  }

  #firstPass(): FirstPass {
    const { firstPass = "auto", mask, maskCount, floor, k } = this.#request;
    const rowCount = this.#request.rowCount - this.#row;
    if (firstPass !== "auto") return firstPass;
    // With a floor only rows that reach it take up the heap, however much was allowed.
    const limit = floor === Number.NEGATIVE_INFINITY ? Math.max(smallRows, 4 * k) : smallRows;
    if (Math.min(rowCount, maskCount ?? rowCount) <= limit) return "none";
    if (mask !== null && maskCount === undefined && !hasMoreBits(mask, this.#request.rowCount, limit)) return "none";
    return this.#table.encodedRows < this.#request.rowCount ? "float" : "int8";
  }

  /** Makes scratch in `segment`, and takes the states of the segment before along. */
  #enter(segment: Segment): void {
    const { dim, blockRows } = this.#table;
    const { kernel } = segment;
    const { mask, rowCount } = this.#request;
    this.#stateBytes = kernel.stateBytes(dim, this.#capacity) >>> 0;
    const bytes = this.#stateBytes * this.#queryCount;
    const before = this.#segment;
    const states = segment.acquireScratch(bytes);
    if (before !== null && this.#states !== null) {
      const carried = new Uint8Array(before.buffer, this.#states.address, bytes);
      new Uint8Array(segment.buffer, states.address, bytes).set(carried);
      for (let i = 0; i < this.#queryCount; i++) kernel.leaveCentre(states.address + i * this.#stateBytes);
      this.cancel();
    } else {
      this.#begin(segment, states);
    }
    this.#segment = segment;
    this.#states = states;
    if (mask === null) return;
    const words = mask.subarray(segment.firstRow >>> 5, Math.ceil(rowCount / 32));
    this.#mask = segment.acquireScratch(words.length * 4 + 8);
    new Uint32Array(segment.buffer, this.#mask.address, words.length).set(words);
    this.#list = segment.acquireScratch(blockRows * 4 + 16);
  }

  #begin(segment: Segment, states: Scratch): void {
    const { dim } = this.#table;
    const { kernel } = segment;
    const metric = metricNumbers[this.#request.metric];
    for (let i = 0; i < this.#queryCount; i++) {
      const state = states.address + i * this.#stateBytes;
      const query = this.#queries.subarray(i * dim, (i + 1) * dim);
      new Float32Array(segment.buffer, kernel.queryPlace(state) >>> 0, dim).set(query);
      kernel.beginQuery(state, metric, dim, this.#capacity, this.#request.floor);
    }
  }

  /** Looks at the rows `from` to `to` of a block whose first row is `first`. */
  #scan(block: Block, from: number, to: number, first: number): void {
    const { kernel, firstRow } = block.segment;
    const states = (this.#states as Scratch).address;
    let mask = 0;
    let list = 0;
    let count = to - from;
    if (this.#mask !== null) {
      mask = this.#mask.address + (first - firstRow) / 8;
      const matching = kernel.countMask(mask, from, to);
      if (matching === 0) return;
      if (matching * 2 < count) {
        list = (this.#list as Scratch).address;
        kernel.listMask(mask, from, to, list);
      }
      count = matching;
    }
    for (let i = 0; i < this.#queryCount; i++) {
      const state = states + i * this.#stateBytes;
      const progress = this.#progress[i] as QueryProgress;
      if (progress.pass === "int8") {
        kernel.enterBlock(state, block.address);
        if (list !== 0) kernel.scanCodesList(state, block.address, list, count);
        else kernel.scanCodesRun(state, block.address, from, to, mask);
      } else {
        const scan = progress.pass === "float" ? kernel.scanFloatRows : kernel.scanExactRows;
        if (list !== 0) scan(state, block.address, list, 0, count, 0);
        else scan(state, block.address, 0, from, to, mask);
      }
      progress.rowsScored += count;
      if (!this.#isForced) this.#judge(progress, state, block);
    }
  }

  /** Moves a query on to the next pass when this one lets too many rows through that are of no use. */
  #judge(progress: QueryProgress, state: number, block: Block): void {
    const rows = progress.rowsScored - progress.rowsJudged;
    if (progress.pass === "none" || rows < judgedRows) return;
    const { kernel } = block.segment;
    const wasted = (kernel.rescoredCount(state) >>> 0) - (kernel.enteredCount(state) >>> 0);
    const share = (wasted - progress.wasteJudged) / rows;
    progress.rowsJudged = progress.rowsScored;
    progress.wasteJudged = wasted;
    if (progress.pass === "int8" && share > int8WasteMax) progress.pass = "float";
    else if (progress.pass === "float" && share > floatWasteMax) progress.pass = "none";
  }

  #result(query: number): ScanResult {
    const segment = this.#segment;
    const { pass: firstPass, rowsScored } = this.#progress[query] as QueryProgress;
    if (segment === null || this.#states === null) {
      return { rows: new Uint32Array(0), values: new Float64Array(0), rowsScored: 0, rowsRescored: 0, firstPass };
    }
    const { kernel, buffer } = segment;
    const state = this.#states.address + query * this.#stateBytes;
    kernel.endQuery(state);
    const count = kernel.resultCount(state);
    const rows = new Uint32Array(buffer, kernel.resultRows(state) >>> 0, count).slice();
    const values = new Float64Array(buffer, kernel.resultScores(state) >>> 0, count).slice();
    if (this.#request.metric === "l2") for (let i = 0; i < count; i++) values[i] = 0 - (values[i] as number);
    return { rows, values, rowsScored, rowsRescored: kernel.rescoredCount(state) >>> 0, firstPass };
  }
}
