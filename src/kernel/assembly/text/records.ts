/**
 * Which term is meant by a text?
 *
 * Records of distinct texts, found by hash: 64 tables by the hash's low bits, each grown alone, so that no insertion
 * takes long. A slot holds a record's address with two bits of the hash in its two lowest bits. A text may have two
 * records: as a term, and as a raw token that stands for another term.
 */
import { allocate, hasRoom, release } from "./allocate";
import {
  ALIAS_TEXT,
  IS_RAW,
  IS_TERM,
  R_LAST_ROW,
  R_LIST,
  R_TARGET,
  RECORD_PAGE_BYTES,
  RECORD_PAGE_HEADER,
  ROW_NONE,
  S_ALIAS_COUNT,
  S_FIRST_RECORD_PAGE,
  S_RECORD_PAGE,
  S_SUBTABLES,
  S_TERM_COUNT,
  SUBTABLES,
  TERM_TEXT,
} from "./layout";

/** Slots of the first table at first; others begin with up to half as many more, so that they grow at other times. */
const FIRST_SLOTS: u32 = 16;
const FIRST_SLOTS_MAX: u32 = 24;
/** A table: address of the slots, their number, records in them. */
const SUBTABLE_BYTES: u32 = 12;

/** Start and step of the hash; the scanner computes it while it looks for a token's end. */
export const HASH_START: u32 = 0x811c_9dc5;
// @ts-ignore: decorator
@inline
export function hashStep(hash: u32, byte: u32): u32 {
  return (hash ^ byte) * 0x0100_0193;
}

// @ts-ignore: decorator
@inline
export function hashEnd(hash: u32): u32 {
  hash ^= hash >> 15;
  hash *= 0x2c1b_3c6d;
  hash ^= hash >> 12;
  hash *= 0x297a_2d39;
  return hash ^ (hash >> 15);
}

export function hashOf(text: usize, length: u32): u32 {
  let hash = HASH_START;
  const end = text + length;
  for (let at = text; at < end; at += 1) hash = hashStep(hash, load<u8>(at));
  return hashEnd(hash);
}

// @ts-ignore: decorator
@inline
export function textOf(record: usize): usize {
  return record + (load<u32>(record) & IS_TERM ? TERM_TEXT : ALIAS_TEXT);
}

// @ts-ignore: decorator
@inline
export function lengthOf(record: usize): u32 {
  return load<u32>(record) >> 8;
}

/** Bytes of a record of a text of `length` bytes. */
// @ts-ignore: decorator
@inline
export function recordBytes(head: u32): u32 {
  return <u32>(head & IS_TERM ? TERM_TEXT : ALIAS_TEXT) + (((head >> 8) + 3) & ~3);
}

// @ts-ignore: decorator
@inline
export function equalBytes(a: usize, b: usize, length: u32): bool {
  while (length >= 4) {
    if (load<u32>(a) != load<u32>(b)) return false;
    a += 4;
    b += 4;
    length -= 4;
  }
  while (length > 0) {
    if (load<u8>(a) != load<u8>(b)) return false;
    a += 1;
    b += 1;
    length -= 1;
  }
  return true;
}

/** The same where `b` is letters and digits of any case, and `a` is lower case. */
// @ts-ignore: decorator
@inline
export function equalFolded(a: usize, b: usize, length: u32): bool {
  while (length >= 4) {
    if (load<u32>(a) != (load<u32>(b) | 0x2020_2020)) return false;
    a += 4;
    b += 4;
    length -= 4;
  }
  while (length > 0) {
    if (<u32>load<u8>(a) != (<u32>load<u8>(b) | 0x20)) return false;
    a += 1;
    b += 1;
    length -= 1;
  }
  return true;
}

// @ts-ignore: decorator
@inline
function firstSlot(hash: u32, capacity: u32): u32 {
  return <u32>((<u64>hash * <u64>capacity) >> 32);
}

// @ts-ignore: decorator
@inline
function subtableOf(state: usize, hash: u32): usize {
  return state + S_SUBTABLES + <usize>((hash & (SUBTABLES - 1)) * SUBTABLE_BYTES);
}

/** What a text is looked up as. */
export const AS_RAW: u32 = 0;
export const AS_TERM: u32 = 1;
/** A raw token of ASCII letters and digits, whose case does not matter. */
export const AS_WORD: u32 = 2;

/** The record that answers for a raw token, or is a term; 0 for none. */
// @ts-ignore: decorator
@inline
export function findRecord(state: usize, text: usize, length: u32, hash: u32, role: u32): usize {
  const table = subtableOf(state, hash);
  const slots = <usize>load<u32>(table);
  const capacity = load<u32>(table, 4);
  if (capacity == 0) return 0;
  const tag = (hash >> 6) & 3;
  let slot = firstSlot(hash, capacity);
  while (true) {
    const word = load<u32>(slots + (<usize>slot << 2));
    if (word == 0) return 0;
    if ((word & 3) == tag) {
      const record = <usize>(word & ~3);
      const head = load<u32>(record);
      if (head >> 8 == length) {
        const fits = role == AS_TERM ? (head & IS_TERM) != 0 : head & IS_TERM ? (head & IS_RAW) != 0 : true;
        const known = textOf(record);
        if (!fits) {
          // The other record of this text.
        } else if (role == AS_WORD ? equalFolded(known, text, length) : equalBytes(known, text, length)) {
          return record;
        }
      }
    }
    slot += 1;
    if (slot == capacity) slot = 0;
  }
}

