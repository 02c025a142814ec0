/**
 * In which way is a field searched?
 *
 * The planner: an exact scan, or candidates of the field's index, scored exactly, together with an exact scan of the rows
 * that the index does not cover. Never fewer than k rows where k match: an index that found fewer is followed by the exact
 * scan. Costs are compared in units of one row of an unfiltered exact scan; what they rest on is in
 * docs/internals/planner.md.
 */
import type { FieldVectors } from "../index/field-vectors.js";
import { isBinaryMetric, isDenseMetric } from "../index/metric/metric-order.js";
import { scoreMetricRows } from "../index/metric/metric-scan.js";
import type { IndexCandidates, VectorIndex } from "../index/vector-index.js";
import type { ScanResult } from "../kernel/vector-table.js";
import { TimeSlice } from "../time-slice.js";
import type { Metric } from "../types.js";
import { bestOf, bestRows, type RankedRows } from "./best-rows.js";
import { scoreFieldRows } from "./coded-search.js";
import {
  noRows,
  searchExact,
  searchExactBatch,
  searchRange,
  throwIfAborted,
  type VectorQuery,
} from "./exact-search.js";
import type { RowFilter } from "./row-filter.js";

export interface FieldQuery extends VectorQuery {
  /** The index's search knob; null: its default. */
  readonly nprobe: number | null;
  /** Never use the index. */
  readonly exact: boolean;
}

/** Several queries, row-major. */
type FieldBatch = Omit<FieldQuery, "query"> & { readonly queries: Float32Array };

/** What the choice of a plan depends on. */
type Effort = Pick<FieldQuery, "k" | "nprobe">;

/** How a search went. */
export interface FieldResult extends ScanResult {
  readonly plan: "empty" | "exact" | "exact-filtered" | "index" | "index-filtered";
  /** What the index did, e.g. `"walk"`; null where none was asked. */
  readonly strategy: string | null;
  /** Rows proposed by the index that were scored exactly. */
  readonly candidates: number;
  /** Rows after those that the index covers, searched exactly. */
  readonly tailRows: number;
  /** True where the index found too few, and the exact scan followed. */
  readonly fellBack: boolean;
}

/** Cost of a visit of an index, and of a matching row picked out of an exact scan. */
const visitCost = { FLAT: 1, HNSW: 8, IVF: 2, SPANN: 40, DISKANN: 25 } as const;
const pickCost = 4;
/** Cost of a row of an exact scan by metric. */
const scanCost: Readonly<Record<Metric, number>> = {
  ip: 1,
  l2: 1,
  cos: 1,
  hamming: 5,
  jaccard: 5,
  tanimoto: 5,
  dice: 5,
  l1: 7,
  chebyshev: 7,
  bray_curtis: 10,
  hellinger: 15,
  canberra: 15,
  haversine: 9,
  correlation: 15,
  wasserstein: 20,
  jensen_shannon: 30,
};
/** What an exact scan costs more where the vectors are in files. */
const storedScanCost = 80;
const storedPickCost = 4000;

/** Cost from which on a batch goes to threads, in rows of 128 components: about three milliseconds. */
const threadedCost = 500_000;

/** What a search of no rows gives. */
export const emptyResult: FieldResult = {
  ...noRows,
  plan: "empty",
  strategy: null,
  candidates: 0,
  tailRows: 0,
  fellBack: false,
};

/** What a search runs over. */
export interface SearchedField {
  readonly field: FieldVectors | null;
  readonly index: { hold(): { readonly index: VectorIndex; release(): void } | null };
}

/** The index, unless it is for another metric: the one before, while a new one takes its place. */
export function usableIndex(held: { readonly index: VectorIndex } | null, metric: Metric): VectorIndex | null {
  return held !== null && held.index.name.metric === metric ? held.index : null;
}

/** Several searches over one filter. */
export async function searchFieldBatch(
  { field, index }: SearchedField,
  filter: RowFilter,
  batch: FieldBatch,
  count: number,
): Promise<ScanResult[]> {
  if (field === null) return new Array<ScanResult>(count).fill(noRows);
  const held = index.hold();
  const usable = batch.exact ? null : usableIndex(held, batch.metric);
  try {
    if (usable === null || filter.count === 0 || isExactCheaper(field, usable, filter, batch)) {
      return await searchExactBatch(field, filter, batch);
    }
    const covered = Math.min(usable.rowCount, filter.rowCount);
    const cost = (count * indexCost(usable, covered, filter, batch) * field.dim) / 128;
    const isThreaded = field.pool.threads > 1 && count > 1 && cost >= threadedCost;
    if (isThreaded && canThread(usable)) return await searchThreaded(field, usable, filter, batch);
    return await searchIndexBatch(field, usable, filter, batch);
  } finally {
    held?.release();
  }
}

