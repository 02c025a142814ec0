/**
 * Which rows of a block could be among the best, seen from the rows themselves; and which rows does a mask name?
 *
 * The float pass sums in float32 and excludes rows by the rounding bound of the sum; the exact pass scores every row.
 * Both go over a run of rows with or without a bit mask, or over a list of row indexes.
 */
import { loadFour } from "./encode";
import { offer } from "./exact";
import {
  B_DIM,
  B_DTYPE,
  B_NORM,
  B_ROW_STRIDE,
  B_ROWS,
  Cos,
  COS,
  FLOAT16,
  fourBytes,
  Half,
  IP,
  Ip,
  isCos,
  isL2,
  padded4,
  Q_F0,
  Q_FLOAT_LIMIT,
  Q_METRIC,
  Single,
  SquaredL2,
  STATE_HEADER,
} from "./layout";

// @ts-ignore: decorator
@inline
function maskBits(mask: usize, row: u32): i32 {
  return <i32>(load<u32>(mask + (<usize>(row >>> 5) << 2)) >>> (row & 31));
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

/** The mask's bits `row` to `row` + 63, those from `to` on cleared. */
// @ts-ignore: decorator
@inline
function maskWord(mask: usize, row: u32, to: u32): u64 {
  const word = load<u64>(mask + (<usize>(row >>> 6) << 3));
  return to - row < 64 ? word & ((<u64>1 << (to - row)) - 1) : word;
}

/** Number of set bits among the mask's bits `from` (a multiple of 64) to `to`. */
export function countMask(mask: usize, from: u32, to: u32): u32 {
  let count: u64 = 0;
  for (let row = from; row < to; row += 64) count += popcnt(maskWord(mask, row, to));
  return <u32>count;
}

/** Lists the set bits `from` (a multiple of 64) to `to`, filled up to a multiple of four. Returns their number. */
export function listMask(mask: usize, from: u32, to: u32, list: usize): u32 {
  let place = list;
  for (let row = from; row < to; row += 64) {
    let word = maskWord(mask, row, to);
    while (word) {
      store<u32>(place, row + <u32>ctz(word));
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
