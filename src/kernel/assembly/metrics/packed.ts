/**
 * How far is one set of bits from many, packed?
 *
 * A packed row is whole groups of 16 bytes, component i in bit i & 7 of byte i >> 3, zeros after the last; beside the
 * rows lies the number of set bits of each, u16. Values are those of `bits.ts`, to the bit. Counting is done on 64-bit
 * words: one instruction each on most machines, where counting bytes in vectors takes some.
 */
import { pushHeap, replaceWorst, worstScore } from "../scan/heap";
import { Q_COUNT, Q_FLOAT64, Q_HEAP_ROWS, Q_K, Q_METRIC, Q_RESCORED, Q_TAU, STATE_HEADER } from "../scan/layout";
import { bitDistance } from "./bits";
import { DICE, HAMMING, M_MASS } from "./state";

/** A row that looks at most this much worse than it must be is scored: pays for the rounding of the limit. */
const SLACK: f64 = 1 - 1e-9;

/** Bytes of a packed row. */
export function packedStride(dim: i32): usize {
  return <usize>((dim + 127) >> 7) << 4;
}

/** Packs `rows` rows of float32 components, above 0.5 a set bit. */
export function packRows(source: usize, dim: i32, rows: u32, target: usize): void {
  const stride = packedStride(dim);
  const half = f32x4.splat(0.5);
  for (let row: u32 = 0; row < rows; row++) {
    memory.fill(target, 0, stride);
    let i = 0;
    for (; i + 16 <= dim; i += 16, source += 64) {
      const low = i16x8.narrow_i32x4_s(f32x4.gt(v128.load(source), half), f32x4.gt(v128.load(source, 16), half));
      const high = i16x8.narrow_i32x4_s(f32x4.gt(v128.load(source, 32), half), f32x4.gt(v128.load(source, 48), half));
      store<u16>(target + <usize>(i >> 3), <u16>i8x16.bitmask(i8x16.narrow_i16x8_s(low, high)));
    }
    for (; i < dim; i++, source += 4) {
      if (!(load<f32>(source) > 0.5)) continue;
      const place = target + <usize>(i >> 3);
      store<u8>(place, load<u8>(place) | ((<u8>1) << <u8>(i & 7)));
    }
    target += stride;
  }
}

/** Set bits of a packed row. */
// @ts-ignore: decorator
@inline
export function countOf(row: usize, stride: usize): u32 {
  let sum: i64 = 0;
  for (let i: usize = 0; i < stride; i += 16) sum += popcnt(load<i64>(row + i)) + popcnt(load<i64>(row + i, 8));
  return <u32>sum;
}

/** Bits in which two packed rows differ. */
// @ts-ignore: decorator
@inline
export function differing(row: usize, other: usize, stride: usize): u32 {
  let sum: i64 = 0;
  for (let i: usize = 0; i < stride; i += 16) {
    sum += popcnt(load<i64>(row + i) ^ load<i64>(other + i));
    sum += popcnt(load<i64>(row + i, 8) ^ load<i64>(other + i, 8));
  }
  return <u32>sum;
}

/** Set bits that two packed rows have in common. */
// @ts-ignore: decorator
@inline
export function commonBits(row: usize, other: usize, stride: usize): u32 {
  let sum: i64 = 0;
  for (let i: usize = 0; i < stride; i += 16) {
    sum += popcnt(load<i64>(row + i) & load<i64>(other + i));
    sum += popcnt(load<i64>(row + i, 8) & load<i64>(other + i, 8));
  }
  return <u32>sum;
}

/** Counts the set bits of `rows` packed rows. */
export function countRows(source: usize, stride: usize, rows: u32, counts: usize): void {
  for (let row: u32 = 0; row < rows; row++) {
    store<u16>(counts + (<usize>row << 1), <u16>countOf(source + <usize>row * stride, stride));
  }
}

/** Makes the packed form of the query of a state that was begun with a binary metric. */
export function packQuery(state: usize, dim: i32): void {
  packRows(state + STATE_HEADER, dim, 1, state + load<u32>(state, Q_FLOAT64));
}

/**
 * Common bits that a row must have to be of use, as a share of the set bits of both, times 2³²: with the similarity s
 * of the worst row in the heap, s / (1 + s) for Jaccard, s / 2 for Dice.
 */
// @ts-ignore: decorator
@inline
function shareLimit(state: usize, metric: i32): u64 {
  if (load<u32>(state, Q_COUNT) < load<u32>(state, Q_K)) return 0;
  const similarity = (1 + load<f64>(state, Q_TAU)) * SLACK;
  return <u64>((similarity / (metric == DICE ? 2 : 1 + similarity)) * 4294967296.0);
}

