/**
 * How is one search run without holding the event loop?
 *
 * Short scans run where they are called; long ones go step by step and give way between steps. The filter decided before
 * which rows count; the kernel does the rest.
 */
import { LynseError } from "../errors.js";
import type { ScanResult, VectorTable } from "../kernel/vector-table.js";
import { TimeSlice } from "../time-slice.js";
import type { Metric } from "../types.js";
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
    metric: query.metric,
    query: query.query,
    k: Math.min(query.k, filter.count),
    rowCount: filter.rowCount,
    mask: filter.mask,
    maskCount: filter.count,
  };
  if (request.k === 0) return noRows;
  const rowsPerStep = Math.max(4096, Math.floor(componentsPerStep / vectors.dim));
  if (Math.min(filter.count * 4, filter.rowCount) <= rowsPerStep) return vectors.search(request);
  const search = vectors.beginSearch(request);
  const slice = new TimeSlice();
  try {
    while (!search.step(rowsPerStep)) {
      if (slice.isDue()) await slice.giveWay();
      throwIfAborted(query.signal);
    }
  } catch (error) {
    search.cancel();
    throw error;
  }
  return search.finish();
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
        metric: batch.metric,
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

/** Throws `ABORTED` once the signal fired. */
export function throwIfAborted(signal: AbortSignal | undefined): void {
  if (signal?.aborted === true) {
    throw new LynseError("ABORTED", "the call was ended by its AbortSignal", {}, signal.reason);
  }
}
