/**
 * Which rows of a block could be among the best?
 *
 * Rows are taken four at a time, so that they share the loads of the query and their bounds are tested together; the few that
 * pass are scored in float64 at once, which tightens the limit for those after them. A scan goes over a run of rows, with or
 * without a bit mask, or over a list of row indexes (sparse masks). Each returns the number of rows that it looked at.
 *
 * Bounds: see `bounds.ts`. Integer sums are exact in any order, so both builds see the same candidates.
 */
import { offer } from "./exact";
import { loadFour } from "./encode";
import {
  B_CODES,
  B_CODE_NORM,
  B_CODE_STRIDE,
  B_DIM,
  B_DTYPE,
  B_NORM,
  B_RESIDUAL,
  B_ROWS,
  B_ROW_STRIDE,
  B_SCALE,
  COS,
  FLOAT16,
  IP,
  L2,
  padded4,
  Q_C0,
  Q_C1,
  Q_C2,
  Q_CODES,
  Q_F0,
  Q_FLOAT_LIMIT,
  Q_INT8_LIMIT,
  Q_METRIC,
  STATE_HEADER,
} from "./layout";

/** Sums of the lanes of four int32 vectors. */
// @ts-ignore: decorator
@inline
function transposedSum(a: v128, b: v128, c: v128, d: v128): v128 {
  const ab = i32x4.add(v128.shuffle<i32>(a, b, 0, 4, 1, 5), v128.shuffle<i32>(a, b, 2, 6, 3, 7));
  const cd = i32x4.add(v128.shuffle<i32>(c, d, 0, 4, 1, 5), v128.shuffle<i32>(c, d, 2, 6, 3, 7));
  return i32x4.add(v128.shuffle<i64>(ab, cd, 0, 2), v128.shuffle<i64>(ab, cd, 1, 3));
}

/** Exact dot products of the query's int16 codes and four rows' int8 codes. */
// @ts-ignore: decorator
@inline
function dotCodes4(query: usize, a: usize, b: usize, c: usize, d: usize, bytes: usize): v128 {
  let sumA = i32x4.splat(0);
  let sumB = sumA;
  let sumC = sumA;
  let sumD = sumA;
  for (const end = a + bytes; a < end; ) {
    const low = v128.load(query);
    const high = v128.load(query, 16);
    sumA = i32x4.add(sumA, i32x4.dot_i16x8_s(low, v128.load_ext<i8>(a)));
    sumB = i32x4.add(sumB, i32x4.dot_i16x8_s(low, v128.load_ext<i8>(b)));
    sumC = i32x4.add(sumC, i32x4.dot_i16x8_s(low, v128.load_ext<i8>(c)));
    sumD = i32x4.add(sumD, i32x4.dot_i16x8_s(low, v128.load_ext<i8>(d)));
    sumA = i32x4.add(sumA, i32x4.dot_i16x8_s(high, v128.load_ext<i8>(a, 8)));
    sumB = i32x4.add(sumB, i32x4.dot_i16x8_s(high, v128.load_ext<i8>(b, 8)));
    sumC = i32x4.add(sumC, i32x4.dot_i16x8_s(high, v128.load_ext<i8>(c, 8)));
    sumD = i32x4.add(sumD, i32x4.dot_i16x8_s(high, v128.load_ext<i8>(d, 8)));
    query += 32;
    a += 16;
    b += 16;
    c += 16;
    d += 16;
  }
  return transposedSum(sumA, sumB, sumC, sumD);
}

