/**
 * How is one search run without holding the event loop?
 *
 * Short scans run where they are called; long ones go step by step and give way between steps. The filter decided before
 * which rows count; the kernel does the rest.
 */
import { assert, LynseError } from "../errors.js";
import type { ScanResult, SearchInProgress, VectorTable } from "../kernel/vector-table.js";
import { TimeSlice } from "../time-slice.js";
import type { DenseMetric, Metric } from "../types.js";
import type { RowFilter } from "./row-filter.js";

export interface VectorQuery {
  readonly metric: Metric;
  readonly query: Float32Array;
  readonly k: number;
  readonly signal: AbortSignal | undefined;
}

/** Components that a scan may look at in one go: a few milliseconds. */
const componentsPerStep = 64 * 1024 * 1024;

/** The `k` best rows of the filter. */
export async function searchVectors(vectors: VectorTable, filter: RowFilter, query: VectorQuery): Promise<ScanResult> {
  const request = {
    metric: dense(query.metric),
    query: query.query,
    k: Math.min(query.k, filter.count),
    rowCount: filter.rowCount,
    mask: filter.mask,
    maskCount: filter.count,
  };
  if (request.k === 0) return noRows;
  const rowsPerStep = rowsPerStepOf(vectors);
  if (Math.min(filter.count * 4, filter.rowCount) <= rowsPerStep) return vectors.search(request);
  return inSteps(vectors.beginSearch(request), rowsPerStep, query.signal);
}

function rowsPerStepOf(vectors: VectorTable): number {
  return Math.max(4096, Math.floor(componentsPerStep / vectors.dim));
}

async function inSteps(
  search: SearchInProgress,
  rowsPerStep: number,
  signal: AbortSignal | undefined,
): Promise<ScanResult> {
  const slice = new TimeSlice();
  try {
    while (!search.step(rowsPerStep)) {
      if (slice.isDue()) await slice.giveWay();
      throwIfAborted(signal);
    }
  } catch (error) {
    search.cancel();
    throw error;
  }
  return search.finish();
}

/**
 * The rows of the filter whose value, rounded to the float32 that callers see, reaches the threshold: a distance of an
 * earlier view, given as the threshold, includes the row that it came from. At most `k` of them, the best ones.
 */
export async function searchVectorsInRange(
  vectors: VectorTable,
  filter: RowFilter,
  query: VectorQuery & { readonly threshold: number },
): Promise<ScanResult> {
  const metric = dense(query.metric);
  const { threshold } = query;
  if (filter.count === 0 || query.k === 0) return noRows;
  // Rounding moves a value by less than this, so that the looser scan misses none.
  const slack = Math.abs(threshold) * 2 ** -23 + 2 ** -149;
  const loose = inSteps(
    vectors.beginRange({
      metric,
      query: query.query,
      rowCount: filter.rowCount,
      mask: filter.mask,
      maskCount: filter.count,
      threshold: metric === "l2" ? threshold + slack : threshold - slack,
      maxResults: Math.min(query.k, filter.count),
    }),
    rowsPerStepOf(vectors),
    query.signal,
  );
  const { rows, values, ...account } = await loose;
  const isWithin = (value: number): boolean =>
    metric === "l2" ? Math.fround(value) <= threshold : Math.fround(value) >= threshold;
  // Best first: those beyond the threshold are the last ones.
  let count = rows.length;
  while (count > 0 && !isWithin(values[count - 1]!)) count -= 1;
  return { ...account, rows: rows.subarray(0, count), values: values.subarray(0, count) };
}

const noRows: ScanResult = {
  rows: new Uint32Array(0),
  values: new Float64Array(0),
  rowsScored: 0,
  rowsRescored: 0,
  firstPass: "none",
};

/** Several searches over one filter; queries row-major. */
export async function searchVectorsBatch(
  vectors: VectorTable,
  filter: RowFilter,
  batch: Omit<VectorQuery, "query"> & { readonly queries: Float32Array },
): Promise<ScanResult[]> {
  const { dim } = vectors;
  const count = batch.queries.length / dim;
  const k = Math.min(batch.k, filter.count);
  if (k === 0) return new Array<ScanResult>(count).fill(noRows);
  const results: ScanResult[] = [];
  // Work grows with rows looked at; as many queries at once as stay within a few milliseconds.
  const queriesPerStep = Math.max(1, Math.floor(componentsPerStep / (dim * Math.max(1, filter.count))));
  const slice = new TimeSlice();
  for (let from = 0; from < count; from += queriesPerStep) {
    const queries = batch.queries.subarray(from * dim, Math.min(count, from + queriesPerStep) * dim);
    results.push(
      ...vectors.searchBatch(queries, {
        metric: dense(batch.metric),
        k,
        rowCount: filter.rowCount,
        mask: filter.mask,
        maskCount: filter.count,
      }),
    );
    if (slice.isDue()) await slice.giveWay();
    throwIfAborted(batch.signal);
  }
  return results;
}

function dense(metric: Metric): DenseMetric {
  assert(metric === "ip" || metric === "l2" || metric === "cos", "the metric is one that the scan knows");
  return metric;
}

/** Throws `ABORTED` once the signal fired. */
export function throwIfAborted(signal: AbortSignal | undefined): void {
  if (signal?.aborted === true) {
    throw new LynseError("ABORTED", "the call was ended by its AbortSignal", {}, signal.reason);
  }
}
