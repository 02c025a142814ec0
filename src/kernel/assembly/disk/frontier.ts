/**
 * Which nodes are the nearest seen so far?
 *
 * A list of at most `F_CAPACITY` entries, best first, ties to the lower node; a bit a node tells which were seen. Nodes
 * are gathered first and scored four at a time, so that the waits for their codes overlap.
 */
import { dotFour } from "./codes";
import { dotFourHalves } from "./half-codes";
import {
  F_BASE,
  F_CAPACITY,
  F_COUNT,
  F_EXTRA,
  F_FACTOR,
  F_FRESH,
  F_FRESH_COUNT,
  F_HAS_EXTRA,
  F_LIST,
  F_NEXT,
  F_OFFSET,
  F_QUERY,
  F_SCORED,
  F_SEEN,
  F_TABLE,
  F_TOUCHED,
  F_TOUCHED_CAPACITY,
  F_TOUCHED_COUNT,
  F_WEIGHT,
  FRESH_MAX,
  hasBit,
  PQ,
  setBit,
  SQ4,
  T_COUNT,
  T_CODES,
  T_KIND,
  T_SCALARS,
  T_SQUARE_MAX,
  T_STRIDE,
} from "./layout";

/** Estimate that an entry has to be below to enter. */
// @ts-ignore: decorator
@inline
export function worstEstimate(frontier: usize): f32 {
  const count = load<u32>(frontier, F_COUNT);
  if (count < load<u32>(frontier, F_CAPACITY)) return Infinity;
  return load<f32>(<usize>load<u32>(frontier, F_LIST) + (<usize>(count - 1) << 3));
}

/** Adds an entry where it belongs; the worst one leaves a full list. NaN enters nowhere. */
export function addEntry(frontier: usize, estimate: f32, node: u32): void {
  let count = load<u32>(frontier, F_COUNT);
  const list = <usize>load<u32>(frontier, F_LIST);
  if (!(estimate < worstEstimate(frontier))) return;
  if (count < load<u32>(frontier, F_CAPACITY)) store<u32>(frontier, ++count, F_COUNT);
  let place = count - 1;
  for (; place > 0; place--) {
    const before = list + (<usize>(place - 1) << 3);
    if (load<f32>(before) <= estimate) break;
    store<u64>(before, load<u64>(before), 8);
  }
  store<f32>(list + (<usize>place << 3), estimate);
  store<u32>(list + (<usize>place << 3), node, 4);
  if (place < load<u32>(frontier, F_NEXT)) store<u32>(frontier, place, F_NEXT);
}

/** Notes a node that was not seen before; true when it is to be scored. */
// @ts-ignore: decorator
@inline
export function see(frontier: usize, node: u32): bool {
  const seen = <usize>load<u32>(frontier, F_SEEN);
  if (hasBit(seen, node)) return false;
  setBit(seen, node);
  const touched = load<u32>(frontier, F_TOUCHED_COUNT);
  if (touched < load<u32>(frontier, F_TOUCHED_CAPACITY)) {
    store<u32>(<usize>load<u32>(frontier, F_TOUCHED) + (<usize>touched << 2), node);
  }
  store<u32>(frontier, touched + 1, F_TOUCHED_COUNT);
  return true;
}

/** Adds a node to those that wait; they are scored when there are many. */
// @ts-ignore: decorator
@inline
export function gather(frontier: usize, node: u32): void {
  let count = load<u32>(frontier, F_FRESH_COUNT);
  store<u32>(<usize>load<u32>(frontier, F_FRESH) + (<usize>count << 2), node);
  store<u32>(frontier, ++count, F_FRESH_COUNT);
  if (count == FRESH_MAX) scoreGathered(frontier);
}

/** Estimates of four nodes of an SQ8 or SQ4 table. */
// @ts-ignore: decorator
@inline
function estimateFour(frontier: usize, table: usize, a: u32, b: u32, c: u32, d: u32): v128 {
  const stride = <usize>load<u32>(table, T_STRIDE);
  const codes = <usize>load<u32>(table, T_CODES);
  const scalars = <usize>load<u32>(table, T_SCALARS);
  const query = <usize>load<u32>(frontier, F_QUERY);
  const codeA = codes + <usize>a * stride;
  const codeB = codes + <usize>b * stride;
  const codeC = codes + <usize>c * stride;
  const codeD = codes + <usize>d * stride;
  let dots: v128;
  if (load<i32>(table, T_KIND) == SQ4) {
    dots = dotFourHalves(query, codeA, codeB, codeC, codeD, stride, load<i32>(frontier, F_OFFSET));
  } else dots = dotFour(query, codeA, codeB, codeC, codeD, stride);
  const ab = v128.load64_lane(scalars + (<usize>b << 3), v128.load64_zero(scalars + (<usize>a << 3)), 1);
  const cd = v128.load64_lane(scalars + (<usize>d << 3), v128.load64_zero(scalars + (<usize>c << 3)), 1);
  const scales = v128.shuffle<i32>(ab, cd, 0, 2, 4, 6);
  const squares = v128.shuffle<i32>(ab, cd, 1, 3, 5, 7);
  const products = f32x4.mul(f32x4.mul(f32x4.convert_i32x4_s(dots), scales), v128.load32_splat(frontier, F_FACTOR));
  let sum = f32x4.add(v128.load32_splat(frontier, F_BASE), f32x4.mul(squares, v128.load32_splat(frontier, F_WEIGHT)));
  sum = f32x4.add(sum, products);
  if (load<i32>(frontier, F_HAS_EXTRA)) {
    const rest = f32x4.sub(v128.load32_splat(table, T_SQUARE_MAX), squares);
    const four = f32x4.sub(f32x4.sqrt(f32x4.max(rest, f32x4.splat(0))), v128.load32_splat(frontier, F_EXTRA));
    sum = f32x4.add(sum, f32x4.mul(four, four));
  }
  return sum;
}

