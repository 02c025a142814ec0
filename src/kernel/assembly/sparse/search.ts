/**
 * Which slots of a segment could be among the best?
 *
 * Sums (`accumulate.ts`) bound the scores; slots whose sums reach a limit are scored exactly. With k rows at hand the limit
 * follows from the worst of them. Before that, slots are looked at from the highest sums down, a few more than are wanted
 * each time, so that the limit that follows is a good one at once. Slots whose sums are not above the base are told from
 * those without any of the features by bits, when it comes to them.
 */
import { worstScore } from "../scan/heap";
import { paddedSlots, sumTerms, touchSlots } from "./accumulate";
import {
  G_ROWS,
  G_SLOTS,
  HISTOGRAM_PLACES,
  HISTOGRAM_SHIFT,
  NEGATIVE,
  P_BASE,
  P_HISTOGRAM,
  P_SUMS,
  P_TERM_COUNT,
  P_TERMS,
  P_TOUCHED,
  P_UNIT,
  P_WANTED,
  SLOTS_MAX,
  T_FLAGS,
  TERM_BYTES,
} from "./layout";
import { isAllowed, isFull, offerSlot, setBit, slotScore } from "./score";
import { enterSegment, leaveSegment, scoreBound, weighTerms } from "./terms";

/** Beyond what a sum can be. */
const TOP: u32 = 0x10000;

/** The least sum with which a slot could still enter the full heap. */
function limitOf(query: usize): u32 {
  const steps = worstScore(query) / load<f64>(query, P_UNIT);
  const slack = 0.01 + abs(steps) * 1e-9 + <f64>load<u32>(query, P_TERM_COUNT) * 0.5;
  const limit = floor(<f64>load<u32>(query, P_BASE) + steps - slack);
  return <u32>min<f64>(<f64>TOP, max<f64>(0, limit));
}

/** Scores the slots whose sums are `from` to `to` - 1; as soon as the heap is full, only those that could enter it. */
function scanSums(query: usize, segment: usize, from: u32, to: u32): void {
  if (from >= to) return;
  const sums = <usize>load<u32>(query, P_SUMS);
  const slots = paddedSlots(segment);
  let limit = i16x8.splat(<i16>from);
  for (let slot: usize = 0; slot < slots; slot += 16) {
    const a = v128.load(sums + (slot << 1));
    const b = v128.load(sums + (slot << 1), 16);
    // a >= limit, unsigned: the greater of both is a.
    const isIn = i8x16.narrow_i16x8_s(i16x8.eq(i16x8.max_u(a, limit), a), i16x8.eq(i16x8.max_u(b, limit), b));
    let bits = i8x16.bitmask(isIn);
    if (!bits) continue;
    while (bits) {
      const at = slot + <usize>ctz(bits);
      bits &= bits - 1;
      const sum = <u32>load<u16>(sums + (at << 1));
      if (sum < from || sum >= to) continue;
      offerSlot(query, segment, at);
      if (isFull(query)) from = max(from, limitOf(query));
    }
    if (from >= to) return;
    limit = i16x8.splat(<i16>from);
  }
}

/** Scores the slots with a feature of the query whose sums are `from` to the base. */
function scanTouched(query: usize, segment: usize, from: u32): void {
  const sums = <usize>load<u32>(query, P_SUMS);
  const base = load<u32>(query, P_BASE);
  touchSlots(query, segment);
  const touched = <usize>load<u32>(query, P_TOUCHED);
  for (let slot: usize = 0; slot < SLOTS_MAX; slot += 64) {
    let bits = load<u64>(touched + (slot >> 3));
    while (bits) {
      const at = slot + <usize>ctz(bits);
      bits &= bits - 1;
      const sum = <u32>load<u16>(sums + (at << 1));
      if (sum < from || sum > base) continue;
      offerSlot(query, segment, at);
      if (isFull(query)) from = max(from, limitOf(query));
    }
  }
}

