/**
 * Which rows of a block could be among the best?
 *
 * Rows are taken four at a time, so that they share the loads of the query and their bounds are tested together; the few that
 * pass are scored in float64 at once, which tightens the limit for those after them. A scan goes over a run of rows, with or
 * without a bit mask, or over a list of row indexes (sparse masks).
 *
 * Bounds: see `bounds.ts`. Integer sums are exact in any order, so both builds see the same candidates.
 */
import { offer } from "./exact";
import { loadFour } from "./encode";
import {
  B_CAPACITY,
  B_CODE_NORM,
  B_CODES,
  B_DIM,
  B_DTYPE,
  B_LAST_WIDTH,
  B_NORM,
  B_PLANE_BYTES,
  B_PLANE_WIDTH,
  B_PLANES,
  B_RESIDUAL,
  B_ROW_STRIDE,
  B_ROWS,
  B_SCALE,
  B_TAILS,
  Cos,
  COS,
  FLOAT16,
  fourBytes,
  Half,
  IP,
  Ip,
  isCos,
  isIp,
  isL2,
  padded4,
  Q_C0,
  Q_C1,
  Q_CODES,
  Q_F0,
  Q_FLOAT_LIMIT,
  Q_INT8_LIMIT,
  Q_METRIC,
  Q_TAILS,
  Single,
  SquaredL2,
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

/** Four float32, one a row: neighbours, or gathered. */
// @ts-ignore: decorator
@inline
function scalars(isListed: bool, base: usize, a: usize, b: usize, c: usize, d: usize): v128 {
  if (!isListed) return v128.load(base + (a << 2));
  let four = v128.load32_zero(base + (a << 2));
  four = v128.load_lane<u32>(base + (b << 2), four, 1);
  four = v128.load_lane<u32>(base + (c << 2), four, 2);
  return v128.load_lane<u32>(base + (d << 2), four, 3);
}

/** Bits of the rows that the int8 bound does not exclude; `most` is an upper bound of s·(query codes · codes). */
// @ts-ignore: decorator
@inline
function keptBits<M>(state: usize, most: v128, residual: v128, extra: v128): i32 {
  const limit = v128.load32_splat(state, Q_INT8_LIMIT);
  if (isL2<M>()) {
    const rest = f32x4.add(f32x4.mul(most, v128.load32_splat(state, Q_C0)), v128.load32_splat(state, Q_C1));
    const square = f32x4.add(f32x4.mul(f32x4.mul(extra, extra), f32x4.splat(0.999996)), rest);
    const reach = f32x4.add(limit, residual);
    return i32x4.bitmask(f32x4.gt(square, f32x4.mul(reach, reach))) ^ 15;
  }
  const bound = f32x4.add(most, f32x4.mul(v128.load32_splat(state, Q_C0), residual));
  if (isIp<M>()) return i32x4.bitmask(f32x4.le(bound, limit)) ^ 15;
  const whole = f32x4.add(bound, v128.load32_splat(state, Q_C1));
  return i32x4.bitmask(f32x4.le(whole, f32x4.mul(limit, extra))) ^ 15;
}

/**
 * Bits of those among the rows a, b, c, d (neighbours, unless listed) that may be among the best. After each plane the rows are
 * given up when even parallel tails could not save any of them.
 */
// @ts-ignore: decorator
@inline
function keptRows<M>(
  isListed: bool,
  state: usize,
  block: usize,
  a: usize,
  b: usize,
  c: usize,
  d: usize,
  wanted: i32,
): i32 {
  const lastPlane = load<u32>(block, B_PLANES) - 1;
  const scale = scalars(isListed, load<u32>(block, B_SCALE), a, b, c, d);
  const residual = scalars(isListed, load<u32>(block, B_RESIDUAL), a, b, c, d);
  const extra =
    isIp<M>() ? scale : scalars(isListed, load<u32>(block + (isL2<M>() ? B_CODE_NORM : B_NORM)), a, b, c, d);
  let query = state + load<u32>(state, Q_CODES);
  let codes = <usize>load<u32>(block, B_CODES);
  let tails = <usize>load<u32>(block, B_TAILS);
  let sumA = i32x4.splat(0);
  let sumB = sumA;
  let sumC = sumA;
  let sumD = sumA;
  let dots = sumA;
  for (let plane: u32 = 0; ; plane++) {
    const isLast = plane == lastPlane;
    const width = <usize>load<u32>(block + (isLast ? B_LAST_WIDTH : B_PLANE_WIDTH));
    let rowA = codes + a * width;
    let rowB = isListed ? codes + b * width : rowA + width;
    let rowC = isListed ? codes + c * width : rowB + width;
    let rowD = isListed ? codes + d * width : rowC + width;
    for (const end = query + 2 * width; query < end; ) {
      const low = v128.load(query);
      const high = v128.load(query, 16);
      sumA = i32x4.add(sumA, i32x4.dot_i16x8_s(low, v128.load_ext<i8>(rowA)));
      sumB = i32x4.add(sumB, i32x4.dot_i16x8_s(low, v128.load_ext<i8>(rowB)));
      sumC = i32x4.add(sumC, i32x4.dot_i16x8_s(low, v128.load_ext<i8>(rowC)));
      sumD = i32x4.add(sumD, i32x4.dot_i16x8_s(low, v128.load_ext<i8>(rowD)));
      sumA = i32x4.add(sumA, i32x4.dot_i16x8_s(high, v128.load_ext<i8>(rowA, 8)));
      sumB = i32x4.add(sumB, i32x4.dot_i16x8_s(high, v128.load_ext<i8>(rowB, 8)));
      sumC = i32x4.add(sumC, i32x4.dot_i16x8_s(high, v128.load_ext<i8>(rowC, 8)));
      sumD = i32x4.add(sumD, i32x4.dot_i16x8_s(high, v128.load_ext<i8>(rowD, 8)));
      query += 32;
      rowA += 16;
      rowB += 16;
      rowC += 16;
      rowD += 16;
    }
    dots = f32x4.mul(f32x4.convert_i32x4_s(transposedSum(sumA, sumB, sumC, sumD)), scale);
    if (isLast) break;
    const tail = f32x4.mul(
      scalars(isListed, tails, a, b, c, d),
      v128.load32_splat(state + (<usize>plane << 2), Q_TAILS),
    );
    wanted &= keptBits<M>(state, f32x4.add(dots, tail), residual, extra);
    if (!wanted) return 0;
    codes += load<u32>(block, B_PLANE_BYTES);
    tails += <usize>load<u32>(block, B_CAPACITY) << 2;
  }
  return wanted & keptBits<M>(state, dots, residual, extra);
}

// @ts-ignore: decorator
@inline
function maskBits(mask: usize, row: u32): i32 {
  return <i32>(load<u32>(mask + (<usize>(row >>> 5) << 2)) >>> (row & 31));
}

// @ts-ignore: decorator
@inline
function scanCodes<M>(state: usize, block: usize, from: u32, to: u32, mask: usize): void {
  for (let row = from; row < to; row += 4) {
    let wanted = to - row < 4 ? (1 << (to - row)) - 1 : 15;
    if (mask) {
      wanted &= maskBits(mask, row);
      if (!wanted) continue;
    }
    const first = <usize>row;
    let kept = keptRows<M>(false, state, block, first, first + 1, first + 2, first + 3, wanted);
    while (kept) {
      offer(state, block, row + ctz(kept));
      kept &= kept - 1;
    }
  }
}

/** Scans rows `from` (a multiple of 4) to `to`; bit i of `mask`, unless it is 0, lets row i of the block pass. */
export function scanCodesRun(state: usize, block: usize, from: u32, to: u32, mask: usize): void {
  const metric = load<i32>(state, Q_METRIC);
  if (metric == IP) scanCodes<Ip>(state, block, from, to, mask);
  else if (metric == COS) scanCodes<Cos>(state, block, from, to, mask);
  else scanCodes<SquaredL2>(state, block, from, to, mask);
}

// @ts-ignore: decorator
@inline
function scanListedCodes<M>(state: usize, block: usize, list: usize, count: u32): void {
  for (let i: u32 = 0; i < count; i += 4, list += 16) {
    const a = <usize>load<u32>(list);
    const b = <usize>load<u32>(list, 4);
    const c = <usize>load<u32>(list, 8);
    const d = <usize>load<u32>(list, 12);
    const wanted = count - i < 4 ? (1 << (count - i)) - 1 : 15;
    let kept = keptRows<M>(true, state, block, a, b, c, d, wanted);
    while (kept) {
      offer(state, block, load<u32>(list + (<usize>ctz(kept) << 2)));
      kept &= kept - 1;
    }
  }
}

/** Scans the `count` rows whose indexes stand in `list`, ascending; `list` is readable to a multiple of four. */
export function scanCodesList(state: usize, block: usize, list: usize, count: u32): void {
  const metric = load<i32>(state, Q_METRIC);
  if (metric == IP) scanListedCodes<Ip>(state, block, list, count);
  else if (metric == COS) scanListedCodes<Cos>(state, block, list, count);
  else scanListedCodes<SquaredL2>(state, block, list, count);
}

// @ts-ignore: decorator
@inline
function multiplyAdd(sum: v128, a: v128, b: v128): v128 {
  return RELAXED ? f32x4.relaxed_madd(a, b, sum) : f32x4.add(sum, f32x4.mul(a, b));
}

/** Float32 sum over a row: q·x, or |q − x|². */
// @ts-ignore: decorator
@inline
function floatSum<M, E>(row: usize, query: usize, dim: usize): f32 {
  const step = fourBytes<E>();
  let a = f32x4.splat(0);
  let b = a;
  let c = a;
  let d = a;
  let i: usize = 0;
  for (; i + 16 <= dim; i += 16) {
    let w = loadFour<E>(row);
    let x = loadFour<E>(row + step);
    let y = loadFour<E>(row + 2 * step);
    let z = loadFour<E>(row + 3 * step);
    if (isL2<M>()) {
      w = f32x4.sub(w, v128.load(query));
      x = f32x4.sub(x, v128.load(query, 16));
      y = f32x4.sub(y, v128.load(query, 32));
      z = f32x4.sub(z, v128.load(query, 48));
    }
    a = multiplyAdd(a, w, isL2<M>() ? w : v128.load(query));
    b = multiplyAdd(b, x, isL2<M>() ? x : v128.load(query, 16));
    c = multiplyAdd(c, y, isL2<M>() ? y : v128.load(query, 32));
    d = multiplyAdd(d, z, isL2<M>() ? z : v128.load(query, 48));
    row += 4 * step;
    query += 64;
  }
  for (; i < dim; i += 4) {
    let w = loadFour<E>(row);
    if (isL2<M>()) w = f32x4.sub(w, v128.load(query));
    a = multiplyAdd(a, w, isL2<M>() ? w : v128.load(query));
    row += step;
    query += 16;
  }
  const all = f32x4.add(f32x4.add(a, b), f32x4.add(c, d));
  const half = f32x4.add(all, v128.shuffle<i64>(all, all, 1, 0));
  return f32x4.extract_lane(half, 0) + f32x4.extract_lane(half, 1);
}

// @ts-ignore: decorator
@inline
function isKeptByFloat<M>(state: usize, sum: f32, norm: f32): bool {
  const limit = load<f32>(state, Q_FLOAT_LIMIT);
  if (isL2<M>()) return !(sum * load<f32>(state, Q_F0) > limit && sum < Infinity);
  // The last term covers products that underflow, where the query is tiny.
  const bound = sum + load<f32>(state, Q_F0) * norm + 1e-37;
  return !(bound <= (isCos<M>() ? limit * norm : limit) && sum > -Infinity && bound < Infinity);
}

// @ts-ignore: decorator
@inline
function scanFloat<M, E>(state: usize, block: usize, list: usize, from: u32, to: u32, mask: usize): void {
  const stride = <usize>load<u32>(block, B_ROW_STRIDE);
  const rows = <usize>load<u32>(block, B_ROWS);
  const norms = <usize>load<u32>(block, B_NORM);
  const query = state + STATE_HEADER;
  const dim = padded4(load<i32>(block, B_DIM));
  for (let i = from; i < to; i++) {
    const row = list ? load<u32>(list + (<usize>i << 2)) : i;
    if (mask && !(maskBits(mask, row) & 1)) continue;
    const sum = floatSum<M, E>(rows + <usize>row * stride, query, dim);
    const norm: f32 = isL2<M>() ? 0 : load<f32>(norms + (<usize>row << 2));
    if (isKeptByFloat<M>(state, sum, norm)) offer(state, block, row);
  }
}

/** As `scanCodesRun` on float32 sums; with a `list`, over its entries `from` to `to`. */
export function scanFloatRows(state: usize, block: usize, list: usize, from: u32, to: u32, mask: usize): void {
  const metric = load<i32>(state, Q_METRIC);
  if (load<i32>(block, B_DTYPE) == FLOAT16) {
    if (metric == IP) scanFloat<Ip, Half>(state, block, list, from, to, mask);
    else if (metric == COS) scanFloat<Cos, Half>(state, block, list, from, to, mask);
    else scanFloat<SquaredL2, Half>(state, block, list, from, to, mask);
  } else if (metric == IP) scanFloat<Ip, Single>(state, block, list, from, to, mask);
  else if (metric == COS) scanFloat<Cos, Single>(state, block, list, from, to, mask);
  else scanFloat<SquaredL2, Single>(state, block, list, from, to, mask);
}

/** Scores every row in float64; with a `list`, its entries `from` to `to`. */
export function scanExactRows(state: usize, block: usize, list: usize, from: u32, to: u32, mask: usize): void {
  for (let i = from; i < to; i++) {
    const row = list ? load<u32>(list + (<usize>i << 2)) : i;
    if (mask && !(maskBits(mask, row) & 1)) continue;
    offer(state, block, row);
  }
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
