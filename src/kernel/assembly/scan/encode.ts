/**
 * Which codes and scalars stand for a stored row?
 *
 * The code of x is round((x − centre)/s) in int8 with s = largest |x − centre| / 127. Everything is computed in units
 * of s, so that nothing overflows; the residual norm is rounded up by more than all rounding errors, which is what
 * makes the scan exact. Rows outside the range in which the bounds are proved (components beyond 1e16 from the
 * centre) get an infinite residual, which no bound excludes.
 */
import {
  B_CAPACITY,
  B_CENTRE,
  B_CODES,
  B_DIM,
  B_DTYPE,
  B_LAST_WIDTH,
  B_NORM,
  B_PLANE_BYTES,
  B_PLANE_WIDTH,
  B_PLANES,
  B_ROWS,
  B_ROW_STRIDE,
  B_SCALARS,
  B_SHIFTS,
  B_TAILS,
  chunkBytes,
  codePlace,
  FLOAT16,
  fourBytes,
  Half,
  padded4,
  RESIDUAL_SHARE,
  S_CODE_NORM,
  S_RESIDUAL,
  S_TAIL,
  scalarPlace,
  Single,
  ZERO_NORM,
} from "./layout";
import { roundedUp } from "./bounds";
import { loadHalf4, rowSquare } from "./exact";

const LARGEST_MAX: f32 = 1e16;
const LARGEST_MIN: f32 = 1e-30;

// @ts-ignore: decorator
@inline
export function loadFour<E>(address: usize): v128 {
  if (sizeof<E>() == 2) return loadHalf4(address);
  return v128.load(address);
}

/** Spreads packed rows of `rowBytes` over places `stride` apart, with zeros between. */
export function spreadRows(source: usize, target: usize, rowBytes: usize, stride: usize, rows: i32): void {
  for (let i = 0; i < rows; i++) {
    memory.copy(target, source, rowBytes);
    memory.fill(target + rowBytes, 0, stride - rowBytes);
    source += rowBytes;
    target += stride;
  }
}

// @ts-ignore: decorator
@inline
function largestComponent<E>(row: usize, centre: usize, dim: usize): f32 {
  const step = fourBytes<E>();
  let all = f32x4.splat(0);
  let other = all;
  let i: usize = 0;
  for (; i + 8 <= dim; i += 8) {
    all = f32x4.max(all, f32x4.abs(f32x4.sub(loadFour<E>(row), v128.load(centre + (i << 2)))));
    other = f32x4.max(other, f32x4.abs(f32x4.sub(loadFour<E>(row + step), v128.load(centre + (i << 2), 16))));
    row += 2 * step;
  }
  if (i < dim) all = f32x4.max(all, f32x4.abs(f32x4.sub(loadFour<E>(row), v128.load(centre + (i << 2)))));
  all = f32x4.max(all, other);
  return max(
    max(f32x4.extract_lane(all, 0), f32x4.extract_lane(all, 1)),
    max(f32x4.extract_lane(all, 2), f32x4.extract_lane(all, 3)),
  );
}

/** |x − centre| in float64, for rows whose codes are all zero. */
// @ts-ignore: decorator
@inline
function centredNorm<E>(row: usize, centre: usize, dim: usize): f64 {
  const step = fourBytes<E>();
  let square: f64 = 0;
  for (let i: usize = 0; i < dim; i += 4) {
    const four = f32x4.sub(loadFour<E>(row), v128.load(centre + (i << 2)));
    const low = f64x2.promote_low_f32x4(four);
    const high = f64x2.promote_low_f32x4(v128.shuffle<i64>(four, four, 1, 1));
    const squares = f64x2.add(f64x2.mul(low, low), f64x2.mul(high, high));
    square += f64x2.extract_lane(squares, 0) + f64x2.extract_lane(squares, 1);
    row += step;
  }
  return Math.sqrt(square);
}

/** |centre|² in float64. */
function centreSquareOf(centre: usize, dim: usize): f64 {
  let squares = f64x2.splat(0);
  for (let i: usize = 0; i < dim; i += 4) {
    const middle = v128.load(centre + (i << 2));
    const low = f64x2.promote_low_f32x4(middle);
    const high = f64x2.promote_low_f32x4(v128.shuffle<i64>(middle, middle, 1, 1));
    squares = f64x2.add(squares, f64x2.mul(low, low));
    squares = f64x2.add(squares, f64x2.mul(high, high));
  }
  return f64x2.extract_lane(squares, 0) + f64x2.extract_lane(squares, 1);
}

