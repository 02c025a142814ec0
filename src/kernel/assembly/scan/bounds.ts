/**
 * Which rows cannot be among the best, seen from codes or from float32 sums alone?
 *
 * A row x is kept as centre + s·c + residual with |residual| <= r. With y = query − centre, its code ŷ
 * (scale t, int16) and n = s·|c|:
 *   q·x <= q·centre + centre·(x − centre) + t·s·(ŷ·c) + |y|·r + |y − t·ŷ|·n                 (Cauchy-Schwarz, twice)
 *   |t·ŷ − s·c| <= |q − x| + |y − t·ŷ| + r, with |t·ŷ − s·c|² = |t·ŷ|² − 2·t·s·(ŷ·c) + n²  (triangle inequality)
 * After a part of the components only, what the others can still add to ŷ·c is at most the product of the norms of
 * the two tails. The stored residual is r + RESIDUAL_SHARE·n, which takes the place of the term in n.
 * A row is skipped only when that, widened by the rounding of the float32 arithmetic and of the float64 score, shows
 * that it cannot beat the worst row of a full heap. Comparisons are written so that NaN and overflow never skip a
 * row. The int8 bound of ip and cos is in units of t, so that no query is too small or too large for float32.
 *
 * Float sums: a float32 sum of m terms in any order errs by at most gamma(m) times the sum of magnitudes (Higham,
 * Accuracy and Stability of Numerical Algorithms, ch. 3), plus the smallest subnormal for each product that underflows.
 */
import {
  B_CENTRE,
  B_DIM,
  COS,
  FIRST_RUN_ROWS,
  IP,
  L2,
  padded16,
  padded4,
  planeWidth,
  Q_C0,
  Q_C1,
  Q_CANDIDATES,
  Q_CENTRE,
  Q_CODE_ERROR,
  Q_CODE_NORM,
  Q_CODES,
  Q_COUNT,
  Q_DEPTH,
  Q_DIM,
  Q_ENTERED,
  Q_F0,
  Q_FLOAT64,
  Q_FLOAT_LIMIT,
  Q_FLOOR,
  Q_HAS_SHIFTS,
  Q_HEAP_ROWS,
  Q_HEAP_SCORES,
  Q_INT8_LIMIT,
  Q_K,
  Q_METRIC,
  Q_NORM,
  Q_NOTES,
  Q_OFFSET,
  Q_OFFSET_WIDENING,
  Q_PATIENCE,
  Q_RESCORED,
  Q_RUN_ROWS,
  Q_SCALE,
  Q_SHIFT,
  Q_SQUARE,
  Q_TAILS,
  Q_TAU,
  Q_WAIT,
  RESIDUAL_SHARE,
  RUN_ROWS,
  STATE_HEADER,
} from "./layout";

/** Covers the rounding of the bound itself: fewer than thirty float32 roundings of 2^-24 each. */
export const SLACK: f64 = 2e-6;
/** The same for squared distances, whose terms add up to at most 4·(|t·ŷ|² + n²). */
export const SQUARE_SLACK: f64 = 4e-6;
/** Covers the rounding of a float64 sum of 16,384 terms, eight times over. */
export const SCORE_SLACK: f64 = 1.5e-11;
/** Half the spacing of float32 numbers at 1. */
const UNIT: f64 = 5.9604644775390625e-8;
/** Twice the error of 16,384 products that underflow in float32. */
const UNDERFLOW: f64 = 1e-40;
/** |t·ŷ| beyond which squares could overflow in float32. */
const NORM_MAX: f64 = 1e18;
/** Largest sum of |query codes|: times 127 it stays below 2^31, so that int32 sums in any order are exact. */
const CODE_SUM_MAX: f64 = 16_900_000;

/** Largest float32 that is not above `value`. */
function roundedDown(value: f64): f32 {
  const near = <f32>value;
  if (!(<f64>near > value)) return near;
  if (near == 0) return -f32.MIN_VALUE;
  const bits = reinterpret<i32>(near);
  return reinterpret<f32>(bits >= 0 ? bits - 1 : bits + 1);
}

/** Smallest float32 that is not below `value`. */
// @ts-ignore: decorator
@inline
export function roundedUp(value: f64): f32 {
  return -roundedDown(-value);
}

