/**
 * How do bytes become an index again?
 *
 * What `write-sections.ts` wrote is read a piece at a time: whole rows or records of the piece are taken in, what is
 * cut off is given again. The bytes may be anything: every number is checked before something is done with it, and
 * bounds, lengths and counts are derived anew.
 */
import { allocate, hasRoom } from "./allocate";
import { blockBytes, unpackCodes, unpackRows } from "./blocks";
import {
  B_HEADER,
  BLOCK_POSTINGS,
  BROKEN,
  D_BLOCK,
  D_LAST_ROW,
  DONE,
  G_ALL,
  G_BASE,
  G_FIELD,
  IS_RAW,
  K_COUNT,
  K_LAST_CODE,
  K_PAYLOAD,
  K_USED,
  L_CHUNK,
  N_ROW_LENGTH,
  NEED_ROOM,
  R_LAST_ROW,
  R_LIST,
  S_BLOCK_CODES,
  S_BLOCK_ROWS,
  S_CURSOR,
  S_CURSOR_LEFT,
  S_NODE_COUNT,
  S_POSTING_COUNT,
  S_ROW,
  S_ROW_FIELD_COUNT,
  S_ROW_FIELDS,
  S_SIGNATURE_COUNT,
  S_WANTED,
  TEXT_BYTES_MAX,
} from "./layout";
import { addDirectoryEntry, chunkBytes, newLongList, writeBounds } from "./lists";
import { nodeAt } from "./nodes";
import { AS_RAW, AS_TERM, findRecord, hashOf, insertAlias, insertTerm, recordRoom } from "./records";
import { writeLengths } from "./rows";
import { hasSignatureRoom, signatureAt, signatureOf } from "./signatures";

/** The piece ends within what is being read. */
export const CUT: i32 = 6;
/** Occurrences and lengths at most, so that no sum of them wraps. */
const NUMBER_MAX: u32 = 0x0fff_ffff;
/** Room for a record's parts that have a fixed size. */
const FIXED_BYTES: u32 = 65_536;
/** Bytes of places by byte of a section at most: a block of 8 bytes has a directory entry of 16, which may be moved. */
const PLACES_SHIFT: u32 = 4;
/** Bytes of a record at most: its places must fit into a memory. */
const RECORD_BYTES_MAX: u32 = 0x0800_0000;

/** Reads a varint at `S_CURSOR`; beyond the end it is 0, and the cursor stands behind the end. */
function next(state: usize): u32 {
  let at = load<u32>(state, S_CURSOR);
  const end = load<u32>(state, S_CURSOR_LEFT);
  let value: u32 = 0;
  for (let shift: u32 = 0; shift < 35; shift += 7) {
    if (at >= end) {
      store<u32>(state, end + 1, S_CURSOR);
      return 0;
    }
    const byte = <u32>load<u8>(at);
    at += 1;
    value |= (byte & 127) << shift;
    if (byte < 128) break;
  }
  store<u32>(state, at, S_CURSOR);
  return value;
}

/** Steps over `bytes` and returns where they begin; 0 where the piece has fewer. */
function step(state: usize, bytes: u32): usize {
  const at = load<u32>(state, S_CURSOR);
  const end = load<u32>(state, S_CURSOR_LEFT);
  if (at > end || end - at < bytes) {
    store<u32>(state, end + 1, S_CURSOR);
    return 0;
  }
  store<u32>(state, at + bytes, S_CURSOR);
  return <usize>at;
}

// @ts-ignore: decorator
@inline
function isCut(state: usize): bool {
  return load<u32>(state, S_CURSOR) > load<u32>(state, S_CURSOR_LEFT);
}

/** Adds the next signature: `DONE`, `NEED_ROOM` or `BROKEN`. */
export function readSignature(state: usize, base: u32, field: u32, run: u32): i32 {
  const count = load<u32>(state, S_SIGNATURE_COUNT);
  if (base > count || field >= load<u32>(state, S_NODE_COUNT) || run == 0 || run > NUMBER_MAX) return BROKEN;
  if (base > 0 && load<u32>(signatureAt(state, base - 1), G_ALL) > NUMBER_MAX) return BROKEN;
  if (!hasSignatureRoom(state)) return NEED_ROOM;
  return signatureOf(state, base, field, run) == count ? DONE : BROKEN;
}

