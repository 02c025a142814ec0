/**
 * How does a search go through the blocks on disk?
 *
 * The frontier holds the nodes with the best estimates. The host asks which blocks come next, reads them, and has them
 * absorbed: every node of a block is scored exactly and offered to the heap of the best rows; a node whose estimate
 * could still enter the frontier is expanded with it. As the frontier only gets better, no block is ever needed twice.
 */
import { beginQuery } from "../scan/bounds";
import { exactScore } from "../scan/exact";
import { pushHeap, replaceWorst } from "../scan/heap";
import {
  B_CENTRE,
  B_DIM,
  B_DTYPE,
  B_ROW_STRIDE,
  B_ROWS,
  BLOCK_HEADER as VIEW_BYTES,
  COS,
  FLOAT32,
  L2,
  padded4,
  Q_COUNT,
  Q_FLOAT64,
  Q_HEAP_ROWS,
  Q_HEAP_SCORES,
  Q_K,
  Q_SQUARE,
  queryPlace,
  stateBytes,
} from "../scan/layout";
import { addEntry, estimateNode, gather, scoreGathered, see, worstEstimate } from "./frontier";
import {
  BLOCK_COUNT,
  BLOCK_HEADER,
  F_ABSORBED,
  F_BASE,
  F_BLOCK_NODES,
  F_CAPACITY,
  F_COUNT,
  F_FACTOR,
  F_FRESH,
  F_LIST,
  F_MASK,
  F_NEXT,
  F_OFFSET,
  F_NODE_BYTES,
  F_QUERY,
  F_ROW_LIMIT,
  F_SCORED,
  F_SEEN,
  F_STATE,
  F_TABLE,
  F_VIEW,
  F_WEIGHT,
  FRESH_BYTES,
  FRONTIER_BYTES,
  hasBit,
  NO_NODE,
  PQ,
  setBit,
  SQ4,
  T_BOOK,
  T_CENTRE,
  T_COUNT,
  T_DIM,
  T_KIND,
  T_METRIC,
  T_NODES,
  T_ROWS,
  T_STRIDE,
  T_WIDTH,
} from "./layout";

// @ts-ignore: decorator
@inline
function aligned64(bytes: usize): usize {
  return (bytes + 63) & ~63;
}

// @ts-ignore: decorator
@inline
function bitBytes(count: u32): usize {
  return aligned64(<usize>((count + 31) >> 5) << 2);
}

// @ts-ignore: decorator
@inline
function queryBytes(table: usize): usize {
  const stride = <usize>load<u32>(table, T_STRIDE);
  const kind = load<i32>(table, T_KIND);
  return aligned64(kind == PQ ? stride << 10 : kind == SQ4 ? stride << 2 : stride << 1);
}

/** Bytes of a search over a table of `blocks` blocks with a list of `capacity` entries and `k` rows wanted. */
export function walkBytes(table: usize, blocks: u32, capacity: u32, k: u32): usize {
  return (
    FRONTIER_BYTES +
    VIEW_BYTES +
    aligned64(<usize>capacity << 3) +
    bitBytes(load<u32>(table, T_COUNT)) +
    bitBytes(blocks) +
    queryBytes(table) +
    aligned64(FRESH_BYTES) +
    stateBytes(load<i32>(table, T_DIM), <i32>k)
  );
}

/** Lays out a search; the host then writes the query to the place that is returned, and calls `beginWalk`. */
export function initWalk(walk: usize, table: usize, blocks: u32, capacity: u32, k: u32): usize {
  const bytes = walkBytes(table, blocks, capacity, k);
  const dim = load<i32>(table, T_DIM);
  memory.fill(walk, 0, bytes);
  const view = walk + FRONTIER_BYTES;
  let place = view + VIEW_BYTES;
  store<u32>(walk, <u32>table, F_TABLE);
  store<u32>(walk, <u32>view, F_VIEW);
  store<u32>(walk, <u32>place, F_LIST);
  store<u32>(walk, capacity, F_CAPACITY);
  place += aligned64(<usize>capacity << 3);
  store<u32>(walk, <u32>place, F_SEEN);
  place += bitBytes(load<u32>(table, T_COUNT));
  store<u32>(walk, <u32>place, F_ABSORBED);
  place += bitBytes(blocks);
  store<u32>(walk, <u32>place, F_QUERY);
  place += queryBytes(table);
  store<u32>(walk, <u32>place, F_FRESH);
  place += aligned64(FRESH_BYTES);
  store<u32>(walk, <u32>place, F_STATE);
  store<i32>(view, dim, B_DIM);
  store<i32>(view, FLOAT32, B_DTYPE);
  store<u32>(view, 0, B_CENTRE);
  return queryPlace(place);
}

/** Component of the query as codes are compared with it: of unit length for cosine, relative to the centre for L2. */
// @ts-ignore: decorator
@inline
function aimed(query: usize, centre: usize, i: usize, unit: f64, isCentred: bool): f64 {
  const q = load<f64>(query + (i << 3)) * unit;
  return isCentred ? q - <f64>load<f32>(centre + (i << 2)) : q;
}

