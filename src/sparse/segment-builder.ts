/**
 * How is a segment made of others, or of loose vectors?
 *
 * The host's side of `kernel/assembly/sparse/{build,merge}.ts`: it takes memory, calls the steps in their order and gives
 * back what was needed in between. Sources stay as they are, but for loose vectors, whose features become numbers.
 */
import type { MemoryPlaces } from "./memory-places.js";
import { header, headerBytes, listBytes, type SparseKernel } from "./sparse-kernel.js";

/** A sealed segment. */
export interface Segment {
  readonly address: number;
  readonly bytes: number;
  readonly slots: number;
  readonly lists: number;
  readonly weights: number;
  /** Vectors that are not dead, and their weights. */
  live: number;
  liveWeights: number;
}

/** Vectors to be put into a segment: its address, lists, and vectors that are not dead. */
export interface SegmentSource {
  readonly address: number;
  readonly lists: number;
  readonly live: number;
}

const tallyBytes = 16;

/** A segment of the live vectors of the sources, in their order; at least one is live. */
export function mergeSegments(kernel: SparseKernel, places: MemoryPlaces, sources: readonly SegmentSource[]): Segment {
  const count = sources.length;
  let lists = 0;
  let slots = 0;
  for (const source of sources) {
    lists += source.lists;
    slots += source.live;
  }
  // Sources, their maps, heads; then the maps themselves, ranks, keys, tallies.
  const fixedBytes = 64 + 12 * count;
  const scratchBytes = fixedBytes + lists * (4 + 4 + 8 + tallyBytes) + 64;
  const scratch = places.take(scratchBytes);
  const maps = scratch + 4 * count;
  const heads = maps + 4 * count;
  const keys = scratch + Math.ceil(fixedBytes / 64) * 64;
  const tallies = keys + 8 * lists;
  const ranks = tallies + tallyBytes * lists;
  let map = ranks + 4 * lists;
  const mapOf: number[] = [];
  sources.forEach((source, i) => {
    mapOf.push(map);
    places.words[scratch / 4 + i] = source.address;
    places.words[maps / 4 + i] = map;
    map += 4 * source.lists;
  });
  try {
    const merged = kernel.mergeLists(scratch, maps, heads, count, keys) >>> 0;
    places.words.fill(0, tallies / 4, tallies / 4 + 4 * merged);
    let weights = 0;
    sources.forEach(({ address }, i) => {
      weights += kernel.countLists(address, mapOf[i]!, tallies) >>> 0;
    });
    const kept = kernel.dropEmptyLists(keys, tallies, merged, ranks) >>> 0;
    if (kept < merged) {
      sources.forEach((source, i) => {
        kernel.renumber(mapOf[i]!, source.lists, ranks);
      });
    }
    const bytes = kernel.segmentBytes(slots, kept, weights, kernel.postingBytes(tallies, kept, slots)) >>> 0;
    const address = places.take(bytes);
    kernel.layOut(address, slots, kept, weights);
    kernel.nameLists(address, keys, kept);
    kernel.placeLists(address, tallies);
    let slot = 0;
    sources.forEach((source, i) => {
      slot = kernel.fillFrom(address, source.address, mapOf[i]!, tallies, slot);
    });
    return { address, bytes, slots, lists: kept, weights, live: slots, liveWeights: weights };
  } finally {
    places.give(scratch, scratchBytes);
  }
}

/** A segment of the live ones among loose vectors, of which there is at least one. They are none afterwards. */
export function sealLoose(
  kernel: SparseKernel,
  places: MemoryPlaces,
  loose: { readonly address: number; readonly live: number; readonly weights: number },
): Segment {
  const tableBytes = kernel.keyTableBytes(loose.weights) >>> 0;
  const keyBytes = 8 * loose.weights;
  const scratchBytes = tableBytes + keyBytes + loose.weights * (4 + listBytes) + headerBytes;
  const table = places.take(scratchBytes);
  const keys = table + tableBytes;
  try {
    places.words.fill(0, table / 4, (table + tableBytes) / 4);
    const at = loose.address / 4;
    const word = (number: number): number => places.words[at + number]!;
    const slots = word(header.slots);
    const [rows, starts] = [word(header.rows), word(header.starts)];
    const [features, values] = [word(header.numbers), word(header.values)];
    const count = kernel.collectKeys(rows, starts, slots, features, values, table, loose.weights, keys) >>> 0;
    new Float64Array(places.buffer, keys, count).sort();
    kernel.rankFeatures(rows, starts, slots, features, values, table, loose.weights, keys, count);
    places.words[at + header.lists] = count;
    places.words[at + header.features] = keys + keyBytes;
    places.words[at + header.info] = keys + keyBytes + 4 * count;
    kernel.nameLists(loose.address, keys, count);
    return mergeSegments(kernel, places, [{ address: loose.address, lists: count, live: loose.live }]);
  } finally {
    places.give(table, scratchBytes);
  }
}