/**
 * centre·(x − centre), or NaN where float32 could not hold it well enough; `square` is |centre|², `largest` the largest
 * |component| of x − centre.
 */
// @ts-ignore: decorator
@inline
function shiftOf<E>(row: usize, centre: usize, dim: usize, square: f64, largest: f32): f32 {
  // Most embeddings have no mean worth a centre: nothing to compute for them.
  if (square == 0 || largest == 0) return 0;
  const step = fourBytes<E>();
  let dots = f64x2.splat(0);
  let others = dots;
  for (let i: usize = 0; i < dim; i += 4) {
    const middle = v128.load(centre + (i << 2));
    const rest = f32x4.sub(loadFour<E>(row), middle);
    const middleLow = f64x2.promote_low_f32x4(middle);
    const middleHigh = f64x2.promote_low_f32x4(v128.shuffle<i64>(middle, middle, 1, 1));
    const restLow = f64x2.promote_low_f32x4(rest);
    const restHigh = f64x2.promote_low_f32x4(v128.shuffle<i64>(rest, rest, 1, 1));
    dots = f64x2.add(dots, f64x2.mul(middleLow, restLow));
    others = f64x2.add(others, f64x2.mul(middleHigh, restHigh));
    row += step;
  }
  dots = f64x2.add(dots, others);
  // |x − centre|² lies between the largest component's square and dim times that.
  const least = square * <f64>largest * <f64>largest;
  const isSafe = least > 1e-60 && least * <f64>dim < 1e74;
  return isSafe ? <f32>(f64x2.extract_lane(dots, 0) + f64x2.extract_lane(dots, 1)) : f32.NaN;
}

// @ts-ignore: decorator
@inline
function laneSum(four: v128): f64 {
  return (
    <f64>f32x4.extract_lane(four, 0) +
    <f64>f32x4.extract_lane(four, 1) +
    <f64>f32x4.extract_lane(four, 2) +
    <f64>f32x4.extract_lane(four, 3)
  );
}

/** Where a row's tail after `plane` stands. */
// @ts-ignore: decorator
@inline
function tailPlace(scalars: usize, laterTails: usize, tailBytes: usize, plane: usize): usize {
  return plane == 0 ? scalars + S_TAIL : laterTails + (plane - 1) * tailBytes;
}

// @ts-ignore: decorator
@inline
function storeNorm(block: usize, index: usize): void {
  const norm = Math.sqrt(rowSquare(block, <u32>index));
  const keptNorm: f32 = norm == 0 ? ZERO_NORM : norm > 1e-30 && norm < 1e30 ? <f32>norm : f32.NaN;
  store<f32>(<usize>load<u32>(block, B_NORM) + (index << 2), keptNorm);
}

/** Derives what the float pass needs of the block's rows `from` to `to` (exclusive), and no codes. */
export function normRows(block: usize, from: u32, to: u32): void {
  for (let i = from; i < to; i++) storeNorm(block, <usize>i);
}

