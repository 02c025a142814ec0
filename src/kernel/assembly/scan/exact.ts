/**
 * What is a row's exact score?
 *
 * Float64 throughout, in one fixed order of summation, so that every plan gives the same bits. A score is better when
 * it is higher: the dot product, minus the squared distance, the cosine. Rows are finite, as the host has checked.
 */
import {
  B_DIM,
  B_DTYPE,
  B_FIRST_ROW,
  B_ROWS,
  B_ROW_STRIDE,
  COS,
  FLOAT16,
  fourBytes,
  Half,
  IP,
  padded4,
  Q_COUNT,
  Q_ENTERED,
  Q_FLOAT64,
  Q_FLOOR,
  Q_K,
  Q_METRIC,
  Q_RESCORED,
  Q_SQUARE,
  Q_TAU,
  Single,
} from "./layout";
import { pushHeap, replaceWorst, worstScore } from "./heap";
import { setLimits } from "./bounds";

/** Four binary16 numbers as float32, exactly: a multiplication rebases the exponent and mends subnormals. */
// @ts-ignore: decorator
@inline
export function loadHalf4(address: usize): v128 {
  const bits = v128.load_ext<u16>(address);
  const magnitude = f32x4.mul(
    i32x4.shl(v128.and(bits, i32x4.splat(0x7fff)), 13),
    f32x4.splat(reinterpret<f32>(0x77800000)),
  );
  return v128.or(magnitude, i32x4.shl(v128.and(bits, i32x4.splat(0x8000)), 16));
}

// @ts-ignore: decorator
@inline
function loadLow<E>(address: usize): v128 {
  if (sizeof<E>() == 2) return f64x2.promote_low_f32x4(loadHalf4(address));
  return f64x2.promote_low_f32x4(v128.load64_zero(address));
}

// @ts-ignore: decorator
@inline
function loadHigh<E>(address: usize): v128 {
  if (sizeof<E>() == 2) {
    const four = loadHalf4(address);
    return f64x2.promote_low_f32x4(v128.shuffle<i64>(four, four, 1, 1));
  }
  return f64x2.promote_low_f32x4(v128.load64_zero(address, 8));
}

// @ts-ignore: decorator
@inline
function sum(a: v128, b: v128, c: v128, d: v128): f64 {
  const all = f64x2.add(f64x2.add(a, b), f64x2.add(c, d));
  return f64x2.extract_lane(all, 0) + f64x2.extract_lane(all, 1);
}

// @ts-ignore: decorator
@inline
function dot<E>(row: usize, query: usize, dim: usize): f64 {
  const step = fourBytes<E>();
  let a = f64x2.splat(0);
  let b = a;
  let c = a;
  let d = a;
  let i: usize = 0;
  for (; i + 8 <= dim; i += 8) {
    a = f64x2.add(a, f64x2.mul(loadLow<E>(row), v128.load(query)));
    b = f64x2.add(b, f64x2.mul(loadHigh<E>(row), v128.load(query, 16)));
    c = f64x2.add(c, f64x2.mul(loadLow<E>(row + step), v128.load(query, 32)));
    d = f64x2.add(d, f64x2.mul(loadHigh<E>(row + step), v128.load(query, 48)));
    row += 2 * step;
    query += 64;
  }
  if (i < dim) {
    a = f64x2.add(a, f64x2.mul(loadLow<E>(row), v128.load(query)));
    b = f64x2.add(b, f64x2.mul(loadHigh<E>(row), v128.load(query, 16)));
  }
  return sum(a, b, c, d);
}

