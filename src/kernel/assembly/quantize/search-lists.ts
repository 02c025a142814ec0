/**
 * Which lists of an inverted file are looked at, and in which order?
 *
 * Those whose centroids are nearest, `nprobe` of them; then twice as many again and again, until enough rows that may be
 * returned were met or no list is left. A list that was looked at gets an infinite rank.
 */
import { C_CENTRES, C_DIM, C_METRIC, D_BYTES, D_COUNT, D_HEAD, IP, K_CAPACITY, K_NEXT, L2 } from "./codec";
import { scoreCentroids, squareOf } from "./nearest";
import { scanChunk } from "./search-chunks";
import { finishShortlist, initShortlist, L_ROWS, L_THRESHOLD, pushShortlist } from "./shortlist";
import {
  S_BASE,
  S_CODEC,
  S_ENOUGH,
  S_MATCHED,
  S_NPROBE,
  S_PROBED,
  S_PROBES,
  S_QUERY,
  S_RANKS,
  S_REACH,
  S_SQUARE,
} from "./state";

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

/**
 * Looks for the query's best rows in the lists of `directory`; `centroids` are blocks of float32 vectors, `halves` the
 * halves of their squares, `zeros` the same with zeros, as many as `padded`, a multiple of 32.
 */
export function searchLists(
  state: usize,
  directory: usize,
  lists: u32,
  centroids: usize,
  halves: usize,
  zeros: usize,
): void {
  const codec = <usize>load<u32>(state, S_CODEC);
  const ranks = <usize>load<u32>(state, S_RANKS);
  const isIp = load<u32>(codec, C_METRIC) == IP;
  const hasCentres = load<u32>(codec, C_CENTRES) != 0;
  const padded = (lists + 31) & ~31;
  const enough = load<u32>(state, S_ENOUGH);
  let wanted = min(lists, load<u32>(state, S_NPROBE));
  let probed: u32 = 0;
  scoreCentroids(load<u32>(state, S_QUERY), centroids, isIp ? zeros : halves, padded, load<u32>(codec, C_DIM), ranks);
  while (probed < lists) {
    const chosen = chooseLists(state, padded, wanted);
    if (chosen == 0) break;
    const order = <usize>load<u32>(<usize>load<u32>(state, S_PROBES), L_ROWS);
    const mustAll = probed == 0;
    for (let i: u32 = 0; i < chosen; i++) {
      const number = load<u32>(order + (<usize>i << 2));
      const rank = ranks + (<usize>number << 2);
      const entry = directory + <usize>number * D_BYTES;
      if (hasCentres) {
        const half = <f64>load<f32>(halves + (<usize>number << 2));
        enterCentre(state, codec, <f64>load<f32>(rank) + (isIp ? half : 0), half);
      }
      store<f32>(rank, Infinity);
      if (load<u32>(entry, D_COUNT)) scanList(state, load<u32>(entry, D_HEAD));
      probed++;
      if (!mustAll && load<u32>(state, S_MATCHED) >= enough) break;
    }
    if (load<u32>(state, S_MATCHED) >= enough) break;
    wanted = min(lists, 2 * wanted);
  }
  store<u32>(state, probed, S_PROBED);
}