/** Several searches with the index, one after another. */
async function searchIndexBatch(
  field: FieldVectors,
  index: VectorIndex,
  filter: RowFilter,
  batch: FieldBatch,
): Promise<ScanResult[]> {
  const results: ScanResult[] = [];
  const slice = new TimeSlice();
  for (const query of vectorsOf(batch.queries, field.dim)) {
    const found = searchField(field, index, filter, { ...batch, query });
    results.push(found instanceof Promise ? await found : found);
    if (slice.isDue()) await slice.giveWay();
    throwIfAborted(batch.signal);
  }
  return results;
}

/** The same, where the index looks for the candidates on threads; the rest is done beside it. */
async function searchThreaded(
  field: FieldVectors,
  index: VectorIndex & Required<Pick<VectorIndex, "searchBatch">>,
  filter: RowFilter,
  batch: FieldBatch,
): Promise<ScanResult[]> {
  const { dim, pool } = field;
  const { nprobe, signal } = batch;
  const { mask, count: maskCount, rowCount } = filter;
  const request = { k: Math.min(batch.k, maskCount), mask, maskCount, rowCount, nprobe, signal };
  const results: ScanResult[] = [];
  const slice = new TimeSlice();
  const covered = Math.min(index.rowCount, rowCount);
  const found = await index.searchBatch(batch.queries, request, pool);
  let at = 0;
  for (const query of vectorsOf(batch.queries, dim)) {
    const result = completed(field, found[at++]!, covered, filter, { ...batch, query });
    results.push(result instanceof Promise ? await result : result);
    if (slice.isDue()) await slice.giveWay();
    throwIfAborted(signal);
  }
  return results;
}

function* vectorsOf(queries: Float32Array, dim: number): Generator<Float32Array> {
  for (let start = 0; start < queries.length; start += dim) yield queries.subarray(start, start + dim);
}

function canThread(index: VectorIndex): index is VectorIndex & Required<Pick<VectorIndex, "searchBatch">> {
  return index.searchBatch !== undefined;
}

/** The rows of the filter within a threshold: always exact. */
export async function searchFieldRange(
  { field, index }: SearchedField,
  filter: RowFilter,
  query: VectorQuery & { readonly threshold: number },
): Promise<ScanResult> {
  if (field === null) return noRows;
  // The index may keep the vectors: it must stay while they are read.
  const held = index.hold();
  try {
    return await searchRange(field, filter, query);
  } finally {
    held?.release();
  }
}

/** The `k` best rows of the filter. Synchronous where everything is in memory and short. */
export function searchField(
  field: FieldVectors,
  index: VectorIndex | null,
  filter: RowFilter,
  query: FieldQuery,
): FieldResult | Promise<FieldResult> {
  const k = Math.min(query.k, filter.count);
  if (k === 0) return accountOf(noRows, "empty", filter);
  if (index === null || query.exact || isExactCheaper(field, index, filter, query)) {
    const found = searchExact(field, filter, query);
    return found instanceof Promise
      ? found.then((result) => accountOf(result, "exact", filter))
      : accountOf(found, "exact", filter);
  }
  const covered = Math.min(index.rowCount, filter.rowCount);
  const { mask, count: maskCount, rowCount } = filter;
  const { query: vector, nprobe, signal } = query;
  const candidates = index.search({ query: vector, k, mask, maskCount, rowCount, nprobe, signal });
  return candidates instanceof Promise
    ? candidates.then((found) => completed(field, found, covered, filter, query))
    : completed(field, candidates, covered, filter, query);
}

function accountOf(result: ScanResult, plan: "empty" | "exact", filter: RowFilter): FieldResult {
  return {
    rows: result.rows,
    values: result.values,
    rowsScored: result.rowsScored,
    rowsRescored: result.rowsRescored,
    firstPass: result.firstPass,
    plan: plan === "exact" && filter.isNarrowed ? "exact-filtered" : plan,
    strategy: null,
    candidates: 0,
    tailRows: 0,
    fellBack: false,
  };
}

function isExactCheaper(field: FieldVectors, index: VectorIndex, filter: RowFilter, query: Effort): boolean {
  const { count, rowCount } = filter;
  const covered = Math.min(index.rowCount, rowCount);
  if (covered === 0) return true;
  const { family } = index.name;
  const isCoded = field.stored?.coded != null && isDenseMetric(index.name.metric);
  const isStored = field.stored !== null && !isCoded;
  const rowCost = scanCost[index.name.metric];
  const picked = count * (isStored ? storedPickCost : pickCost - 1 + rowCost);
  const scanned = rowCount * (isStored ? storedScanCost : rowCost);
  const exact = filter.mask === null ? scanned : Math.min(scanned, picked);
  // Codes of all rows pay where all rows count; packed bits are exact, and quicker than the rows.
  if (family === "FLAT") return !isBinaryMetric(index.name.metric) && (filter.isNarrowed || count < rowCount / 2);
  return exact <= indexCost(index, covered, filter, query) + (rowCount - covered) * rowCost;
}

