/**
 * How many terms has a row, in all and by field?
 *
 * All together: an array of one, two or four bytes a row, as wide as the longest row asks for. By field: pages of rows,
 * each the signature of the row's fields + 1 (0: none) and the lengths, last field first, all as varints; where one
 * field alone has text, row after row, a page counts them and the array has the lengths. The pages are only read from
 * end to end, to derive such an array for a selection of fields.
 */
import { allocate, hasRoom, release } from "./allocate";
import {
  G_BASE,
  G_FIELD,
  LENGTH_PAGE_BYTES,
  LENGTH_PAGE_HEADER,
  P_END,
  P_NEXT,
  P_ROWS,
  P_SOLE,
  S_FIRST_LENGTH_PAGE,
  S_LENGTH_CAPACITY,
  S_LENGTH_PAGE,
  S_LENGTH_SHIFT,
  S_LENGTHS,
} from "./layout";
import { signatureAt } from "./signatures";
import { readVarint, skipVarint } from "./varint";

const FIRST_ROWS: u32 = 256;
/** A page that has less left is ended where the next rows need no bytes. */
const MEAN_ROW_BYTES: u32 = 16;

// @ts-ignore: decorator
@inline
export function loadLength(lengths: usize, shift: u32, row: u32): u32 {
  if (shift == 0) return <u32>load<u8>(lengths + row);
  if (shift == 1) return <u32>load<u16>(lengths + (<usize>row << 1));
  return load<u32>(lengths + (<usize>row << 2));
}

// @ts-ignore: decorator
@inline
export function storeLength(lengths: usize, shift: u32, row: u32, length: u32): void {
  if (shift == 0) store<u8>(lengths + row, <u8>length);
  else if (shift == 1) store<u16>(lengths + (<usize>row << 1), <u16>length);
  else store<u32>(lengths + (<usize>row << 2), length);
}

// @ts-ignore: decorator
@inline
export function lengthOfRow(state: usize, row: u32): u32 {
  return loadLength(<usize>load<u32>(state, S_LENGTHS), load<u32>(state, S_LENGTH_SHIFT), row);
}

// @ts-ignore: decorator
@inline
export function shiftFor(length: u32): u32 {
  return length < 256 ? 0 : length < 65_536 ? 1 : 2;
}

/** Makes sure that a row's length can be stored in the lengths described at `table`; false when room is wanted. */
export function hasLengthPlace(state: usize, table: usize, row: u32, length: u32): bool {
  const capacity = load<u32>(table, 8);
  const shift = load<u32>(table, 4);
  const wider = max(shift, shiftFor(length));
  if (row < capacity && wider == shift) return true;
  const larger = row < capacity ? capacity : (max(FIRST_ROWS, row + 1 + (row >> 3)) + 3) & ~3;
  if (!hasRoom(state, larger << wider)) return false;
  const place = allocate(state, larger << wider);
  const old = <usize>load<u32>(table);
  if (capacity > 0) {
    if (wider == shift) memory.copy(place, old, <usize>capacity << shift);
    else for (let r: u32 = 0; r < capacity; r += 1) storeLength(place, wider, r, loadLength(old, shift, r));
    release(state, old, capacity << shift);
  }
  memory.fill(place + (<usize>capacity << wider), 0, <usize>(larger - capacity) << wider);
  store<u32>(table, <u32>place);
  store<u32>(table, wider, 4);
  store<u32>(table, larger, 8);
  return true;
}

/** The same for the lengths of all fields. */
// @ts-ignore: decorator
@inline
export function hasRowPlace(state: usize, row: u32, length: u32): bool {
  return hasLengthPlace(state, state + S_LENGTHS, row, length);
}

function newPage(state: usize, size: u32, soleField: u32): usize {
  const page = <usize>load<u32>(state, S_LENGTH_PAGE);
  const fresh = allocate(state, size);
  store<u32>(fresh, 0, P_NEXT);
  store<u32>(fresh, <u32>LENGTH_PAGE_HEADER, P_END);
  store<u32>(fresh, 0, P_ROWS);
  store<u32>(fresh, soleField, P_SOLE);
  if (page == 0) store<u32>(state, <u32>fresh, S_FIRST_LENGTH_PAGE);
  else store<u32>(page, <u32>fresh, P_NEXT);
  store<u32>(state, <u32>fresh, S_LENGTH_PAGE);
  return fresh;
}