/** Bits of the rows that the int8 bound does not exclude. */
// @ts-ignore: decorator
@inline
function keptByCodes(metric: i32, state: usize, dots: v128, s: v128, r: v128, n: v128, norm: v128): i32 {
  const product = f32x4.mul(f32x4.convert_i32x4_s(dots), s);
  const c0 = v128.load32_splat(state, Q_C0);
  const c1 = v128.load32_splat(state, Q_C1);
  const limit = v128.load32_splat(state, Q_INT8_LIMIT);
  if (metric == L2) {
    const spread = f32x4.mul(n, f32x4.sub(f32x4.mul(n, f32x4.splat(0.999996)), c1));
    const rest = f32x4.add(f32x4.mul(product, c0), v128.load32_splat(state, Q_C2));
    const reach = f32x4.add(limit, r);
    return i32x4.bitmask(f32x4.gt(f32x4.add(spread, rest), f32x4.mul(reach, reach))) ^ 15;
  }
  const bound = f32x4.add(product, f32x4.add(f32x4.mul(c0, r), f32x4.mul(c1, n)));
  if (metric == IP) return i32x4.bitmask(f32x4.le(bound, limit)) ^ 15;
  const whole = f32x4.add(bound, v128.load32_splat(state, Q_C2));
  return i32x4.bitmask(f32x4.le(whole, f32x4.mul(limit, norm))) ^ 15;
}

// @ts-ignore: decorator
@inline
function maskBits(mask: usize, row: u32): i32 {
  return <i32>(load<u32>(mask + (<usize>(row >>> 5) << 2)) >>> (row & 31));
}

// @ts-ignore: decorator
@inline
function offerBits(state: usize, block: usize, row: u32, bits: i32): void {
  while (bits) {
    offer(state, block, row + ctz(bits));
    bits &= bits - 1;
  }
}

// @ts-ignore: decorator
@inline
function scanCodes(metric: i32, state: usize, block: usize, from: u32, to: u32, mask: usize): u32 {
  const stride = <usize>load<u32>(block, B_CODE_STRIDE);
  const query = state + load<u32>(state, Q_CODES);
  const scales = <usize>load<u32>(block, B_SCALE);
  const residuals = <usize>load<u32>(block, B_RESIDUAL);
  const codeNorms = <usize>load<u32>(block, B_CODE_NORM);
  const norms = <usize>load<u32>(block, B_NORM);
  let codes = <usize>load<u32>(block, B_CODES) + <usize>from * stride;
  let scored: u32 = 0;
  for (let row = from; row < to; row += 4, codes += 4 * stride) {
    let wanted = to - row < 4 ? (1 << (to - row)) - 1 : 15;
    if (mask) {
      wanted &= maskBits(mask, row);
      if (!wanted) continue;
    }
    scored += popcnt(wanted);
    const dots = dotCodes4(query, codes, codes + stride, codes + 2 * stride, codes + 3 * stride, stride);
    const lane = <usize>row << 2;
    const kept =
      wanted &
      keptByCodes(
        metric,
        state,
        dots,
        v128.load(scales + lane),
        v128.load(residuals + lane),
        v128.load(codeNorms + lane),
        metric == COS ? v128.load(norms + lane) : dots,
      );
    if (kept) offerBits(state, block, row, kept);
  }
  return scored;
}

/** Scans rows `from` (a multiple of 4) to `to`; bit i of `mask`, unless it is 0, lets row i of the block pass. */
export function scanCodesRun(state: usize, block: usize, from: u32, to: u32, mask: usize): u32 {
  const metric = load<i32>(state, Q_METRIC);
  if (metric == IP) return scanCodes(IP, state, block, from, to, mask);
  if (metric == COS) return scanCodes(COS, state, block, from, to, mask);
  return scanCodes(L2, state, block, from, to, mask);
}

// @ts-ignore: decorator
@inline
function gather(base: usize, a: usize, b: usize, c: usize, d: usize): v128 {
  let four = v128.load32_zero(base + (a << 2));
  four = v128.load_lane<u32>(base + (b << 2), four, 1);
  four = v128.load_lane<u32>(base + (c << 2), four, 2);
  return v128.load_lane<u32>(base + (d << 2), four, 3);
}

