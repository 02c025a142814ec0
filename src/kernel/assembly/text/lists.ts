/**
 * Where are the rows of a term kept?
 *
 * A term of one row has it in its record. More rows go into a chunk of varints, which is moved to a larger place when
 * it is full; 128 of them are sealed into a packed block with its bounds. Lists only grow: a row is added behind all
 * others.
 */
import { allocate, hasRoom, release } from "./allocate";
import { packBlock, prepareBlock } from "./blocks";
import { lengthOfRow } from "./lengths";
import {
  BLOCK_POSTINGS,
  D_BLOCK,
  D_LAST_ROW,
  D_LENGTH_MORE,
  D_LENGTH_ONE,
  D_MOST,
  DIRECTORY_SHIFT,
  G_ALL,
  K_COUNT,
  K_LAST_CODE,
  K_PAYLOAD,
  K_USED,
  L_BLOCKS,
  L_CAPACITY,
  L_CHUNK,
  L_DIRECTORY,
  LONG_LIST_BYTES,
  R_LAST_ROW,
  R_LIST,
  S_BLOCK_CODES,
  S_BLOCK_ROWS,
  S_POSTING_COUNT,
} from "./layout";
import { signatureAt } from "./signatures";
import { readVarint, skipVarint, writeVarint } from "./varint";

/** Room for any step but a larger directory: two chunks, a block, a long list. */
const STEP_BYTES: u32 = 8192;

/** Bytes of the place of a chunk that uses `used` bytes behind its header. */
// @ts-ignore: decorator
@inline
export function chunkBytes(used: u32): u32 {
  const bytes = used + <u32>K_PAYLOAD;
  if (bytes <= 64) return (bytes + 3) & ~3;
  if (bytes <= 256) return (bytes + 15) & ~15;
  return (bytes + 63) & ~63;
}

export function newChunk(state: usize): usize {
  const chunk = allocate(state, chunkBytes(0));
  store<u32>(chunk, 0, K_LAST_CODE);
  store<u32>(chunk, 0, K_USED);
  return chunk;
}

/** Adds a posting to a chunk and returns the chunk's place, which may be another one now. */
function addToChunk(state: usize, chunk: usize, gap: u32, code: u32): usize {
  const used = <u32>load<u16>(chunk, K_USED);
  const differs = code != load<u32>(chunk, K_LAST_CODE);
  const word = (gap << 1) | <u32>differs;
  const wanted = varintBytes(word) + (differs ? varintBytes(code) : 0);
  const size = chunkBytes(used);
  const larger = chunkBytes(used + wanted);
  let place = chunk;
  if (larger > size) {
    place = allocate(state, larger);
    memory.copy(place, chunk, K_PAYLOAD + <usize>used);
    release(state, chunk, size);
  }
  let at = writeVarint(place + K_PAYLOAD + used, word);
  if (differs) at = writeVarint(at, code);
  store<u32>(place, code, K_LAST_CODE);
  store<u16>(place, <u16>(at - place - K_PAYLOAD), K_USED);
  store<u8>(place, load<u8>(place, K_COUNT) + 1, K_COUNT);
  return place;
}

// @ts-ignore: decorator
@inline
function varintBytes(value: u32): u32 {
  return (38 - clz(value | 1)) / 7;
}

/** Reads a chunk's postings, the first one behind row `previous` (0 for none), and returns their number. */
export function readChunk(chunk: usize, previous: u32, rows: usize, codes: usize): u32 {
  const count = <u32>load<u8>(chunk, K_COUNT);
  let at = chunk + K_PAYLOAD;
  let code: u32 = 0;
  for (let i: u32 = 0; i < count; i += 1) {
    const word = readVarint(at);
    at = skipVarint(at);
    previous += word >> 1;
    if (word & 1) {
      code = readVarint(at);
      at = skipVarint(at);
    }
    store<u32>(rows + (<usize>i << 2), previous);
    store<u32>(codes + (<usize>i << 2), code);
  }
  return count;
}

/** Writes the bounds of 128 postings into a directory entry. */
export function writeBounds(state: usize, rows: usize, codes: usize, entry: usize): void {
  let one: u32 = 0xffff;
  let more: u32 = 0xffff;
  let most: u32 = 0;
  for (let i: usize = 0; i < <usize>BLOCK_POSTINGS; i += 1) {
    const length = lengthOfRow(state, load<u32>(rows + (i << 2)));
    const occurrences = load<u32>(signatureAt(state, load<u32>(codes + (i << 2))), G_ALL);
    if (occurrences > 1) more = min(more, length);
    else one = min(one, length);
    most = max(most, occurrences);
  }
  store<u16>(entry, <u16>one, D_LENGTH_ONE);
  store<u16>(entry, <u16>more, D_LENGTH_MORE);
  store<u32>(entry, min<u32>(most, 0xffff), D_MOST);
}

