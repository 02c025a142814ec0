/**
 * How is a field searched exactly without holding the event loop?
 *
 * Short scans run where they are called; long ones go step by step and give way between steps. The filter decided before
 * which rows count; the kernel does the rest. Vectors in files are fetched where their codes leave a doubt; without codes they
 * pass through memory in chunks, or row by row where few match.
 */
import { LynseError } from "../errors.js";
import type { CodedVectors, FieldVectors } from "../index/field-vectors.js";
import { isDenseMetric, isHigherBetter } from "../index/metric/metric-order.js";
import { beginMetricRange, beginMetricScan } from "../index/metric/metric-scan.js";
import { isWorthThreads, scanParallel } from "../kernel/parallel-scan.js";
import { type ScanRequest, type ScanResult, type SearchInProgress, VectorTable } from "../kernel/vector-table.js";
import { TimeSlice } from "../time-slice.js";
import type { DenseMetric, Metric } from "../types.js";
import { bestRows } from "./best-rows.js";
import { searchCoded } from "./coded-search.js";
import { type RowFilter, rowsOf } from "./row-filter.js";

export interface VectorQuery {
  readonly metric: Metric;
  readonly query: Float32Array;
  readonly k: number;
  readonly signal: AbortSignal | undefined;
}

/** Components that a scan may look at in one go: a few milliseconds. */
const componentsPerStep = 64 * 1024 * 1024;
/** Matching rows in files are read one by one below this share of all. */
const pickedShare = 1 / 64;
/** Rows read one by one at the same time. */
const pickedRows = 512;

/** What makes a search of a field's own table quicker than of any table. */
type Helpers = Pick<FieldVectors, "gathered" | "pool">;

/** What one table is asked for: rows from 0 are the field's rows from `firstRow`. */
interface TableSearch {
  readonly table: VectorTable;
  readonly firstRow: number;
  readonly mask: Uint32Array | null;
  /** Set bits of the mask, where it is known. */
  readonly maskCount: number | undefined;
  readonly rowCount: number;
  readonly fromRow: number;
}

export const noRows: ScanResult = {
  rows: new Uint32Array(0),
  values: new Float64Array(0),
  rowsScored: 0,
  rowsRescored: 0,
  firstPass: "none",
};

/**
 * The `k` best rows of the filter from `fromRow` on (a few of the rows before it may be among them). Synchronous where it is
 * short and everything is in memory.
 */
export function searchExact(
  field: FieldVectors,
  filter: RowFilter,
  query: VectorQuery,
  fromRow = 0,
): ScanResult | Promise<ScanResult> {
  const k = Math.min(query.k, filter.count);
  if (k === 0 || fromRow >= filter.rowCount) return noRows;
  const isWhole = fromRow === 0 && field.firstRow === 0;
  const inMemory = tableSearch(field.table, field.firstRow, filter, isWhole ? filter.count : undefined, fromRow);
  if (field.stored === null || fromRow >= field.firstRow) return searchTable(inMemory, { ...query, k }, field);
  const { coded } = field.stored;
  if (coded !== null && isDenseMetric(query.metric)) {
    return searchBoth(field, coded, filter, { ...query, k, metric: query.metric }, fromRow, inMemory);
  }
  return searchStored(field, filter, { ...query, k }, fromRow, inMemory);
}

/** A search over codes, and over the rows in memory, whose k-th best row the others have to reach. */
function searchBoth(
  field: FieldVectors,
  coded: CodedVectors,
  filter: RowFilter,
  query: VectorQuery & { readonly metric: DenseMetric },
  fromRow: number,
  inMemory: TableSearch,
): ScanResult | Promise<ScanResult> {
  const after = (newer: ScanResult): ScanResult | Promise<ScanResult> => {
    const threshold = newer.rows.length === query.k ? newer.values[query.k - 1]! : null;
    const older = searchCoded(field, coded, filter, { ...query, fromRow, threshold });
    if (newer.rows.length === 0) return older;
    return older instanceof Promise
      ? older.then((found) => joined(query, [found, newer]))
      : joined(query, [older, newer]);
  };
  const newer = searchTable(inMemory, query, field);
  return newer instanceof Promise ? newer.then(after) : after(newer);
}

function tableSearch(
  table: VectorTable,
  firstRow: number,
  filter: RowFilter,
  maskCount: number | undefined,
  fromRow: number,
): TableSearch {
  const rowCount = Math.min(table.rowCount, Math.max(0, filter.rowCount - firstRow));
  const mask = filter.mask === null || firstRow === 0 ? filter.mask : maskFrom(filter.mask, firstRow, rowCount);
  return { table, firstRow, mask, maskCount, rowCount, fromRow: Math.max(0, fromRow - firstRow) };
}

/** The mask of `rowCount` rows from `firstRow` on. */
function maskFrom(mask: Uint32Array, firstRow: number, rowCount: number): Uint32Array {
  const shift = firstRow & 31;
  const words = mask.subarray(firstRow >>> 5, Math.ceil((firstRow + rowCount) / 32));
  if (shift === 0) return words;
  const shifted = new Uint32Array(Math.ceil(rowCount / 32));
  for (let i = 0; i < shifted.length; i++) {
    shifted[i] = (words[i]! >>> shift) | ((words[i + 1] ?? 0) << (32 - shift));
  }
  return shifted;
}