// @ts-ignore: decorator
@inline
function offer(state: usize, value: f64, row: u32): void {
  const score = 0 - value;
  const count = load<u32>(state, Q_COUNT);
  if (count < load<u32>(state, Q_K)) {
    pushHeap(state, score, row);
    if (count + 1 < load<u32>(state, Q_K)) return;
  } else {
    const tau = load<f64>(state, Q_TAU);
    if (score < tau || (score == tau && row >= load<u32>(state + load<u32>(state, Q_HEAP_ROWS)))) return;
    replaceWorst(state, score, row);
  }
  store<f64>(state, worstScore(state), Q_TAU);
}

/** Bits of the `count` rows at most 32 from `row` on, a multiple of that, that the mask allows. */
// @ts-ignore: decorator
@inline
function allowedOf(mask: usize, row: u32, count: u32): u32 {
  const word = mask ? load<u32>(mask + (<usize>(row >>> 5) << 2)) : 0xffff_ffff;
  return count < 32 ? word & ((1 << count) - 1) : word;
}

// @ts-ignore: decorator
@inline
function isAllowed(mask: usize, row: u32): bool {
  return !mask || ((load<u32>(mask + (<usize>(row >>> 5) << 2)) >>> (row & 31)) & 1) != 0;
}

/** Greatest Hamming distance at which a row is of use; where rows come in order, a tie is of none. */
// @ts-ignore: decorator
@inline
function hammingLimit(state: usize, isListed: bool): i32 {
  if (load<u32>(state, Q_COUNT) < load<u32>(state, Q_K)) return i32.MAX_VALUE;
  return <i32>(0 - load<f64>(state, Q_TAU)) - (isListed ? 0 : 1);
}

/** Scores the packed row at `place`; gives the limit from now on. */
// @ts-ignore: decorator
@inline
function offerHamming(isListed: bool, state: usize, place: usize, stride: usize, row: u32, limit: i32): i32 {
  const value = <i32>differing(place, state + load<u32>(state, Q_FLOAT64), stride);
  if (value > limit) return limit;
  offer(state, <f64>value, row);
  return hammingLimit(state, isListed);
}

/** As `offerHamming` for Jaccard and Dice, with the row's set bits. */
// @ts-ignore: decorator
@inline
function offerShare(state: usize, metric: i32, place: usize, stride: usize, set: u32, row: u32, limit: u64): u64 {
  const own = <u32>load<f64>(state, M_MASS);
  const common = commonBits(place, state + load<u32>(state, Q_FLOAT64), stride);
  if (<u64>common << 32 < limit * <u64>(own + set)) return limit;
  offer(state, bitDistance(metric, own, set, common), row);
  return shareLimit(state, metric);
}

/**
 * Scores `count` packed rows, `first` (a multiple of 32) and the following ones, which come after all rows scored
 * before. The rows whose bit in `mask`, unless it is 0, is not set do not count.
 */
export function scanPackedRows(
  state: usize,
  rows: usize,
  counts: usize,
  stride: usize,
  first: u32,
  count: u32,
  mask: usize,
): void {
  const metric = load<i32>(state, Q_METRIC);
  let scored: u32 = 0;
  let hamming = hammingLimit(state, false);
  let share = shareLimit(state, metric);
  for (let from: u32 = 0; from < count; from += 32) {
    let allowed = allowedOf(mask, first + from, count - from);
    scored += popcnt(allowed);
    for (; allowed != 0; allowed &= allowed - 1) {
      const i = from + ctz(allowed);
      const place = rows + <usize>i * stride;
      if (metric == HAMMING) hamming = offerHamming(false, state, place, stride, first + i, hamming);
      else {
        const set = <u32>load<u16>(counts + (<usize>i << 1));
        share = offerShare(state, metric, place, stride, set, first + i, share);
      }
    }
  }
  store<u32>(state, load<u32>(state, Q_RESCORED) + scored, Q_RESCORED);
}

/** As `scanPackedRows` for rows whose numbers stand in `ids`, in any order; those from `end` on do not count. */
export function scanPackedList(
  state: usize,
  rows: usize,
  counts: usize,
  stride: usize,
  ids: usize,
  count: u32,
  mask: usize,
  end: u32,
): void {
  const metric = load<i32>(state, Q_METRIC);
  let scored: u32 = 0;
  let hamming = hammingLimit(state, true);
  let share = shareLimit(state, metric);
  for (let i: u32 = 0; i < count; i++, rows += stride) {
    const row = load<u32>(ids + (<usize>i << 2));
    if (row >= end || !isAllowed(mask, row)) continue;
    scored++;
    if (metric == HAMMING) hamming = offerHamming(true, state, rows, stride, row, hamming);
    else share = offerShare(state, metric, rows, stride, <u32>load<u16>(counts + (<usize>i << 1)), row, share);
  }
  store<u32>(state, load<u32>(state, Q_RESCORED) + scored, Q_RESCORED);
}
