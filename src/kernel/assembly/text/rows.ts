/**
 * What does the row that is being read add to the index?
 *
 * Its terms are gathered as entries, one a distinct term, found again through the term's record; when the row ends, its
 * lengths are written and every entry becomes a posting. Both can stop for want of room and go on later.
 */
import { allocate, hasRoom, release } from "./allocate";
import {
  DONE,
  E_BASE,
  E_FIELD,
  E_PREVIOUS,
  E_RECORD,
  E_RUN,
  ENTRY_BYTES,
  N_ROW_LENGTH,
  NEED_ROOM,
  R_LAST_ROW,
  ROW_NONE,
  ROW_OPEN,
  S_ENTRIES,
  S_ENTRY_CAPACITY,
  S_ENTRY_COUNT,
  S_FLUSHED,
  S_LENGTH_SHIFT,
  S_LENGTHS,
  S_PHASE,
  S_ROW,
  S_ROW_FIELD_COUNT,
  S_ROW_FIELDS,
  S_ROWS_WITH_TEXT,
  S_TOTAL_LENGTH,
} from "./layout";
import { addSoleRow, endLengths, hasRowPlace, lengthPlace, storeLength } from "./lengths";
import { addPosting, hasPostingRoom } from "./lists";
import { nodeAt } from "./nodes";
import { hasSignatureRoom, signatureOf } from "./signatures";
import { writeVarint } from "./varint";

const FIRST_ENTRIES: u32 = 256;

function growEntries(state: usize): bool {
  const capacity = load<u32>(state, S_ENTRY_CAPACITY);
  const larger = capacity == 0 ? FIRST_ENTRIES : capacity << 1;
  if (!hasRoom(state, larger * <u32>ENTRY_BYTES)) return false;
  const place = allocate(state, larger * <u32>ENTRY_BYTES);
  if (capacity > 0) {
    const old = <usize>load<u32>(state, S_ENTRIES);
    memory.copy(place, old, <usize>capacity * ENTRY_BYTES);
    release(state, old, capacity * <u32>ENTRY_BYTES);
  }
  store<u32>(state, <u32>place, S_ENTRIES);
  store<u32>(state, larger, S_ENTRY_CAPACITY);
  return true;
}

/** True when one more term can be taken in; asked before each `addTerm`. */
// @ts-ignore: decorator
@inline
export function hasTermRoom(state: usize): bool {
  if (load<u32>(state, S_ENTRY_COUNT) == load<u32>(state, S_ENTRY_CAPACITY) && !growEntries(state)) return false;
  return hasSignatureRoom(state);
}

/** One occurrence of a term in a field of the row. */
// @ts-ignore: decorator
@inline
export function addTerm(state: usize, term: usize, field: u32): void {
  const node = nodeAt(state, field);
  const length = load<u32>(node, N_ROW_LENGTH);
  store<u32>(node, length + 1, N_ROW_LENGTH);
  if (length == 0) {
    const count = load<u32>(state, S_ROW_FIELD_COUNT);
    store<u32>(<usize>load<u32>(state, S_ROW_FIELDS) + (<usize>count << 2), field);
    store<u32>(state, count + 1, S_ROW_FIELD_COUNT);
  }
  const last = load<u32>(term, R_LAST_ROW);
  if (last & ROW_OPEN) {
    const entry = <usize>load<u32>(state, S_ENTRIES) + <usize>(last & ROW_NONE) * ENTRY_BYTES;
    const before = load<u32>(entry, E_FIELD);
    const run = load<u32>(entry, E_RUN);
    if (before == field) {
      store<u32>(entry, run + 1, E_RUN);
      return;
    }
    store<u32>(entry, signatureOf(state, load<u32>(entry, E_BASE), before, run) + 1, E_BASE);
    store<u32>(entry, field, E_FIELD);
    store<u32>(entry, 1, E_RUN);
    return;
  }
  const index = load<u32>(state, S_ENTRY_COUNT);
  const entry = <usize>load<u32>(state, S_ENTRIES) + <usize>index * ENTRY_BYTES;
  store<u32>(entry, <u32>term, E_RECORD);
  store<u32>(entry, last, E_PREVIOUS);
  store<u32>(entry, 0, E_BASE);
  store<u32>(entry, field, E_FIELD);
  store<u32>(entry, 1, E_RUN);
  store<u32>(term, index | ROW_OPEN, R_LAST_ROW);
  store<u32>(state, index + 1, S_ENTRY_COUNT);
}