/** Counts the slots a stretch of sums. */
function countSums(query: usize, segment: usize): void {
  const sums = <usize>load<u32>(query, P_SUMS);
  const histogram = <usize>load<u32>(query, P_HISTOGRAM);
  const slots = <usize>load<u32>(segment, G_SLOTS);
  memory.fill(histogram, 0, HISTOGRAM_PLACES << 2);
  for (let slot: usize = 0; slot < slots; slot++) {
    const place = histogram + (<usize>(load<u16>(sums + (slot << 1)) >> HISTOGRAM_SHIFT) << 2);
    store<u32>(place, load<u32>(place) + 1);
  }
}

/** The highest sum that at least `wanted` slots reach, roughly; above the base. */
function sumOfRank(query: usize, wanted: u32): u32 {
  const histogram = <usize>load<u32>(query, P_HISTOGRAM);
  const lowest = load<u32>(query, P_BASE) + 1;
  let count: u32 = 0;
  for (let i: u32 = <u32>HISTOGRAM_PLACES; i > lowest >> HISTOGRAM_SHIFT; i--) {
    count += load<u32>(histogram + (<usize>(i - 1) << 2));
    if (count >= wanted) return max(lowest, (i - 1) << HISTOGRAM_SHIFT);
  }
  return lowest;
}

/** Fills the heap from the highest sums down; returns the sum from which on every slot was looked at. */
function fillHeap(query: usize, segment: usize): u32 {
  const lowest = load<u32>(query, P_BASE) + 1;
  let wanted = load<u32>(query, P_WANTED);
  let from = TOP;
  countSums(query, segment);
  while (from > lowest && !isFull(query)) {
    const to = from;
    from = min(to, sumOfRank(query, wanted));
    scanSums(query, segment, from, to);
    wanted = wanted < SLOTS_MAX ? wanted << 2 : SLOTS_MAX << 2;
  }
  return from;
}

/** Looks at every slot that could be among the best. */
export function searchSegment(query: usize, segment: usize): void {
  if (enterSegment(query, segment) == 0) return;
  const isHopeless = isFull(query) && scoreBound(query) * (1 + 1e-9) < worstScore(query);
  if (!isHopeless) {
    if (weighTerms(query)) {
      sumTerms(query, segment);
      const done = isFull(query) ? TOP : fillHeap(query, segment);
      const base = load<u32>(query, P_BASE);
      const from = isFull(query) ? limitOf(query) : 0;
      scanSums(query, segment, max(from, base + 1), done);
      if (!isFull(query) || limitOf(query) <= base) scanTouched(query, segment, isFull(query) ? limitOf(query) : 0);
    } else {
      const slots = <usize>load<u32>(segment, G_SLOTS);
      for (let slot: usize = 0; slot < slots; slot++) offerSlot(query, segment, slot);
    }
  }
  leaveSegment(query);
}

/** Scores the `count` slots of a segment that are listed (u32 each) at `slots`. */
export function scoreSlots(query: usize, segment: usize, slots: usize, count: u32): void {
  if (enterSegment(query, segment) == 0) return;
  for (let i: usize = 0; i < <usize>count; i++) offerSlot(query, segment, <usize>load<u32>(slots + (i << 2)));
  leaveSegment(query);
}

/** Sets the bits of the rows whose score is not zero. */
export function matchSegment(query: usize, segment: usize, rowBits: usize): void {
  const count = enterSegment(query, segment);
  if (count == 0) return;
  const terms = <usize>load<u32>(query, P_TERMS);
  // Products of one sign cannot cancel, and none of them underflows in float64.
  let negative: u32 = 0;
  for (let i: usize = 0; i < <usize>count; i++) negative += load<u32>(terms + i * TERM_BYTES, T_FLAGS) & NEGATIVE;
  const isOneSign = negative == 0 || negative == count;
  const rows = <usize>load<u32>(segment, G_ROWS);
  const touched = <usize>load<u32>(query, P_TOUCHED);
  touchSlots(query, segment);
  for (let slot: usize = 0; slot < SLOTS_MAX; slot += 64) {
    let bits = load<u64>(touched + (slot >> 3));
    while (bits) {
      const at = slot + <usize>ctz(bits);
      bits &= bits - 1;
      const row = load<u32>(rows + (at << 2));
      if (isAllowed(query, row) && (isOneSign || slotScore(query, segment, at) != 0)) setBit(rowBits, row);
    }
  }
  leaveSegment(query);
}
