/**
 * Which centroids are nearest to a row?
 *
 * A centroid c counts as |c|²/2 − x·c, half the squared distance without |x|²/2: least is nearest. The halves of the
 * squares stand in an array of their own, infinite where the last block has no centroid, so that those never win.
 */
import { dotBlock, dotBlockFour } from "./float-block";

/** Writes |c|²/2 of row-major vectors, and infinity up to the end of the last block of 32. */
export function halfSquares(vectors: usize, count: u32, dim: u32, target: usize): void {
  const padded = (count + 31) & ~31;
  for (let row: u32 = 0; row < padded; row++) {
    let sum: f64 = row < count ? 0 : Infinity;
    if (row < count) {
      for (let i: u32 = 0; i < dim; i++) {
        const x = <f64>load<f32>(vectors);
        sum += x * x;
        vectors += 4;
      }
    }
    store<f32>(target + (<usize>row << 2), <f32>(sum * 0.5));
  }
}

/** |x|² of a vector. */
// @ts-ignore: decorator
@inline
export function squareOf(vector: usize, dim: u32): f64 {
  let sum: f64 = 0;
  for (let i: u32 = 0; i < dim; i++) {
    const x = <f64>load<f32>(vector + (<usize>i << 2));
    sum += x * x;
  }
  return sum;
}

/** Scales row-major vectors to length 1; those of length 0 stay as they are. */
export function normaliseRows(rows: usize, count: u32, dim: u32): void {
  for (let row: u32 = 0; row < count; row++) {
    const square = squareOf(rows, dim);
    if (square > 0) {
      const factor = 1 / Math.sqrt(square);
      for (let i: usize = 0; i < <usize>dim; i++) {
        store<f32>(rows + (i << 2), <f32>(<f64>load<f32>(rows + (i << 2)) * factor));
      }
    }
    rows += <usize>dim << 2;
  }
}

/** Inserts the best `n` of `padded` scores, ascending; `n` entries of infinity and cluster 0 to begin with. */
function selectNearest(scores: usize, padded: u32, n: u32, clusters: usize, values: usize): void {
  for (let i: usize = 0; i < <usize>n; i++) {
    store<u32>(clusters + (i << 2), 0);
    store<f32>(values + (i << 2), Infinity);
  }
  const last = <usize>(n - 1) << 2;
  let worst = f32x4.splat(Infinity);
  for (let at: u32 = 0; at < padded; at += 4) {
    const four = v128.load(scores + (<usize>at << 2));
    if (!v128.any_true(f32x4.lt(four, worst))) continue;
    for (let lane: u32 = 0; lane < 4; lane++) {
      const score = load<f32>(scores + (<usize>(at + lane) << 2));
      if (!(score < load<f32>(values + last))) continue;
      let place = last;
      while (place > 0 && load<f32>(values + place - 4) > score) {
        store<f32>(values + place, load<f32>(values + place - 4));
        store<u32>(clusters + place, load<u32>(clusters + place - 4));
        place -= 4;
      }
      store<f32>(values + place, score);
      store<u32>(clusters + place, at + lane);
    }
    worst = f32x4.splat(load<f32>(values + last));
  }
}

/** Squared distances instead of scores. */
function completeDistances(values: usize, n: u32, square: f64): void {
  for (let i: usize = 0; i < <usize>n; i++) {
    const score = load<f32>(values + (i << 2));
    store<f32>(values + (i << 2), <f32>max(0, 2 * <f64>score + square));
  }
}

/** Scores of one row for all centroids. */
export function scoreCentroids(row: usize, blocks: usize, halves: usize, padded: u32, dim: u32, scores: usize): void {
  const blockBytes = <usize>dim << 7;
  for (let at: u32 = 0; at < padded; at += 32) {
    dotBlock(row, blocks, dim, scores);
    for (let i: usize = 0; i < 128; i += 16) {
      v128.store(scores + i, f32x4.sub(v128.load(halves + i), v128.load(scores + i)));
    }
    blocks += blockBytes;
    scores += 128;
    halves += 128;
  }
}

