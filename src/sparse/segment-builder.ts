/**
 * How is a segment made of others, or of loose vectors?
 *
 * The host's side of `kernel/assembly/sparse/{build,merge}.ts`: it takes memory, calls the steps in their order and gives
 * back what was needed in between. Sources stay as they are.
 */
import type { LooseVectors } from "./loose-vectors.js";
import type { MemoryPlaces } from "./memory-places.js";
import { header, headerBytes, listBytes, noRow, type SparseKernel } from "./sparse-kernel.js";

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
  /** True while its vectors are being copied to another segment. */
  isMerging: boolean;
}

/** Vectors to be put into a segment. */
export interface SegmentSource {
  readonly address: number;
  readonly lists: number;
  /** Row of each slot when the merge began. */
  readonly rows: Uint32Array;
  /** Weights, for the measure of a step. */
  readonly weights: number;
}

/** Work in steps; each gives about how many weights it has gone over. The sources must stay until it is done. */
export type MergeSteps = Generator<number, Segment>;

const tallyBytes = 16;

/** Lists of the sources in one order, and the copies of their rows. */
interface Merge {
  readonly sources: readonly SegmentSource[];
  /** By source: address of the rows, and of the number of each list in the common order. */
  readonly rows: readonly number[];
  readonly maps: readonly number[];
  readonly keys: number;
  readonly lists: number;
}

/** Makes a segment of the live vectors of the sources, in their order; at least one is live. */
export function* mergeSteps(kernel: SparseKernel, places: MemoryPlaces, sources: readonly SegmentSource[]): MergeSteps {
  let lists = 0;
  let slots = 0;
  for (const source of sources) {
    lists += source.lists;
    slots += source.rows.length;
  }
  const fixedBytes = Math.ceil((12 * sources.length) / 64) * 64;
  const orderBytes = fixedBytes + 12 * lists + 4 * slots;
  const order = places.take(orderBytes);
  try {
    const merge = orderLists(kernel, places, sources, order, order + fixedBytes, lists);
    yield lists / 2;
    const talliesBytes = (tallyBytes + 4) * merge.lists;
    const tallies = places.take(talliesBytes);
    try {
      return yield* fillSteps(kernel, places, merge, tallies);
    } finally {
      places.give(tallies, talliesBytes);
    }
  } finally {
    places.give(order, orderBytes);
  }
}

/** Merges the lists; `fixed` has room for three words a source, `place` for 12 bytes a list and 4 a slot. */
function orderLists(
  kernel: SparseKernel,
  places: MemoryPlaces,
  sources: readonly SegmentSource[],
  fixed: number,
  place: number,
  listsMax: number,
): Merge {
  const count = sources.length;
  const { words } = places;
  const maps: number[] = [];
  const rows: number[] = [];
  let free = place + 8 * listsMax;
  sources.forEach((source, i) => {
    maps.push(free);
    words[fixed / 4 + i] = source.address;
    words[fixed / 4 + count + i] = free;
    free += 4 * source.lists;
    rows.push(free);
    words.set(source.rows, free / 4);
    free += 4 * source.rows.length;
  });
  const lists = kernel.mergeLists(fixed, fixed + 4 * count, fixed + 8 * count, count, place) >>> 0;
  return { sources, rows, maps, keys: place, lists };
}

/** Counts, lays out and fills; at `tallies` is room for a tally and a rank a list. */
function* fillSteps(kernel: SparseKernel, places: MemoryPlaces, merge: Merge, tallies: number): MergeSteps {
  const { sources, rows, maps, keys } = merge;
  const ranks = tallies + tallyBytes * merge.lists;
  places.words.fill(0, tallies / 4, ranks / 4);
  let weights = 0;
  let slots = 0;
  for (let i = 0; i < sources.length; i++) {
    const source = sources[i]!;
    weights += kernel.countLists(source.address, rows[i]!, maps[i]!, tallies) >>> 0;
    for (const row of source.rows) if (row !== noRow) slots += 1;
    yield source.weights / 4;
  }
  const lists = kernel.dropEmptyLists(keys, tallies, merge.lists, ranks) >>> 0;
  if (lists < merge.lists) {
    for (let i = 0; i < sources.length; i++) kernel.renumber(maps[i]!, sources[i]!.lists, ranks);
  }
  const bytes = kernel.segmentBytes(slots, lists, weights, kernel.postingBytes(tallies, lists, slots)) >>> 0;
  const address = places.take(bytes);
  kernel.layOut(address, slots, lists, weights);
  kernel.nameLists(address, keys, lists);
  kernel.hashLists(address);
  kernel.placeLists(address, tallies);
  yield merge.lists / 2;
  let slot = 0;
  for (let i = 0; i < sources.length; i++) {
    slot = kernel.fillFrom(address, sources[i]!.address, rows[i]!, maps[i]!, tallies, slot) >>> 0;
    if (i + 1 < sources.length) yield sources[i]!.weights;
  }
  return { address, bytes, slots, lists, weights, live: slots, liveWeights: weights, isMerging: false };
}

/** Takes all steps at once. */
export function finished(steps: MergeSteps): Segment {
  while (true) {
    const step = steps.next();
    if (step.done === true) return step.value;
  }
}

/** A segment of the live ones among loose vectors, of which there is at least one. They stay as they are. */
export function sealLoose(kernel: SparseKernel, places: MemoryPlaces, loose: LooseVectors): Segment {
  const { weights } = loose;
  const tableBytes = kernel.keyTableBytes(weights) >>> 0;
  const scratchBytes = tableBytes + 8 * weights + 4 * weights;
  const table = places.take(scratchBytes);
  const keys = table + tableBytes;
  const numbers = keys + 8 * weights;
  const at = loose.address / 4;
  const [slots, rows, starts] = [header.slots, header.rows, header.starts].map((word) => places.words[at + word]!);
  const [features, values] = [header.numbers, header.values].map((word) => places.words[at + word]!);
  const vectors = [rows!, starts!, slots!, features!, values!] as const;
  try {
    const lists = kernel.collectKeys(...vectors, table, weights, keys) >>> 0;
    new Float64Array(places.buffer, keys, lists).sort();
    kernel.rankFeatures(...vectors, table, weights, keys, lists, numbers);
    const sourceBytes = headerBytes + (4 + listBytes) * lists;
    const source = places.take(sourceBytes);
    try {
      const { words } = places;
      const to = source / 4;
      words.copyWithin(to, at, at + headerBytes / 4);
      words[to + header.lists] = lists;
      words[to + header.numbers] = numbers;
      words[to + header.features] = source + headerBytes;
      words[to + header.info] = source + headerBytes + 4 * lists;
      kernel.nameLists(source, keys, lists);
      const rowsNow = words.slice(rows! / 4, rows! / 4 + slots!);
      return finished(mergeSteps(kernel, places, [{ address: source, lists, rows: rowsNow, weights }]));
    } finally {
      places.give(source, sourceBytes);
    }
  } finally {
    places.give(table, scratchBytes);
  }
}
