/**
 * Which rows are the nearest by a metric that the scan kernel does not know?
 *
 * Every row that the mask allows is scored in float64 as it is stored, so the answer is exact. Works on a snapshot
 * given as a row count and may be spread over time, as the searches of `VectorTable` do; scratch lives in the segment
 * being scanned and moves on with the search.
 */
import { assert } from "../../errors.js";
import type { KernelMemory, Scratch } from "../../kernel/kernel-memory.js";
import type { ScanResult, SearchInProgress, VectorTable } from "../../kernel/vector-table.js";
import { metricKernelOf, metricNumbers } from "./metric-kernel.js";
import type { ScannedMetric } from "./metric-order.js";

export interface MetricScanRequest {
  readonly metric: ScannedMetric;
  /** `dim` finite components within the metric's contract. */
  readonly query: Float32Array;
  /** Rows wanted, at least 1; may exceed the row count. */
  readonly k: number;
  /** Snapshot: only rows below it are looked at. */
  readonly rowCount: number;
  /** First row looked at. Default 0. */
  readonly fromRow?: number;
  /** Bit r & 31 of word r >>> 5 set: row r may be returned. Null: all rows. Must not change while the search runs. */
  readonly mask: Uint32Array | null;
}

export interface MetricRangeRequest extends Omit<MetricScanRequest, "k"> {
  /** Greatest value that counts, inclusive. */
  readonly threshold: number;
  /** Most rows to return, the best ones. */
  readonly maxResults: number;
}

/** Begins a search for the `k` rows of the lowest values; a row outside the metric's contract comes last, infinite. */
export function beginMetricScan(vectors: VectorTable, request: MetricScanRequest): SearchInProgress {
  return new MetricScan(vectors, request, Number.POSITIVE_INFINITY);
}

/** Begins a search for the rows whose value is at most a threshold. */
export function beginMetricRange(vectors: VectorTable, request: MetricRangeRequest): SearchInProgress {
  const { threshold, maxResults, ...rest } = request;
  assert(!Number.isNaN(threshold), "a threshold is a number");
  return new MetricScan(vectors, { ...rest, k: maxResults }, threshold);
}

/** Exact values of the given rows, in their order. */
export function scoreMetricRows(
  vectors: VectorTable,
  metric: ScannedMetric,
  query: Float32Array,
  rows: ArrayLike<number>,
): Float64Array {
  assert(query.length === vectors.dim, "the query has the table's dimension");
  const { blocks, blockRows } = vectors;
  const values = new Float64Array(rows.length);
  const states = new Map<KernelMemory, Scratch>();
  for (let i = 0; i < rows.length; i++) {
    const row = rows[i]!;
    assert(row >= 0 && row < vectors.rowCount, "a row number lies in the table");
    const { segment, address } = blocks[Math.floor(row / blockRows)]!;
    const kernel = metricKernelOf(segment.memory);
    let state = states.get(segment);
    if (state === undefined) {
      state = segment.acquireScratch(kernel.stateBytes(query.length, 1) >>> 0);
      states.set(segment, state);
      placeQuery(segment, state.address, metric, query, 1, Number.POSITIVE_INFINITY);
    }
    values[i] = kernel.metricValue(state.address, address, row % blockRows);
  }
  for (const [segment, state] of states) segment.releaseScratch(state);
  return values;
}

function placeQuery(
  segment: KernelMemory,
  state: number,
  metric: ScannedMetric,
  query: Float32Array,
  k: number,
  ceiling: number,
): void {
  const kernel = metricKernelOf(segment.memory);
  new Float32Array(segment.buffer, kernel.queryPlace(state) >>> 0, query.length).set(query);
  kernel.beginQuery(state, metricNumbers[metric], query.length, k, ceiling);
}

/** Components that one step may look at: some metrics take ten nanoseconds each. */
const componentsPerStep = 1 << 20;

const noRows: ScanResult = {
  rows: new Uint32Array(0),
  values: new Float64Array(0),
  rowsScored: 0,
  rowsRescored: 0,
  firstPass: "none",
};

