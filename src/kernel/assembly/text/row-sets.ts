/**
 * Which rows have a term, and how many of them are alive?
 *
 * Sets of rows are bitsets: bit r & 31 of word r >> 5. Lists of several terms are united through a set and an array of
 * occurrences by row, which become plain rows and occurrences again.
 */
import { loadBlock } from "./cursor";
import { C_BLOCKS, C_COUNT, C_ROWS, C_TIMES } from "./layout";
import { loadLength } from "./lengths";

// @ts-ignore: decorator
@inline
function isIn(set: usize, row: u32): bool {
  return ((load<u32>(set + (<usize>(row >> 5) << 2)) >> (row & 31)) & 1) != 0;
}

/** Rows of a list below `limit` whose term is in the chosen fields, and that are in `live` where it is not 0. */
export function countRows(cursor: usize, live: usize, limit: u32): u32 {
  const blocks = load<u32>(cursor, C_BLOCKS);
  let found: u32 = 0;
  for (let block: u32 = 0; block < blocks; block += 1) {
    loadBlock(cursor, block);
    const rows = <usize>load<u32>(cursor, C_ROWS);
    const times = <usize>load<u32>(cursor, C_TIMES);
    const end = <usize>load<u32>(cursor, C_COUNT) << 2;
    for (let i: usize = 0; i < end; i += 4) {
      const row = load<u32>(rows + i);
      if (row >= limit) return found;
      found += <u32>(load<u32>(times + i) != 0) & <u32>(live == 0 || isIn(live, row));
    }
  }
  return found;
}

/** Puts a list's rows below `limit` into `set`; adds their occurrences to those at `sums` where that is not 0. */
export function addRows(cursor: usize, set: usize, sums: usize, limit: u32): void {
  const blocks = load<u32>(cursor, C_BLOCKS);
  for (let block: u32 = 0; block < blocks; block += 1) {
    loadBlock(cursor, block);
    const rows = <usize>load<u32>(cursor, C_ROWS);
    const times = <usize>load<u32>(cursor, C_TIMES);
    const end = <usize>load<u32>(cursor, C_COUNT) << 2;
    for (let i: usize = 0; i < end; i += 4) {
      const row = load<u32>(rows + i);
      if (row >= limit) return;
      const t = load<u32>(times + i);
      if (t == 0) continue;
      const word = set + (<usize>(row >> 5) << 2);
      store<u32>(word, load<u32>(word) | (1 << (row & 31)));
      if (sums == 0) continue;
      const sum = sums + (<usize>row << 2);
      store<u32>(sum, load<u32>(sum) + t);
    }
  }
}

/** Writes the rows of a set of `words` words, and their sums, and returns their number. */
export function listRows(set: usize, sums: usize, words: u32, rows: usize, times: usize): u32 {
  let count: u32 = 0;
  for (let w: u32 = 0; w < words; w += 1) {
    let bits = load<u32>(set + (<usize>w << 2));
    while (bits != 0) {
      const row = (w << 5) + <u32>ctz(bits);
      bits &= bits - 1;
      store<u32>(rows + (<usize>count << 2), row);
      store<u32>(times + (<usize>count << 2), load<u32>(sums + (<usize>row << 2)));
      count += 1;
    }
  }
  return count;
}

/** Members of a set that are in `live` too, where that is not 0. */
export function countSet(set: usize, live: usize, words: u32): u32 {
  let count: u32 = 0;
  for (let w: u32 = 0; w < words; w += 1) {
    const bits = load<u32>(set + (<usize>w << 2));
    count += <u32>popcnt(live == 0 ? bits : bits & load<u32>(live + (<usize>w << 2)));
  }
  return count;
}

/** `set` and `other`, or `set` without `other`, of `words` words, a multiple of 4. */
export function intersect(set: usize, other: usize, words: u32, isWithout: bool): void {
  for (let i: usize = 0; i < <usize>words << 2; i += 16) {
    const a = v128.load(set + i);
    const b = v128.load(other + i);
    v128.store(set + i, isWithout ? v128.andnot(a, b) : v128.and(a, b));
  }
}

/** Puts the rows below `limit` that have terms but are not in `live`, and their lengths (f64, 8 bytes on), at `to`. */
export function sumDeadLengths(lengths: usize, shift: u32, limit: u32, live: usize, to: usize): void {
  let count: u32 = 0;
  let total: u64 = 0;
  for (let from: u32 = 0; from < limit; from += 32) {
    let dead = ~load<u32>(live + (<usize>(from >> 5) << 2));
    while (dead != 0) {
      const row = from + <u32>ctz(dead);
      dead &= dead - 1;
      if (row >= limit) break;
      const length = loadLength(lengths, shift, row);
      count += <u32>(length > 0);
      total += <u64>length;
    }
  }
  store<u32>(to, count);
  store<f64>(to, <f64>total, 8);
}