/** A new entry of a long list's directory. */
export function addDirectoryEntry(state: usize, long: usize): usize {
  const count = load<u32>(long, L_BLOCKS);
  const capacity = load<u32>(long, L_CAPACITY);
  if (count == capacity) {
    const larger = capacity == 0 ? 1 : capacity + (capacity >> 2) + 1;
    const place = allocate(state, larger << <u32>DIRECTORY_SHIFT);
    const old = <usize>load<u32>(long, L_DIRECTORY);
    if (capacity > 0) {
      memory.copy(place, old, <usize>count << DIRECTORY_SHIFT);
      release(state, old, capacity << <u32>DIRECTORY_SHIFT);
    }
    store<u32>(long, <u32>place, L_DIRECTORY);
    store<u32>(long, larger, L_CAPACITY);
  }
  store<u32>(long, count + 1, L_BLOCKS);
  return <usize>load<u32>(long, L_DIRECTORY) + (<usize>count << DIRECTORY_SHIFT);
}

/** Last row of a long list's sealed blocks, `none` where there is none. */
// @ts-ignore: decorator
@inline
export function lastSealedRow(long: usize, none: u32): u32 {
  const count = load<u32>(long, L_BLOCKS);
  if (count == 0) return none;
  return load<u32>(<usize>load<u32>(long, L_DIRECTORY) + (<usize>(count - 1) << DIRECTORY_SHIFT), D_LAST_ROW);
}

export function newLongList(state: usize, chunk: usize): usize {
  const long = allocate(state, <u32>LONG_LIST_BYTES);
  store<u32>(long, <u32>chunk, L_CHUNK);
  store<u32>(long, 0, L_DIRECTORY);
  store<u32>(long, 0, L_BLOCKS);
  store<u32>(long, 0, L_CAPACITY);
  return long;
}

/** Packs the 128 postings of a long list's chunk and begins a new chunk. */
function seal(state: usize, long: usize): void {
  const chunk = <usize>load<u32>(long, L_CHUNK);
  const rows = state + S_BLOCK_ROWS;
  const codes = state + S_BLOCK_CODES;
  readChunk(chunk, lastSealedRow(long, 0), rows, codes);
  const previous = lastSealedRow(long, 0xffff_ffff);
  const last = load<u32>(rows + 4 * 127);
  const entry = addDirectoryEntry(state, long);
  writeBounds(state, rows, codes, entry);
  const header = rows + 512;
  const block = allocate(state, prepareBlock(rows, codes, previous, header));
  packBlock(rows, codes, header, block);
  store<u32>(entry, last, D_LAST_ROW);
  store<u32>(entry, <u32>block, D_BLOCK);
  release(state, chunk, chunkBytes(<u32>load<u16>(chunk, K_USED)));
  store<u32>(long, <u32>newChunk(state), L_CHUNK);
}

/** True when `addPosting` for this term finds room. */
// @ts-ignore: decorator
@inline
export function hasPostingRoom(state: usize, term: usize): bool {
  const list = load<u32>(term, R_LIST);
  const directory = list & 2 && !(list & 1) ? load<u32>(<usize>(list & ~3), L_CAPACITY) : 0;
  return hasRoom(state, STEP_BYTES + (directory << 5));
}

/** Adds a row behind the term's last one, `previous`. */
export function addPosting(state: usize, term: usize, previous: u32, row: u32, code: u32): void {
  store<u32>(state, load<u32>(state, S_POSTING_COUNT) + 1, S_POSTING_COUNT);
  store<u32>(term, row, R_LAST_ROW);
  const list = load<u32>(term, R_LIST);
  if (list == 0) {
    store<u32>(term, (code << 1) | 1, R_LIST);
    return;
  }
  if (list & 1) {
    const first = addToChunk(state, newChunk(state), previous, list >> 1);
    store<u32>(term, <u32>addToChunk(state, first, row - previous, code), R_LIST);
    return;
  }
  if (list & 2) {
    const long = <usize>(list & ~3);
    const chunk = addToChunk(state, <usize>load<u32>(long, L_CHUNK), row - previous, code);
    store<u32>(long, <u32>chunk, L_CHUNK);
    if (<u32>load<u8>(chunk, K_COUNT) == BLOCK_POSTINGS) seal(state, long);
    return;
  }
  const chunk = addToChunk(state, <usize>list, row - previous, code);
  if (<u32>load<u8>(chunk, K_COUNT) < BLOCK_POSTINGS) {
    store<u32>(term, <u32>chunk, R_LIST);
    return;
  }
  const long = newLongList(state, chunk);
  store<u32>(term, <u32>long | 2, R_LIST);
  seal(state, long);
}

/** Rows of a term, dead ones included. */
export function postingsOf(term: usize): u32 {
  const list = load<u32>(term, R_LIST);
  if (list == 0) return 0;
  if (list & 1) return 1;
  if (!(list & 2)) return <u32>load<u8>(<usize>list, K_COUNT);
  const long = <usize>(list & ~3);
  return load<u32>(long, L_BLOCKS) * BLOCK_POSTINGS + <u32>load<u8>(<usize>load<u32>(long, L_CHUNK), K_COUNT);
}