/** The bytes that are free in the last page; 0 where it has none of its own. */
// @ts-ignore: decorator
@inline
function leftInPage(page: usize): u32 {
  if (page == 0 || load<u32>(page, P_SOLE) != 0) return 0;
  const end = load<u32>(page, P_END);
  return end > <u32>LENGTH_PAGE_BYTES ? 0 : <u32>LENGTH_PAGE_BYTES - end;
}

/** Adds a row whose lengths take no bytes: text in `field` alone (or none at all); false where bytes are better. */
export function addSoleRow(state: usize, field: u32, hasText: bool): bool {
  let page = <usize>load<u32>(state, S_LENGTH_PAGE);
  if (leftInPage(page) > MEAN_ROW_BYTES) return false;
  const sole = page == 0 ? 0 : load<u32>(page, P_SOLE);
  if (sole == 0 || (hasText && sole != field + 1)) {
    if (!hasRoom(state, <u32>LENGTH_PAGE_HEADER)) return false;
    page = newPage(state, <u32>LENGTH_PAGE_HEADER, field + 1);
  }
  store<u32>(page, load<u32>(page, P_ROWS) + 1, P_ROWS);
  return true;
}

/** Where the next row of at most `bytes` is written; the last page or a new one. 0 when room is wanted. */
export function lengthPlace(state: usize, bytes: u32): usize {
  const page = <usize>load<u32>(state, S_LENGTH_PAGE);
  if (leftInPage(page) >= bytes) return page + load<u32>(page, P_END);
  const size = max<u32>(<u32>LENGTH_PAGE_BYTES, (bytes + <u32>LENGTH_PAGE_HEADER + 3) & ~3);
  if (!hasRoom(state, size)) return 0;
  return newPage(state, size, 0) + LENGTH_PAGE_HEADER;
}

/** Ends a row that was written from `lengthPlace` to `end`. */
export function endLengths(state: usize, end: usize): void {
  const page = <usize>load<u32>(state, S_LENGTH_PAGE);
  store<u32>(page, <u32>(end - page), P_END);
  store<u32>(page, load<u32>(page, P_ROWS) + 1, P_ROWS);
}

/**
 * Derives the lengths of rows up to `rowCount` for a selection: `chosen` has a byte a field. `table`: lengths, shift,
 * capacity (as in the state), then page, place in it, rows left in it, rows done, rows with text, total f64.
 */
export function extendLengths(state: usize, table: usize, chosen: usize, rowCount: u32): bool {
  let row = load<u32>(table, 24);
  let page = <usize>load<u32>(table, 12);
  let at = page + load<u32>(table, 16);
  let read = load<u32>(table, 20);
  while (row < rowCount) {
    while (page == 0 || read == load<u32>(page, P_ROWS)) {
      page = page == 0 ? <usize>load<u32>(state, S_FIRST_LENGTH_PAGE) : <usize>load<u32>(page, P_NEXT);
      at = page + LENGTH_PAGE_HEADER;
      read = 0;
    }
    let length: u32 = 0;
    let next = at;
    const sole = load<u32>(page, P_SOLE);
    if (sole != 0) {
      if (load<u8>(chosen + sole - 1)) length = lengthOfRow(state, row);
    } else {
      let code = readVarint(at);
      next = skipVarint(at);
      while (code != 0) {
        const signature = signatureAt(state, code - 1);
        if (load<u8>(chosen + load<u32>(signature, G_FIELD))) length += readVarint(next);
        next = skipVarint(next);
        code = load<u32>(signature, G_BASE);
      }
    }
    if (!hasLengthPlace(state, table, row, length)) break;
    storeLength(<usize>load<u32>(table), load<u32>(table, 4), row, length);
    if (length > 0) store<u32>(table, load<u32>(table, 28) + 1, 28);
    store<f64>(table, load<f64>(table, 32) + <f64>length, 32);
    at = next;
    read += 1;
    row += 1;
    store<u32>(table, <u32>page, 12);
    store<u32>(table, <u32>(at - page), 16);
    store<u32>(table, read, 20);
    store<u32>(table, row, 24);
  }
  return row >= rowCount;
}