// @ts-ignore: decorator
@inline
function squaredDistance<E>(row: usize, query: usize, dim: usize): f64 {
  const step = fourBytes<E>();
  let a = f64x2.splat(0);
  let b = a;
  let c = a;
  let d = a;
  let i: usize = 0;
  for (; i + 8 <= dim; i += 8) {
    const w = f64x2.sub(loadLow<E>(row), v128.load(query));
    const x = f64x2.sub(loadHigh<E>(row), v128.load(query, 16));
    const y = f64x2.sub(loadLow<E>(row + step), v128.load(query, 32));
    const z = f64x2.sub(loadHigh<E>(row + step), v128.load(query, 48));
    a = f64x2.add(a, f64x2.mul(w, w));
    b = f64x2.add(b, f64x2.mul(x, x));
    c = f64x2.add(c, f64x2.mul(y, y));
    d = f64x2.add(d, f64x2.mul(z, z));
    row += 2 * step;
    query += 64;
  }
  if (i < dim) {
    const w = f64x2.sub(loadLow<E>(row), v128.load(query));
    const x = f64x2.sub(loadHigh<E>(row), v128.load(query, 16));
    a = f64x2.add(a, f64x2.mul(w, w));
    b = f64x2.add(b, f64x2.mul(x, x));
  }
  return sum(a, b, c, d);
}

// @ts-ignore: decorator
@inline
function squaredNorm<E>(row: usize, dim: usize): f64 {
  const step = fourBytes<E>();
  let a = f64x2.splat(0);
  let b = a;
  for (let i: usize = 0; i < dim; i += 4) {
    const x = loadLow<E>(row);
    const y = loadHigh<E>(row);
    a = f64x2.add(a, f64x2.mul(x, x));
    b = f64x2.add(b, f64x2.mul(y, y));
    row += step;
  }
  return sum(a, b, f64x2.splat(0), f64x2.splat(0));
}

/** |x|² of a stored row. */
export function rowSquare(block: usize, index: u32): f64 {
  const row = <usize>load<u32>(block, B_ROWS) + <usize>index * load<u32>(block, B_ROW_STRIDE);
  const dim = padded4(load<i32>(block, B_DIM));
  return load<i32>(block, B_DTYPE) == FLOAT16 ? squaredNorm<Half>(row, dim) : squaredNorm<Single>(row, dim);
}

/** Exact score of the block's row `index`. */
export function exactScore(state: usize, block: usize, index: u32): f64 {
  const row = <usize>load<u32>(block, B_ROWS) + <usize>index * load<u32>(block, B_ROW_STRIDE);
  const query = state + load<u32>(state, Q_FLOAT64);
  const dim = padded4(load<i32>(block, B_DIM));
  const metric = load<i32>(state, Q_METRIC);
  const isHalf = load<i32>(block, B_DTYPE) == FLOAT16;
  if (metric == IP) return isHalf ? dot<Half>(row, query, dim) : dot<Single>(row, query, dim);
  if (metric == COS) {
    const product = load<f64>(state, Q_SQUARE) * rowSquare(block, index);
    if (product == 0) return 0;
    return (isHalf ? dot<Half>(row, query, dim) : dot<Single>(row, query, dim)) / Math.sqrt(product);
  }
  return isHalf ? -squaredDistance<Half>(row, query, dim) : -squaredDistance<Single>(row, query, dim);
}

/** Scores a row that its bound did not exclude, keeps it when it is among the best, and tightens the limits. */
export function offer(state: usize, block: usize, index: u32): void {
  const score = exactScore(state, block, index);
  const count = load<u32>(state, Q_COUNT);
  const k = load<u32>(state, Q_K);
  store<u32>(state, load<u32>(state, Q_RESCORED) + 1, Q_RESCORED);
  if (count < k) {
    if (!(score >= load<f64>(state, Q_FLOOR))) return;
    pushHeap(state, score, load<u32>(block, B_FIRST_ROW) + index);
    if (count + 1 < k) {
      store<u32>(state, load<u32>(state, Q_ENTERED) + 1, Q_ENTERED);
      return;
    }
  } else {
    if (!(score > load<f64>(state, Q_TAU))) return;
    replaceWorst(state, score, load<u32>(block, B_FIRST_ROW) + index);
  }
  store<u32>(state, load<u32>(state, Q_ENTERED) + 1, Q_ENTERED);
  store<f64>(state, worstScore(state), Q_TAU);
  setLimits(state);
}