function searchTable(
  search: TableSearch,
  query: VectorQuery,
  helpers: Helpers | null = null,
): ScanResult | Promise<ScanResult> {
  const { table, rowCount, fromRow, maskCount } = search;
  if (rowCount <= fromRow) return noRows;
  if (helpers !== null && fromRow === 0 && maskCount !== undefined && isDenseMetric(query.metric)) {
    const helped = searchHelped(search, maskCount, query, query.metric, helpers);
    if (helped !== null) return helped;
  }
  const rowsPerStep = rowsPerStepOf(table, query.metric);
  const rows = Math.min(maskCount === undefined ? rowCount : maskCount * 4, rowCount - fromRow);
  if (rows <= rowsPerStep) return shifted(beginSearch(search, query).finish(), search.firstRow);
  return inSteps(beginSearch(search, query), rowsPerStep, query.signal).then((found) =>
    shifted(found, search.firstRow),
  );
}

/** A search of the rows that the filter kept side by side, or by several threads; null where neither pays. */
function searchHelped(
  { table, mask, rowCount }: TableSearch,
  maskCount: number,
  { query, k, signal }: VectorQuery,
  metric: DenseMetric,
  { gathered, pool }: Helpers,
): ScanResult | Promise<ScanResult> | null {
  const request: ScanRequest = { metric, query, k, rowCount, mask, maskCount };
  const dense = mask === null ? null : gathered.search(request);
  if (dense !== null) return dense;
  if (!isWorthThreads({ dim: table.dim, rowCount, matching: maskCount, queries: 1 }, pool.threads)) return null;
  return scanParallel(table, query, { ...request, signal }, pool).then(([result]) => result!);
}

function beginSearch({ table, mask, maskCount, rowCount, fromRow }: TableSearch, query: VectorQuery): SearchInProgress {
  const { metric, query: vector, k } = query;
  if (!isDenseMetric(metric)) return beginMetricScan(table, { metric, query: vector, k, rowCount, fromRow, mask });
  const request: ScanRequest = { metric, query: vector, k, rowCount, fromRow, mask };
  return table.beginSearch(maskCount === undefined ? request : { ...request, maskCount });
}

function shifted(result: ScanResult, firstRow: number): ScanResult {
  if (firstRow === 0) return result;
  return { ...result, rows: result.rows.map((row) => row + firstRow) };
}

