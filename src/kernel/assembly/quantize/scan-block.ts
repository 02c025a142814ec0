/**
 * What do a query's tables give for the 32 rows of a block?
 *
 * One sum a row, without scalars. TABLES: sixteen one-byte entries a table are looked up for 16 rows by one shuffle (André,
 * Kermarrec & Le Scouarnec, *Cache locality is not enough: high-performance nearest neighbor search with product
 * quantization fast scan*, 2015). Even and odd bytes are summed in 16 bits at once: the sums of whole pairs, and of the odd
 * ones alone, which are taken off at the end; 256 tables of 255 at most fit.
 */
import { dotBlock } from "./float-block";

/** Tables that are summed in 16 bits before they are added up. */
const TABLES_TOGETHER: u32 = 256;

// @ts-ignore: decorator
@inline
function lookUp(table: v128, codes: v128): v128 {
  if (RELAXED) return i8x16.relaxed_swizzle(table, codes);
  return i8x16.swizzle(table, codes);
}

// @ts-ignore: decorator
@inline
function addFloats(target: usize, four: v128): void {
  v128.store(target, f32x4.add(v128.load(target), f32x4.convert_i32x4_u(four)));
}

/** Adds the sums of 16 rows, even and odd ones apart, to their float32 sums. */
// @ts-ignore: decorator
@inline
function addSums(target: usize, pairs: v128, odd: v128): void {
  const even = i16x8.sub(pairs, i16x8.shl(odd, 8));
  const low = v128.shuffle<i16>(even, odd, 0, 8, 1, 9, 2, 10, 3, 11);
  const high = v128.shuffle<i16>(even, odd, 4, 12, 5, 13, 6, 14, 7, 15);
  addFloats(target, i32x4.extend_low_i16x8_u(low));
  addFloats(target + 16, i32x4.extend_high_i16x8_u(low));
  addFloats(target + 32, i32x4.extend_low_i16x8_u(high));
  addFloats(target + 48, i32x4.extend_high_i16x8_u(high));
}

/** Sums of `count` tables of sixteen bytes. */
export function sumTables(tables: usize, count: u32, codes: usize, target: usize): void {
  const zero = f32x4.splat(0);
  for (let i: usize = 0; i < 128; i += 16) v128.store(target + i, zero);
  const lowHalf = i8x16.splat(0x0f);
  while (count > 0) {
    const together = min(count, TABLES_TOGETHER);
    count -= together;
    const end = codes + (<usize>together << 4);
    let pairsLow = zero;
    let pairsHigh = zero;
    let oddLow = zero;
    let oddHigh = zero;
    while (codes < end) {
      const table = v128.load(tables);
      const both = v128.load(codes);
      const low = lookUp(table, v128.and(both, lowHalf));
      const high = lookUp(table, v128.and(i16x8.shr_u(both, 4), lowHalf));
      pairsLow = i16x8.add(pairsLow, low);
      pairsHigh = i16x8.add(pairsHigh, high);
      oddLow = i16x8.add(oddLow, i16x8.shr_u(low, 8));
      oddHigh = i16x8.add(oddHigh, i16x8.shr_u(high, 8));
      tables += 16;
      codes += 16;
    }
    addSums(target, pairsLow, oddLow);
    addSums(target + 64, pairsHigh, oddHigh);
  }
}

// @ts-ignore: decorator
@inline
function dotCodes(query: v128, codes: usize, sum: v128): v128 {
  return i32x4.add(sum, i32x4.dot_i16x8_s(query, v128.load_ext<i8>(codes)));
}

/** Inner products of int8 codes with the int16 codes of a query, `width` of them, an even number. */
export function sumInt8(query: usize, width: u32, codes: usize, target: usize): void {
  let a = i32x4.splat(0);
  let b = a;
  let c = a;
  let d = a;
  let e = a;
  let f = a;
  let g = a;
  let h = a;
  const end = query + (<usize>width << 1);
  while (query < end) {
    const two = v128.load32_splat(query);
    a = dotCodes(two, codes, a);
    b = dotCodes(two, codes + 8, b);
    c = dotCodes(two, codes + 16, c);
    d = dotCodes(two, codes + 24, d);
    e = dotCodes(two, codes + 32, e);
    f = dotCodes(two, codes + 40, f);
    g = dotCodes(two, codes + 48, g);
    h = dotCodes(two, codes + 56, h);
    query += 4;
    codes += 64;
  }
  v128.store(target, f32x4.convert_i32x4_s(a));
  v128.store(target, f32x4.convert_i32x4_s(b), 16);
  v128.store(target, f32x4.convert_i32x4_s(c), 32);
  v128.store(target, f32x4.convert_i32x4_s(d), 48);
  v128.store(target, f32x4.convert_i32x4_s(e), 64);
  v128.store(target, f32x4.convert_i32x4_s(f), 80);
  v128.store(target, f32x4.convert_i32x4_s(g), 96);
  v128.store(target, f32x4.convert_i32x4_s(h), 112);
}

// @ts-ignore: decorator
@inline
function entry(table: usize, code: u32): f32 {
  return load<f32>(table + (<usize>code << 2));
}

/** Sums of entries of float32 tables of 256, one a subspace. */
export function sumProduct(tables: usize, subspaces: u32, codes: usize, target: usize): void {
  for (let lane: usize = 0; lane < 32; lane += 4) {
    let a: f32 = 0;
    let b: f32 = 0;
    let c: f32 = 0;
    let d: f32 = 0;
    let place = codes + lane;
    let table = tables;
    for (let m: u32 = 0; m < subspaces; m++) {
      const four = load<u32>(place);
      a += entry(table, four & 255);
      b += entry(table, (four >> 8) & 255);
      c += entry(table, (four >> 16) & 255);
      d += entry(table, four >> 24);
      place += 32;
      table += 1024;
    }
    const out = target + (lane << 2);
    store<f32>(out, a);
    store<f32>(out, b, 4);
    store<f32>(out, c, 8);
    store<f32>(out, d, 12);
  }
}

/** Inner products with float32 rows. */
// @ts-ignore: decorator
@inline
export function sumFloat(query: usize, dim: u32, block: usize, target: usize): void {
  dotBlock(query, block, dim, target);
}