// @ts-ignore: decorator
@inline
function scanListedCodes(metric: i32, state: usize, block: usize, list: usize, count: u32): void {
  const stride = <usize>load<u32>(block, B_CODE_STRIDE);
  const query = state + load<u32>(state, Q_CODES);
  const codes = <usize>load<u32>(block, B_CODES);
  const scales = <usize>load<u32>(block, B_SCALE);
  const residuals = <usize>load<u32>(block, B_RESIDUAL);
  const codeNorms = <usize>load<u32>(block, B_CODE_NORM);
  const norms = <usize>load<u32>(block, B_NORM);
  for (let i: u32 = 0; i < count; i += 4, list += 16) {
    const a = <usize>load<u32>(list);
    const b = <usize>load<u32>(list, 4);
    const c = <usize>load<u32>(list, 8);
    const d = <usize>load<u32>(list, 12);
    const dots = dotCodes4(query, codes + a * stride, codes + b * stride, codes + c * stride, codes + d * stride, stride);
    let kept = keptByCodes(
      metric,
      state,
      dots,
      gather(scales, a, b, c, d),
      gather(residuals, a, b, c, d),
      gather(codeNorms, a, b, c, d),
      metric == COS ? gather(norms, a, b, c, d) : dots,
    );
    if (count - i < 4) kept &= (1 << (count - i)) - 1;
    while (kept) {
      offer(state, block, load<u32>(list + (<usize>ctz(kept) << 2)));
      kept &= kept - 1;
    }
  }
}

/** Scans the `count` rows whose indexes stand in `list`, ascending; `list` is readable to a multiple of four. */
export function scanCodesList(state: usize, block: usize, list: usize, count: u32): void {
  const metric = load<i32>(state, Q_METRIC);
  if (metric == IP) scanListedCodes(IP, state, block, list, count);
  else if (metric == COS) scanListedCodes(COS, state, block, list, count);
  else scanListedCodes(L2, state, block, list, count);
}

// @ts-ignore: decorator
@inline
function multiplyAdd(sum: v128, a: v128, b: v128): v128 {
  return RELAXED ? f32x4.relaxed_madd(a, b, sum) : f32x4.add(sum, f32x4.mul(a, b));
}

/** Float32 sum over a row: q·x, or |q − x|². */
// @ts-ignore: decorator
@inline
function floatSum(isSquare: bool, isHalf: bool, row: usize, query: usize, dim: usize): f32 {
  const step: usize = isHalf ? 8 : 16;
  let a = f32x4.splat(0);
  let b = a;
  let c = a;
  let d = a;
  let i: usize = 0;
  for (; i + 16 <= dim; i += 16) {
    let w = loadFour(row, isHalf);
    let x = loadFour(row + step, isHalf);
    let y = loadFour(row + 2 * step, isHalf);
    let z = loadFour(row + 3 * step, isHalf);
    if (isSquare) {
      w = f32x4.sub(w, v128.load(query));
      x = f32x4.sub(x, v128.load(query, 16));
      y = f32x4.sub(y, v128.load(query, 32));
      z = f32x4.sub(z, v128.load(query, 48));
    }
    a = multiplyAdd(a, w, isSquare ? w : v128.load(query));
    b = multiplyAdd(b, x, isSquare ? x : v128.load(query, 16));
    c = multiplyAdd(c, y, isSquare ? y : v128.load(query, 32));
    d = multiplyAdd(d, z, isSquare ? z : v128.load(query, 48));
    row += 4 * step;
    query += 64;
  }
  for (; i < dim; i += 4) {
    let w = loadFour(row, isHalf);
    if (isSquare) w = f32x4.sub(w, v128.load(query));
    a = multiplyAdd(a, w, isSquare ? w : v128.load(query));
    row += step;
    query += 16;
  }
  const all = f32x4.add(f32x4.add(a, b), f32x4.add(c, d));
  const half = f32x4.add(all, v128.shuffle<i64>(all, all, 1, 0));
  return f32x4.extract_lane(half, 0) + f32x4.extract_lane(half, 1);
}

