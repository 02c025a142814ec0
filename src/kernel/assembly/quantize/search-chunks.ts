/**
 * Which rows of a run of blocks could be among the best?
 *
 * A block is summed whole where one of its rows may be returned. Rows of blocks with row numbers are tested one by one
 * against mask and limit where there are any; those of the others follow from their place, 32 to a word of the mask.
 */
import {
  C_ADD,
  C_BLOCK_BYTES,
  C_DIM,
  C_KIND,
  C_MUL,
  C_ROWS,
  C_SUBSPACES,
  C_TABLES,
  C_WIDTH,
  CHUNK_HEADER,
  INT8,
  K_COUNT,
  K_FIRST_ROW,
  PRODUCT,
  TABLES,
} from "./codec";
import { sumFloat, sumInt8, sumProduct, sumTables } from "./scan-block";
import { L_THRESHOLD, pushShortlist } from "./shortlist";
import {
  S_ALPHA,
  S_BASE,
  S_BETA,
  S_CODEC,
  S_LIST,
  S_MASK,
  S_MATCHED,
  S_QUERY,
  S_ROW_LIMIT,
  S_SCORED,
  S_SUMS,
  S_TABLES,
} from "./state";

/** Sums of a block's 32 rows. */
// @ts-ignore: decorator
@inline
function sumBlock(state: usize, codec: usize, kind: u32, block: usize): void {
  const sums = state + S_SUMS;
  const tables = <usize>load<u32>(state, S_TABLES);
  if (kind == TABLES) sumTables(tables, load<u32>(codec, C_TABLES), block, sums);
  else if (kind == INT8) sumInt8(tables, load<u32>(codec, C_WIDTH), block, sums);
  else if (kind == PRODUCT) sumProduct(tables, load<u32>(codec, C_SUBSPACES), block, sums);
  else sumFloat(load<u32>(state, S_QUERY), load<u32>(codec, C_DIM), block, sums);
}

/** Adds the rows whose estimate is above the threshold; bit i of `allowed` is row i of the block. */
function offerBlock(state: usize, codec: usize, block: usize, allowed: u32, firstRow: u32): void {
  const list = <usize>load<u32>(state, S_LIST);
  const alpha = v128.load32_splat(state, S_ALPHA);
  const beta = v128.load32_splat(state, S_BETA);
  const base = v128.load32_splat(state, S_BASE);
  const mul = <usize>load<u32>(codec, C_MUL);
  const add = <usize>load<u32>(codec, C_ADD);
  const rows = <usize>load<u32>(codec, C_ROWS);
  const sums = state + S_SUMS;
  let threshold = v128.load32_splat(list, L_THRESHOLD);
  for (let i: usize = 0; i < 128; i += 16) {
    let estimate = f32x4.add(f32x4.mul(v128.load(sums + i), alpha), beta);
    if (mul) estimate = f32x4.mul(estimate, v128.load(block + mul + i));
    if (add) estimate = f32x4.add(estimate, v128.load(block + add + i));
    estimate = f32x4.add(estimate, base);
    let hits = <u32>i32x4.bitmask(f32x4.gt(estimate, threshold)) & (allowed >> <u32>(i >> 2));
    if (!hits) continue;
    v128.store(sums + i, estimate);
    for (; hits; hits &= hits - 1) {
      const lane = <u32>(i >> 2) + ctz(hits);
      const row = rows ? load<u32>(block + rows + (<usize>lane << 2)) : firstRow + lane;
      const score = load<f32>(sums + (<usize>lane << 2));
      if (score > load<f32>(list, L_THRESHOLD)) pushShortlist(list, score, row);
    }
    threshold = v128.load32_splat(list, L_THRESHOLD);
  }
}

/** Bits of the first `count` numbered rows of a block that may be returned. */
// @ts-ignore: decorator
@inline
function allowedBits(rows: usize, count: u32, mask: usize, limit: u32): u32 {
  let bits: u32 = 0;
  for (let lane: u32 = 0; lane < count; lane++) {
    const row = load<u32>(rows + (<usize>lane << 2));
    if (row >= limit) continue;
    if (mask) bits |= ((load<u32>(mask + (<usize>(row >> 5) << 2)) >> (row & 31)) & 1) << lane;
    else bits |= 1 << lane;
  }
  return bits;
}

/** Scans the blocks [from, to) of a chunk. */
export function scanChunk(state: usize, chunk: usize, from: u32, to: u32): void {
  const codec = <usize>load<u32>(state, S_CODEC);
  const kind = load<u32>(codec, C_KIND);
  const blockBytes = <usize>load<u32>(codec, C_BLOCK_BYTES);
  const numbers = <usize>load<u32>(codec, C_ROWS);
  const mask = <usize>load<u32>(state, S_MASK);
  const limit = load<u32>(state, S_ROW_LIMIT);
  const firstRow = load<u32>(chunk, K_FIRST_ROW);
  let count = atomic.load<u32>(chunk, K_COUNT);
  if (!numbers) count = min(count, limit > firstRow ? limit - firstRow : 0);
  let scored = load<u32>(state, S_SCORED);
  let matched = load<u32>(state, S_MATCHED);
  for (let at = from; at < to && at << 5 < count; at++) {
    const block = chunk + CHUNK_HEADER + <usize>at * blockBytes;
    const size = min(count - (at << 5), 32);
    const row = firstRow + (at << 5);
    let allowed: u32 = size == 32 ? 0xffffffff : (1 << size) - 1;
    if (numbers) {
      if (mask || limit != 0xffffffff) allowed = allowedBits(block + numbers, size, mask, limit);
    } else if (mask) allowed &= load<u32>(mask + (<usize>(row >> 5) << 2));
    if (!allowed) continue;
    sumBlock(state, codec, kind, block);
    offerBlock(state, codec, block, allowed, row);
    scored += size;
    matched += popcnt(allowed);
  }
  store<u32>(state, scored, S_SCORED);
  store<u32>(state, matched, S_MATCHED);
}