/** Fields of a row's shape, as many as its chain has; `NODE_COUNT + 1` where it has too many. */
function fieldsOf(state: usize, shape: u32): u32 {
  const most = load<u32>(state, S_NODE_COUNT);
  let count: u32 = 0;
  while (shape != 0 && count <= most) {
    count += 1;
    shape = load<u32>(signatureAt(state, shape - 1), G_BASE);
  }
  return count;
}

/** Reads one row's lengths. */
function readLengthRow(state: usize): i32 {
  const shape = next(state);
  if (shape > load<u32>(state, S_SIGNATURE_COUNT)) return BROKEN;
  const count = fieldsOf(state, shape);
  if (count > load<u32>(state, S_NODE_COUNT)) return BROKEN;
  const fields = <usize>load<u32>(state, S_ROW_FIELDS);
  let total: u32 = 0;
  let code = shape;
  for (let i = count; i > 0; i -= 1) {
    const length = next(state);
    if (isCut(state)) return CUT;
    if (length == 0 || length > NUMBER_MAX || total > NUMBER_MAX) return BROKEN;
    total += length;
    const signature = signatureAt(state, code - 1);
    const field = load<u32>(signature, G_FIELD);
    store<u32>(fields + (<usize>(i - 1) << 2), field);
    store<u32>(nodeAt(state, field), length, N_ROW_LENGTH);
    code = load<u32>(signature, G_BASE);
  }
  if (isCut(state)) return CUT;
  store<u32>(state, count, S_ROW_FIELD_COUNT);
  if (!writeLengths(state)) return NEED_ROOM;
  store<u32>(state, load<u32>(state, S_ROW) + 1, S_ROW);
  return DONE;
}

/** Forgets what a row that was cut off, or had no room, has left. */
function forgetRow(state: usize): void {
  const nodes = load<u32>(state, S_NODE_COUNT);
  for (let node: u32 = 0; node < nodes; node += 1) store<u32>(nodeAt(state, node), 0, N_ROW_LENGTH);
  store<u32>(state, 0, S_ROW_FIELD_COUNT);
}

/**
 * Takes in the whole rows of a piece, up to `rowCount`: `DONE`, `NEED_ROOM` or `BROKEN`. The bytes that were taken in
 * end at `S_CURSOR`; `S_WANTED` is then a size for the next piece that makes sure that the next row is in it, some day.
 */
export function readLengthSection(state: usize, piece: usize, bytes: u32, rowCount: u32): i32 {
  store<u32>(state, <u32>piece, S_CURSOR);
  store<u32>(state, <u32>piece + bytes, S_CURSOR_LEFT);
  store<u32>(state, 0, S_WANTED);
  while (load<u32>(state, S_ROW) < rowCount) {
    const start = load<u32>(state, S_CURSOR);
    const status = start == <u32>piece + bytes ? CUT : readLengthRow(state);
    if (status == DONE) continue;
    forgetRow(state);
    store<u32>(state, start, S_CURSOR);
    if (status != CUT) return status;
    store<u32>(state, bytes << 1, S_WANTED);
    return DONE;
  }
  return DONE;
}

/** Reads a chunk's postings, after row `previous` where `isNext`; false where they are no such postings. */
function checkChunk(state: usize, at: usize, used: u32, count: u32, previous: u32, isNext: bool): bool {
  const rows = state + S_BLOCK_ROWS;
  const codes = state + S_BLOCK_CODES;
  const rowCount = load<u32>(state, S_ROW);
  const codeCount = load<u32>(state, S_SIGNATURE_COUNT);
  store<u32>(state, <u32>at, S_CURSOR);
  store<u32>(state, <u32>at + used, S_CURSOR_LEFT);
  let code: u32 = 0;
  for (let i: u32 = 0; i < count; i += 1) {
    const word = next(state);
    const gap = word >> 1;
    if (word & 1) code = next(state);
    if (isCut(state) || (gap == 0 && (isNext || i > 0)) || code >= codeCount) return false;
    previous += gap;
    if (previous >= rowCount) return false;
    store<u32>(rows + (<usize>i << 2), previous);
    store<u32>(codes + (<usize>i << 2), code);
  }
  return load<u32>(state, S_CURSOR) == <u32>at + used;
}

