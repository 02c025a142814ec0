/**
 * Which tokens stand in which fields of a row?
 *
 * Goes over the row's JSON once. Strings of ASCII characters are cut into runs of letters and digits here, whose case
 * does not matter: they are looked up in lower case (bit 5, which digits have anyway). Strings with other characters,
 * or with \u escapes, are left to the caller. Whenever the caller is needed (`NEW_TOKEN`, `NEW_KEY`, `OTHER_STRING`,
 * `NEED_ROOM`) the position is kept and the next call goes on there. The JSON is known to be valid; where it is not,
 * anything may be found in it, but nothing outside it is read.
 */
import {
  DONE,
  IS_TERM,
  N_FLAGS,
  NEED_ROOM,
  NEW_KEY,
  NEW_TOKEN,
  NODE_INDEXED,
  NODE_SKIPPED,
  OTHER_STRING,
  R_TARGET,
  S_CURRENT_NODE,
  S_DEPTH,
  S_ENDS,
  S_ENDS_LEFT,
  S_INPUT,
  S_NODE,
  S_POSITION,
  S_ROW_END,
  S_STACK,
  S_STRING_END,
  S_TEXT,
  S_TEXT_LENGTH,
  S_WANTS_KEY,
  STACK_DEPTH,
  TEXT_BYTES_MAX,
} from "./layout";
import { findNode, nodeAt } from "./nodes";
import { AS_WORD, findRecord, HASH_START, hashEnd, hashStep } from "./records";
import { addTerm, finishRow, hasTermRoom } from "./rows";

const QUOTE: u32 = 0x22;
const BACKSLASH: u32 = 0x5c;
const DOT: u32 = 0x2e;

// @ts-ignore: decorator
@inline
function isWordByte(byte: u32): bool {
  return (byte | 32) - 97 < 26 || byte - 48 < 10;
}

/** The next quote or backslash from `at` on, or `end`. */
// @ts-ignore: decorator
@inline
function quoteOrSlash(at: usize, end: usize): usize {
  const quotes = i8x16.splat(<i8>QUOTE);
  const slashes = i8x16.splat(<i8>BACKSLASH);
  for (; at + 16 <= end; at += 16) {
    const bytes = v128.load(at);
    const found = i8x16.bitmask(v128.or(i8x16.eq(bytes, quotes), i8x16.eq(bytes, slashes)));
    if (found != 0) return at + <usize>ctz(found);
  }
  while (at < end && <u32>load<u8>(at) != QUOTE && <u32>load<u8>(at) != BACKSLASH) at += 1;
  return at;
}

/** The closing quote of a string that begins at `at`, or `end`. */
function closingQuote(at: usize, end: usize): usize {
  at = quoteOrSlash(at, end);
  while (at < end && <u32>load<u8>(at) == BACKSLASH) at = quoteOrSlash(at + 2, end);
  return min(at, end);
}

/** True when the string's text is the caller's: a byte above 127, or a \u escape. */
function isOther(at: usize, end: usize): bool {
  let hasSlash = false;
  const start = at;
  const slashes = i8x16.splat(<i8>BACKSLASH);
  while (at + 16 <= end) {
    const bytes = v128.load(at);
    if (i8x16.bitmask(bytes) != 0) return true;
    hasSlash = hasSlash || v128.any_true(i8x16.eq(bytes, slashes));
    at += 16;
  }
  for (; at < end; at += 1) {
    const byte = <u32>load<u8>(at);
    if (byte > 127) return true;
    hasSlash = hasSlash || byte == BACKSLASH;
  }
  if (!hasSlash) return false;
  for (at = start; at + 1 < end; at += 1) {
    if (<u32>load<u8>(at) != BACKSLASH) continue;
    if (<u32>load<u8>(at, 1) == 0x75) return true;
    at += 1;
  }
  return false;
}

