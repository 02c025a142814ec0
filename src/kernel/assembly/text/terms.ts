/**
 * How does the owner of an index look terms up and add them?
 */
import {
  DONE,
  IS_RAW,
  IS_TERM,
  NEED_ROOM,
  NEW_TOKEN,
  P_NEXT,
  R_TARGET,
  RECORD_PAGE_HEADER,
  S_CURSOR,
  S_CURSOR_PAGE,
  TERM_TEXT,
  TEXT_BYTES_MAX,
} from "./layout";
import {
  AS_RAW,
  AS_TERM,
  equalBytes,
  findRecord,
  hashOf,
  hasRecordRoom,
  insertAlias,
  insertTerm,
  lengthOf,
  recordBytes,
} from "./records";
import { addTerm, hasTermRoom } from "./rows";

/** The term's record, 0 for none. */
export function findTerm(state: usize, text: usize, length: u32): usize {
  return findRecord(state, text, length, hashOf(text, length), AS_TERM);
}

/**
 * Notes that a raw token stands for a term; `termLength` 0: for none. The token is not known yet. `NEED_ROOM`: nothing
 * was changed that a second call would not find.
 */
export function learnToken(state: usize, raw: usize, length: u32, text: usize, termLength: u32): i32 {
  const rawHash = hashOf(raw, length);
  if (termLength == 0 || termLength > TEXT_BYTES_MAX) {
    if (!hasRecordRoom(state, length, rawHash)) return NEED_ROOM;
    insertAlias(state, raw, length, rawHash, 0);
    return DONE;
  }
  const hash = hashOf(text, termLength);
  let term = findRecord(state, text, termLength, hash, AS_TERM);
  if (term == 0) {
    if (!hasRecordRoom(state, termLength, hash)) return NEED_ROOM;
    term = insertTerm(state, text, termLength, hash);
  }
  if (termLength == length && equalBytes(raw, text, length)) {
    store<u32>(term, load<u32>(term) | IS_RAW);
    return DONE;
  }
  if (!hasRecordRoom(state, length, rawHash)) return NEED_ROOM;
  insertAlias(state, raw, length, rawHash, term);
  return DONE;
}

/** Takes in a raw token of the present row: `DONE`, `NEW_TOKEN` or `NEED_ROOM`. */
export function addToken(state: usize, raw: usize, length: u32, field: u32): i32 {
  if (length > TEXT_BYTES_MAX) return DONE;
  let record = findRecord(state, raw, length, hashOf(raw, length), AS_RAW);
  if (record == 0) return NEW_TOKEN;
  if (!hasTermRoom(state)) return NEED_ROOM;
  if (!(load<u32>(record) & IS_TERM)) {
    record = <usize>load<u32>(record, R_TARGET);
    if (record == 0) return DONE;
  }
  addTerm(state, record, field);
  return DONE;
}

/** Writes up to `most` terms that begin with a text and returns their number; fewer than `most`: there are no more. */
export function nextTerms(state: usize, prefix: usize, length: u32, to: usize, most: u32): u32 {
  let page = <usize>load<u32>(state, S_CURSOR_PAGE);
  let record = <usize>load<u32>(state, S_CURSOR);
  let found: u32 = 0;
  while (page != 0) {
    const end = <usize>load<u32>(page, 4);
    while (record < end && found < most) {
      const head = load<u32>(record);
      if (head & IS_TERM && lengthOf(record) >= length && equalBytes(record + TERM_TEXT, prefix, length)) {
        store<u32>(to + (<usize>found << 2), <u32>record);
        found += 1;
      }
      record += <usize>recordBytes(head);
    }
    if (found == most) break;
    page = <usize>load<u32>(page, P_NEXT);
    record = page + RECORD_PAGE_HEADER;
  }
  store<u32>(state, <u32>page, S_CURSOR_PAGE);
  store<u32>(state, <u32>record, S_CURSOR);
  return found;
}
