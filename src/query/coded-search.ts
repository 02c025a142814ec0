/**
 * How is a field searched exactly whose vectors are on disk, and only their codes in memory?
 *
 * The codes leave the few rows that can be among the best; those are read from the file, verified, and scored in float64
 * like any other row, so that rows and values are those of a search in memory, to the bit. Short searches whose rows the page
 * cache has run where they are called.
 */
import type { CodedVectors, FieldVectors } from "../index/field-vectors.js";
import { isDenseMetric } from "../index/metric/metric-order.js";
import { scoreMetricRows } from "../index/metric/metric-scan.js";
import type { CodeScan } from "../kernel/code-scan.js";
import { abortedBy } from "../kernel/kernel-pool.js";
import { type ScanResult, VectorTable } from "../kernel/vector-table.js";
import { TimeSlice } from "../time-slice.js";
import type { DenseMetric, Metric } from "../types.js";
import { bestOf, bestRows, type RankedRows } from "./best-rows.js";
import type { RowFilter } from "./row-filter.js";

export interface CodedQuery {
  readonly metric: DenseMetric;
  readonly query: Float32Array;
  /** Rows wanted, at least 1. */
  readonly k: number;
  readonly signal: AbortSignal | undefined;
  /** First row that counts; up to 63 rows before it may be among the result. */
  readonly fromRow: number;
  /** Least value that counts (l2: greatest); a row that does not reach it may be among the result. Null: all count. */
  readonly threshold: number | null;
}

/** Components that a scan may look at in one go: a few milliseconds. */
const componentsPerStep = 64 * 1024 * 1024;

const noRanks: RankedRows = { rows: new Uint32Array(0), values: new Float64Array(0) };

/** The best of the rows of the filter that are not in the field's table. */
export function searchCoded(
  field: FieldVectors,
  coded: CodedVectors,
  filter: RowFilter,
  query: CodedQuery,
): ScanResult | Promise<ScanResult> {
  const { metric, k, fromRow, threshold } = query;
  const rowCount = Math.min(field.firstRow, filter.rowCount);
  const floor = threshold === null ? Number.NEGATIVE_INFINITY : scoreOf(metric, threshold);
  const { mask } = filter;
  const scan = coded.codes.beginScan({ metric, query: query.query, k, rowCount, fromRow, mask, floor });
  const rowsPerStep = Math.max(4096, Math.floor(componentsPerStep / field.dim));
  if (rowCount - fromRow > rowsPerStep || !scan.step(rowsPerStep))
    return searchInSteps(scan, coded, query, rowsPerStep);
  const rows = scan.take();
  scan.release();
  const scored = scoreFetched(coded, query, rows);
  return scored instanceof Promise
    ? scored.then((values) => resultOf(scan, query, { rows, values }, rows.length))
    : resultOf(scan, query, { rows, values: scored }, rows.length);
}

async function searchInSteps(
  scan: CodeScan,
  coded: CodedVectors,
  query: CodedQuery,
  rowsPerStep: number,
): Promise<ScanResult> {
  const { metric, k, signal } = query;
  const slice = new TimeSlice();
  let best = noRanks;
  let fetched = 0;
  try {
    for (let isDone = false; !isDone; ) {
      isDone = scan.step(rowsPerStep);
      if (isDone || scan.isFull) {
        const rows = scan.take();
        fetched += rows.length;
        const values = await scoreFetched(coded, query, rows);
        best = bestRows(metric, k, [best, { rows, values }]);
        if (best.rows.length === k) scan.raise(scoreOf(metric, best.values[k - 1]!));
      }
      if (slice.isDue()) await slice.giveWay();
      if (signal?.aborted === true) throw abortedBy(signal);
    }
  } finally {
    scan.release();
  }
  return resultOf(scan, query, best, fetched);
}

function resultOf({ rowsScored }: CodeScan, { metric, k }: CodedQuery, found: RankedRows, fetched: number): ScanResult {
  return { ...bestOf(metric, k, found.rows, found.values), rowsScored, rowsRescored: fetched, firstPass: "int8" };
}

/** Higher is better. */
function scoreOf(metric: DenseMetric, value: number): number {
  return metric === "l2" ? 0 - value : value;
}

/** Values of rows that ascend and are not in memory; a promise where the disk has to be waited for. */
function scoreFetched(
  coded: CodedVectors,
  { metric, query }: Pick<CodedQuery, "metric" | "query">,
  rows: Uint32Array,
): Float64Array | Promise<Float64Array> {
  const values = new Float64Array(rows.length);
  for (let done = 0; done < rows.length; ) {
    const fetched = coded.fetch(rows.subarray(done));
    if (fetched instanceof Promise) return scoreRest(coded, { metric, query }, rows, { values, done, fetched });
    fetched.scoreInto(metric, query, values, done);
    fetched.release();
    done += fetched.rows.length;
  }
  return values;
}

/** The same from the first rows on that have to be waited for. */
async function scoreRest(
  coded: CodedVectors,
  { metric, query }: Pick<CodedQuery, "metric" | "query">,
  rows: Uint32Array,
  state: {
    readonly values: Float64Array;
    readonly done: number;
    readonly fetched: ReturnType<CodedVectors["fetch"]>;
  },
): Promise<Float64Array> {
  const { values } = state;
  let { done, fetched } = state;
  for (;;) {
    const present = await fetched;
    present.scoreInto(metric, query, values, done);
    present.release();
    done += present.rows.length;
    if (done === rows.length) return values;
    fetched = coded.fetch(rows.subarray(done));
  }
}

/** Exact values of some rows of a field in any order: those that an index proposes. */
export function scoreFieldRows(
  field: FieldVectors,
  coded: CodedVectors,
  { metric, query }: { readonly metric: Metric; readonly query: Float32Array },
  rows: Uint32Array,
): Float64Array | Promise<Float64Array> {
  if (!isDenseMetric(metric)) {
    const read = field.readRows(rows);
    return read instanceof Promise
      ? read.then((floats) => scoreFloats(field, { metric, query }, floats))
      : scoreFloats(field, { metric, query }, read);
  }
  const order = Uint32Array.from(rows, (_, at) => at).sort((a, b) => rows[a]! - rows[b]!);
  const ascending = order.map((at) => rows[at]!);
  let below = 0;
  while (below < ascending.length && ascending[below]! < field.firstRow) below += 1;
  const inTable = ascending.subarray(below).map((row) => row - field.firstRow);
  const above = field.table.scoreRows(metric, query, inTable);
  const placed = (fetched: Float64Array): Float64Array => {
    const values = new Float64Array(rows.length);
    for (let i = 0; i < below; i++) values[order[i]!] = fetched[i]!;
    for (let i = below; i < rows.length; i++) values[order[i]!] = above[i - below]!;
    return values;
  };
  const fetched = scoreFetched(coded, { metric, query }, ascending.subarray(0, below));
  return fetched instanceof Promise ? fetched.then(placed) : placed(fetched);
}

/** Values by a metric that only tables are scored with. */
function scoreFloats(
  { dim, table }: FieldVectors,
  { metric, query }: { readonly metric: Metric; readonly query: Float32Array },
  floats: Float32Array,
): Float64Array {
  const copy = new VectorTable({ dim, dtype: table.dtype });
  copy.appendFloats(floats);
  const rows = Uint32Array.from({ length: copy.rowCount }, (_, row) => row);
  const values = isDenseMetric(metric)
    ? copy.scoreRows(metric, query, rows)
    : scoreMetricRows(copy, metric, query, rows);
  copy.release();
  return values;
}