/** Codes the query to int16 for an SQ8 or SQ4 table. */
function aimAtCodes(walk: usize, table: usize, query: usize, unit: f64): void {
  const dim = <usize>load<u32>(table, T_DIM);
  const centre = <usize>load<u32>(table, T_CENTRE);
  const isL2 = load<i32>(table, T_METRIC) == L2;
  const codes = <usize>load<u32>(walk, F_QUERY);
  let largest: f64 = 0;
  let square: f64 = 0;
  for (let i: usize = 0; i < dim; i++) {
    const y = aimed(query, centre, i, unit, isL2);
    largest = max(largest, abs(y));
    square += y * y;
  }
  // 127 times the sum of the codes stays below 2^31.
  const reach = min<f64>(32767, Math.floor(16_000_000 / <f64>dim));
  const inverse = largest > 0 ? reach / largest : 0;
  let sum: i32 = 0;
  for (let i: usize = 0; i < dim; i++) {
    const y = aimed(query, centre, i, unit, isL2);
    const c = <i32>nearest(y * inverse);
    sum += c;
    store<i16>(codes + (i << 1), <i16>c);
  }
  store<i32>(walk, 15 * sum, F_OFFSET);
  store<f32>(walk, isL2 ? <f32>square : 0, F_BASE);
  store<f32>(walk, isL2 ? 1 : 0, F_WEIGHT);
  store<f32>(walk, <f32>((isL2 ? -2 : -1) * (largest / reach)), F_FACTOR);
}

/** Makes the products of the query's parts with the code book of a PQ table. */
function aimAtBook(walk: usize, table: usize, query: usize, unit: f64): void {
  const dim = <usize>load<u32>(table, T_DIM);
  const width = <usize>load<u32>(table, T_WIDTH);
  const centre = <usize>load<u32>(table, T_CENTRE);
  const subspaces = <usize>load<u32>(table, T_STRIDE);
  const isL2 = load<i32>(table, T_METRIC) == L2;
  let book = <usize>load<u32>(table, T_BOOK);
  let product = <usize>load<u32>(walk, F_QUERY);
  for (let part: usize = 0; part < subspaces; part++) {
    const first = part * width;
    const last = min(dim, first + width);
    for (let code = 0; code < 256; code++, book += width << 2, product += 4) {
      let sum: f64 = 0;
      for (let i = first; i < last; i++) {
        const y = aimed(query, centre, i, unit, isL2);
        const c = <f64>load<f32>(book + ((i - first) << 2));
        sum += isL2 ? (y - c) * (y - c) : -y * c;
      }
      store<f32>(product, <f32>sum);
    }
  }
}

/**
 * Begins a search whose query is in its place: estimates of `codes`, exact scores of the metric. `mask` (0: none) and
 * `rowLimit` tell which rows may be returned.
 */
export function beginWalk(walk: usize, k: u32, mask: usize, rowLimit: u32, blockNodes: u32, nodeBytes: u32): void {
  const table = <usize>load<u32>(walk, F_TABLE);
  const state = <usize>load<u32>(walk, F_STATE);
  const view = <usize>load<u32>(walk, F_VIEW);
  const metric = load<i32>(table, T_METRIC);
  beginQuery(state, metric, load<i32>(table, T_DIM), <i32>k, -Infinity);
  store<u32>(walk, <u32>mask, F_MASK);
  store<u32>(walk, rowLimit, F_ROW_LIMIT);
  store<u32>(walk, blockNodes, F_BLOCK_NODES);
  store<u32>(walk, nodeBytes, F_NODE_BYTES);
  store<u32>(view, nodeBytes, B_ROW_STRIDE);
  const square = load<f64>(state, Q_SQUARE);
  const unit = metric == COS && square > 0 ? 1 / Math.sqrt(square) : 1;
  const query = state + load<u32>(state, Q_FLOAT64);
  if (load<i32>(table, T_KIND) == PQ) aimAtBook(walk, table, query, unit);
  else aimAtCodes(walk, table, query, unit);
}

/** Puts the nodes `first`, `first + step`, … below `end` on the frontier. */
export function seedWalk(walk: usize, first: u32, end: u32, step: u32): void {
  for (let node = first; node < end; node += step) if (see(walk, node)) gather(walk, node);
  scoreGathered(walk);
}

// @ts-ignore: decorator
@inline
export function isAllowed(walk: usize, row: u32): bool {
  if (row >= load<u32>(walk, F_ROW_LIMIT)) return false;
  const mask = <usize>load<u32>(walk, F_MASK);
  return mask == 0 || hasBit(mask, row);
}

/** Puts the allowed nodes from `from` to `to` on the frontier. */
export function scanNodes(walk: usize, from: u32, to: u32): void {
  const rows = <usize>load<u32>(load<u32>(walk, F_TABLE), T_ROWS);
  for (let node = from; node < to; node++) {
    if (isAllowed(walk, load<u32>(rows + (<usize>node << 2)))) gather(walk, node);
  }
  scoreGathered(walk);
}