// @ts-ignore: decorator
@inline
function encodeRow<E>(block: usize, index: usize, dim: usize, centreSquare: f64): void {
  const step = fourBytes<E>();
  let row = <usize>load<u32>(block, B_ROWS) + index * load<u32>(block, B_ROW_STRIDE);
  const centre = <usize>load<u32>(block, B_CENTRE);
  const base = <usize>load<u32>(block, B_CODES);
  const planes = <usize>load<u32>(block, B_PLANES);
  const planeBytes = <usize>load<u32>(block, B_PLANE_BYTES);
  const lane = index << 2;
  const scalars = scalarPlace(load<u32>(block, B_SCALARS), index);
  const laterTails = <usize>load<u32>(block, B_TAILS) + lane;
  const tailBytes = <usize>load<u32>(block, B_CAPACITY) << 2;
  storeNorm(block, index);
  const largest = largestComponent<E>(row, centre, dim);
  store<f32>(<usize>load<u32>(block, B_SHIFTS) + lane, shiftOf<E>(row, centre, dim, centreSquare, largest));
  if (!(largest >= LARGEST_MIN && largest <= LARGEST_MAX)) {
    for (let plane: usize = 0; plane < planes; plane++) {
      const width = <usize>load<u32>(block + (plane + 1 < planes ? B_PLANE_WIDTH : B_LAST_WIDTH));
      const chunk = chunkBytes(width);
      let place = codePlace(base + plane * planeBytes, index, width);
      for (let j: usize = 0; j < width; j += chunk, place += 4 * chunk) memory.fill(place, 0, chunk);
      if (plane + 1 < planes) store<f32>(tailPlace(scalars, laterTails, tailBytes, plane), 0);
    }
    const rest = centredNorm<E>(row, centre, dim) * (1 + 1e-6);
    const residual: f32 = largest > LARGEST_MAX ? Infinity : rest == 0 ? 0 : max(roundedUp(rest), 1e-36);
    store<f32>(scalars, 0);
    store<f32>(scalars, residual, S_RESIDUAL);
    store<f32>(scalars, 0, S_CODE_NORM);
    return;
  }
  const scale = largest / 127;
  const inverse = f32x4.splat(1 / scale);
  // Added to a number below 2^22 in size, 1.5·2^23 leaves its nearest integer, ties to even, in the low bits.
  const rounder = f32x4.splat(12582912);
  let errors = f32x4.splat(0);
  let squares = i32x4.splat(0);
  let i: usize = 0;
  for (let plane: usize = 0; plane < planes; plane++) {
    const width = <usize>load<u32>(block + (plane + 1 < planes ? B_PLANE_WIDTH : B_LAST_WIDTH));
    const codes = codePlace(base + plane * planeBytes, index, width);
    const chunk = chunkBytes(width);
    let j: usize = 0;
    for (; j + 16 <= width && i + 16 <= dim; j += 16, i += 16) {
      const place = codes + (chunk == 64 ? ((j & ~63) << 2) + (j & 63) : j);
      const middle = centre + (i << 2);
      const e0 = f32x4.mul(f32x4.sub(loadFour<E>(row), v128.load(middle)), inverse);
      const e1 = f32x4.mul(f32x4.sub(loadFour<E>(row + step), v128.load(middle, 16)), inverse);
      const e2 = f32x4.mul(f32x4.sub(loadFour<E>(row + 2 * step), v128.load(middle, 32)), inverse);
      const e3 = f32x4.mul(f32x4.sub(loadFour<E>(row + 3 * step), v128.load(middle, 48)), inverse);
      const t0 = f32x4.add(e0, rounder);
      const t1 = f32x4.add(e1, rounder);
      const t2 = f32x4.add(e2, rounder);
      const t3 = f32x4.add(e3, rounder);
      const r0 = f32x4.sub(e0, f32x4.sub(t0, rounder));
      const r1 = f32x4.sub(e1, f32x4.sub(t1, rounder));
      const r2 = f32x4.sub(e2, f32x4.sub(t2, rounder));
      const r3 = f32x4.sub(e3, f32x4.sub(t3, rounder));
      const e01 = f32x4.add(f32x4.mul(r0, r0), f32x4.mul(r1, r1));
      const e23 = f32x4.add(f32x4.mul(r2, r2), f32x4.mul(r3, r3));
      errors = f32x4.add(errors, f32x4.add(e01, e23));
      const low = i16x8.narrow_i32x4_s(i32x4.sub(t0, rounder), i32x4.sub(t1, rounder));
      const high = i16x8.narrow_i32x4_s(i32x4.sub(t2, rounder), i32x4.sub(t3, rounder));
      squares = i32x4.add(squares, i32x4.add(i32x4.dot_i16x8_s(low, low), i32x4.dot_i16x8_s(high, high)));
      v128.store(place, i8x16.narrow_i16x8_s(low, high));
      row += 4 * step;
    }
    for (; j < width; j += 4) {
      const place = codes + (chunk == 64 ? ((j & ~63) << 2) + (j & 63) : j);
      if (i >= dim) {
        store<i32>(place, 0);
        continue;
      }
      const exact = f32x4.mul(f32x4.sub(loadFour<E>(row), v128.load(centre + (i << 2))), inverse);
      const whole = f32x4.nearest(exact);
      const error = f32x4.sub(exact, whole);
      errors = f32x4.add(errors, f32x4.mul(error, error));
      const four = i32x4.trunc_sat_f32x4_s(whole);
      const narrow = i16x8.narrow_i32x4_s(four, i32x4.splat(0));
      squares = i32x4.add(squares, i32x4.dot_i16x8_s(narrow, narrow));
      store<i32>(place, i32x4.extract_lane(i8x16.narrow_i16x8_s(narrow, narrow), 0));
      row += step;
      i += 4;
    }
    // What has been summed so far; turned into tails below.
    if (plane + 1 < planes) store<i32>(tailPlace(scalars, laterTails, tailBytes, plane), intSum(squares));
  }
  const square = intSum(squares);
  for (let plane: usize = 0; plane + 1 < planes; plane++) {
    const place = tailPlace(scalars, laterTails, tailBytes, plane);
    store<f32>(place, roundedUp(<f64>scale * Math.sqrt(<f64>(square - load<i32>(place)))));
  }
  // The float32 sum of squares errs by less than dim/4 + 8 roundings; each component by less than five.
  const codeNorm = Math.sqrt(<f64>square);
  const errorNorm = Math.sqrt(laneSum(errors)) * (1 + (0.25 * <f64>dim + 8) * 6e-8);
  const residual = <f64>scale * (errorNorm + (3e-7 + RESIDUAL_SHARE) * (codeNorm + errorNorm)) * (1 + 1e-6);
  store<f32>(scalars, scale);
  store<f32>(scalars, roundedUp(residual), S_RESIDUAL);
  store<f32>(scalars, <f32>(<f64>scale * codeNorm), S_CODE_NORM);
}

