/**
 * Are these the bytes of the row that was encoded?
 *
 * Rows that are read from a file one by one cannot be checked against the checksum of their range, so a table of codes keeps
 * one of each row. Four lanes of h = (h ^ word)·odd with high bits folded down, over the components as they are stored: a
 * change within one word always shows, since each step is a bijection; anything else does but for one time in 2^32.
 */
import { B_CHECKSUMS, B_DIM, B_DTYPE, B_ROW_STRIDE, B_ROWS, rowStride } from "./layout";

/** Odd, and without a pattern: the golden ratio as a fraction of 2^32. */
const FACTOR: i32 = 0x9e3779b1;

// @ts-ignore: decorator
@inline
function mixed(sums: v128, words: v128, factor: v128): v128 {
  const product = i32x4.mul(v128.xor(sums, words), factor);
  // High bits must come down again: a multiplication only carries upwards.
  return v128.xor(product, i32x4.shr_u(product, 15));
}

// @ts-ignore: decorator
@inline
function folded(all: i32, lane: i32): i32 {
  // Rotated, so that the same change in two lanes does not cancel out.
  const product = (rotl<i32>(all, 5) ^ lane) * FACTOR;
  return product ^ (product >>> 15);
}

function checksum(row: usize, bytes: usize): u32 {
  const factor = i32x4.splat(FACTOR);
  let sums = i32x4(1, 2, 3, 4);
  let i: usize = 0;
  for (; i + 16 <= bytes; i += 16) sums = mixed(sums, v128.load(row + i), factor);
  if (i < bytes) sums = mixed(sums, v128.load64_zero(row + i), factor);
  let all = folded(i32x4.extract_lane(sums, 0), i32x4.extract_lane(sums, 1));
  all = folded(all, i32x4.extract_lane(sums, 2));
  return <u32>folded(all, i32x4.extract_lane(sums, 3));
}

/** Keeps the checksums of the block's rows `from` to `to` (exclusive), which are at their place. */
export function keepChecksums(block: usize, from: u32, to: u32): void {
  const rows = <usize>load<u32>(block, B_ROWS);
  const stride = <usize>load<u32>(block, B_ROW_STRIDE);
  const sums = <usize>load<u32>(block, B_CHECKSUMS);
  for (let i = <usize>from; i < <usize>to; i++) store<u32>(sums + (i << 2), checksum(rows + i * stride, stride));
}

/**
 * Compares `count` rows, padded as tables keep them, at `rows` with the checksums in the blocks that `list` names: two uint32 a
 * row, the address of its block and its number in it. Returns the position of the first that differs, or `count`.
 */
export function checkRows(rows: usize, list: usize, count: u32): u32 {
  for (let i: u32 = 0; i < count; i++) {
    const block = <usize>load<u32>(list + (<usize>i << 3));
    const index = <usize>load<u32>(list + (<usize>i << 3), 4);
    const stride = rowStride(load<i32>(block, B_DIM), load<i32>(block, B_DTYPE));
    const kept = load<u32>(load<u32>(block, B_CHECKSUMS) + (index << 2));
    if (checksum(rows + <usize>i * stride, stride) != kept) return i;
  }
  return count;
}
