/**
 * What do codes and blocks mean for some of the fields?
 *
 * For a selection of fields: occurrences by code, and bounds of sealed blocks. Both are derived when they are first
 * asked for, and extended later.
 */
import { loadBlock } from "./cursor";
import {
  C_COUNT,
  C_ROWS,
  C_TIMES,
  D_LENGTH_MORE,
  D_LENGTH_ONE,
  D_MOST,
  G_BASE,
  G_FIELD,
  G_RUN,
} from "./layout";
import { loadLength } from "./lengths";
import { signatureAt } from "./signatures";

/** Writes the occurrences of codes from `from` to `count`; `chosen` has a byte a field. */
export function fillOccurrences(state: usize, table: usize, chosen: usize, from: u32, count: u32): void {
  for (let code = from; code < count; code += 1) {
    const signature = signatureAt(state, code);
    const base = load<u32>(signature, G_BASE);
    let times = base == 0 ? 0 : load<u32>(table + (<usize>(base - 1) << 2));
    if (load<u8>(chosen + load<u32>(signature, G_FIELD))) times += load<u32>(signature, G_RUN);
    store<u32>(table + (<usize>code << 2), times);
  }
}

/** Writes the bounds of a list's sealed blocks from `from` to `count`, 8 bytes a block, laid out as in a directory. */
export function fillBounds(cursor: usize, lengths: usize, shift: u32, table: usize, from: u32, count: u32): void {
  for (let block = from; block < count; block += 1) {
    loadBlock(cursor, block);
    const rows = <usize>load<u32>(cursor, C_ROWS);
    const times = <usize>load<u32>(cursor, C_TIMES);
    const end = <usize>load<u32>(cursor, C_COUNT) << 2;
    let one: u32 = 0xffff;
    let more: u32 = 0xffff;
    let most: u32 = 0;
    for (let i: usize = 0; i < end; i += 4) {
      const t = load<u32>(times + i);
      if (t == 0) continue;
      const length = loadLength(lengths, shift, load<u32>(rows + i));
      if (t > 1) more = min(more, length);
      else one = min(one, length);
      most = max(most, t);
    }
    const bounds = table + (<usize>block << 3) - D_LENGTH_ONE;
    store<u16>(bounds, <u16>one, D_LENGTH_ONE);
    store<u16>(bounds, <u16>more, D_LENGTH_MORE);
    store<u32>(bounds, min<u32>(most, 0xffff), D_MOST);
  }
}