function putSlot(slots: usize, capacity: u32, hash: u32, record: usize): void {
  let slot = firstSlot(hash, capacity);
  while (load<u32>(slots + (<usize>slot << 2)) != 0) {
    slot += 1;
    if (slot == capacity) slot = 0;
  }
  store<u32>(slots + (<usize>slot << 2), <u32>record | ((hash >> 6) & 3));
}

/** Makes a subtable half as large again. */
function growSubtable(state: usize, table: usize): void {
  const slots = <usize>load<u32>(table);
  const capacity = load<u32>(table, 4);
  const index = <u32>(table - state - S_SUBTABLES) / SUBTABLE_BYTES;
  const first = FIRST_SLOTS + (index * (FIRST_SLOTS_MAX - FIRST_SLOTS)) / SUBTABLES;
  const larger = capacity == 0 ? first : capacity + (capacity >> 1);
  const place = allocate(state, larger << 2);
  memory.fill(place, 0, <usize>larger << 2);
  for (let i: u32 = 0; i < capacity; i += 1) {
    const word = load<u32>(slots + (<usize>i << 2));
    if (word == 0) continue;
    const record = <usize>(word & ~3);
    putSlot(place, larger, hashOf(textOf(record), lengthOf(record)), record);
  }
  if (capacity > 0) release(state, slots, capacity << 2);
  store<u32>(table, <u32>place);
  store<u32>(table, larger, 4);
}

/** A place for a record in the last page, or in a new one. */
function placeRecord(state: usize, bytes: u32): usize {
  const page = <usize>load<u32>(state, S_RECORD_PAGE);
  if (page != 0) {
    const end = load<u32>(page, 4);
    const room = load<u32>(page, 8);
    if (end + bytes <= room) {
      store<u32>(page, end + bytes, 4);
      return <usize>end;
    }
  }
  const size = max<u32>(RECORD_PAGE_BYTES, bytes + RECORD_PAGE_HEADER);
  const fresh = allocate(state, size);
  store<u32>(fresh, 0);
  store<u32>(fresh, <u32>fresh + size, 8);
  if (page == 0) store<u32>(state, <u32>fresh, S_FIRST_RECORD_PAGE);
  else store<u32>(page, <u32>fresh);
  store<u32>(state, <u32>fresh, S_RECORD_PAGE);
  const record = fresh + RECORD_PAGE_HEADER;
  store<u32>(fresh, <u32>record + bytes, 4);
  return record;
}

/** Bytes of room that an insertion of a text of `length` bytes may take. */
export function recordRoom(state: usize, length: u32, hash: u32): u32 {
  const table = subtableOf(state, hash);
  return RECORD_PAGE_BYTES + length + 64 + 8 * (load<u32>(table, 4) + FIRST_SLOTS_MAX);
}

// @ts-ignore: decorator
@inline
export function hasRecordRoom(state: usize, length: u32, hash: u32): bool {
  return hasRoom(state, recordRoom(state, length, hash));
}

function insertRecord(state: usize, text: usize, length: u32, hash: u32, flags: u32): usize {
  const table = subtableOf(state, hash);
  const count = load<u32>(table, 8);
  if (count * 5 >= load<u32>(table, 4) << 2) growSubtable(state, table);
  const head = (length << 8) | flags;
  const record = placeRecord(state, recordBytes(head));
  store<u32>(record, head);
  memory.copy(record + (flags & IS_TERM ? TERM_TEXT : ALIAS_TEXT), text, <usize>length);
  putSlot(<usize>load<u32>(table), load<u32>(table, 4), hash, record);
  store<u32>(table, count + 1, 8);
  return record;
}

/** Inserts a term; ask `findRecord` and `hasRecordRoom` first. */
export function insertTerm(state: usize, text: usize, length: u32, hash: u32): usize {
  const record = insertRecord(state, text, length, hash, IS_TERM);
  store<u32>(record, ROW_NONE, R_LAST_ROW);
  store<u32>(record, 0, R_LIST);
  store<u32>(state, load<u32>(state, S_TERM_COUNT) + 1, S_TERM_COUNT);
  return record;
}

/** Inserts a raw token that stands for the term at `target` (0: for none). */
export function insertAlias(state: usize, text: usize, length: u32, hash: u32, target: usize): usize {
  const record = insertRecord(state, text, length, hash, 0);
  store<u32>(record, <u32>target, R_TARGET);
  store<u32>(state, load<u32>(state, S_ALIAS_COUNT) + 1, S_ALIAS_COUNT);
  return record;
}