class MetricScan implements SearchInProgress {
  readonly #vectors: VectorTable;
  readonly #request: MetricScanRequest;
  readonly #ceiling: number;
  readonly #capacity: number;
  readonly #fromRow: number;
  #row: number;
  #segment: KernelMemory | null = null;
  /** Row of the table that the mask in scratch begins with. */
  #maskRow = 0;
  #state: Scratch | null = null;
  #mask: Scratch | null = null;

  constructor(vectors: VectorTable, request: MetricScanRequest, ceiling: number) {
    const { query, k, rowCount, fromRow = 0, mask } = request;
    assert(query.length === vectors.dim, "the query has the table's dimension");
    assert(Number.isInteger(k) && k >= 1, "k is a positive integer");
    assert(rowCount >= 0 && rowCount <= vectors.rowCount, "the snapshot lies in the table");
    assert(mask === null || mask.length * 32 >= rowCount, "the mask covers the snapshot");
    this.#vectors = vectors;
    this.#request = { ...request, query: query.slice() };
    this.#ceiling = ceiling;
    this.#fromRow = Math.max(0, fromRow);
    this.#row = this.#fromRow;
    this.#capacity = Math.max(1, Math.min(k, rowCount - this.#fromRow));
  }

  get rowsDone(): number {
    return this.#row - this.#fromRow;
  }

  step(rowsMax: number): boolean {
    const { blockRows, blocks, dim } = this.#vectors;
    const { rowCount } = this.#request;
    const rows = Math.min(rowsMax, componentsPerStep / dim);
    // Whole words of the mask, so that steps begin where words do.
    const end = Math.min(rowCount, this.#row - (this.#row % 64) + Math.max(64, rows - (rows % 64)));
    while (this.#row < end) {
      const index = Math.floor(this.#row / blockRows);
      const { segment, address } = blocks[index]!;
      const first = index * blockRows;
      const to = Math.min(blockRows, end - first);
      if (segment !== this.#segment) this.#enter(segment, first);
      const mask = this.#mask === null ? 0 : this.#mask.address + (first - this.#maskRow) / 8;
      metricKernelOf(segment.memory).scanMetric(this.#state!.address, address, this.#row - first, to, mask);
      this.#row = first + to;
    }
    return this.#row >= rowCount;
  }

  finish(): ScanResult {
    while (!this.step(Number.MAX_SAFE_INTEGER));
    const segment = this.#segment;
    if (segment === null) return noRows;
    const kernel = metricKernelOf(segment.memory);
    const { address } = this.#state!;
    kernel.endQuery(address);
    const count = kernel.resultCount(address);
    const rows = new Uint32Array(segment.buffer, kernel.resultRows(address) >>> 0, count).slice();
    const values = new Float64Array(segment.buffer, kernel.resultScores(address) >>> 0, count).slice();
    for (let i = 0; i < count; i++) values[i] = 0 - values[i]!;
    const rowsScored = kernel.rescoredCount(address) >>> 0;
    this.cancel();
    return { rows, values, rowsScored, rowsRescored: rowsScored, firstPass: "none" };
  }

  cancel(): void {
    const segment = this.#segment;
    if (segment === null) return;
    for (const scratch of [this.#state, this.#mask]) if (scratch !== null) segment.releaseScratch(scratch);
    this.#segment = this.#state = this.#mask = null;
  }

  /** Makes scratch in `segment`, whose next block begins with the row `first`, and takes the state before along. */
  #enter(segment: KernelMemory, first: number): void {
    const { metric, query, rowCount, mask } = this.#request;
    const bytes = metricKernelOf(segment.memory).stateBytes(query.length, this.#capacity) >>> 0;
    const before = this.#segment;
    const state = segment.acquireScratch(bytes);
    if (before !== null) {
      const carried = new Uint8Array(before.buffer, this.#state!.address, bytes);
      new Uint8Array(segment.buffer, state.address, bytes).set(carried);
      this.cancel();
    } else {
      placeQuery(segment, state.address, metric, query, this.#capacity, this.#ceiling);
    }
    this.#segment = segment;
    this.#state = state;
    if (mask === null) return;
    const words = mask.subarray(first >>> 5, Math.ceil(rowCount / 32));
    this.#maskRow = first;
    this.#mask = segment.acquireScratch(words.length * 4 + 8);
    new Uint32Array(segment.buffer, this.#mask.address, words.length).set(words);
  }
}
