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
  C_ERROR,
  C_FINE,
  C_FINE_ADD,
  C_FINE_MUL,
  C_KIND,
  C_MUL,
  C_ROWS,
  C_SUBSPACES,
  C_TABLES,
  C_WIDTH,
  CHUNK_HEADER,
  fineBytes,
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
  S_FINE_ALPHA,
  S_FINE_QUERY,
  S_FINE_SHARE,
  S_LIST,
  S_MASK,
  S_MATCHED,
  S_QUERY,
  S_REACH,
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

/** Inner product of int16 and int8 codes, `width` of them, a multiple of 16. */
// @ts-ignore: decorator
@inline
function dotFine(query: usize, codes: usize, width: usize): f32 {
  let a = i32x4.splat(0);
  let b = a;
  const end = codes + width;
  for (; codes < end; codes += 16) {
    a = i32x4.add(a, i32x4.dot_i16x8_s(v128.load(query), v128.load_ext<i8>(codes)));
    b = i32x4.add(b, i32x4.dot_i16x8_s(v128.load(query, 16), v128.load_ext<i8>(codes, 8)));
    query += 32;
  }
  a = i32x4.add(a, b);
  const low = i32x4.extract_lane(a, 0) + i32x4.extract_lane(a, 1);
  return <f32>(low + (i32x4.extract_lane(a, 2) + i32x4.extract_lane(a, 3)));
}

/** As `offerBlock`, for rows with codes that follow up those whose bound is above the threshold. */
function offerFine(state: usize, codec: usize, block: usize, allowed: u32): void {
  const list = <usize>load<u32>(state, S_LIST);
  const alpha = v128.load32_splat(state, S_ALPHA);
  const beta = v128.load32_splat(state, S_BETA);
  const base = load<f32>(state, S_BASE);
  const reach = f32x4.splat(load<f32>(state, S_REACH) * load<f32>(state, S_FINE_SHARE));
  const mul = block + load<u32>(codec, C_MUL);
  const add = block + load<u32>(codec, C_ADD);
  const error = block + load<u32>(codec, C_ERROR);
  const rows = block + load<u32>(codec, C_ROWS);
  const fineMul = block + load<u32>(codec, C_FINE_MUL);
  const fineAdd = block + load<u32>(codec, C_FINE_ADD);
  const width = fineBytes(codec);
  const fine = block + load<u32>(codec, C_FINE);
  const query = <usize>load<u32>(state, S_FINE_QUERY);
  const fineAlpha = load<f32>(state, S_FINE_ALPHA);
  const sums = state + S_SUMS;
  let threshold = f32x4.splat(load<f32>(list, L_THRESHOLD) - base);
  for (let i: usize = 0; i < 128; i += 16) {
    let bound = f32x4.add(f32x4.mul(v128.load(sums + i), alpha), beta);
    bound = f32x4.add(f32x4.mul(bound, v128.load(mul + i)), v128.load(add + i));
    bound = f32x4.add(bound, f32x4.mul(reach, v128.load(error + i)));
    let hits = <u32>i32x4.bitmask(f32x4.gt(bound, threshold)) & (allowed >> <u32>(i >> 2));
    if (!hits) continue;
    for (; hits; hits &= hits - 1) {
      const lane = (i >> 2) + <usize>ctz(hits);
      const at = lane << 2;
      const dot = dotFine(query, fine + lane * width, width) * fineAlpha;
      const score = base + (load<f32>(fineAdd + at) + load<f32>(fineMul + at) * dot);
      if (score > load<f32>(list, L_THRESHOLD)) pushShortlist(list, score, load<u32>(rows + at));
    }
    threshold = f32x4.splat(load<f32>(list, L_THRESHOLD) - base);
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
    if (load<u32>(codec, C_FINE)) offerFine(state, codec, block, allowed);
    else offerBlock(state, codec, block, allowed, row);
    scored += size;
    matched += popcnt(allowed);
  }
  store<u32>(state, scored, S_SCORED);
  store<u32>(state, matched, S_MATCHED);
}
