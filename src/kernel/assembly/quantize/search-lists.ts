/**
 * Which lists of an inverted file are looked at, and in which order?
 *
 * Those whose centroids are nearest, `nprobe` of them; then twice as many again and again, until enough rows that may be
 * returned were met or no list is left. Where there are many, one-bit codes of the centroids name the candidates, and only
 * those are compared with the query itself; all of them are when the candidates do not suffice. A list that was looked at,
 * or is no candidate, has an infinite rank.
 */
import {
  C_BLOCK_BYTES,
  C_CENTRES,
  C_DIM,
  C_FINE,
  C_METRIC,
  CHUNK_HEADER,
  D_BYTES,
  D_COUNT,
  D_HEAD,
  IP,
  K_CAPACITY,
  K_COUNT,
  K_NEXT,
  L2,
} from "./codec";
import { scoreCentroids, squareOf } from "./nearest";
import { scanChunk } from "./search-chunks";
import {
  finishShortlist,
  initShortlist,
  L_COUNT,
  L_ROWS,
  L_THRESHOLD,
  pushShortlist,
  trimShortlist,
} from "./shortlist";
import {
  S_BASE,
  S_CODEC,
  S_ENOUGH,
  S_LIST,
  S_MATCHED,
  S_NPROBE,
  S_PROBED,
  S_PROBES,
  S_QUERY,
  S_RANKS,
  S_REACH,
  S_SQUARE,
  S_TOUCHED,
} from "./state";

/** Blocks of a list whose beginnings are read ahead. */
const TOUCHED_BLOCKS: u32 = 8;

/** Sets the constants for rows coded relative to the centre whose score (|c|²/2 − q·c) and half square are given. */
export function enterCentre(state: usize, codec: usize, score: f64, half: f64): void {
  const square = max(0, 2 * score + load<f64>(state, S_SQUARE));
  const isL2 = load<u32>(codec, C_METRIC) == L2;
  store<f32>(state, <f32>(isL2 ? -square : half - score), S_BASE);
  store<f32>(state, <f32>Math.sqrt(square), S_REACH);
}

/** The same for the only centre of rows that are in no list; without one it does nothing. */
export function enterOnlyCentre(state: usize): void {
  const codec = <usize>load<u32>(state, S_CODEC);
  const centre = <usize>load<u32>(codec, C_CENTRES);
  if (!centre) return;
  const query = <usize>load<u32>(state, S_QUERY);
  const dim = <usize>load<u32>(codec, C_DIM);
  const half = squareOf(centre, <u32>dim) * 0.5;
  let dot: f64 = 0;
  for (let i: usize = 0; i < dim; i++) dot += <f64>load<f32>(centre + (i << 2)) * <f64>load<f32>(query + (i << 2));
  enterCentre(state, codec, half - dot, half);
}

/** Scans a list's chunks. */
function scanList(state: usize, head: usize): void {
  for (let chunk = head; chunk; chunk = load<u32>(chunk, K_NEXT)) {
    scanChunk(state, chunk, 0, load<u32>(chunk, K_CAPACITY) >> 5);
  }
}

/**
 * Reads the beginning of each chosen list, so that the waits for memory overlap instead of following each other. Where codes
 * that follow up stand between those of one block and the next, no hardware sees what comes next: there the beginnings of
 * blocks are read up to those codes.
 */
function touchLists(state: usize, codec: usize, directory: usize, order: usize, chosen: u32): void {
  const blockBytes = <usize>load<u32>(codec, C_BLOCK_BYTES);
  const fine = <usize>load<u32>(codec, C_FINE);
  let sum: u32 = 0;
  for (let i: usize = 0; i < <usize>chosen << 2; i += 4) {
    const head = <usize>load<u32>(directory + <usize>load<u32>(order + i) * D_BYTES, D_HEAD);
    if (!head) continue;
    const blocks = fine ? min<u32>(TOUCHED_BLOCKS, (load<u32>(head, K_COUNT) + 31) >> 5) : 1;
    const bytes: usize = fine ? fine : 192;
    let block = head + CHUNK_HEADER;
    sum += load<u32>(head);
    for (let at: u32 = 0; at < blocks; at++) {
      for (let place: usize = 0; place < bytes; place += 64) sum += load<u32>(block + place);
      block += blockBytes;
    }
  }
  store<u32>(state, sum, S_TOUCHED);
}

/** The best `wanted` lists that were not looked at yet, in the shortlist of lists. Returns how many. */
function chooseLists(state: usize, padded: u32, wanted: u32): u32 {
  const probes = <usize>load<u32>(state, S_PROBES);
  const ranks = <usize>load<u32>(state, S_RANKS);
  initShortlist(probes, wanted);
  let threshold = f32x4.splat(Infinity);
  for (let at: u32 = 0; at < padded; at += 4) {
    const four = v128.load(ranks + (<usize>at << 2));
    let hits = <u32>i32x4.bitmask(f32x4.lt(four, threshold));
    if (!hits) continue;
    for (; hits; hits &= hits - 1) {
      const lane = at + ctz(hits);
      const rank = load<f32>(ranks + (<usize>lane << 2));
      if (-rank > load<f32>(probes, L_THRESHOLD)) pushShortlist(probes, -rank, lane);
    }
    threshold = f32x4.splat(-load<f32>(probes, L_THRESHOLD));
  }
  return finishShortlist(probes);
}

