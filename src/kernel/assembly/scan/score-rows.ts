/**
 * What are the exact scores of rows that lie anywhere?
 *
 * Candidates of an index lie far apart: scored one after another, each would wait for memory in turn. All of them are
 * touched first, so that the waits overlap.
 */
import { B_DIM, B_DTYPE, B_ROWS, B_ROW_STRIDE, FLOAT16, Q_TOUCHED } from "./layout";
import { exactScore } from "./exact";

/** Bytes of a cache line. */
const LINE: usize = 64;
/** Lines of a row that are asked for ahead; the processor fetches those that follow by itself. */
const LINES_AHEAD: usize = 8;

// @ts-ignore: decorator
@inline
function rowPlace(block: usize, index: u32): usize {
  return <usize>load<u32>(block, B_ROWS) + <usize>index * load<u32>(block, B_ROW_STRIDE);
}

/**
 * Writes the scores of `count` rows to `scores`, float64. `list` has two uint32 a row: the address of its block and its
 * number in it.
 */
export function scoreRows(state: usize, list: usize, count: u32, scores: usize): void {
  let touched: u32 = 0;
  for (let i: u32 = 0; i < count; i++) {
    const block = <usize>load<u32>(list + (<usize>i << 3));
    const row = rowPlace(block, load<u32>(list + (<usize>i << 3), 4));
    const bytes = <usize>load<i32>(block, B_DIM) << (load<i32>(block, B_DTYPE) == FLOAT16 ? 1 : 2);
    const end = min(bytes, LINES_AHEAD * LINE);
    for (let at: usize = 0; at < end; at += LINE) touched += load<u8>(row + at);
  }
  store<u32>(state, touched, Q_TOUCHED);
  for (let i: u32 = 0; i < count; i++) {
    const place = list + (<usize>i << 3);
    store<f64>(scores + (<usize>i << 3), exactScore(state, <usize>load<u32>(place), load<u32>(place, 4)));
  }
}