/** Quantises query − centre to int16 codes; sets scale, norm, error and tails. */
function encodeQuery(state: usize, centre: usize): void {
  const dim = load<i32>(state, Q_DIM);
  const query = state + load<u32>(state, Q_FLOAT64);
  const codes = state + load<u32>(state, Q_CODES);
  let largest: f64 = 0;
  let magnitudes: f64 = 0;
  for (let i: usize = 0; i < <usize>dim; i++) {
    const y = load<f64>(query + (i << 3)) - <f64>load<f32>(centre + (i << 2));
    largest = max(largest, abs(y));
    magnitudes += abs(y);
  }
  const scale = largest == 0 ? 1.0 : max(largest / 32767, magnitudes / (CODE_SUM_MAX - 0.5 * <f64>dim));
  const inverse = 1 / scale;
  const width = planeWidth(dim);
  let error: f64 = 0;
  let square: f64 = 0;
  for (let i = <usize>dim; i-- > 0; ) {
    const y = load<f64>(query + (i << 3)) - <f64>load<f32>(centre + (i << 2));
    const code = nearest(y * inverse);
    const rest = y - code * scale;
    error += rest * rest;
    square += code * code;
    store<i16>(codes + (i << 1), <i16>(<i32>code));
    if (i % width == 0 && i > 0) {
      store<f32>(state + (i / width - 1) * 4, roundedUp(Math.sqrt(square) * (1 + SLACK)), Q_TAILS);
    }
  }
  store<f64>(state, scale, Q_SCALE);
  store<f64>(state, Math.sqrt(square) * scale * (1 + SCORE_SLACK), Q_CODE_NORM);
  store<f64>(state, Math.sqrt(error) * (1 + SCORE_SLACK), Q_CODE_ERROR);
}

/** Begins a search: the query's float32 components are in their place. `floor` is the least score that counts. */
export function beginQuery(state: usize, metric: i32, dim: i32, k: i32, floor: f64): void {
  const four = padded4(dim);
  const sixteen = padded16(dim);
  const float64 = STATE_HEADER + four * 4;
  const candidates = float64 + four * 8 + sixteen * 2;
  const scores = (candidates + 8 * <usize>RUN_ROWS + 32 + 7) & ~7;
  store<i32>(state, metric, Q_METRIC);
  store<i32>(state, dim, Q_DIM);
  store<u32>(state, k, Q_K);
  store<u32>(state, 0, Q_COUNT);
  store<u32>(state, 0, Q_RESCORED);
  store<u32>(state, 0, Q_ENTERED);
  store<u32>(state, <u32>float64, Q_FLOAT64);
  store<u32>(state, <u32>(float64 + four * 8), Q_CODES);
  store<u32>(state, <u32>candidates, Q_CANDIDATES);
  store<u32>(state, FIRST_RUN_ROWS, Q_RUN_ROWS);
  store<u32>(state, 1, Q_DEPTH);
  store<u32>(state, 0, Q_WAIT);
  store<u32>(state, 1, Q_PATIENCE);
  store<u32>(state, <u32>scores, Q_HEAP_SCORES);
  store<u32>(state, <u32>(scores + <usize>k * 8), Q_HEAP_ROWS);
  store<u32>(state, 0, Q_CENTRE);
  store<u32>(state, 0, Q_NOTES);
  store<f64>(state, floor, Q_TAU);
  store<f64>(state, floor, Q_FLOOR);
  memory.fill(state + load<u32>(state, Q_CODES), 0, sixteen * 2);
  let square: f64 = 0;
  for (let i: usize = 0; i < four; i++) {
    if (i >= <usize>dim) store<f32>(state + STATE_HEADER + (i << 2), 0);
    const q = <f64>load<f32>(state + STATE_HEADER + (i << 2));
    store<f64>(state + float64 + (i << 3), q);
    square += q * q;
  }
  store<f64>(state, square, Q_SQUARE);
  store<f64>(state, Math.sqrt(square), Q_NORM);
  store<f64>(state, 0, Q_OFFSET);
  store<f64>(state, 0, Q_OFFSET_WIDENING);
  store<f64>(state, 0, Q_CODE_ERROR);
  store<f64>(state, 1, Q_SCALE);
  const terms = <f64>(four >> 4) + 16;
  const gamma = (terms * UNIT) / (1 - terms * UNIT);
  const norm = Math.sqrt(square) * (1 + SCORE_SLACK);
  store<f32>(state, metric == L2 ? roundedDown(1 - 1.01 * gamma) : roundedUp(norm * (gamma * 1.01)), Q_F0);
  setLimits(state);
}

