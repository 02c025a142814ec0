/**
 * Which sets of bits stand for many?
 *
 * k-means on packed bits (k-majority: Huang, Data Mining and Knowledge Discovery 2, 1998, for binary attributes;
 * Grana et al., "A fast approach for integrating ORB descriptors in the bag of words model", 2013). A row belongs to
 * the nearest centroid; under Hamming a centroid has the bits that more than half of its rows have, which is the set
 * of the least sum of distances. Of sparse sets that is often the empty one, from which every set is equally far
 * under Jaccard: there a centroid has its rows' most frequent bits, as many as they have on average.
 */
import { HAMMING } from "./state";
import { commonBits, differing } from "./packed";

// @ts-ignore: decorator
@inline
function nearestHamming(row: usize, stride: usize, centroids: usize, clusters: u32): u32 {
  let best: u32 = 0;
  let least = u32.MAX_VALUE;
  for (let c: u32 = 0; c < clusters; c++, centroids += stride) {
    const distance = differing(row, centroids, stride);
    if (distance < least) {
      least = distance;
      best = c;
    }
  }
  return best;
}

/** The centroid of the largest share of common bits; fractions are compared by their cross products. */
// @ts-ignore: decorator
@inline
function nearestJaccard(row: usize, set: u32, stride: usize, centroids: usize, counts: usize, clusters: u32): u32 {
  let best: u32 = 0;
  let bestCommon: u32 = 0;
  let bestUnion: u32 = 0;
  for (let c: u32 = 0; c < clusters; c++, centroids += stride) {
    const common = commonBits(row, centroids, stride);
    const all = set + <u32>load<u16>(counts + (<usize>c << 1)) - common;
    // Two empty sets are as near as can be: 1 of 1. The first centroid is better than none.
    const isEmpty = all == 0;
    const share: u32 = isEmpty ? 1 : common;
    const whole: u32 = isEmpty ? 1 : all;
    if (bestUnion == 0 || share * bestUnion > bestCommon * whole) {
      bestCommon = share;
      bestUnion = whole;
      best = c;
    }
  }
  return best;
}

/** Writes for each of `count` packed rows the number of its nearest centroid, of equally near ones the first. */
export function assignPacked(
  metric: i32,
  rows: usize,
  counts: usize,
  stride: usize,
  count: u32,
  centroids: usize,
  centroidCounts: usize,
  clusters: u32,
  labels: usize,
): void {
  for (let i: u32 = 0; i < count; i++, rows += stride) {
    const set = <u32>load<u16>(counts + (<usize>i << 1));
    const label =
      metric == HAMMING
        ? nearestHamming(rows, stride, centroids, clusters)
        : nearestJaccard(rows, set, stride, centroids, centroidCounts, clusters);
    store<u32>(labels + (<usize>i << 2), label);
  }
}

/** Counts, for each bit, the members that have it. */
function countBits(rows: usize, stride: usize, members: usize, size: u32, counters: usize): void {
  memory.fill(counters, 0, stride << 5);
  for (let i: u32 = 0; i < size; i++) {
    const row = rows + <usize>load<u32>(members + (<usize>i << 2)) * stride;
    for (let word: usize = 0; word < stride; word += 8) {
      let bits = load<u64>(row + word);
      const base = counters + (word << 5);
      for (; bits != 0; bits &= bits - 1) {
        const counter = base + (<usize>ctz(bits) << 2);
        store<u32>(counter, load<u32>(counter) + 1);
      }
    }
  }
}

/** Bits that more than `least` members have. */
function countAbove(counters: usize, bits: u32, least: u32): u32 {
  let count: u32 = 0;
  for (let i: u32 = 0; i < bits; i++) count += u32(load<u32>(counters + (<usize>i << 2)) > least);
  return count;
}

/** Writes a centroid of the bits that more than `least` members have, and the first `others` that `least` have. */
function writeCentroid(counters: usize, bits: u32, least: u32, others: u32, centroid: usize): void {
  for (let i: u32 = 0; i < bits; i += 8) {
    let byte: u32 = 0;
    for (let bit: u32 = 0; bit < 8; bit++) {
      const count = load<u32>(counters + (<usize>(i + bit) << 2));
      const isOther = count == least && others > 0;
      if (isOther) others--;
      if (count > least || isOther) byte |= 1 << bit;
    }
    store<u8>(centroid + <usize>(i >> 3), <u8>byte);
  }
}

/** Writes the centroid of the `size` most frequent bits; of equally frequent ones the first. */
function writeMostFrequent(counters: usize, bits: u32, size: u32, members: u32, centroid: usize): void {
  // The least number such that no more than `size` bits are above it.
  let low: u32 = 0;
  let high = members;
  while (low < high) {
    const middle = (low + high) >>> 1;
    if (countAbove(counters, bits, middle) > size) low = middle + 1;
    else high = middle;
  }
  // Bits that no member has stay out.
  const others = low == 0 ? 0 : size - countAbove(counters, bits, low);
  writeCentroid(counters, bits, low, others, centroid);
}

/**
 * Moves the centroids `from` to `to`. The members of centroid c are the rows whose numbers stand at `members` from
 * `starts[c]` to `starts[c + 1]`; one without members stays. `counters` has room for 32 times the bytes of a row.
 */
export function moveCentroids(
  metric: i32,
  rows: usize,
  stride: usize,
  members: usize,
  starts: usize,
  from: u32,
  to: u32,
  centroids: usize,
  counters: usize,
): void {
  const bits = <u32>stride << 3;
  for (let c = from; c < to; c++) {
    const start = load<u32>(starts + (<usize>c << 2));
    const size = load<u32>(starts + (<usize>c << 2), 4) - start;
    if (size == 0) continue;
    countBits(rows, stride, members + (<usize>start << 2), size, counters);
    const centroid = centroids + <usize>c * stride;
    if (metric == HAMMING) {
      writeCentroid(counters, bits, size >>> 1, 0, centroid);
    } else {
      let sum: u64 = 0;
      for (let i: u32 = 0; i < bits; i++) sum += load<u32>(counters + (<usize>i << 2));
      writeMostFrequent(counters, bits, <u32>((sum + (size >>> 1)) / size), size, centroid);
    }
  }
}