/** Takes in the tokens of the ASCII string between `at` and `end`. */
function readTokens(state: usize, at: usize, end: usize, field: u32): i32 {
  while (true) {
    while (at < end) {
      const byte = <u32>load<u8>(at);
      if (isWordByte(byte)) break;
      at += byte == BACKSLASH ? 2 : 1;
    }
    if (at >= end) break;
    const start = at;
    let hash = HASH_START;
    while (at < end) {
      const byte = <u32>load<u8>(at);
      if (!isWordByte(byte)) break;
      hash = hashStep(hash, byte | 32);
      at += 1;
    }
    const length = <u32>(at - start);
    if (length > TEXT_BYTES_MAX) continue;
    let record = findRecord(state, start, length, hashEnd(hash), AS_WORD);
    if (record == 0 || !hasTermRoom(state)) {
      store<u32>(state, <u32>start, S_POSITION);
      store<u32>(state, <u32>start, S_TEXT);
      store<u32>(state, length, S_TEXT_LENGTH);
      return record == 0 ? NEW_TOKEN : NEED_ROOM;
    }
    if (!(load<u32>(record) & IS_TERM)) {
      record = <usize>load<u32>(record, R_TARGET);
      if (record == 0) continue;
    }
    addTerm(state, record, field);
  }
  store<u32>(state, <u32>(end + 1), S_POSITION);
  store<u32>(state, 0, S_STRING_END);
  return DONE;
}

/** Begins the next row of the input. */
function beginRow(state: usize): void {
  const ends = <usize>load<u32>(state, S_ENDS);
  store<u32>(state, load<u32>(state, S_INPUT) + load<u32>(ends), S_ROW_END);
  store<u32>(state, 0, S_DEPTH);
  store<u32>(state, 0, S_WANTS_KEY);
  store<u32>(state, 0, S_STRING_END);
  store<u32>(state, 0, S_CURRENT_NODE);
}

/** A value's string: skipped, read, or left to the caller. `at` is behind the quote. */
function readString(state: usize, at: usize, rowEnd: usize, node: u32): i32 {
  const end = closingQuote(at, rowEnd);
  store<u32>(state, <u32>(end + 1), S_POSITION);
  if (node == NODE_SKIPPED || !(load<u32>(nodeAt(state, node), N_FLAGS) & NODE_INDEXED)) return DONE;
  if (isOther(at, end)) {
    store<u32>(state, <u32>(at - 1), S_TEXT);
    store<u32>(state, <u32>(end + 1 - at + 1), S_TEXT_LENGTH);
    store<u32>(state, node, S_NODE);
    return end == rowEnd ? DONE : OTHER_STRING;
  }
  store<u32>(state, <u32>end, S_STRING_END);
  return readTokens(state, at, end, node);
}

/** True when an unknown key is a field: under an indexed one, or it goes on, behind a dot, from a key that is one. */
function isCovered(state: usize, parent: u32, at: usize, end: usize): bool {
  if (load<u32>(nodeAt(state, parent), N_FLAGS) & NODE_INDEXED) return true;
  for (let dot = at; dot < end; dot += 1) {
    if (<u32>load<u8>(dot) != DOT) continue;
    const node = findNode(state, parent, at, <u32>(dot - at));
    if (node != NODE_SKIPPED && load<u32>(nodeAt(state, node), N_FLAGS) & NODE_INDEXED) return true;
  }
  return false;
}

/** The node that a key leads to; `at` is behind the quote, `end` is the closing one. */
function readKey(state: usize, at: usize, end: usize, parent: u32): i32 {
  let node: u32 = NODE_SKIPPED;
  if (parent != NODE_SKIPPED) {
    node = findNode(state, parent, at, <u32>(end - at));
    if (node == NODE_SKIPPED && isCovered(state, parent, at, end)) {
      store<u32>(state, <u32>(at - 1), S_POSITION);
      store<u32>(state, <u32>at, S_TEXT);
      store<u32>(state, <u32>(end - at), S_TEXT_LENGTH);
      store<u32>(state, parent, S_NODE);
      return NEW_KEY;
    }
  }
  store<u32>(state, node, S_CURRENT_NODE);
  store<u32>(state, 0, S_WANTS_KEY);
  store<u32>(state, <u32>(end + 1), S_POSITION);
  return DONE;
}

