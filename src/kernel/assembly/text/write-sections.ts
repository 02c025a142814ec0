/**
 * How does an index become bytes?
 *
 * Lengths: each row as in a page of lengths, without pages. Terms: one record after the other, in the order of their
 * insertion, so that an alias comes after its term. A record is a varint of the bytes that follow, and
 * - varint: length << 2 | kind (0 a stop word, 1 an alias, 2 a term, 3 a term that is its own raw token), the text;
 * - of an alias: varint length of the term, the term;
 * - of a term: varint kind of list, then 0: nothing; 1: varint row, varint code; 2: a chunk; 3: varint number of
 *   blocks, the blocks as they are, a chunk. A chunk is varint postings, varint bytes, the bytes as they are.
 */
import { blockBytes } from "./blocks";
import {
  D_BLOCK,
  DIRECTORY_SHIFT,
  IS_RAW,
  IS_TERM,
  K_COUNT,
  K_PAYLOAD,
  K_USED,
  L_BLOCKS,
  L_CHUNK,
  L_DIRECTORY,
  LENGTH_PAGE_HEADER,
  P_END,
  P_NEXT,
  P_ROWS,
  P_SOLE,
  R_LAST_ROW,
  R_LIST,
  R_TARGET,
  RECORD_PAGE_HEADER,
  S_CURSOR,
  S_CURSOR_PAGE,
  S_CURSOR_ROW,
  S_FIRST_LENGTH_PAGE,
  S_FIRST_RECORD_PAGE,
  S_WANTED,
} from "./layout";
import { lengthOfRow } from "./lengths";
import { lengthOf, recordBytes, textOf } from "./records";
import { signatureOf } from "./signatures";
import { writeVarint } from "./varint";

/** Bytes of a row's lengths where one field alone has text. */
const SOLE_ROW_BYTES: u32 = 10;
/** Bytes of a varint at most. */
const NUMBER_BYTES: usize = 5;

/** Goes back to the first page of lengths. */
export function beginLengths(state: usize): void {
  store<u32>(state, load<u32>(state, S_FIRST_LENGTH_PAGE), S_CURSOR_PAGE);
  store<u32>(state, 0, S_CURSOR);
  store<u32>(state, 0, S_CURSOR_ROW);
}

/** Writes more rows into `room` bytes, returns how many bytes; 0 and nothing wanted: all is written. */
export function writeLengthSection(state: usize, to: usize, room: u32): u32 {
  let page = <usize>load<u32>(state, S_CURSOR_PAGE);
  let read = load<u32>(state, S_CURSOR);
  let row = load<u32>(state, S_CURSOR_ROW);
  let at = to;
  store<u32>(state, 0, S_WANTED);
  while (page != 0) {
    const rows = load<u32>(page, P_ROWS);
    const sole = load<u32>(page, P_SOLE);
    if (sole == 0) {
      const bytes = load<u32>(page, P_END) - <u32>LENGTH_PAGE_HEADER;
      if (<u32>(at - to) + bytes > room) {
        store<u32>(state, bytes, S_WANTED);
        break;
      }
      memory.copy(at, page + LENGTH_PAGE_HEADER, <usize>bytes);
      at += <usize>bytes;
      row += rows;
    } else {
      for (; read < rows && <u32>(at - to) + SOLE_ROW_BYTES <= room; read += 1) {
        const length = lengthOfRow(state, row);
        at = writeVarint(at, length == 0 ? 0 : signatureOf(state, 0, sole - 1, 1) + 1);
        if (length > 0) at = writeVarint(at, length);
        row += 1;
      }
      if (read < rows) {
        store<u32>(state, SOLE_ROW_BYTES, S_WANTED);
        break;
      }
    }
    page = <usize>load<u32>(page, P_NEXT);
    read = 0;
  }
  store<u32>(state, <u32>page, S_CURSOR_PAGE);
  store<u32>(state, read, S_CURSOR);
  store<u32>(state, row, S_CURSOR_ROW);
  return <u32>(at - to);
}