/** Half the squared distance without the query's part, or minus the inner product, of a row-major centroid. */
// @ts-ignore: decorator
@inline
function rankOf(query: usize, centroid: usize, dim: u32, half: f32): f32 {
  let a = f32x4.splat(0);
  let b = a;
  let i: u32 = 0;
  for (; i + 8 <= dim; i += 8) {
    a = f32x4.add(a, f32x4.mul(v128.load(query), v128.load(centroid)));
    b = f32x4.add(b, f32x4.mul(v128.load(query, 16), v128.load(centroid, 16)));
    query += 32;
    centroid += 32;
  }
  a = f32x4.add(a, b);
  let dot = f32x4.extract_lane(a, 0) + f32x4.extract_lane(a, 1) + (f32x4.extract_lane(a, 2) + f32x4.extract_lane(a, 3));
  for (; i < dim; i++) {
    dot += load<f32>(query) * load<f32>(centroid);
    query += 4;
    centroid += 4;
  }
  return half - dot;
}

/** Ranks the lists in the shortlist of the state that `ranker` is, all others infinitely. */
function rankCandidates(state: usize, ranker: usize, padded: u32, rows: usize, halves: usize): void {
  const ranks = <usize>load<u32>(state, S_RANKS);
  const query = <usize>load<u32>(state, S_QUERY);
  const dim = load<u32>(<usize>load<u32>(state, S_CODEC), C_DIM);
  const list = <usize>load<u32>(ranker, S_LIST);
  const numbers = <usize>load<u32>(list, L_ROWS);
  trimShortlist(list);
  const count = load<u32>(list, L_COUNT);
  for (let at: usize = 0; at < <usize>padded << 2; at += 16) v128.store(ranks + at, f32x4.splat(Infinity));
  for (let i: u32 = 0; i < count; i++) {
    const number = <usize>load<u32>(numbers + (<usize>i << 2));
    const rank = rankOf(query, rows + number * (<usize>dim << 2), dim, load<f32>(halves + (number << 2)));
    store<f32>(ranks + (number << 2), rank);
  }
}

/** Ranks all lists; those that were looked at infinitely. */
function rankAll(state: usize, padded: u32, blocks: usize, halves: usize, visited: usize): void {
  const ranks = <usize>load<u32>(state, S_RANKS);
  const dim = load<u32>(<usize>load<u32>(state, S_CODEC), C_DIM);
  scoreCentroids(load<u32>(state, S_QUERY), blocks, halves, padded, dim, ranks);
  for (let at: usize = 0; at < <usize>padded; at++) {
    if (load<u8>(visited + at)) store<f32>(ranks + (at << 2), Infinity);
  }
}

/**
 * Looks for the query's best rows in the lists of `directory`. The centroids stand in `blocks` and in `rows`, the halves of
 * their squares in `halves`; `zeros` are the halves for the inner product. `ranker` is a state that has scanned the
 * centroids' codes, or 0.
 */
export function searchLists(
  state: usize,
  directory: usize,
  lists: u32,
  blocks: usize,
  rows: usize,
  halves: usize,
  zeros: usize,
  ranker: usize,
): void {
  const codec = <usize>load<u32>(state, S_CODEC);
  const isIp = load<u32>(codec, C_METRIC) == IP;
  const hasCentres = load<u32>(codec, C_CENTRES) != 0;
  const padded = (lists + 31) & ~31;
  const ranks = <usize>load<u32>(state, S_RANKS);
  const visited = ranks + (<usize>padded << 2);
  const enough = load<u32>(state, S_ENOUGH);
  let wanted = min(lists, load<u32>(state, S_NPROBE));
  let probed: u32 = 0;
  let areAllRanked = ranker == 0;
  memory.fill(visited, 0, padded);
  if (ranker) rankCandidates(state, ranker, padded, rows, isIp ? zeros : halves);
  else rankAll(state, padded, blocks, isIp ? zeros : halves, visited);
  while (probed < lists) {
    const chosen = chooseLists(state, padded, wanted);
    if (chosen < wanted && !areAllRanked) {
      areAllRanked = true;
      rankAll(state, padded, blocks, isIp ? zeros : halves, visited);
      continue;
    }
    if (chosen == 0) break;
    const order = <usize>load<u32>(<usize>load<u32>(state, S_PROBES), L_ROWS);
    const mustAll = probed == 0;
    if (mustAll) touchLists(state, codec, directory, order, chosen);
    for (let i: u32 = 0; i < chosen; i++) {
      const number = <usize>load<u32>(order + (<usize>i << 2));
      const entry = directory + number * D_BYTES;
      if (hasCentres) {
        const half = <f64>load<f32>(halves + (number << 2));
        enterCentre(state, codec, <f64>load<f32>(ranks + (number << 2)) + (isIp ? half : 0), half);
      }
      store<f32>(ranks + (number << 2), Infinity);
      store<u8>(visited + number, 1);
      if (load<u32>(entry, D_COUNT)) scanList(state, load<u32>(entry, D_HEAD));
      probed++;
      if (!mustAll && load<u32>(state, S_MATCHED) >= enough) break;
    }
    if (load<u32>(state, S_MATCHED) >= enough) break;
    wanted = min(lists - probed, 2 * wanted);
  }
  store<u32>(state, probed, S_PROBED);
}
