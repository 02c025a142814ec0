/**
 * How like are a query and four codes?
 *
 * The query is int16, codes are int8; sums are exact int32. Four codes share the loads of the query, and their waits for
 * memory overlap.
 */

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

/** Dot product of the int16 `query` with one code. */
// @ts-ignore: decorator
@inline
export function dotOne(query: usize, stride: usize, code: usize): i32 {
  let low = i32x4.splat(0);
  let high = low;
  const end = query + 2 * stride;
  do {
    low = i32x4.add(low, i32x4.dot_i16x8_s(v128.load(query), v128.load_ext<i8>(code)));
    high = i32x4.add(high, i32x4.dot_i16x8_s(v128.load(query, 16), v128.load_ext<i8>(code, 8)));
    query += 32;
    code += 16;
  } while (query < end);
  const both = i32x4.add(low, high);
  const pairs = i32x4.add(both, v128.shuffle<i32>(both, both, 2, 3, 0, 1));
  return i32x4.extract_lane(pairs, 0) + i32x4.extract_lane(pairs, 1);
}

/** Writes an int8 code as an int16 query. */
export function widenCode(code: usize, stride: usize, query: usize): void {
  for (let i: usize = 0; i < stride; i += 8) v128.store(query + 2 * i, v128.load_ext<i8>(code + i));
}