/** Writes the row's lengths, in all and by field; false when room is wanted. */
export function writeLengths(state: usize): bool {
  const fields = <usize>load<u32>(state, S_ROW_FIELDS);
  const count = load<u32>(state, S_ROW_FIELD_COUNT);
  const row = load<u32>(state, S_ROW);
  let total: u32 = 0;
  let shape: u32 = 0;
  for (let i: u32 = 0; i < count; i += 1) {
    const field = load<u32>(fields + (<usize>i << 2));
    total += load<u32>(nodeAt(state, field), N_ROW_LENGTH);
    if (!hasSignatureRoom(state)) return false;
    shape = signatureOf(state, shape, field, 1) + 1;
  }
  if (!hasRowPlace(state, row, total)) return false;
  if (count > 1 || !addSoleRow(state, count == 0 ? 0 : load<u32>(fields), count > 0)) {
    let at = lengthPlace(state, 5 + 5 * count);
    if (at == 0) return false;
    at = writeVarint(at, shape);
    for (let i = count; i > 0; i -= 1) {
      at = writeVarint(at, load<u32>(nodeAt(state, load<u32>(fields + (<usize>(i - 1) << 2))), N_ROW_LENGTH));
    }
    endLengths(state, at);
  }
  for (let i: u32 = 0; i < count; i += 1) {
    store<u32>(nodeAt(state, load<u32>(fields + (<usize>i << 2))), 0, N_ROW_LENGTH);
  }
  storeLength(<usize>load<u32>(state, S_LENGTHS), load<u32>(state, S_LENGTH_SHIFT), row, total);
  store<f64>(state, load<f64>(state, S_TOTAL_LENGTH) + <f64>total, S_TOTAL_LENGTH);
  if (total > 0) store<u32>(state, load<u32>(state, S_ROWS_WITH_TEXT) + 1, S_ROWS_WITH_TEXT);
  store<u32>(state, 0, S_ROW_FIELD_COUNT);
  return true;
}

/** Ends the row: `DONE`, or `NEED_ROOM` and it must be called again. */
export function finishRow(state: usize): i32 {
  if (load<u32>(state, S_PHASE) == 0) {
    if (!writeLengths(state)) return NEED_ROOM;
    store<u32>(state, 1, S_PHASE);
    store<u32>(state, 0, S_FLUSHED);
  }
  const row = load<u32>(state, S_ROW);
  const entries = <usize>load<u32>(state, S_ENTRIES);
  const count = load<u32>(state, S_ENTRY_COUNT);
  for (let i = load<u32>(state, S_FLUSHED); i < count; i += 1) {
    const entry = entries + <usize>i * ENTRY_BYTES;
    const term = <usize>load<u32>(entry, E_RECORD);
    if (!hasSignatureRoom(state) || !hasPostingRoom(state, term)) {
      store<u32>(state, i, S_FLUSHED);
      return NEED_ROOM;
    }
    const code = signatureOf(state, load<u32>(entry, E_BASE), load<u32>(entry, E_FIELD), load<u32>(entry, E_RUN));
    addPosting(state, term, load<u32>(entry, E_PREVIOUS), row, code);
  }
  store<u32>(state, 0, S_ENTRY_COUNT);
  store<u32>(state, 0, S_PHASE);
  store<u32>(state, row + 1, S_ROW);
  return DONE;
}
