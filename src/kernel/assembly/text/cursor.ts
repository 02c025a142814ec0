/**
 * Which rows has a list, and how often do they have its term?
 *
 * A cursor gives a list's blocks one at a time as rows and occurrences in the chosen fields (0: the term is in other
 * fields only). Packed blocks are unpacked when they are asked for; what is not sealed yet is the last block.
 */
import { unpackCodes, unpackRows } from "./blocks";
import {
  BLOCK_POSTINGS,
  BOUND_SLACK,
  BUFFER_BYTES,
  C_BLOCK,
  C_BLOCKS,
  C_BOUND_TABLE,
  C_BUFFER,
  C_COUNT,
  C_DIRECTORY,
  C_LOADED,
  C_LOOK,
  C_PLAIN_BOUNDS,
  C_ROWS,
  C_SEALED,
  C_TABLE,
  C_TABLE_SHIFT,
  C_TAIL,
  C_TAIL_BOUND,
  C_TAIL_COUNT,
  C_TIMES,
  C_WEIGHT,
  D_BLOCK,
  D_LAST_ROW,
  D_LENGTH_MORE,
  D_LENGTH_ONE,
  D_MOST,
  DIRECTORY_SHIFT,
  L_BLOCKS,
  L_CHUNK,
  L_DIRECTORY,
  Q_LENGTH_SHIFT,
  Q_LENGTHS,
  Q_UNITS,
  R_LAST_ROW,
  R_LIST,
} from "./layout";
import { loadLength } from "./lengths";
import { lastSealedRow, readChunk } from "./lists";
import { unitScore } from "./unit-score";

const NOT_LOADED: u32 = 0xffff_ffff;

/** Turns codes into occurrences, in place. */
// @ts-ignore: decorator
@inline
function countOccurrences(times: usize, count: u32, table: usize, shift: u32): void {
  const end = times + (<usize>count << 2);
  for (let at = times; at < end; at += 4) store<u32>(at, load<u32>(table + (<usize>load<u32>(at) << shift)));
}

/** Opens a term's list; `buffers` holds two blocks. `table` has occurrences by code, 1 << `shift` bytes apart. */
export function openCursor(cursor: usize, term: usize, table: usize, shift: u32, buffers: usize): void {
  memory.fill(cursor + C_BLOCKS, 0, C_LOOK + 4 - C_BLOCKS);
  store<u32>(cursor, NOT_LOADED, C_LOADED);
  store<u32>(cursor, <u32>table, C_TABLE);
  store<u32>(cursor, shift, C_TABLE_SHIFT);
  store<u32>(cursor, <u32>buffers, C_BUFFER);
  const tail = buffers + BUFFER_BYTES;
  store<u32>(cursor, <u32>tail, C_TAIL);
  const list = load<u32>(term, R_LIST);
  let count: u32 = 0;
  if (list & 1) {
    store<u32>(tail, load<u32>(term, R_LAST_ROW));
    store<u32>(tail, list >> 1, 512);
    count = 1;
  } else if (list & 2) {
    const long = <usize>(list & ~3);
    store<u32>(cursor, load<u32>(long, L_BLOCKS), C_SEALED);
    store<u32>(cursor, load<u32>(long, L_DIRECTORY), C_DIRECTORY);
    count = readChunk(<usize>load<u32>(long, L_CHUNK), lastSealedRow(long, 0), tail, tail + 512);
  } else if (list != 0) {
    count = readChunk(<usize>list, 0, tail, tail + 512);
  }
  countOccurrences(tail + 512, count, table, shift);
  store<u32>(cursor, count, C_TAIL_COUNT);
  store<u32>(cursor, load<u32>(cursor, C_SEALED) + <u32>(count > 0), C_BLOCKS);
}

/** Opens rows in order and their occurrences, u32s; `bounds` has a place for each 128 of them. */
export function openPlain(cursor: usize, rows: usize, times: usize, count: u32, bounds: usize): void {
  memory.fill(cursor + C_BLOCKS, 0, C_LOOK + 4 - C_BLOCKS);
  store<u32>(cursor, NOT_LOADED, C_LOADED);
  store<u32>(cursor, (count + BLOCK_POSTINGS - 1) / BLOCK_POSTINGS, C_BLOCKS);
  store<u32>(cursor, <u32>rows, C_BUFFER);
  store<u32>(cursor, <u32>times, C_TAIL);
  store<u32>(cursor, count, C_TAIL_COUNT);
  store<u32>(cursor, <u32>bounds, C_PLAIN_BOUNDS);
}