// @ts-ignore: decorator
@inline
function stackAt(state: usize, depth: u32): usize {
  return state + S_STACK + (<usize>min<u32>(depth, STACK_DEPTH - 1) << 2);
}

/** The next quote, comma, bracket or brace from `at` on, or the end. */
// @ts-ignore: decorator
@inline
function nextMark(at: usize, end: usize): usize {
  for (; at < end; at += 1) {
    const byte = <u32>load<u8>(at);
    if (byte == QUOTE || byte == 0x2c || (byte | 32) == 0x7b || (byte | 32) == 0x7d) return at;
  }
  return end;
}

/** Reads on in the row until its end or until the caller is needed. */
function readRow(state: usize): i32 {
  const rowEnd = <usize>load<u32>(state, S_ROW_END);
  if (load<u32>(state, S_STRING_END) != 0) {
    const end = <usize>load<u32>(state, S_STRING_END);
    const status = readTokens(state, <usize>load<u32>(state, S_POSITION), end, load<u32>(state, S_CURRENT_NODE));
    if (status != DONE) return status;
  }
  while (true) {
    const at = nextMark(<usize>load<u32>(state, S_POSITION), rowEnd);
    if (at >= rowEnd) return DONE;
    const byte = <u32>load<u8>(at);
    store<u32>(state, <u32>(at + 1), S_POSITION);
    const depth = load<u32>(state, S_DEPTH);
    const top = load<u32>(stackAt(state, depth));
    if (byte == QUOTE) {
      const isKey = load<u32>(state, S_WANTS_KEY) != 0;
      const status = isKey
        ? readKey(state, at + 1, closingQuote(at + 1, rowEnd), top >> 1)
        : readString(state, at + 1, rowEnd, load<u32>(state, S_CURRENT_NODE));
      if (status != DONE) return status;
    } else if (byte == 0x2c) {
      store<u32>(state, depth > 0 ? top & 1 : 0, S_WANTS_KEY);
    } else if ((byte | 32) == 0x7b) {
      const isObject: u32 = byte == 0x7b ? 1 : 0;
      store<u32>(state, depth + 1, S_DEPTH);
      const node = depth + 2 >= STACK_DEPTH ? NODE_SKIPPED : load<u32>(state, S_CURRENT_NODE);
      store<u32>(stackAt(state, depth + 1), (node << 1) | isObject);
      store<u32>(state, node, S_CURRENT_NODE);
      store<u32>(state, isObject, S_WANTS_KEY);
    } else {
      const below = depth > 0 ? depth - 1 : 0;
      store<u32>(state, below, S_DEPTH);
      store<u32>(state, 0, S_WANTS_KEY);
      store<u32>(state, below > 0 ? load<u32>(stackAt(state, below)) >> 1 : 0, S_CURRENT_NODE);
    }
  }
}

/** Describes the input: `count` rows whose ends, relative to `input`, lie at `ends`. */
export function beginInput(state: usize, input: usize, ends: usize, count: u32): void {
  store<u32>(state, <u32>input, S_INPUT);
  store<u32>(state, <u32>input, S_POSITION);
  store<u32>(state, <u32>ends, S_ENDS);
  store<u32>(state, count, S_ENDS_LEFT);
  if (count > 0) beginRow(state);
}

/** Reads the rows of the input; see the header for what it returns. */
export function readRows(state: usize): i32 {
  while (load<u32>(state, S_ENDS_LEFT) > 0) {
    const status = readRow(state);
    if (status != DONE) return status;
    if (finishRow(state) != DONE) return NEED_ROOM;
    store<u32>(state, load<u32>(state, S_ENDS) + 4, S_ENDS);
    store<u32>(state, load<u32>(state, S_ENDS_LEFT) - 1, S_ENDS_LEFT);
    store<u32>(state, load<u32>(state, S_ROW_END), S_POSITION);
    if (load<u32>(state, S_ENDS_LEFT) > 0) beginRow(state);
  }
  return DONE;
}
