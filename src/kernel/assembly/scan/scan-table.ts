/**
 * How do several queries go over a stretch of a table in one call?
 *
 * What `scan-run.ts` does call by call, in the kernel, so that one call is a whole task of another thread: the rows
 * `from` to `to` of a segment, block by block. Each query has a state, and a progress record beside it for the choice of
 * its first pass: int8 codes; float32 where those let too many rows through in vain; float64 alone where those do too.
 * Every pass gives the same answer to the bit, so the choice is free; it is the same as in `scan-run.ts`.
 */
import { enterBlock } from "./bounds";
import { Q_ENTERED, Q_RESCORED } from "./layout";
import { scanCodesList, scanCodesRun } from "./scan-codes";
import { countMask, listMask, scanExactRows, scanFloatRows } from "./scan-rows";

// Progress record, 32 bytes.
/** i32 pass: one of those below. */
const P_PASS: usize = 0;
/** i32 1: the pass is never changed. */
const P_FORCED: usize = 4;
/** u32 rows looked at, and those of them when the pass was last judged. */
const P_SCORED: usize = 8;
const P_JUDGED: usize = 12;
/** u32 rows scored in vain when the pass was last judged. */
const P_WASTE: usize = 16;
const PROGRESS_BYTES: usize = 32;

const INT8: i32 = 0;
const FLOAT: i32 = 1;
const NONE: i32 = 2;

/** Rows between two looks at how well a first pass excludes. */
const JUDGED_ROWS: u32 = 512;

/** Bytes of a progress record. */
export function progressBytes(): usize {
  return PROGRESS_BYTES;
}

/** Begins a record with pass 0 (int8), 1 (float) or 2 (float64 alone), which is never changed where it `isForced`. */
export function beginProgress(progress: usize, pass: i32, isForced: i32): void {
  memory.fill(progress, 0, PROGRESS_BYTES);
  store<i32>(progress, pass, P_PASS);
  store<i32>(progress, isForced, P_FORCED);
}

/** The pass that the record has come to. */
export function progressPass(progress: usize): i32 {
  return load<i32>(progress, P_PASS);
}

/** Rows looked at. */
export function progressRows(progress: usize): u32 {
  return load<u32>(progress, P_SCORED);
}

/** Moves a query on to the next pass when this one lets more than an eighth (float: a half) of the rows through in vain. */
function judge(progress: usize, state: usize): void {
  const pass = load<i32>(progress, P_PASS);
  const scored = load<u32>(progress, P_SCORED);
  const rows = scored - load<u32>(progress, P_JUDGED);
  if (pass == NONE || load<i32>(progress, P_FORCED) || rows < JUDGED_ROWS) return;
  const waste = load<u32>(state, Q_RESCORED) - load<u32>(state, Q_ENTERED);
  const share = waste - load<u32>(progress, P_WASTE);
  store<u32>(progress, scored, P_JUDGED);
  store<u32>(progress, waste, P_WASTE);
  if (pass == INT8 && <u64>share * 8 > <u64>rows) store<i32>(progress, FLOAT, P_PASS);
  else if (pass == FLOAT && <u64>share * 2 > <u64>rows) store<i32>(progress, NONE, P_PASS);
}

/** One query over the rows `from` to `to` of a block, or over the `count` of them in `list`. */
// @ts-ignore: decorator
@inline
function scanStretch(
  state: usize, progress: usize, block: usize, from: u32, to: u32, mask: usize, list: usize, count: u32,
): void {
  const pass = load<i32>(progress, P_PASS);
  if (pass == INT8) {
    enterBlock(state, block);
    if (list) scanCodesList(state, block, list, count);
    else scanCodesRun(state, block, from, to, mask);
  } else {
    const start = list ? 0 : from;
    const end = list ? count : to;
    if (pass == FLOAT) scanFloatRows(state, block, list, start, end, list ? 0 : mask);
    else scanExactRows(state, block, list, start, end, list ? 0 : mask);
  }
  store<u32>(progress, load<u32>(progress, P_SCORED) + count, P_SCORED);
  judge(progress, state);
}

/**
 * Scans the rows `from` (a multiple of 64) to `to` of a segment for `queries` queries, whose states are `stateBytes`
 * apart. `blocks` lists the addresses of the segment's blocks of `blockRows` rows each; bit i of `mask`, unless it is 0,
 * lets row i of the segment pass, and then `list` has room for a block's rows and four more. Several queries visit
 * `sharedRows` rows (a multiple of 64) in turn.
 */
export function scanTable(
  states: usize, stateBytes: usize, progress: usize, queries: u32, blocks: usize, blockRows: u32,
  from: u32, to: u32, mask: usize, list: usize, sharedRows: u32,
): void {
  for (let row = from; row < to; ) {
    const index = row / blockRows;
    const block = <usize>load<u32>(blocks + (<usize>index << 2));
    const first = index * blockRows;
    const start = row - first;
    let end = min(blockRows, to - first);
    if (queries > 1) end = min(end, start + sharedRows);
    row = first + end;
    let count = end - start;
    let ofBlock: usize = 0;
    let listed: usize = 0;
    if (mask) {
      ofBlock = mask + (<usize>first >> 3);
      const matching = countMask(ofBlock, start, end);
      if (!matching) continue;
      if (matching * 2 < count) {
        listed = list;
        listMask(ofBlock, start, end, list);
      }
      count = matching;
    }
    for (let i: u32 = 0; i < queries; i++) {
      const state = states + <usize>i * stateBytes;
      scanStretch(state, progress + <usize>i * PROGRESS_BYTES, block, start, end, ofBlock, listed, count);
    }
  }
}

/**
 * As `scanTable` over pieces of `pieceRows` rows (a multiple of 64) of the segment's first `rows`, at most `pieces` of them.
 * Which one is next says the u32 at `cursor`, which all threads that scan these rows share; it only grows, so each of
 * them sees rows in ascending order. The stretch is over when it has reached `rows`.
 */
export function scanShared(
  states: usize, stateBytes: usize, progress: usize, queries: u32, blocks: usize, blockRows: u32,
  rows: u32, cursor: usize, pieceRows: u32, pieces: u32, mask: usize, list: usize, sharedRows: u32,
): void {
  for (; pieces > 0; pieces--) {
    const from = atomic.add<u32>(cursor, pieceRows);
    if (from >= rows) return;
    const to = min(rows, from + pieceRows);
    scanTable(states, stateBytes, progress, queries, blocks, blockRows, from, to, mask, list, sharedRows);
  }
}
