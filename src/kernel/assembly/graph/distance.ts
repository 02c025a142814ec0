/**
 * How near are a query and four rows?
 *
 * Codes are int8, their query is int16, and sums are exact int32; float32 rows have a float32 query. Four rows share
 * the loads of the query, and their waits for memory overlap.
 */
import { Absolute, Greatest } from "./layout";


/** Sums of the lanes of four int32 vectors. */
// @ts-ignore: decorator
@inline
function transposedSum(a: v128, b: v128, c: v128, d: v128): v128 {
  const ab = i32x4.add(v128.shuffle<i32>(a, b, 0, 4, 1, 5), v128.shuffle<i32>(a, b, 2, 6, 3, 7));
  const cd = i32x4.add(v128.shuffle<i32>(c, d, 0, 4, 1, 5), v128.shuffle<i32>(c, d, 2, 6, 3, 7));
  return i32x4.add(v128.shuffle<i64>(ab, cd, 0, 2), v128.shuffle<i64>(ab, cd, 1, 3));
}

/** Dot products of the int16 `query` with the codes at a, b, c, d of `stride` bytes, a multiple of 16. */
// @ts-ignore: decorator
@inline
export function dotFour(query: usize, stride: usize, a: usize, b: usize, c: usize, d: usize): v128 {
  let sumA = i32x4.splat(0);
  let sumB = sumA;
  let sumC = sumA;
  let sumD = sumA;
  const end = query + 2 * stride;
  do {
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
  } while (query < end);
  return transposedSum(sumA, sumB, sumC, sumD);
}

/** Writes an int8 code as an int16 query. */
export function widenCode(code: usize, stride: usize, query: usize): void {
  for (let i: usize = 0; i < stride; i += 8) v128.store(query + 2 * i, v128.load_ext<i8>(code + i));
}

/** Distance so far with four more components. */
// @ts-ignore: decorator
@inline
function addFour<K>(sum: v128, query: v128, row: v128): v128 {
  const gap = f32x4.sub(query, row);
  if (sizeof<K>() == sizeof<Absolute>()) return f32x4.add(sum, f32x4.abs(gap));
  if (sizeof<K>() == sizeof<Greatest>()) return f32x4.max(sum, f32x4.abs(gap));
  return f32x4.add(sum, f32x4.mul(gap, gap));
}

// @ts-ignore: decorator
@inline
function joined<K>(a: v128, b: v128): v128 {
  return sizeof<K>() == sizeof<Greatest>() ? f32x4.max(a, b) : f32x4.add(a, b);
}

/** Distances of the float32 `query` from the rows at a, b, c, d of `stride` bytes, a multiple of 16. */
// @ts-ignore: decorator
@inline
export function distanceFour<K>(query: usize, stride: usize, a: usize, b: usize, c: usize, d: usize): v128 {
  let sumA = f32x4.splat(0);
  let sumB = sumA;
  let sumC = sumA;
  let sumD = sumA;
  for (let i: usize = 0; i < stride; i += 16) {
    const part = v128.load(query + i);
    sumA = addFour<K>(sumA, part, v128.load(a + i));
    sumB = addFour<K>(sumB, part, v128.load(b + i));
    sumC = addFour<K>(sumC, part, v128.load(c + i));
    sumD = addFour<K>(sumD, part, v128.load(d + i));
  }
  const ab = joined<K>(v128.shuffle<i32>(sumA, sumB, 0, 4, 1, 5), v128.shuffle<i32>(sumA, sumB, 2, 6, 3, 7));
  const cd = joined<K>(v128.shuffle<i32>(sumC, sumD, 0, 4, 1, 5), v128.shuffle<i32>(sumC, sumD, 2, 6, 3, 7));
  return joined<K>(v128.shuffle<i64>(ab, cd, 0, 2), v128.shuffle<i64>(ab, cd, 1, 3));
}
