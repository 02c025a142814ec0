/**
 * How does a search go through posting lists on disk?
 *
 * SPANN (Chen et al., NeurIPS 2021): centroids in memory tell which lists to read; a row stands in several lists, so a
 * bit a row tells which were met. Lists are runs of blocks; their nodes hold a vector (float32, then the row) or an SQ8
 * code (code, scale, s²·|c|², row).
 */
import { exactScore } from "../scan/exact";
import { B_ROWS, COS, IP, padded4, Q_FLOAT64, Q_SQUARE } from "../scan/layout";
import { dotOne } from "./codes";
import { addEntry, see, worstEstimate } from "./frontier";
import {
  BLOCK_COUNT,
  BLOCK_HEADER,
  F_BASE,
  F_BLOCK_NODES,
  F_CAPACITY,
  F_COUNT,
  F_FACTOR,
  F_LIST,
  F_NODE_BYTES,
  F_QUERY,
  F_SCORED,
  F_STATE,
  F_TABLE,
  F_VIEW,
  F_WEIGHT,
  FRONTIER_BYTES,
  T_DIM,
  T_METRIC,
  T_STRIDE,
} from "./layout";
import { isAllowed, offerRow } from "./walk";

/** Bytes of a ranking of `count` lists. */
export function rankingBytes(count: u32): usize {
  return FRONTIER_BYTES + (<usize>count << 3);
}

/** Address of the entries of a ranking: f32 distance, u32 list, nearest first. */
export function rankedEntries(ranking: usize): usize {
  return ranking + FRONTIER_BYTES;
}

/**
 * Ranks the lists whose centroids (float32, padded to four) are nearest to the query of a walk that has begun: squared
 * distances, negated products for inner products. Returns how many of `wanted` there are.
 */
export function rankLists(walk: usize, ranking: usize, centroids: usize, count: u32, wanted: u32): u32 {
  const table = <usize>load<u32>(walk, F_TABLE);
  const state = <usize>load<u32>(walk, F_STATE);
  const metric = load<i32>(table, T_METRIC);
  const square = load<f64>(state, Q_SQUARE);
  const unit: f64 = metric == COS && square > 0 ? 1 / Math.sqrt(square) : 1;
  const dim = padded4(load<i32>(table, T_DIM));
  memory.fill(ranking, 0, FRONTIER_BYTES);
  store<u32>(ranking, <u32>(ranking + FRONTIER_BYTES), F_LIST);
  store<u32>(ranking, wanted, F_CAPACITY);
  for (let list: u32 = 0; list < count; list++, centroids += dim << 2) {
    const query = state + load<u32>(state, Q_FLOAT64);
    let sums = f64x2.splat(0);
    let others = sums;
    for (let i: usize = 0; i < dim; i += 4) {
      const four = v128.load(centroids + (i << 2));
      const low = f64x2.promote_low_f32x4(four);
      const high = f64x2.promote_low_f32x4(v128.shuffle<i64>(four, four, 1, 1));
      const queryLow = f64x2.mul(v128.load(query + (i << 3)), f64x2.splat(unit));
      const queryHigh = f64x2.mul(v128.load(query + (i << 3), 16), f64x2.splat(unit));
      if (metric == IP) {
        sums = f64x2.sub(sums, f64x2.mul(low, queryLow));
        others = f64x2.sub(others, f64x2.mul(high, queryHigh));
      } else {
        const restLow = f64x2.sub(low, queryLow);
        const restHigh = f64x2.sub(high, queryHigh);
        sums = f64x2.add(sums, f64x2.mul(restLow, restLow));
        others = f64x2.add(others, f64x2.mul(restHigh, restHigh));
      }
    }
    sums = f64x2.add(sums, others);
    addEntry(ranking, <f32>(f64x2.extract_lane(sums, 0) + f64x2.extract_lane(sums, 1)), list);
  }
  return load<u32>(ranking, F_COUNT);
}

/** Scores the rows of `blocks` blocks of vectors, each once in a search. Returns the allowed rows that were new. */
export function absorbVectors(walk: usize, buffer: usize, blocks: u32, blockBytes: u32): u32 {
  const state = <usize>load<u32>(walk, F_STATE);
  const view = <usize>load<u32>(walk, F_VIEW);
  const nodeBytes = <usize>load<u32>(walk, F_NODE_BYTES);
  const blockNodes = load<u32>(walk, F_BLOCK_NODES);
  const rowPlace = padded4(load<i32>(load<u32>(walk, F_TABLE), T_DIM)) << 2;
  let met: u32 = 0;
  for (let block: u32 = 0; block < blocks; block++, buffer += blockBytes) {
    const count = min(load<u32>(buffer, BLOCK_COUNT), blockNodes);
    store<u32>(view, <u32>(buffer + BLOCK_HEADER), B_ROWS);
    for (let i: u32 = 0; i < count; i++) {
      const row = load<u32>(buffer + BLOCK_HEADER + <usize>i * nodeBytes + rowPlace);
      if (!isAllowed(walk, row) || !see(walk, row)) continue;
      offerRow(state, exactScore(state, view, i), row);
      met += 1;
    }
  }
  return met;
}

/** Puts the allowed rows of `blocks` blocks of SQ8 codes on the frontier, each once. Returns how many were new. */
export function absorbCodes(walk: usize, buffer: usize, blocks: u32, blockBytes: u32): u32 {
  const stride = <usize>load<u32>(load<u32>(walk, F_TABLE), T_STRIDE);
  const nodeBytes = stride + 16;
  const blockNodes = (blockBytes - <u32>BLOCK_HEADER) / <u32>nodeBytes;
  const query = <usize>load<u32>(walk, F_QUERY);
  const base = load<f32>(walk, F_BASE);
  const weight = load<f32>(walk, F_WEIGHT);
  const factor = load<f32>(walk, F_FACTOR);
  let met: u32 = 0;
  for (let block: u32 = 0; block < blocks; block++, buffer += blockBytes) {
    const count = min(load<u32>(buffer, BLOCK_COUNT), blockNodes);
    let node = buffer + BLOCK_HEADER;
    for (let i: u32 = 0; i < count; i++, node += nodeBytes) {
      const row = load<u32>(node + stride, 8);
      if (!isAllowed(walk, row) || !see(walk, row)) continue;
      met += 1;
      const dot = <f32>dotOne(query, node, stride);
      const estimate = base + weight * load<f32>(node + stride, 4) + factor * load<f32>(node + stride) * dot;
      if (estimate < worstEstimate(walk)) addEntry(walk, estimate, row);
    }
  }
  store<u32>(walk, load<u32>(walk, F_SCORED) + met, F_SCORED);
  return met;
}

/** Writes the rows of the first `most` entries of the frontier to `target`; returns their number. */
export function frontierRows(walk: usize, target: usize, most: u32): u32 {
  const list = <usize>load<u32>(walk, F_LIST);
  const count = min(most, load<u32>(walk, F_COUNT));
  for (let i: u32 = 0; i < count; i++) store<u32>(target + (<usize>i << 2), load<u32>(list + (<usize>i << 3), 4));
  return count;
}

/** Scores one vector at `place` (padded to four) as `row` exactly, where it is allowed. */
export function offerVector(walk: usize, place: usize, row: u32): void {
  const state = <usize>load<u32>(walk, F_STATE);
  const view = <usize>load<u32>(walk, F_VIEW);
  if (!isAllowed(walk, row)) return;
  store<u32>(view, <u32>place, B_ROWS);
  offerRow(state, exactScore(state, view, 0), row);
}
