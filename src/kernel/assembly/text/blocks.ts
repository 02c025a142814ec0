/**
 * How do 128 postings become few bytes, and postings again?
 *
 * Bit packing in four lanes (Lemire & Boytsov, Decoding billions of integers per second through vectorization, 2015):
 * value i lies in lane i & 3, so that every step handles four values. Gaps between rows are kept less one, codes less
 * the least of the block. Reading goes up to 16 bytes beyond a block; memory always has them.
 */
import { B_HEADER, BLOCK_POSTINGS } from "./layout";

// @ts-ignore: decorator
@inline
function widthOf(bits: u32): u32 {
  return 32 - clz(bits);
}

/** Packs 128 values of at most `width` bits into 16 * width bytes. */
function pack(values: usize, width: u32, to: usize): void {
  if (width == 0) return;
  let word = i32x4.splat(0);
  let used: u32 = 0;
  for (let i: usize = 0; i < 512; i += 16) {
    const value = v128.load(values + i);
    word = v128.or(word, i32x4.shl(value, used));
    used += width;
    if (used < 32) continue;
    v128.store(to, word);
    to += 16;
    used -= 32;
    word = used == 0 ? i32x4.splat(0) : i32x4.shr_u(value, width - used);
  }
}

/** Four values from a bit on: the word there, and of the next what is missing. */
// @ts-ignore: decorator
@inline
function four(from: usize, bit: u32, mask: v128): v128 {
  const at = from + (<usize>(bit >> 5) << 4);
  const shift = bit & 31;
  const high = i32x4.shl(i32x4.shl(v128.load(at, 16), 31 - shift), 1);
  return v128.and(v128.or(i32x4.shr_u(v128.load(at), shift), high), mask);
}

// @ts-ignore: decorator
@inline
function maskOf(width: u32): v128 {
  return i32x4.splat(width == 32 ? -1 : (1 << width) - 1);
}

/** The largest code width and row width are in a block's first two bytes. */
export function blockBytes(block: usize): u32 {
  return <u32>B_HEADER + ((<u32>load<u8>(block) + <u32>load<u8>(block, 1)) << 4);
}

/** Bytes of a block of these rows after `previous`; leaves gaps and codes less the base in their places. */
export function prepareBlock(rows: usize, codes: usize, previous: u32, header: usize): u32 {
  let gapBits: u32 = 0;
  let least: u32 = 0xffff_ffff;
  let most: u32 = 0;
  for (let i: usize = 0; i < <usize>BLOCK_POSTINGS; i += 1) {
    const row = load<u32>(rows + (i << 2));
    const gap = row - previous - 1;
    previous = row;
    gapBits |= gap;
    store<u32>(rows + (i << 2), gap);
    const code = load<u32>(codes + (i << 2));
    least = min(least, code);
    most = max(most, code);
  }
  for (let i: usize = 0; i < <usize>BLOCK_POSTINGS; i += 1) {
    const at = codes + (i << 2);
    store<u32>(at, load<u32>(at) - least);
  }
  store<u8>(header, widthOf(gapBits));
  store<u8>(header, widthOf(most - least), 1);
  store<u16>(header, 0, 2);
  store<u32>(header, least, 4);
  return blockBytes(header);
}

/** Packs what `prepareBlock` left, header included. */
export function packBlock(gaps: usize, codes: usize, header: usize, block: usize): void {
  memory.copy(block, header, B_HEADER);
  const rowWidth = <u32>load<u8>(block);
  pack(gaps, rowWidth, block + B_HEADER);
  pack(codes, <u32>load<u8>(block, 1), block + B_HEADER + (<usize>rowWidth << 4));
}

/** Writes the 128 rows of a block that follows row `previous` (-1: none). */
export function unpackRows(block: usize, previous: u32, rows: usize): void {
  const width = <u32>load<u8>(block);
  const from = block + B_HEADER;
  let last = i32x4.splat(previous);
  if (width == 0) {
    let next = i32x4.add(last, i32x4(1, 2, 3, 4));
    for (let i: usize = 0; i < 512; i += 16) {
      v128.store(rows + i, next);
      next = i32x4.add(next, i32x4.splat(4));
    }
    return;
  }
  const mask = maskOf(width);
  const ones = i32x4.splat(1);
  const zero = i32x4.splat(0);
  let bit: u32 = 0;
  for (let i: usize = 0; i < 512; i += 16) {
    let value = i32x4.add(four(from, bit, mask), ones);
    bit += width;
    value = i32x4.add(value, v128.shuffle<i32>(zero, value, 0, 4, 5, 6));
    value = i32x4.add(value, v128.shuffle<i32>(zero, value, 0, 1, 4, 5));
    value = i32x4.add(value, last);
    v128.store(rows + i, value);
    last = v128.shuffle<i32>(value, value, 3, 3, 3, 3);
  }
}

/** Writes the 128 codes of a block. */
export function unpackCodes(block: usize, codes: usize): void {
  const width = <u32>load<u8>(block, 1);
  const base = i32x4.splat(load<u32>(block, 4));
  if (width == 0) {
    for (let i: usize = 0; i < 512; i += 16) v128.store(codes + i, base);
    return;
  }
  const from = block + B_HEADER + (<usize>load<u8>(block) << 4);
  const mask = maskOf(width);
  let bit: u32 = 0;
  for (let i: usize = 0; i < 512; i += 16) {
    v128.store(codes + i, i32x4.add(four(from, bit, mask), base));
    bit += width;
  }
}
