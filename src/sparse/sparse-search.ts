/**
 * How is a sparse query answered?
 *
 * Loose vectors first, one by one, then segment after segment through their postings. Where a mask leaves few rows, their
 * vectors are scored instead, found by their places.
 */
import { nowhere } from "./row-places.js";
import { slotsMax } from "./sparse-kernel.js";
import type { CheckedSparse } from "./sparse-vector.js";
import type { VectorStore } from "./vector-store.js";

/** What is asked of a sparse index. */
export interface SparseQuery {
  readonly sparse: CheckedSparse;
  readonly k: number;
  /** Bit r & 31 of word r >>> 5: row r may be returned. Null: all rows. */
  readonly mask: Uint32Array | null;
  /** Rows from this one on are left out. */
  readonly rowLimit: number;
}

/** Rows with a score that is not zero, best first, ties to the lower row. */
export interface SparseResult {
  readonly rows: Uint32Array;
  readonly scores: Float64Array;
}

/** Rows a segment below which a mask's rows are scored one by one; measured. */
const fewRows = 96;
/** Slots that are looked at first, at least. */
const wantedMin = 16;

/** A query and the mask in the kernel's memory. */
interface Placed {
  readonly address: number;
  readonly bytes: number;
  readonly mask: number;
  readonly maskBytes: number;
}

/** The best rows. */
export function searchVectors(store: VectorStore, query: SparseQuery): SparseResult {
  const { kernel, places } = store;
  const { sparse, mask } = query;
  const k = Math.min(query.k, store.rows.count);
  if (k < 1 || sparse.indices.length === 0) return { rows: new Uint32Array(0), scores: new Float64Array(0) };
  const rowLimit = limitWithin(query.rowLimit, mask);
  const allowed = mask === null ? rowLimit : countBits(mask, rowLimit);
  const wanted = Math.min(2 ** 31, Math.max(wantedMin, Math.ceil((k * rowLimit) / Math.max(1, allowed))));
  const placed = place(store, sparse, k, mask, rowLimit, wanted);
  try {
    if (store.looseAddress !== 0) kernel.searchLoose(placed.address, store.looseAddress);
    const { segments } = store;
    if (mask !== null && allowed < fewRows * (segments.length - 1)) {
      searchRows(store, placed.address, mask, rowLimit);
    } else {
      for (const segment of segments) if (segment !== undefined) kernel.searchSegment(placed.address, segment.address);
    }
    kernel.endQuery(placed.address);
    const count = kernel.resultCount(placed.address) >>> 0;
    const rows = new Uint32Array(places.buffer, kernel.resultRows(placed.address) >>> 0, count).slice();
    const scores = new Float64Array(places.buffer, kernel.resultScores(placed.address) >>> 0, count).slice();
    return { rows, scores };
  } finally {
    giveBack(store, placed);
  }
}

/** One bit a row: its score is not zero. */
export function matchingRows(
  store: VectorStore,
  sparse: CheckedSparse,
  mask: Uint32Array | null,
  rowLimit: number,
): Uint32Array {
  const { kernel, places } = store;
  const bits = new Uint32Array(Math.ceil(rowLimit / 32));
  const limit = limitWithin(rowLimit, mask);
  const words = Math.ceil(limit / 32);
  if (words === 0 || sparse.indices.length === 0 || store.rows.count === 0) return bits;
  const placed = place(store, sparse, 0, mask, limit, 0);
  try {
    const found = places.take(4 * words);
    try {
      places.words.fill(0, found / 4, found / 4 + words);
      if (store.looseAddress !== 0) kernel.matchLoose(placed.address, store.looseAddress, found);
      for (const segment of store.segments) {
        if (segment !== undefined) kernel.matchSegment(placed.address, segment.address, found);
      }
      bits.set(places.words.subarray(found / 4, found / 4 + words));
    } finally {
      places.give(found, 4 * words);
    }
  } finally {
    giveBack(store, placed);
  }
  return bits;
}

/** Rows that can be asked for: below the limit and inside the mask. */
function limitWithin(rowLimit: number, mask: Uint32Array | null): number {
  return mask === null ? rowLimit : Math.min(rowLimit, mask.length * 32);
}

function countBits(mask: Uint32Array, rowLimit: number): number {
  let count = 0;
  const words = Math.ceil(rowLimit / 32);
  for (let i = 0; i < words; i++) {
    let word = mask[i]!;
    if (i === words - 1 && (rowLimit & 31) !== 0) word &= (1 << (rowLimit & 31)) - 1;
    word -= (word >>> 1) & 0x5555_5555;
    word = (word & 0x3333_3333) + ((word >>> 2) & 0x3333_3333);
    count += (((word + (word >>> 4)) & 0x0f0f_0f0f) * 0x0101_0101) >>> 24;
  }
  return count;
}

function place(
  store: VectorStore,
  sparse: CheckedSparse,
  k: number,
  mask: Uint32Array | null,
  rowLimit: number,
  wanted: number,
): Placed {
  const { kernel, places } = store;
  const count = sparse.indices.length;
  const lists = store.listsMax;
  const words = mask === null ? 0 : Math.ceil(rowLimit / 32);
  const maskBytes = 4 * words;
  const maskPlace = mask === null ? 0 : places.take(maskBytes);
  if (mask !== null) places.words.set(mask.subarray(0, words), maskPlace / 4);
  const bytes = kernel.queryBytes(count, k, lists) >>> 0;
  const address = places.take(bytes);
  kernel.layOutQuery(address, count, k, lists);
  places.words.set(sparse.indices, (kernel.featuresPlace(address) >>> 0) / 4);
  new Float32Array(places.buffer, kernel.weightsPlace(address) >>> 0, count).set(sparse.values);
  kernel.beginQuery(address, maskPlace, rowLimit, wanted);
  return { address, bytes, mask: maskPlace, maskBytes };
}

function giveBack({ places }: VectorStore, placed: Placed): void {
  places.give(placed.address, placed.bytes);
  if (placed.mask !== 0) places.give(placed.mask, placed.maskBytes);
}

/** Scores the sealed vectors of a mask's rows, segment by segment. */
function searchRows(store: VectorStore, query: number, mask: Uint32Array, rowLimit: number): void {
  const { kernel, places } = store;
  const found = sealedPlaces(store, mask, rowLimit);
  const list = places.take(4 * slotsMax);
  try {
    for (let from = 0; from < found.length; ) {
      const number = Math.floor(found[from]! / slotsMax);
      let to = from;
      while (to < found.length && Math.floor(found[to]! / slotsMax) === number) {
        places.words[list / 4 + to - from] = found[to]! % slotsMax;
        to += 1;
      }
      kernel.scoreSlots(query, store.segments[number]!.address, list, to - from);
      from = to;
    }
  } finally {
    places.give(list, 4 * slotsMax);
  }
}

/** Places in segments of a mask's rows, ascending. */
function sealedPlaces({ rows }: VectorStore, mask: Uint32Array, rowLimit: number): Uint32Array {
  const found: number[] = [];
  const words = Math.ceil(rowLimit / 32);
  for (let i = 0; i < words; i++) {
    for (let word = mask[i]!; word !== 0; word &= word - 1) {
      const row = 32 * i + 31 - Math.clz32(word & -word);
      const at = row < rowLimit ? rows.get(row) : nowhere;
      if (at !== nowhere && at >= slotsMax) found.push(at);
    }
  }
  return Uint32Array.from(found).sort();
}