/** Puts the nodes of the mask's rows in its words `from` to `to` on the frontier. */
export function scanMask(walk: usize, from: u32, to: u32): void {
  const nodes = <usize>load<u32>(load<u32>(walk, F_TABLE), T_NODES);
  const mask = <usize>load<u32>(walk, F_MASK);
  const limit = load<u32>(walk, F_ROW_LIMIT);
  for (let word = from; word < to; word++) {
    for (let bits = load<u32>(mask + (<usize>word << 2)); bits; bits &= bits - 1) {
      const row = (word << 5) + ctz(bits);
      if (row >= limit) break;
      const node = load<u32>(nodes + (<usize>row << 2));
      if (node != NO_NODE) gather(walk, node);
    }
  }
  scoreGathered(walk);
}

/**
 * Writes up to `most` distinct blocks of the best entries whose blocks were not absorbed yet to `target`; looks at the
 * first `depth` entries. Returns their number; 0: the search has ended.
 */
export function nextBlocks(walk: usize, target: usize, most: u32, depth: u32): u32 {
  const list = <usize>load<u32>(walk, F_LIST);
  const absorbed = <usize>load<u32>(walk, F_ABSORBED);
  const blockNodes = load<u32>(walk, F_BLOCK_NODES);
  const end = min(depth, load<u32>(walk, F_COUNT));
  let found: u32 = 0;
  for (let i = load<u32>(walk, F_NEXT); i < end && found < most; i++) {
    const block = load<u32>(list + (<usize>i << 3), 4) / blockNodes;
    if (hasBit(absorbed, block)) {
      if (found == 0) store<u32>(walk, i + 1, F_NEXT);
      continue;
    }
    let isListed = false;
    for (let j: u32 = 0; j < found && !isListed; j++) isListed = load<u32>(target + (<usize>j << 2)) == block;
    if (isListed) continue;
    store<u32>(target + (<usize>found << 2), block);
    found += 1;
  }
  return found;
}

/** Offers a row to the heap; of equal scores the lower row stays. */
export function offerRow(state: usize, score: f64, row: u32): void {
  if (load<u32>(state, Q_COUNT) < load<u32>(state, Q_K)) return pushHeap(state, score, row);
  const worst = load<f64>(state + load<u32>(state, Q_HEAP_SCORES));
  if (score < worst) return;
  if (score == worst && row > load<u32>(state + load<u32>(state, Q_HEAP_ROWS))) return;
  replaceWorst(state, score, row);
}

/** Bytes of a node's vector. */
// @ts-ignore: decorator
@inline
function vectorBytes(table: usize): usize {
  return padded4(load<i32>(table, T_DIM)) << 2;
}

/** Puts the neighbours of a node on the frontier. */
function expand(walk: usize, node: usize): void {
  const table = <usize>load<u32>(walk, F_TABLE);
  const links = node + vectorBytes(table) + 4;
  const nodes = load<u32>(table, T_COUNT);
  const room = <u32>((load<u32>(walk, F_NODE_BYTES) - vectorBytes(table) - 8) >> 2);
  const degree = min(load<u32>(links), room);
  for (let i: u32 = 1; i <= degree; i++) {
    const neighbour = load<u32>(links + (<usize>i << 2));
    if (neighbour < nodes && see(walk, neighbour)) gather(walk, neighbour);
  }
}

/**
 * Scores the nodes of a block at `buffer` and, where `isWalk`, expands those that could be on the frontier. Returns the
 * nodes scored.
 */
export function absorbBlock(walk: usize, buffer: usize, block: u32, isWalk: i32): u32 {
  const table = <usize>load<u32>(walk, F_TABLE);
  const state = <usize>load<u32>(walk, F_STATE);
  const view = <usize>load<u32>(walk, F_VIEW);
  const nodeBytes = <usize>load<u32>(walk, F_NODE_BYTES);
  const blockNodes = load<u32>(walk, F_BLOCK_NODES);
  const count = min(load<u32>(buffer, BLOCK_COUNT), blockNodes);
  setBit(load<u32>(walk, F_ABSORBED), block);
  store<u32>(view, <u32>(buffer + BLOCK_HEADER), B_ROWS);
  let scored: u32 = 0;
  for (let i: u32 = 0; i < count; i++) {
    const place = buffer + BLOCK_HEADER + <usize>i * nodeBytes;
    const row = load<u32>(place + vectorBytes(table));
    const node = block * blockNodes + i;
    if (isAllowed(walk, row)) {
      offerRow(state, exactScore(state, view, i), row);
      scored += 1;
    }
    if (!isWalk || node >= load<u32>(table, T_COUNT)) continue;
    const estimate = estimateNode(walk, node);
    if (!(estimate <= worstEstimate(walk))) continue;
    if (see(walk, node)) addEntry(walk, estimate, node);
    expand(walk, place);
  }
  scoreGathered(walk);
  return scored;
}