/** Makes the constants of the int8 bound for the block's centre; blocks share centres, so this is rarely work. */
export function enterBlock(state: usize, block: usize): void {
  const centre = <usize>load<u32>(block, B_CENTRE);
  if (load<u32>(state, Q_CENTRE) == <u32>centre) return;
  store<u32>(state, <u32>centre, Q_CENTRE);
  encodeQuery(state, centre);
  const scale = load<f64>(state, Q_SCALE);
  const codeNorm = load<f64>(state, Q_CODE_NORM);
  if (load<i32>(state, Q_METRIC) == L2) {
    const square = codeNorm * codeNorm * (1 - SQUARE_SLACK) - 1e-36;
    store<f32>(state, <f32>(-2 * scale), Q_C0);
    store<f32>(state, codeNorm < NORM_MAX ? roundedDown(square) : f32.NaN, Q_C1);
  } else {
    const query = state + load<u32>(state, Q_FLOAT64);
    const dim = <usize>load<i32>(block, B_DIM);
    let product: f64 = 0;
    let square: f64 = 0;
    for (let i: usize = 0; i < dim; i++) {
      const component = <f64>load<f32>(centre + (i << 2));
      product += component * load<f64>(query + (i << 3));
      square += component * component;
    }
    const error = load<f64>(state, Q_CODE_ERROR);
    const norm = codeNorm + error;
    const centreNorm = Math.sqrt(square);
    const widening = load<i32>(state, Q_METRIC) == COS ? SLACK : SCORE_SLACK;
    const slack = widening * load<f64>(state, Q_NORM) * centreNorm;
    const offset = product + slack;
    const rounding = (error + SLACK * (norm + centreNorm)) / RESIDUAL_SHARE;
    const reach = max(norm, rounding) * (1 + SLACK) + SLACK * centreNorm;
    const shift = 1 / scale;
    store<f64>(state, offset, Q_OFFSET);
    store<f64>(state, slack, Q_OFFSET_WIDENING);
    store<f32>(state, roundedUp(reach / scale), Q_C0);
    store<f32>(state, roundedUp(offset / scale), Q_C1);
    store<f32>(state, shift > 1e-30 && shift < 1e30 ? <f32>shift : f32.NaN, Q_SHIFT);
    store<i32>(state, i32(square > 0), Q_HAS_SHIFTS);
  }
  setLimits(state);
}

/** Rounds a limit so that `bound <= limit` proves a row worthless; NaN, which proves nothing, where there is none. */
function safeLimit(limit: f64, isFull: bool): f32 {
  let rounded = roundedDown(limit);
  // Before the heap is full an equal score still counts.
  if (!isFull) rounded = roundedDown(<f64>rounded - abs(<f64>rounded) * 1e-6 - 1e-44);
  return abs(rounded) < Infinity ? rounded : f32.NaN;
}

/** Makes the limits that bounds are compared with from the score to pass. */
export function setLimits(state: usize): void {
  const tau = load<f64>(state, Q_TAU);
  const norm = load<f64>(state, Q_NORM);
  const metric = load<i32>(state, Q_METRIC);
  const isFull = load<u32>(state, Q_COUNT) == load<u32>(state, Q_K);
  if (metric == IP) {
    store<f32>(state, safeLimit((tau - load<f64>(state, Q_OFFSET)) / load<f64>(state, Q_SCALE), isFull), Q_INT8_LIMIT);
    store<f32>(state, safeLimit(tau - UNDERFLOW, isFull), Q_FLOAT_LIMIT);
  } else if (metric == COS) {
    const cosine = tau - abs(tau) * SLACK - 1e-10;
    store<f32>(state, safeLimit((cosine * norm) / load<f64>(state, Q_SCALE), isFull), Q_INT8_LIMIT);
    store<f32>(state, safeLimit(cosine * norm, isFull), Q_FLOAT_LIMIT);
  } else {
    const distance = (Math.sqrt(-tau) + load<f64>(state, Q_CODE_ERROR)) * (1 + SLACK);
    store<f32>(state, roundedUp(distance), Q_INT8_LIMIT);
    store<f32>(state, roundedUp(-tau * (1 + SCORE_SLACK) + UNDERFLOW), Q_FLOAT_LIMIT);
  }
}