/** Bytes that a record takes in the section, at most. */
function sectionBytes(record: usize): u32 {
  const head = load<u32>(record);
  const bytes = lengthOf(record) + 40;
  if (!(head & IS_TERM)) {
    const target = <usize>load<u32>(record, R_TARGET);
    return target == 0 ? bytes : bytes + lengthOf(target);
  }
  const list = load<u32>(record, R_LIST);
  if (list == 0 || list & 1) return bytes;
  if (!(list & 2)) return bytes + <u32>load<u16>(<usize>list, K_USED);
  const long = <usize>(list & ~3);
  let sum = bytes + <u32>load<u16>(<usize>load<u32>(long, L_CHUNK), K_USED);
  const count = load<u32>(long, L_BLOCKS);
  const directory = <usize>load<u32>(long, L_DIRECTORY);
  for (let b: u32 = 0; b < count; b += 1) {
    sum += blockBytes(<usize>load<u32>(directory + (<usize>b << DIRECTORY_SHIFT), D_BLOCK));
  }
  return sum;
}

function writeBytes(at: usize, from: usize, bytes: u32): usize {
  memory.copy(at, from, <usize>bytes);
  return at + <usize>bytes;
}

function writeChunk(at: usize, chunk: usize): usize {
  const used = <u32>load<u16>(chunk, K_USED);
  at = writeVarint(at, <u32>load<u8>(chunk, K_COUNT));
  at = writeVarint(at, used);
  return writeBytes(at, chunk + K_PAYLOAD, used);
}

function writeList(at: usize, term: usize): usize {
  const list = load<u32>(term, R_LIST);
  if (list == 0) return writeVarint(at, 0);
  if (list & 1) return writeVarint(writeVarint(writeVarint(at, 1), load<u32>(term, R_LAST_ROW)), list >> 1);
  if (!(list & 2)) return writeChunk(writeVarint(at, 2), <usize>list);
  const long = <usize>(list & ~3);
  const count = load<u32>(long, L_BLOCKS);
  const directory = <usize>load<u32>(long, L_DIRECTORY);
  at = writeVarint(writeVarint(at, 3), count);
  for (let b: u32 = 0; b < count; b += 1) {
    const block = <usize>load<u32>(directory + (<usize>b << DIRECTORY_SHIFT), D_BLOCK);
    at = writeBytes(at, block, blockBytes(block));
  }
  return writeChunk(at, <usize>load<u32>(long, L_CHUNK));
}

function writeBody(at: usize, record: usize): usize {
  const head = load<u32>(record);
  const length = lengthOf(record);
  if (head & IS_TERM) {
    at = writeVarint(at, (length << 2) | (head & IS_RAW ? 3 : 2));
    return writeList(writeBytes(at, textOf(record), length), record);
  }
  const target = <usize>load<u32>(record, R_TARGET);
  at = writeBytes(writeVarint(at, (length << 2) | (target == 0 ? 0 : 1)), textOf(record), length);
  return target == 0 ? at : writeBytes(writeVarint(at, lengthOf(target)), textOf(target), lengthOf(target));
}

/** Writes a record behind its number of bytes. */
function writeRecord(at: usize, record: usize): usize {
  const body = at + NUMBER_BYTES;
  const bytes = <u32>(writeBody(body, record) - body);
  const place = writeVarint(at, bytes);
  memory.copy(place, body, <usize>bytes);
  return place + <usize>bytes;
}

/** Goes back to the first record. */
export function beginTerms(state: usize): void {
  const page = load<u32>(state, S_FIRST_RECORD_PAGE);
  store<u32>(state, page, S_CURSOR_PAGE);
  store<u32>(state, page + RECORD_PAGE_HEADER, S_CURSOR);
}

/** Writes more records into `room` bytes, returns how many bytes; 0 and nothing wanted: all is written. */
export function writeTermSection(state: usize, to: usize, room: u32): u32 {
  let page = <usize>load<u32>(state, S_CURSOR_PAGE);
  let record = <usize>load<u32>(state, S_CURSOR);
  let at = to;
  store<u32>(state, 0, S_WANTED);
  while (page != 0 && load<u32>(state, S_WANTED) == 0) {
    const end = <usize>load<u32>(page, 4);
    while (record < end) {
      const bytes = sectionBytes(record);
      if (<u32>(at - to) + bytes > room) {
        store<u32>(state, bytes, S_WANTED);
        break;
      }
      at = writeRecord(at, record);
      record += <usize>recordBytes(load<u32>(record));
    }
    if (record < end) continue;
    page = <usize>load<u32>(page, P_NEXT);
    record = page + RECORD_PAGE_HEADER;
  }
  store<u32>(state, <u32>page, S_CURSOR_PAGE);
  store<u32>(state, <u32>record, S_CURSOR);
  return <u32>(at - to);
}