// @ts-ignore: decorator
@inline
function isKeptByFloat(metric: i32, state: usize, sum: f32, norm: f32): bool {
  const limit = load<f32>(state, Q_FLOAT_LIMIT);
  if (metric == L2) return !(sum * load<f32>(state, Q_F0) > limit && sum < Infinity);
  // The last term covers products that underflow, where the query is tiny.
  const bound = sum + load<f32>(state, Q_F0) * norm + 1e-37;
  return !(bound <= (metric == COS ? limit * norm : limit) && sum > -Infinity);
}

// @ts-ignore: decorator
@inline
function scanFloat(metric: i32, isHalf: bool, state: usize, block: usize, list: usize, from: u32, to: u32, mask: usize): u32 {
  const stride = <usize>load<u32>(block, B_ROW_STRIDE);
  const rows = <usize>load<u32>(block, B_ROWS);
  const norms = <usize>load<u32>(block, B_NORM);
  const query = state + STATE_HEADER;
  const dim = padded4(load<i32>(block, B_DIM));
  let scored: u32 = 0;
  for (let i = from; i < to; i++) {
    const row = list ? load<u32>(list + (<usize>i << 2)) : i;
    if (mask && !(maskBits(mask, row) & 1)) continue;
    scored++;
    const sum = floatSum(metric == L2, isHalf, rows + <usize>row * stride, query, dim);
    const norm: f32 = metric == L2 ? 0 : load<f32>(norms + (<usize>row << 2));
    if (isKeptByFloat(metric, state, sum, norm)) offer(state, block, row);
  }
  return scored;
}

/** As `scanCodesRun` on float32 sums; with a `list`, over its entries `from` to `to`. */
export function scanFloatRows(state: usize, block: usize, list: usize, from: u32, to: u32, mask: usize): u32 {
  const metric = load<i32>(state, Q_METRIC);
  if (load<i32>(block, B_DTYPE) == FLOAT16) {
    if (metric == IP) return scanFloat(IP, true, state, block, list, from, to, mask);
    if (metric == COS) return scanFloat(COS, true, state, block, list, from, to, mask);
    return scanFloat(L2, true, state, block, list, from, to, mask);
  }
  if (metric == IP) return scanFloat(IP, false, state, block, list, from, to, mask);
  if (metric == COS) return scanFloat(COS, false, state, block, list, from, to, mask);
  return scanFloat(L2, false, state, block, list, from, to, mask);
}

/** Scores every row in float64; with a `list`, its entries `from` to `to`. */
export function scanExactRows(state: usize, block: usize, list: usize, from: u32, to: u32, mask: usize): u32 {
  let scored: u32 = 0;
  for (let i = from; i < to; i++) {
    const row = list ? load<u32>(list + (<usize>i << 2)) : i;
    if (mask && !(maskBits(mask, row) & 1)) continue;
    scored++;
    offer(state, block, row);
  }
  return scored;
}

/** Number of set bits among the mask's bits `from` (a multiple of 32) to `to`. */
export function countMask(mask: usize, from: u32, to: u32): u32 {
  let count: u32 = 0;
  for (let row = from; row < to; row += 32) {
    let word = load<u32>(mask + (<usize>(row >>> 5) << 2));
    if (to - row < 32) word &= (1 << (to - row)) - 1;
    count += popcnt(word);
  }
  return count;
}

/** Writes the indexes of the set bits `from` (a multiple of 32) to `to` to `list`, filled up to four. Returns their number. */
export function listMask(mask: usize, from: u32, to: u32, list: usize): u32 {
  let place = list;
  for (let row = from; row < to; row += 32) {
    let word = load<u32>(mask + (<usize>(row >>> 5) << 2));
    if (to - row < 32) word &= (1 << (to - row)) - 1;
    while (word) {
      store<u32>(place, row + ctz(word));
      word &= word - 1;
      place += 4;
    }
  }
  const count = <u32>((place - list) >> 2);
  if (count) {
    const last = load<u32>(place - 4);
    store<u32>(place, last);
    store<u32>(place, last, 4);
    store<u32>(place, last, 8);
  }
  return count;
}
