/**
 * Which rows of a snapshot may a read return?
 *
 * Turns a where expression, a list of ids and the dead rows into one bit mask. The snapshot (row count and live bits) is
 * taken before anything is awaited, so that a read never sees half of a commit.
 */
import type { Bitset } from "../metadata/bitset.js";
import type { ColumnStore } from "../metadata/column-store.js";
import type { WhereNode } from "../metadata/where-node.js";
import { pathsOf } from "../metadata/where-paths.js";
import type { Id } from "../types.js";

/** What a filter reads of a collection. */
export interface FilterSource {
  /** Committed rows, dead ones included. */
  readonly rowCount: number;
  /** Dead rows among them. */
  readonly deadCount: number;
  /** Grows when a row dies or comes back. */
  readonly stateVersion: number;
  readonly columns: ColumnStore;
  /** Live bits as they are now; later changes of rows below `rowCount` do not show in them. */
  liveSnapshot(): Uint32Array;
  /** Resolves when `find` can be asked; the id index is built on first need. */
  prepareFind(): Promise<void>;
  /** Newest row of an id, -1 for none. */
  find(id: Id): number;
}

/** What was asked for. */
export interface FilterRequest {
  readonly where: WhereNode | null;
  readonly filterIds: readonly Id[] | null;
  readonly signal: AbortSignal | undefined;
  /** Also estimate the matches before they are counted, for explanations. */
  readonly wantsEstimate?: boolean;
}

/** The rows that a read may return. */
export interface RowFilter {
  readonly rowCount: number;
  /** Bit r & 31 of word r >>> 5: row r may be returned. Null: all rows. Shared; never written to. */
  readonly mask: Uint32Array | null;
  /** Rows that may be returned. */
  readonly count: number;
  /** Live rows of the snapshot. */
  readonly liveCount: number;
  /** Matching rows as estimated before the filter was evaluated, where that was asked for; an upper bound otherwise. */
  readonly estimated: number;
  /** The where expression that was applied, for explanations. */
  readonly where: WhereNode | null;
  /** True where a where expression or a list of ids was given. */
  readonly isNarrowed: boolean;
}

interface CachedMask {
  readonly stateVersion: number;
  readonly mask: Uint32Array;
  readonly count: number;
}

/** Masks of filters combined with the live rows, as long as no row dies. */
const combined = new WeakMap<Bitset, CachedMask>();

/** Resolves a filter over the source's present snapshot. */
export async function resolveFilter(source: FilterSource, request: FilterRequest): Promise<RowFilter> {
  if (request.filterIds !== null) await source.prepareFind();
  // Before anything more is awaited: what follows belongs to one state of the rows.
  const snapshot = snapshotOf(source);
  const { where, filterIds } = request;
  const chosenRows = filterIds === null ? null : filterIds.map((id) => source.find(id));
  if (where !== null) await source.columns.ensure(pathsOf(where), snapshot.rowCount, request.signal);
  return evaluated(source, snapshot, request, chosenRows);
}

/** As `resolveFilter`, at once; null where something has to be waited for. */
export function resolveFilterNow(source: FilterSource, request: FilterRequest): RowFilter | null {
  return request.filterIds === null ? filterNow(source, request) : null;
}

/** The id index is there already, where ids are asked for. */
function filterNow(source: FilterSource, request: FilterRequest): RowFilter | null {
  const { where, filterIds } = request;
  const snapshot = snapshotOf(source);
  if (where !== null && !source.columns.isReady(pathsOf(where), snapshot.rowCount)) return null;
  const chosenRows = filterIds === null ? null : filterIds.map((id) => source.find(id));
  return evaluated(source, snapshot, request, chosenRows);
}

/**
 * Resolves a filter and hands it to `use` in the very turn of its snapshot: whatever else `use` takes of the collection
 * belongs to the same state of it.
 */
export async function withFilter<T>(
  source: FilterSource,
  request: FilterRequest,
  use: (filter: RowFilter) => T | Promise<T>,
): Promise<T> {
  const { where, filterIds, signal } = request;
  if (filterIds !== null) await source.prepareFind();
  for (;;) {
    const filter = filterNow(source, request);
    if (filter !== null) return use(filter);
    await source.columns.ensure(pathsOf(where!), source.rowCount, signal);
  }
}

/** The rows as they are at one moment. */
interface Snapshot {
  readonly rowCount: number;
  readonly liveCount: number;
  readonly stateVersion: number;
  /** Null: all are live. */
  readonly live: Uint32Array | null;
}