function indexCost(index: VectorIndex, covered: number, filter: RowFilter, query: Effort): number {
  const { k, nprobe } = query;
  const share = filter.count / filter.rowCount;
  const cost = visitCost[index.name.family];
  if (share === 1) return Math.min(covered, index.expectedVisits(k, nprobe)) * cost;
  // An estimate of its own is in rows picked out, and may well be more than there are.
  if (index.filteredVisits !== undefined) return index.filteredVisits(k, nprobe, share) * pickCost;
  return Math.min(covered, index.expectedVisits(k, nprobe) / Math.max(share, 1 / filter.rowCount)) * cost;
}

/** Candidates scored exactly, the rows after the index, and the exact scan where that is not enough. */
function completed(
  field: FieldVectors,
  found: IndexCandidates,
  covered: number,
  filter: RowFilter,
  query: FieldQuery,
): FieldResult | Promise<FieldResult> {
  const scored = scoreCandidates(field, found, covered, query);
  const tail = covered < filter.rowCount ? searchExact(field, filter, query, covered) : noRows;
  if (scored instanceof Promise || tail instanceof Promise) {
    return Promise.all([scored, tail]).then(([ranked, rest]) =>
      merged(field, found, ranked, rest, covered, filter, query),
    );
  }
  return merged(field, found, scored, tail, covered, filter, query);
}

function scoreCandidates(
  field: FieldVectors,
  found: IndexCandidates,
  covered: number,
  { metric, query, k }: FieldQuery,
): RankedRows | Promise<RankedRows> {
  const { table } = field;
  let { rows, values } = found;
  // The index may have taken in rows since the search began, which the tail covers.
  if (!isBelow(rows, covered)) {
    values = values === null ? null : values.filter((_, at) => found.rows[at]! < covered);
    rows = rows.filter((row) => row < covered);
  }
  const { coded = null } = field.stored ?? {};
  if (values === null && coded !== null) {
    const scored = scoreFieldRows(field, coded, { metric, query }, rows);
    return scored instanceof Promise
      ? scored.then((all) => bestOf(metric, k, rows, all))
      : bestOf(metric, k, rows, scored);
  }
  values ??= isDenseMetric(metric) ? table.scoreRows(metric, query, rows) : scoreMetricRows(table, metric, query, rows);
  return bestOf(metric, k, rows, values);
}

/** Rows below `limit` that the filter lets through. */
function countBelow({ mask, count, rowCount }: RowFilter, limit: number): number {
  if (mask === null) return limit;
  let beyond = 0;
  for (let row = limit; row < rowCount; row++) beyond += (mask[row >>> 5]! >>> (row & 31)) & 1;
  return count - beyond;
}

function isBelow(rows: Uint32Array, limit: number): boolean {
  for (let i = 0; i < rows.length; i++) if (rows[i]! >= limit) return false;
  return true;
}

function merged(
  field: FieldVectors,
  found: IndexCandidates,
  scored: RankedRows,
  tail: ScanResult,
  covered: number,
  filter: RowFilter,
  query: FieldQuery,
): FieldResult | Promise<FieldResult> {
  const best = tail.rows.length === 0 ? scored : bestRows(query.metric, query.k, [scored, tail]);
  // Rows after the index must not make up for those that it missed.
  const fellBack = scored.rows.length < query.k && scored.rows.length < countBelow(filter, covered);
  const result: FieldResult = {
    rows: best.rows,
    values: best.values,
    rowsScored: found.rowsScored + tail.rowsScored,
    rowsRescored: tail.rowsRescored + (found.values === null ? found.rows.length : 0),
    firstPass: "int8",
    plan: filter.isNarrowed ? "index-filtered" : "index",
    strategy: found.plan,
    candidates: found.rows.length,
    tailRows: filter.rowCount - covered,
    fellBack,
  };
  if (!fellBack) return result;
  const complete = searchExact(field, filter, query);
  const total = ({ rows, values, rowsScored, rowsRescored }: ScanResult): FieldResult => ({
    ...result,
    rows,
    values,
    rowsScored: result.rowsScored + rowsScored,
    rowsRescored: result.rowsRescored + rowsRescored,
  });
  return complete instanceof Promise ? complete.then(total) : total(complete);
}
