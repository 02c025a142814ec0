/**
 * How does half a byte stand for a component?
 *
 * SQ4: y = x − centre is kept as s·c with c one of −15, −13, …, 15, two components a byte. The scale of the steps is the
 * one of a few at which c points most nearly where y does; s is then |y|²/(y·c), and |y|² is kept as it is, so that the
 * estimate of a distance is right along y (as with RaBitQ, Gao and Long, SIGMOD 2024): what is left is an error in the
 * direction across, which grows with the distance from the query.
 */
import { T_CODES, T_DIM, T_SCALARS, T_STRIDE } from "./layout";

/** Components of 16 bytes: the first half of them in the low halves of the bytes. */
const GROUP: usize = 32;

// @ts-ignore: decorator
@inline
function addDots(sum: v128, query: usize, code: usize): v128 {
  const both = v128.load(code);
  const low = v128.and(both, i8x16.splat(15));
  const high = i8x16.shr_u(both, 4);
  const a = i32x4.dot_i16x8_s(v128.load(query), i16x8.extend_low_i8x16_u(low));
  const b = i32x4.dot_i16x8_s(v128.load(query, 16), i16x8.extend_high_i8x16_u(low));
  const c = i32x4.dot_i16x8_s(v128.load(query, 32), i16x8.extend_low_i8x16_u(high));
  const d = i32x4.dot_i16x8_s(v128.load(query, 48), i16x8.extend_high_i8x16_u(high));
  return i32x4.add(sum, i32x4.add(i32x4.add(a, b), i32x4.add(c, d)));
}

/** Products of an int16 query with four codes, a lane each; `offset` is fifteen times the sum of the query. */
// @ts-ignore: decorator
@inline
export function dotFourHalves(query: usize, a: usize, b: usize, c: usize, d: usize, bytes: usize, offset: i32): v128 {
  let sumA = i32x4.splat(0);
  let sumB = sumA;
  let sumC = sumA;
  let sumD = sumA;
  for (let i: usize = 0; i < bytes; i += 16, query += 64) {
    sumA = addDots(sumA, query, a + i);
    sumB = addDots(sumB, query, b + i);
    sumC = addDots(sumC, query, c + i);
    sumD = addDots(sumD, query, d + i);
  }
  const lowAB = v128.shuffle<i32>(sumA, sumB, 0, 4, 1, 5);
  const highAB = v128.shuffle<i32>(sumA, sumB, 2, 6, 3, 7);
  const lowCD = v128.shuffle<i32>(sumC, sumD, 0, 4, 1, 5);
  const highCD = v128.shuffle<i32>(sumC, sumD, 2, 6, 3, 7);
  const ab = i32x4.add(lowAB, highAB);
  const cd = i32x4.add(lowCD, highCD);
  const sums = i32x4.add(v128.shuffle<i64>(ab, cd, 0, 2), v128.shuffle<i64>(ab, cd, 1, 3));
  return i32x4.sub(i32x4.shl(sums, 1), i32x4.splat(offset));
}

/** The step, 0 to 15, that stands for a component. */
// @ts-ignore: decorator
@inline
function stepOf(y: f64, inverse: f64): f64 {
  return max<f64>(0, min<f64>(15, Math.floor((y * inverse + 16) * 0.5)));
}

/** Codes a float32 vector, the centre subtracted, as `node`. */
export function encodeHalves(table: usize, node: u32, source: usize): void {
  const dim = <usize>load<u32>(table, T_DIM);
  const stride = <usize>load<u32>(table, T_STRIDE);
  const code = <usize>load<u32>(table, T_CODES) + <usize>node * stride;
  const scalar = <usize>load<u32>(table, T_SCALARS) + (<usize>node << 3);
  memory.fill(code, 0, stride);
  let largest: f64 = 0;
  let square: f64 = 0;
  for (let i: usize = 0; i < dim; i++) {
    const y = <f64>load<f32>(source + (i << 2));
    largest = max(largest, abs(y));
    square += y * y;
  }
  store<f32>(scalar, 0);
  store<f32>(scalar, <f32>square, 4);
  // Estimates of what is beyond float32 are no numbers, and enter nowhere.
  if (!(largest > 0 && largest < Infinity)) return;
  let inverse: f64 = 0;
  let product: f64 = 0;
  let nearest: f64 = 0;
  for (let part: f64 = 1; part > 0.45; part -= 0.1) {
    const trial = 15 / (largest * part);
    let along: f64 = 0;
    let length: f64 = 0;
    for (let i: usize = 0; i < dim; i++) {
      const y = <f64>load<f32>(source + (i << 2));
      const c = 2 * stepOf(y, trial) - 15;
      along += y * c;
      length += c * c;
    }
    const cosine = (along / length) * along;
    if (!(cosine > nearest)) continue;
    nearest = cosine;
    inverse = trial;
    product = along;
  }
  if (!(product > 0)) return;
  store<f32>(scalar, <f32>(square / product));
  for (let i: usize = 0; i < dim; i++) {
    const step = <u32>stepOf(<f64>load<f32>(source + (i << 2)), inverse);
    const place = code + (i / GROUP) * 16 + (i & 15);
    store<u8>(place, <u8>(load<u8>(place) | ((i & 16) != 0 ? step << 4 : step)));
  }
}

/** Writes what a node's code stands for, less the centre, to `target`. */
export function decodeHalves(table: usize, node: u32, target: usize): void {
  const dim = <usize>load<u32>(table, T_DIM);
  const code = <usize>load<u32>(table, T_CODES) + <usize>node * load<u32>(table, T_STRIDE);
  const scalar = <usize>load<u32>(table, T_SCALARS) + (<usize>node << 3);
  let length: f64 = 0;
  for (let i: usize = 0; i < dim; i++) {
    const both = <i32>load<u8>(code + (i / GROUP) * 16 + (i & 15));
    const step = (i & 16) != 0 ? both >> 4 : both & 15;
    const whole: i32 = 2 * step - 15;
    const c = <f32>whole;
    store<f32>(target + (i << 2), c);
    length += <f64>(c * c);
  }
  // Of least error, unlike the scale of estimates.
  const scale = <f64>load<f32>(scalar);
  const least = scale > 0 ? <f32>(<f64>load<f32>(scalar, 4) / (scale * length)) : 0;
  for (let i: usize = 0; i < dim; i++) store<f32>(target + (i << 2), least * load<f32>(target + (i << 2)));
}