/** Reads a chunk behind row `previous` (`isNext`) and returns its place; 0 where it is none, or cut off. */
function readChunkOf(state: usize, term: usize, previous: u32, isNext: bool): usize {
  const count = next(state);
  const used = next(state);
  const from = step(state, used);
  if (from == 0 || count >= BLOCK_POSTINGS || (count == 0 && !isNext)) return 0;
  const after = load<u32>(state, S_CURSOR);
  const end = load<u32>(state, S_CURSOR_LEFT);
  const isSound = checkChunk(state, from, used, count, previous, isNext);
  store<u32>(state, after, S_CURSOR);
  store<u32>(state, end, S_CURSOR_LEFT);
  if (!isSound) return 0;
  const chunk = allocate(state, chunkBytes(used));
  memory.copy(chunk + K_PAYLOAD, from, <usize>used);
  const last = (<usize>count << 2) - 4;
  store<u32>(chunk, count == 0 ? 0 : load<u32>(state + S_BLOCK_CODES + last), K_LAST_CODE);
  store<u16>(chunk, <u16>used, K_USED);
  store<u16>(chunk, <u16>count, K_COUNT);
  store<u32>(term, count == 0 ? previous : load<u32>(state + S_BLOCK_ROWS + last), R_LAST_ROW);
  store<u32>(state, load<u32>(state, S_POSTING_COUNT) + count, S_POSTING_COUNT);
  return chunk;
}

/** True when the unpacked postings follow row `previous` and are in the index's range. */
function isSoundBlock(state: usize, previous: u32): bool {
  const rowCount = load<u32>(state, S_ROW);
  const codeCount = load<u32>(state, S_SIGNATURE_COUNT);
  for (let i: usize = 0; i < <usize>BLOCK_POSTINGS << 2; i += 4) {
    const row = load<u32>(state + S_BLOCK_ROWS + i);
    if (row >= rowCount || (row <= previous && previous != 0xffff_ffff)) return false;
    if (load<u32>(state + S_BLOCK_CODES + i) >= codeCount) return false;
    previous = row;
  }
  return true;
}

/** Reads the blocks of a long list and its chunk. */
function readLong(state: usize, term: usize): bool {
  const count = next(state);
  if (count == 0) return false;
  const long = newLongList(state, 0);
  store<u32>(term, <u32>long | 2, R_LIST);
  let previous: u32 = 0xffff_ffff;
  for (let b: u32 = 0; b < count; b += 1) {
    const header = step(state, <u32>B_HEADER);
    if (header == 0 || <u32>load<u8>(header) > 32 || <u32>load<u8>(header, 1) > 32) return false;
    const bytes = blockBytes(header);
    if (step(state, bytes - <u32>B_HEADER) == 0) return false;
    unpackRows(header, previous, state + S_BLOCK_ROWS);
    unpackCodes(header, state + S_BLOCK_CODES);
    if (!isSoundBlock(state, previous)) return false;
    const entry = addDirectoryEntry(state, long);
    writeBounds(state, state + S_BLOCK_ROWS, state + S_BLOCK_CODES, entry);
    const block = allocate(state, bytes);
    memory.copy(block, header, <usize>bytes);
    previous = load<u32>(state + S_BLOCK_ROWS + 508);
    store<u32>(entry, previous, D_LAST_ROW);
    store<u32>(entry, <u32>block, D_BLOCK);
  }
  store<u32>(state, load<u32>(state, S_POSTING_COUNT) + count * BLOCK_POSTINGS, S_POSTING_COUNT);
  const chunk = readChunkOf(state, term, previous, true);
  store<u32>(long, <u32>chunk, L_CHUNK);
  return chunk != 0;
}