// @ts-ignore: decorator
@inline
function intSum(four: v128): i32 {
  return (
    i32x4.extract_lane(four, 0) +
    i32x4.extract_lane(four, 1) +
    i32x4.extract_lane(four, 2) +
    i32x4.extract_lane(four, 3)
  );
}

/** Derives codes and scalars of the block's rows `from` to `to` (exclusive). */
export function encodeRows(block: usize, from: u32, to: u32): void {
  const dim = padded4(load<i32>(block, B_DIM));
  const centreSquare = centreSquareOf(<usize>load<u32>(block, B_CENTRE), dim);
  if (load<i32>(block, B_DTYPE) == FLOAT16) {
    for (let i = from; i < to; i++) encodeRow<Half>(block, <usize>i, dim, centreSquare);
  } else {
    for (let i = from; i < to; i++) encodeRow<Single>(block, <usize>i, dim, centreSquare);
  }
}

/**
 * Writes the mean of the block's first `rows` rows to `target`, using `sums` (dim4 float64) on the way. A mean that
 * explains less than a sixteenth of the rows' squares is not worth its rounding and becomes zero, as does one out of
 * range.
 */
export function meanOfRows(block: usize, rows: u32, target: usize, sums: usize): void {
  const dim = padded4(load<i32>(block, B_DIM));
  const isHalf = load<i32>(block, B_DTYPE) == FLOAT16;
  let squares: f64 = 0;
  memory.fill(sums, 0, dim << 3);
  for (let index: u32 = 0; index < rows; index++) {
    const row = <usize>load<u32>(block, B_ROWS) + <usize>index * load<u32>(block, B_ROW_STRIDE);
    squares += rowSquare(block, index);
    for (let i: usize = 0; i < dim; i += 4) {
      const four = isHalf ? loadHalf4(row + (i << 1)) : v128.load(row + (i << 2));
      const place = sums + (i << 3);
      v128.store(place, f64x2.add(v128.load(place), f64x2.promote_low_f32x4(four)));
      const high = f64x2.promote_low_f32x4(v128.shuffle<i64>(four, four, 1, 1));
      v128.store(place, f64x2.add(v128.load(place, 16), high), 16);
    }
  }
  let meanSquare: f64 = 0;
  let largest: f64 = 0;
  for (let i: usize = 0; i < dim; i++) {
    const mean = load<f64>(sums + (i << 3)) / <f64>rows;
    store<f32>(target + (i << 2), <f32>mean);
    meanSquare += mean * mean;
    largest = max(largest, abs(mean));
  }
  if (!(meanSquare * 16 * <f64>rows > squares && largest < 1e15)) memory.fill(target, 0, dim << 2);
}