/** The same for four rows; the scores of the next row stand `padded` further on. */
function scoreFour(rows: usize, blocks: usize, halves: usize, padded: u32, dim: u32, scores: usize): void {
  const blockBytes = <usize>dim << 7;
  const stride = <usize>padded << 2;
  for (let at: u32 = 0; at < padded; at += 32) {
    dotBlockFour(rows, blocks, dim, scores, stride);
    for (let i: usize = 0; i < 128; i += 16) {
      const half = v128.load(halves + i);
      for (let row: usize = 0; row < 4; row++) {
        const place = scores + row * stride + i;
        v128.store(place, f32x4.sub(half, v128.load(place)));
      }
    }
    blocks += blockBytes;
    scores += 128;
    halves += 128;
  }
}

/**
 * The `n` nearest centroids of each of `count` row-major rows, nearest first, and their squared distances; n is at most
 * the number of centroids. `scratch` has room for 4 × `padded` float32.
 */
export function nearestCentroids(
  rows: usize,
  count: u32,
  dim: u32,
  blocks: usize,
  halves: usize,
  padded: u32,
  n: u32,
  clusters: usize,
  distances: usize,
  scratch: usize,
): void {
  const rowBytes = <usize>dim << 2;
  const step = <usize>n << 2;
  for (let row: u32 = 0; row < count; ) {
    const together: u32 = count - row >= 4 ? 4 : 1;
    if (together == 4) scoreFour(rows, blocks, halves, padded, dim, scratch);
    else scoreCentroids(rows, blocks, halves, padded, dim, scratch);
    for (let i: u32 = 0; i < together; i++) {
      selectNearest(scratch + (<usize>(i * padded) << 2), padded, n, clusters, distances);
      completeDistances(distances, n, squareOf(rows, dim));
      rows += rowBytes;
      clusters += step;
      distances += step;
    }
    row += together;
  }
}

/**
 * Lowers the distances of every `stride`-th row, numbers [from, to) of those, to that of the nearest of up to 32
 * centroids.
 */
export function lowerDistances(
  rows: usize,
  from: u32,
  to: u32,
  stride: u32,
  dim: u32,
  block: usize,
  halves: usize,
  distances: usize,
  scratch: usize,
): void {
  for (let at = from; at < to; at++) {
    const row = rows + <usize>(at * stride) * (<usize>dim << 2);
    const place = distances + (<usize>(at * stride) << 2);
    scoreCentroids(row, block, halves, 32, dim, scratch);
    let least = v128.load(scratch);
    for (let i: usize = 16; i < 128; i += 16) least = f32x4.min(least, v128.load(scratch + i));
    const low = min(f32x4.extract_lane(least, 0), f32x4.extract_lane(least, 1));
    const high = min(f32x4.extract_lane(least, 2), f32x4.extract_lane(least, 3));
    const distance = <f32>max(0, 2 * <f64>min(low, high) + squareOf(row, dim));
    store<f32>(place, min(load<f32>(place), distance));
  }
}

/** Adds the rows of the clusters [from, to) to those clusters' sums and counts. */
export function addToClusters(
  rows: usize,
  count: u32,
  dim: u32,
  clusters: usize,
  from: u32,
  to: u32,
  sums: usize,
  counts: usize,
): void {
  const rowBytes = <usize>dim << 2;
  for (let row: u32 = 0; row < count; row++) {
    const cluster = load<u32>(clusters + (<usize>row << 2));
    if (cluster < from || cluster >= to) continue;
    let source = rows + <usize>row * rowBytes;
    let target = sums + <usize>cluster * rowBytes;
    const end = target + rowBytes;
    for (; target + 16 <= end; target += 16) {
      v128.store(target, f32x4.add(v128.load(target), v128.load(source)));
      source += 16;
    }
    for (; target < end; target += 4) {
      store<f32>(target, load<f32>(target) + load<f32>(source));
      source += 4;
    }
    const place = counts + (<usize>cluster << 2);
    store<u32>(place, load<u32>(place) + 1);
  }
}