/** Rows that a step may look at; the scans of other metrics are some times slower. */
function rowsPerStepOf(table: VectorTable, metric: Metric): number {
  const components = isDenseMetric(metric) ? componentsPerStep : componentsPerStep / 16;
  return Math.max(4096, Math.floor(components / table.dim));
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

/** A search over rows in files first, then over those in memory. */
async function searchStored(
  field: FieldVectors,
  filter: RowFilter,
  query: VectorQuery,
  fromRow: number,
  inMemory: TableSearch,
): Promise<ScanResult> {
  const found = [await searchTable(inMemory, query, field)];
  const scanned: TableVisit = async (table, firstRow) => {
    throwIfAborted(query.signal);
    found.push(await searchTable(tableSearch(table, firstRow, filter, undefined, fromRow), query));
    if (found.length > 16) found.splice(0, found.length, joined(query, found));
  };
  if (filter.mask !== null && filter.count < filter.rowCount * pickedShare) {
    found.push(...(await searchPicked(field, filter, query, fromRow)));
  } else {
    const to = Math.min(field.firstRow, filter.rowCount);
    await field.stored!.scan(fromRow, to, (first, table) => scanned(table, first));
  }
  return joined(query, found);
}

type TableVisit = (table: VectorTable, firstRow: number) => Promise<void>;

/** The matching rows in files, read one by one. */
async function searchPicked(
  field: FieldVectors,
  filter: RowFilter,
  query: VectorQuery,
  fromRow: number,
): Promise<ScanResult[]> {
  const found: ScanResult[] = [];
  const table = new VectorTable(field.table);
  const limit = Math.min(field.firstRow, filter.rowCount);
  for (let from = fromRow; from < limit; ) {
    throwIfAborted(query.signal);
    const rows = rowsOf(filter, from, pickedRows).filter((row) => row < limit);
    if (rows.length === 0) break;
    const vectors = await field.readRows(rows);
    table.truncate(0);
    table.appendFloats(vectors);
    const search = { table, firstRow: 0, mask: null, maskCount: undefined, rowCount: rows.length, fromRow: 0 };
    const result = await searchTable(search, query);
    found.push({ ...result, rows: result.rows.map((row) => rows[row]!) });
    from = rows.at(-1)! + 1;
  }
  return found;
}

function joined(query: VectorQuery, found: readonly ScanResult[]): ScanResult {
  let rowsScored = 0;
  let rowsRescored = 0;
  for (const result of found) {
    rowsScored += result.rowsScored;
    rowsRescored += result.rowsRescored;
  }
  const { firstPass } = found.find((result) => result.rowsScored > 0) ?? noRows;
  return { ...bestRows(query.metric, query.k, found), rowsScored, rowsRescored, firstPass };
}

/**
 * The rows of the filter whose value, rounded to the float32 that callers see, reaches the threshold: a distance of an
 * earlier view, given as the threshold, includes the row that it came from. At most `k` of them, the best ones.
 */
export async function searchRange(
  field: FieldVectors,
  filter: RowFilter,
  query: VectorQuery & { readonly threshold: number },
): Promise<ScanResult> {
  if (filter.count === 0 || query.k === 0) return noRows;
  const within = { ...query, k: Math.min(query.k, filter.count) };
  const found = [await rangeOfTable(tableSearch(field.table, field.firstRow, filter, undefined, 0), within)];
  const { coded = null } = field.stored ?? {};
  if (coded !== null && isDenseMetric(query.metric)) {
    const { metric } = query;
    found.push(await searchCoded(field, coded, filter, { ...within, metric, fromRow: 0, threshold: looseOf(query) }));
    return withinThreshold(query, joined(within, found));
  }
  await field.stored?.scan(0, Math.min(field.firstRow, filter.rowCount), async (first, table) => {
    throwIfAborted(query.signal);
    found.push(await rangeOfTable(tableSearch(table, first, filter, undefined, 0), within));
  });
  return withinThreshold(query, found.length === 1 ? found[0]! : joined(within, found));
}

/** The threshold with what rounding to float32 may move a value by, so that the looser scan misses none. */
function looseOf({ metric, threshold }: { readonly metric: Metric; readonly threshold: number }): number {
  const slack = Math.abs(threshold) * 2 ** -23 + 2 ** -149;
  return isHigherBetter(metric) ? threshold - slack : threshold + slack;
}

function withinThreshold(
  query: { readonly metric: Metric; readonly threshold: number },
  { rows, values, ...account }: ScanResult,
): ScanResult {
  const isWithin = (value: number): boolean =>
    isHigherBetter(query.metric) ? Math.fround(value) >= query.threshold : Math.fround(value) <= query.threshold;
  // Best first: those beyond the threshold are the last ones.
  let count = rows.length;
  while (count > 0 && !isWithin(values[count - 1]!)) count -= 1;
  return { ...account, rows: rows.subarray(0, count), values: values.subarray(0, count) };
}

async function rangeOfTable(
  search: TableSearch,
  query: VectorQuery & { readonly threshold: number },
): Promise<ScanResult> {
  const { table, mask, rowCount } = search;
  const { metric, query: vector, k: maxResults, signal } = query;
  if (rowCount === 0) return noRows;
  const request = { query: vector, rowCount, mask, threshold: looseOf(query), maxResults };
  const run = isDenseMetric(metric)
    ? table.beginRange({ ...request, metric })
    : beginMetricRange(table, { ...request, metric });
  return shifted(await inSteps(run, rowsPerStepOf(table, metric), signal), search.firstRow);
}

/** Several exact searches over one filter; queries row-major. */
export async function searchExactBatch(
  field: FieldVectors,
  filter: RowFilter,
  batch: Omit<VectorQuery, "query"> & { readonly queries: Float32Array },
): Promise<ScanResult[]> {
  const { dim, table } = field;
  const { metric } = batch;
  const count = batch.queries.length / dim;
  const k = Math.min(batch.k, filter.count);
  if (k === 0) return new Array<ScanResult>(count).fill(noRows);
  const results: ScanResult[] = [];
  const slice = new TimeSlice();
  if (!isDenseMetric(metric) || field.stored !== null) {
    for (let at = 0; at < count; at++) {
      const query = batch.queries.subarray(at * dim, (at + 1) * dim);
      results.push(await searchExact(field, filter, { ...batch, query }));
      if (slice.isDue()) await slice.giveWay();
      throwIfAborted(batch.signal);
    }
    return results;
  }
  const { rowCount, mask, count: maskCount } = filter;
  const request = { metric, k, rowCount, mask, maskCount };
  // Work grows with rows looked at; as many queries at once as stay within a few milliseconds.
  const queriesPerStep = Math.max(1, Math.floor(componentsPerStep / (dim * Math.max(1, filter.count))));
  for (let from = 0; from < count; ) {
    const queries = batch.queries.subarray(from * dim, Math.min(count, from + queriesPerStep) * dim);
    let found = mask === null ? null : field.gathered.searchBatch(queries, request);
    if (
      found === null &&
      isWorthThreads({ dim, rowCount, matching: maskCount, queries: count - from }, field.pool.threads)
    ) {
      const rest = batch.queries.subarray(from * dim);
      found = await scanParallel(table, rest, { ...request, signal: batch.signal }, field.pool);
    }
    found ??= table.searchBatch(queries, request);
    results.push(...found);
    from += found.length;
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