/** Estimate of a node of a PQ table: the sum of one product for each subspace. */
// @ts-ignore: decorator
@inline
function estimateProducts(frontier: usize, table: usize, node: u32): f32 {
  const stride = <usize>load<u32>(table, T_STRIDE);
  const code = <usize>load<u32>(table, T_CODES) + <usize>node * stride;
  let products = <usize>load<u32>(frontier, F_QUERY);
  let a: f32 = 0;
  let b: f32 = 0;
  let i: usize = 0;
  for (; i + 2 <= stride; i += 2, products += 2048) {
    a += load<f32>(products + (<usize>load<u8>(code + i) << 2));
    b += load<f32>(products + (<usize>load<u8>(code + i, 1) << 2), 1024);
  }
  if (i < stride) a += load<f32>(products + (<usize>load<u8>(code + i) << 2));
  return a + b;
}

/** Estimate of one node. */
export function estimateNode(frontier: usize, node: u32): f32 {
  const table = <usize>load<u32>(frontier, F_TABLE);
  if (load<i32>(table, T_KIND) == PQ) return estimateProducts(frontier, table, node);
  return f32x4.extract_lane(estimateFour(frontier, table, node, node, node, node), 0);
}

/** Scores the nodes that wait. */
export function scoreGathered(frontier: usize): void {
  const table = <usize>load<u32>(frontier, F_TABLE);
  const fresh = <usize>load<u32>(frontier, F_FRESH);
  const count = load<u32>(frontier, F_FRESH_COUNT);
  store<u32>(frontier, 0, F_FRESH_COUNT);
  if (count == 0) return;
  store<u32>(frontier, load<u32>(frontier, F_SCORED) + count, F_SCORED);
  if (load<i32>(table, T_KIND) == PQ) {
    for (let i: u32 = 0; i < count; i++) {
      const node = load<u32>(fresh + (<usize>i << 2));
      addEntry(frontier, estimateProducts(frontier, table, node), node);
    }
    return;
  }
  // Filled up to a multiple of four by the last one; the room after the list is there for it.
  const last = load<u32>(fresh + (<usize>(count - 1) << 2));
  for (let i = count; i & 3; i++) store<u32>(fresh + (<usize>i << 2), last);
  for (let i: u32 = 0; i < count; i += 4) {
    const four = fresh + (<usize>i << 2);
    const a = load<u32>(four);
    const b = load<u32>(four, 4);
    const c = load<u32>(four, 8);
    const d = load<u32>(four, 12);
    const estimates = estimateFour(frontier, table, a, b, c, d);
    if (!i32x4.bitmask(f32x4.lt(estimates, f32x4.splat(worstEstimate(frontier))))) continue;
    addEntry(frontier, f32x4.extract_lane(estimates, 0), a);
    if (i + 1 < count) addEntry(frontier, f32x4.extract_lane(estimates, 1), b);
    if (i + 2 < count) addEntry(frontier, f32x4.extract_lane(estimates, 2), c);
    if (i + 3 < count) addEntry(frontier, f32x4.extract_lane(estimates, 3), d);
  }
}

/** Forgets the entries and what was seen. */
export function clearFrontier(frontier: usize): void {
  const seen = <usize>load<u32>(frontier, F_SEEN);
  const count = load<u32>(frontier, F_TOUCHED_COUNT);
  if (count > load<u32>(frontier, F_TOUCHED_CAPACITY)) {
    const nodes = load<u32>(load<u32>(frontier, F_TABLE), T_COUNT);
    memory.fill(seen, 0, <usize>((nodes + 31) >> 5) << 2);
  } else {
    const touched = <usize>load<u32>(frontier, F_TOUCHED);
    for (let i: u32 = 0; i < count; i++) {
      const node = load<u32>(touched + (<usize>i << 2));
      store<u32>(seen + (<usize>(node >> 5) << 2), 0);
    }
  }
  store<u32>(frontier, 0, F_TOUCHED_COUNT);
  store<u32>(frontier, 0, F_COUNT);
  store<u32>(frontier, 0, F_NEXT);
  store<u32>(frontier, 0, F_FRESH_COUNT);
}