function snapshotOf(source: FilterSource): Snapshot {
  const { rowCount, deadCount, stateVersion } = source;
  const live = deadCount === 0 ? null : source.liveSnapshot();
  return { rowCount, liveCount: rowCount - deadCount, stateVersion, live };
}

function evaluated(
  source: FilterSource,
  { rowCount, liveCount, stateVersion, live }: Snapshot,
  { where, wantsEstimate }: FilterRequest,
  chosenRows: readonly number[] | null,
): RowFilter {
  let mask = live;
  let count = liveCount;
  let estimated = liveCount;
  if (where !== null) {
    if (wantsEstimate === true) estimated = Math.min(liveCount, source.columns.estimate(where, rowCount));
    const { bits, count: matches } = source.columns.evaluate(where, rowCount);
    if (live === null) {
      mask = bits.words;
      count = matches;
    } else {
      let cached = combined.get(bits);
      if (cached?.stateVersion !== stateVersion) {
        cached = { stateVersion, ...intersection(bits.words, live, rowCount) };
        combined.set(bits, cached);
      }
      mask = cached.mask;
      count = cached.count;
    }
  }
  if (chosenRows !== null) {
    const chosen = new Uint32Array(Math.ceil(rowCount / 32));
    for (const row of chosenRows) if (row >= 0) chosen[row >>> 5]! |= 1 << (row & 31);
    const both = intersection(chosen, mask, rowCount);
    mask = both.mask;
    count = both.count;
    estimated = Math.min(estimated, chosenRows.length);
  }
  const isNarrowed = where !== null || chosenRows !== null;
  return { rowCount, mask, count, liveCount, estimated, where, isNarrowed };
}

/** The filter without some rows. */
export function withoutRows(filter: RowFilter, rows: readonly number[]): RowFilter {
  const { rowCount } = filter;
  const mask = new Uint32Array(Math.ceil(rowCount / 32));
  if (filter.mask === null) mask.fill(0xffff_ffff);
  else mask.set(filter.mask.subarray(0, mask.length));
  let { count } = filter;
  for (const row of rows) {
    const bit = 1 << (row & 31);
    if (row >= rowCount || (mask[row >>> 5]! & bit) === 0) continue;
    mask[row >>> 5]! &= ~bit;
    count -= 1;
  }
  return { ...filter, mask, count, isNarrowed: true };
}

/** Both masks at once (null: all rows), and how many of the first `rowCount` bits are set. */
function intersection(
  one: Uint32Array,
  other: Uint32Array | null,
  rowCount: number,
): { readonly mask: Uint32Array; readonly count: number } {
  const words = Math.ceil(rowCount / 32);
  const mask = new Uint32Array(words);
  let count = 0;
  for (let i = 0; i < words; i++) {
    let word = other === null ? one[i]! : one[i]! & other[i]!;
    if (i === words - 1 && (rowCount & 31) !== 0) word &= (1 << (rowCount & 31)) - 1;
    mask[i] = word;
    count += popcount(word);
  }
  return { mask, count };
}

function popcount(word: number): number {
  let bits = word - ((word >>> 1) & 0x5555_5555);
  bits = (bits & 0x3333_3333) + ((bits >>> 2) & 0x3333_3333);
  return (((bits + (bits >>> 4)) & 0x0f0f_0f0f) * 0x0101_0101) >>> 24;
}

/** Row numbers of a filter in ascending order, from `from` on, at most `limit` of them. */
export function rowsOf(filter: RowFilter, from = 0, limit = Number.POSITIVE_INFINITY): number[] {
  const rows: number[] = [];
  for (let row = from; row < filter.rowCount && rows.length < limit; ) {
    if (filter.mask === null) {
      rows.push(row++);
      continue;
    }
    const word = filter.mask[row >>> 5]! >>> (row & 31);
    if (word === 0) {
      row = (row | 31) + 1;
      continue;
    }
    row += 31 - Math.clz32(word & -word);
    if (row < filter.rowCount) rows.push(row++);
  }
  return rows;
}

/** The last `limit` row numbers of a filter, in ascending order. */
export function lastRowsOf(filter: RowFilter, limit: number): number[] {
  const rows: number[] = [];
  for (let row = filter.rowCount - 1; row >= 0 && rows.length < limit; row--) {
    if (filter.mask === null || (filter.mask[row >>> 5]! & (1 << (row & 31))) !== 0) rows.push(row);
  }
  return rows.reverse();
}