/** Makes a block the loaded one. */
export function loadBlock(cursor: usize, block: u32): void {
  if (load<u32>(cursor, C_LOADED) == block) return;
  store<u32>(cursor, block, C_LOADED);
  if (load<u32>(cursor, C_PLAIN_BOUNDS) != 0) {
    store<u32>(cursor, load<u32>(cursor, C_BUFFER) + (block << 9), C_ROWS);
    store<u32>(cursor, load<u32>(cursor, C_TAIL) + (block << 9), C_TIMES);
    store<u32>(cursor, min(BLOCK_POSTINGS, load<u32>(cursor, C_TAIL_COUNT) - block * BLOCK_POSTINGS), C_COUNT);
    return;
  }
  if (block >= load<u32>(cursor, C_SEALED)) {
    const tail = load<u32>(cursor, C_TAIL);
    store<u32>(cursor, tail, C_ROWS);
    store<u32>(cursor, tail + 512, C_TIMES);
    store<u32>(cursor, load<u32>(cursor, C_TAIL_COUNT), C_COUNT);
    return;
  }
  const entry = <usize>load<u32>(cursor, C_DIRECTORY) + (<usize>block << DIRECTORY_SHIFT);
  const packed = <usize>load<u32>(entry, D_BLOCK);
  const previous = block == 0 ? 0xffff_ffff : load<u32>(entry - (1 << DIRECTORY_SHIFT), D_LAST_ROW);
  const rows = <usize>load<u32>(cursor, C_BUFFER);
  const times = rows + 512;
  unpackRows(packed, previous, rows);
  const table = <usize>load<u32>(cursor, C_TABLE);
  const shift = load<u32>(cursor, C_TABLE_SHIFT);
  if (load<u8>(packed, 1) == 0) {
    const same = i32x4.splat(load<u32>(table + (<usize>load<u32>(packed, 4) << shift)));
    for (let i: usize = 0; i < 512; i += 16) v128.store(times + i, same);
  } else {
    unpackCodes(packed, times);
    countOccurrences(times, BLOCK_POSTINGS, table, shift);
  }
  store<u32>(cursor, <u32>rows, C_ROWS);
  store<u32>(cursor, <u32>times, C_TIMES);
  store<u32>(cursor, BLOCK_POSTINGS, C_COUNT);
}

/** Last row of a block. */
// @ts-ignore: decorator
@inline
export function lastRowOf(cursor: usize, block: u32): u32 {
  if (block < load<u32>(cursor, C_SEALED)) {
    return load<u32>(<usize>load<u32>(cursor, C_DIRECTORY) + (<usize>block << DIRECTORY_SHIFT), D_LAST_ROW);
  }
  const count = load<u32>(cursor, C_TAIL_COUNT);
  if (load<u32>(cursor, C_PLAIN_BOUNDS) == 0) {
    return load<u32>(<usize>load<u32>(cursor, C_TAIL) + (<usize>(count - 1) << 2));
  }
  const last = min(count, (block + 1) * BLOCK_POSTINGS) - 1;
  return load<u32>(<usize>load<u32>(cursor, C_BUFFER) + (<usize>last << 2));
}

/** Greatest score in the loaded block. */
export function loadedBound(question: usize, cursor: usize): f64 {
  const units = <usize>load<u32>(question, Q_UNITS);
  const lengths = <usize>load<u32>(question, Q_LENGTHS);
  const shift = load<u32>(question, Q_LENGTH_SHIFT);
  const rows = <usize>load<u32>(cursor, C_ROWS);
  const times = <usize>load<u32>(cursor, C_TIMES);
  const end = <usize>load<u32>(cursor, C_COUNT) << 2;
  let most: f64 = 0;
  for (let i: usize = 0; i < end; i += 4) {
    const t = load<u32>(times + i);
    if (t > 0) most = max(most, unitScore(question, units, t, loadLength(lengths, shift, load<u32>(rows + i))));
  }
  return most * load<f64>(cursor, C_WEIGHT);
}

/** Not less than any score in a block. */
export function boundOf(question: usize, cursor: usize, block: u32): f64 {
  const plain = <usize>load<u32>(cursor, C_PLAIN_BOUNDS);
  if (plain != 0) return load<f64>(plain + (<usize>block << 3));
  if (block >= load<u32>(cursor, C_SEALED)) return load<f64>(cursor, C_TAIL_BOUND);
  const units = <usize>load<u32>(question, Q_UNITS);
  const table = <usize>load<u32>(cursor, C_BOUND_TABLE);
  let bounds = <usize>load<u32>(cursor, C_DIRECTORY) + (<usize>block << DIRECTORY_SHIFT);
  if (table != 0) bounds = table + (<usize>block << 3) - D_LENGTH_ONE;
  const one = <u32>load<u16>(bounds, D_LENGTH_ONE);
  const more = <u32>load<u16>(bounds, D_LENGTH_MORE);
  const most = <u32>load<u16>(bounds, D_MOST);
  if (most == 0) return 0;
  // For one occurrence the score falls with the length even as rounded; for more it may rise by a rounding error.
  let bound = unitScore(question, units, 1, one);
  if (most > 1) bound = max(bound, unitScore(question, units, most == 0xffff ? 0xffff_ffff : most, more) * BOUND_SLACK);
  return bound * load<f64>(cursor, C_WEIGHT);
}

/** Prepares a cursor for scoring: the bounds of what the directory does not know. */
export function prepareBounds(question: usize, cursor: usize): void {
  const plain = <usize>load<u32>(cursor, C_PLAIN_BOUNDS);
  const blocks = load<u32>(cursor, C_BLOCKS);
  for (let block = load<u32>(cursor, C_SEALED); block < blocks; block += 1) {
    loadBlock(cursor, block);
    const bound = loadedBound(question, cursor);
    if (plain == 0) store<f64>(cursor, bound, C_TAIL_BOUND);
    else store<f64>(plain + (<usize>block << 3), bound);
  }
  store<u32>(cursor, 0, C_BLOCK);
  store<u32>(cursor, 0, C_LOOK);
}

/** Index of the first row at or behind `row` in the loaded block; its count for none. */
// @ts-ignore: decorator
@inline
export function firstFrom(cursor: usize, row: u32): u32 {
  const rows = <usize>load<u32>(cursor, C_ROWS);
  let low: u32 = 0;
  let high = load<u32>(cursor, C_COUNT);
  while (low < high) {
    const middle = (low + high) >> 1;
    if (load<u32>(rows + (<usize>middle << 2)) < row) low = middle + 1;
    else high = middle;
  }
  return low;
}
