/**
 * Which rows are best by several searches together?
 *
 * Reciprocal rank fusion (Cormack, Clarke and Büttcher, "Reciprocal Rank Fusion outperforms Condorcet and individual
 * Rank Learning Methods", SIGIR 2009): a row earns weight / (rrfK + rank) from every list that has it. Weighted fusion:
 * it earns weight x its value, scaled to 0 … 1 over the list, 1 being the best; where all values of a list are equal
 * each is 1. A row that a list lacks earns nothing from it. Highest sum first, ties to the older row.
 */

/** One search's result: best first, each row once. */
export interface SignalList {
  readonly name: SignalName;
  readonly weight: number;
  readonly rows: Uint32Array;
  readonly values: Float64Array;
  readonly isHigherBetter: boolean;
}

export type SignalName = "vector" | "text" | "sparse";

export type Fusion = "rrf" | "weighted";

export interface FusionRequest {
  readonly fusion: Fusion;
  readonly rrfK: number;
  /** Rows wanted. */
  readonly k: number;
}

/** What one list said about the rows of the result; NaN where it did not find a row. */
export interface SignalPart {
  readonly name: SignalName;
  /** The list's own values. */
  readonly values: Float64Array;
  /** Places in the list, from 1. */
  readonly ranks: Float64Array;
  /** What the list added to the fused score. */
  readonly shares: Float64Array;
}

export interface FusedRows {
  readonly rows: Uint32Array;
  /** Fused scores, descending. */
  readonly scores: Float64Array;
  /** One part a list, in the lists' order. */
  readonly parts: readonly SignalPart[];
}

/** The rows of all lists, each once, with the sum of what it earned. */
interface Entries {
  readonly count: number;
  readonly rows: Uint32Array;
  readonly scores: Float64Array;
  /** `places[l * capacity + e]`: place from 1 of entry e in list l, 0 for none. */
  readonly places: Uint32Array;
  readonly capacity: number;
}

/** The `k` best rows of the lists together. */
export function fuse(lists: readonly SignalList[], { fusion, rrfK, k }: FusionRequest): FusedRows {
  const shares = lists.map((list) => (fusion === "rrf" ? reciprocalRanks(list, rrfK) : normalisedValues(list)));
  const entries = gather(lists, shares);
  const order = bestEntries(entries, k);
  const rows = new Uint32Array(order.length);
  const scores = new Float64Array(order.length);
  for (let i = 0; i < order.length; i++) {
    rows[i] = entries.rows[order[i]!]!;
    scores[i] = entries.scores[order[i]!]!;
  }
  return { rows, scores, parts: lists.map((list, at) => partOf(list, shares[at]!, entries, at, order)) };
}

function reciprocalRanks({ rows, weight }: SignalList, rrfK: number): Float64Array {
  const shares = new Float64Array(rows.length);
  for (let i = 0; i < shares.length; i++) shares[i] = weight / (rrfK + i + 1);
  return shares;
}

function normalisedValues({ rows, values, weight, isHigherBetter }: SignalList): Float64Array {
  const count = rows.length;
  // An infinite value is the best or the worst one and must not stretch the scale of the others.
  let least = Number.POSITIVE_INFINITY;
  let most = Number.NEGATIVE_INFINITY;
  let isUniform = true;
  for (let i = 0; i < count; i++) {
    const value = values[i]!;
    if (value !== values[0]) isUniform = false;
    if (!Number.isFinite(value)) continue;
    if (value < least) least = value;
    if (value > most) most = value;
  }
  const shares = new Float64Array(count);
  if (isUniform) return shares.fill(weight);
  // Halved, so that the range of the largest doubles does not overflow.
  const range = most / 2 - least / 2;
  const worst = isHigherBetter ? least : most;
  const sign = isHigherBetter ? 1 : -1;
  for (let i = 0; i < count; i++) {
    const value = values[i]!;
    const isBest = value === sign * Number.POSITIVE_INFINITY;
    let scaled = isBest ? 1 : 0;
    if (Number.isFinite(value)) scaled = range > 0 ? Math.abs(value / 2 - worst / 2) / range : 1;
    shares[i] = weight * scaled;
  }
  return shares;
}

/** Finds the rows that several lists share, in a hash table of row numbers. */
function gather(lists: readonly SignalList[], shares: readonly Float64Array[]): Entries {
  let capacity = 0;
  for (const list of lists) capacity += list.rows.length;
  const bits = Math.max(4, 33 - Math.clz32(capacity));
  const slots = new Uint32Array(2 ** bits);
  const slotMask = slots.length - 1;
  const rows = new Uint32Array(capacity);
  const scores = new Float64Array(capacity);
  const places = new Uint32Array(capacity * lists.length);
  let count = 0;
  for (let at = 0; at < lists.length; at++) {
    const listRows = lists[at]!.rows;
    const listShares = shares[at]!;
    for (let i = 0; i < listRows.length; i++) {
      const row = listRows[i]!;
      let slot = Math.imul(row, 0x9e3779b1) >>> (32 - bits);
      // A slot holds the entry's number plus one; 0 is free.
      while (slots[slot] !== 0 && rows[slots[slot]! - 1] !== row) slot = (slot + 1) & slotMask;
      let entry = slots[slot]! - 1;
      if (entry < 0) {
        entry = count++;
        slots[slot] = count;
        rows[entry] = row;
      }
      scores[entry]! += listShares[i]!;
      places[at * capacity + entry] = i + 1;
    }
  }
  return { count, rows, scores, places, capacity };
}

/** Numbers of wanted rows up to which an insertion into the sorted best is quicker than a sort of everything. */
const shortResult = 64;

/** The best entries, in order. */
function bestEntries({ count, rows, scores }: Entries, k: number): Uint32Array {
  const kept = Math.min(k, count);
  const order = new Uint32Array(kept > shortResult ? count : kept);
  if (kept === 0) return order;
  if (kept > shortResult) {
    for (let entry = 0; entry < count; entry++) order[entry] = entry;
    order.sort((a, b) => scores[b]! - scores[a]! || rows[a]! - rows[b]!);
    return order.subarray(0, kept);
  }
  let found = 0;
  for (let entry = 0; entry < count; entry++) {
    const score = scores[entry]!;
    const row = rows[entry]!;
    if (found === kept) {
      const last = order[kept - 1]!;
      if (score < scores[last]! || (score === scores[last]! && row > rows[last]!)) continue;
    } else {
      found += 1;
    }
    let at = found - 1;
    for (; at > 0; at--) {
      const other = order[at - 1]!;
      if (scores[other]! > score || (scores[other]! === score && rows[other]! < row)) break;
      order[at] = other;
    }
    order[at] = entry;
  }
  return order;
}

function partOf(
  list: SignalList,
  listShares: Float64Array,
  { places, capacity }: Entries,
  at: number,
  order: Uint32Array,
): SignalPart {
  const values = new Float64Array(order.length).fill(Number.NaN);
  const ranks = new Float64Array(order.length).fill(Number.NaN);
  const shares = new Float64Array(order.length).fill(Number.NaN);
  for (let i = 0; i < order.length; i++) {
    const place = places[at * capacity + order[i]!]!;
    if (place === 0) continue;
    values[i] = list.values[place - 1]!;
    ranks[i] = place;
    shares[i] = listShares[place - 1]!;
  }
  return { name: list.name, values, ranks, shares };
}