/** Reads a term's list. */
function readList(state: usize, term: usize): bool {
  const kind = next(state);
  if (kind == 0) return !isCut(state);
  if (kind == 1) {
    const row = next(state);
    const code = next(state);
    if (isCut(state) || row >= load<u32>(state, S_ROW) || code >= load<u32>(state, S_SIGNATURE_COUNT)) return false;
    store<u32>(term, row, R_LAST_ROW);
    store<u32>(term, (code << 1) | 1, R_LIST);
    store<u32>(state, load<u32>(state, S_POSTING_COUNT) + 1, S_POSTING_COUNT);
    return true;
  }
  if (kind == 2) {
    const chunk = readChunkOf(state, term, 0, false);
    store<u32>(term, <u32>chunk, R_LIST);
    return chunk != 0;
  }
  return kind == 3 && readLong(state, term);
}

/** Reads an alias's term, and adds the alias. */
function readAlias(state: usize, text: usize, length: u32, hash: u32): i32 {
  const termLength = next(state);
  const term = step(state, termLength);
  if (isCut(state)) return BROKEN;
  const target = findRecord(state, term, termLength, hashOf(term, termLength), AS_TERM);
  if (target == 0) return BROKEN;
  insertAlias(state, text, length, hash, target);
  return DONE;
}

/** Reads the record of `bytes` bytes at `record`. */
function readRecord(state: usize, record: usize, bytes: u32): i32 {
  store<u32>(state, <u32>record, S_CURSOR);
  store<u32>(state, <u32>record + bytes, S_CURSOR_LEFT);
  const head = next(state);
  const length = head >> 2;
  const kind = head & 3;
  const text = step(state, length);
  if (isCut(state) || length > TEXT_BYTES_MAX) return BROKEN;
  const hash = hashOf(text, length);
  if (!hasRoom(state, (bytes << PLACES_SHIFT) + FIXED_BYTES + recordRoom(state, length, hash))) return NEED_ROOM;
  if (kind != 2 && findRecord(state, text, length, hash, AS_RAW) != 0) return BROKEN;
  if (kind == 0) {
    insertAlias(state, text, length, hash, 0);
  } else if (kind == 1) {
    if (readAlias(state, text, length, hash) != DONE) return BROKEN;
  } else {
    if (findRecord(state, text, length, hash, AS_TERM) != 0) return BROKEN;
    const term = insertTerm(state, text, length, hash);
    if (kind == 3) store<u32>(term, load<u32>(term) | IS_RAW);
    if (!readList(state, term)) return BROKEN;
  }
  return load<u32>(state, S_CURSOR) == <u32>record + bytes ? DONE : BROKEN;
}

/**
 * Takes in the whole records of a piece: `DONE`, `NEED_ROOM` or `BROKEN`. The bytes that were taken in end at
 * `S_CURSOR`; where that is before all of them, `S_WANTED` is what the next piece must have at least.
 */
export function readTermSection(state: usize, piece: usize, bytes: u32): i32 {
  const end = <u32>piece + bytes;
  let at = <u32>piece;
  let status = DONE;
  store<u32>(state, 0, S_WANTED);
  while (at < end) {
    store<u32>(state, at, S_CURSOR);
    store<u32>(state, end, S_CURSOR_LEFT);
    const size = next(state);
    if (isCut(state)) {
      store<u32>(state, end - at + 1, S_WANTED);
      break;
    }
    const record = load<u32>(state, S_CURSOR);
    if (size > RECORD_BYTES_MAX) return BROKEN;
    if (end - record < size) {
      store<u32>(state, size + 5, S_WANTED);
      break;
    }
    status = readRecord(state, <usize>record, size);
    if (status != DONE) break;
    at = record + size;
  }
  store<u32>(state, at, S_CURSOR);
  return status;
}
