/**
 * How do the live vectors of several segments become one segment?
 *
 * First the lists of the sources are merged (`mergeLists`), then their live weights counted (`countLists`) and lists that
 * have none left out (`dropEmptyLists`); now the size is known. `layOut` and `placeLists` prepare the new segment, and
 * `fillFrom` appends one source after the other. Other work may go on between the steps: which vectors are live is read
 * from a copy of the source's rows that is made at the beginning. Loose vectors come as a source of their own (`build.ts`).
 *
 * Per list of the new segment: f64 key, and a *tally* of 16 bytes, which is u32 count and f32 largest magnitude at first,
 * and u32 where the next slot goes (0: dense), u32 where the next code goes, f64 codes a weight while it is filled.
 */
import {
  aligned,
  DENSE,
  DENSE_PART,
  G_FEATURES,
  G_HASH,
  G_HASH_MASK,
  G_INFO,
  G_LISTS,
  G_NUMBERS,
  G_POSTINGS,
  G_ROWS,
  G_SLOTS,
  G_STARTS,
  G_VALUES,
  G_WEIGHTS,
  G_WIDTH,
  hashOf,
  L_COUNT,
  L_FLAGS,
  L_MAX,
  L_PLACE,
  LIST_BYTES,
  NEGATIVE,
  NO_ROW,
  SEGMENT_HEADER,
} from "./layout";

const TALLY_BYTES: usize = 16;

// @ts-ignore: decorator
@inline
function listKey(segment: usize, list: usize): u64 {
  const feature = load<u32>(<usize>load<u32>(segment, G_FEATURES) + (list << 2));
  const flags = <u32>load<u16>(<usize>load<u32>(segment, G_INFO) + list * LIST_BYTES, L_FLAGS);
  return (<u64>feature << 1) | <u64>(flags & NEGATIVE);
}

/**
 * Merges the lists of `count` segments, whose addresses are at `sources`. At `maps` stand the addresses of one u32 a list
 * for each, which becomes its number in the merged order; at `heads` is room for a u32 each. Returns how many there are.
 */
export function mergeLists(sources: usize, maps: usize, heads: usize, count: u32, keys: usize): u32 {
  memory.fill(heads, 0, <usize>count << 2);
  let merged: u32 = 0;
  while (true) {
    let least: u64 = u64.MAX_VALUE;
    for (let i: usize = 0; i < <usize>count; i++) {
      const segment = <usize>load<u32>(sources + (i << 2));
      const head = load<u32>(heads + (i << 2));
      if (head < load<u32>(segment, G_LISTS)) least = min(least, listKey(segment, head));
    }
    if (least == u64.MAX_VALUE) return merged;
    for (let i: usize = 0; i < <usize>count; i++) {
      const segment = <usize>load<u32>(sources + (i << 2));
      const head = load<u32>(heads + (i << 2));
      if (head >= load<u32>(segment, G_LISTS) || listKey(segment, head) != least) continue;
      store<u32>(<usize>load<u32>(maps + (i << 2)) + (<usize>head << 2), merged);
      store<u32>(heads + (i << 2), head + 1);
    }
    store<f64>(keys + (<usize>merged << 3), <f64>least);
    merged += 1;
  }
}

// @ts-ignore: decorator
@inline
function numberAt<W>(numbers: usize, at: u32): u32 {
  return <u32>load<W>(numbers + <usize>at * sizeof<W>());
}

// @ts-ignore: decorator
@inline
function count<W>(segment: usize, rows: usize, map: usize, tallies: usize): u32 {
  const starts = <usize>load<u32>(segment, G_STARTS);
  const values = <usize>load<u32>(segment, G_VALUES);
  const numbers = <usize>load<u32>(segment, G_NUMBERS);
  const slots = load<u32>(segment, G_SLOTS);
  let weights: u32 = 0;
  for (let slot: usize = 0; slot < <usize>slots; slot++) {
    if (load<u32>(rows + (slot << 2)) == NO_ROW) continue;
    const end = load<u32>(starts + (slot << 2), 4);
    const start = load<u32>(starts + (slot << 2));
    for (let at = start; at < end; at++) {
      const list = load<u32>(map + (<usize>numberAt<W>(numbers, at) << 2));
      const tally = tallies + <usize>list * TALLY_BYTES;
      store<u32>(tally, load<u32>(tally) + 1);
      store<f32>(tally, max(load<f32>(tally, 4), abs(load<f32>(values + (<usize>at << 2)))), 4);
    }
    weights += end - start;
  }
  return weights;
}

/** Counts the live weights of each list of a source, and finds the largest; returns how many there are in all. */
export function countLists(segment: usize, rows: usize, map: usize, tallies: usize): u32 {
  return load<u32>(segment, G_WIDTH) == 2
    ? count<u16>(segment, rows, map, tallies)
    : count<u32>(segment, rows, map, tallies);
}

/** Leaves out the lists of which nothing is live; at `ranks` (u32 each) stands the new number of the others. */
export function dropEmptyLists(keys: usize, tallies: usize, lists: u32, ranks: usize): u32 {
  let kept: usize = 0;
  for (let list: usize = 0; list < <usize>lists; list++) {
    store<u32>(ranks + (list << 2), <u32>kept);
    if (load<u32>(tallies + list * TALLY_BYTES) == 0) continue;
    store<f64>(keys + (kept << 3), load<f64>(keys + (list << 3)));
    store<u64>(tallies + kept * TALLY_BYTES, load<u64>(tallies + list * TALLY_BYTES));
    kept += 1;
  }
  return <u32>kept;
}

/** Applies `ranks` to a map. */
export function renumber(map: usize, lists: u32, ranks: usize): void {
  for (let i: usize = 0; i < <usize>lists; i++) {
    store<u32>(map + (i << 2), load<u32>(ranks + (<usize>load<u32>(map + (i << 2)) << 2)));
  }
}

// @ts-ignore: decorator
@inline
function isDense(postings: u32, slots: u32): bool {
  return postings * DENSE_PART >= slots;
}

// @ts-ignore: decorator
@inline
function denseBytes(slots: u32): usize {
  return (<usize>slots + 15) & ~15;
}

// @ts-ignore: decorator
@inline
function thinBytes(postings: u32): usize {
  return (<usize>postings * 3 + 1) & ~1;
}

/** Bytes of the postings of `lists` lists. */
export function postingBytes(tallies: usize, lists: u32, slots: u32): usize {
  let bytes: usize = 0;
  for (let i: usize = 0; i < <usize>lists; i++) {
    const postings = load<u32>(tallies + i * TALLY_BYTES);
    bytes += isDense(postings, slots) ? denseBytes(slots) : thinBytes(postings);
  }
  return bytes;
}

// @ts-ignore: decorator
@inline
function widthFor(lists: u32): u32 {
  return lists <= 0xffff ? 2 : 4;
}

/** Places of the hash table: at most half of them are taken. */
// @ts-ignore: decorator
@inline
function hashPlaces(lists: u32): u32 {
  return (<u32>1) << (33 - clz(lists | 31));
}

/** Bytes of a segment. */
export function segmentBytes(slots: u32, lists: u32, weights: u32, postings: u32): usize {
  const hash = <usize>hashPlaces(lists) * widthFor(lists);
  const perList = aligned(<usize>lists << 2) + aligned(<usize>lists * LIST_BYTES) + aligned(hash);
  const perWeight = aligned(<usize>weights << 2) + aligned(<usize>weights * widthFor(lists));
  // What is read in sixteens may reach beyond the last list.
  return SEGMENT_HEADER + aligned(<usize>slots << 2) + aligned((<usize>slots + 1) << 2) + perList + perWeight +
    aligned(<usize>postings + 16);
}

/** Writes a segment's header. */
export function layOut(segment: usize, slots: u32, lists: u32, weights: u32): void {
  store<u32>(segment, slots, G_SLOTS);
  store<u32>(segment, lists, G_LISTS);
  store<u32>(segment, weights, G_WEIGHTS);
  store<u32>(segment, widthFor(lists), G_WIDTH);
  let place = segment + SEGMENT_HEADER;
  store<u32>(segment, <u32>place, G_ROWS);
  place += aligned(<usize>slots << 2);
  store<u32>(segment, <u32>place, G_STARTS);
  place += aligned((<usize>slots + 1) << 2);
  store<u32>(segment, <u32>place, G_FEATURES);
  place += aligned(<usize>lists << 2);
  store<u32>(segment, <u32>place, G_INFO);
  place += aligned(<usize>lists * LIST_BYTES);
  store<u32>(segment, <u32>place, G_HASH);
  store<u32>(segment, hashPlaces(lists) - 1, G_HASH_MASK);
  place += aligned(<usize>hashPlaces(lists) * widthFor(lists));
  store<u32>(segment, <u32>place, G_VALUES);
  place += aligned(<usize>weights << 2);
  store<u32>(segment, <u32>place, G_NUMBERS);
  place += aligned(<usize>weights * widthFor(lists));
  store<u32>(segment, <u32>place, G_POSTINGS);
}

// @ts-ignore: decorator
@inline
function hash<W>(segment: usize): void {
  const features = <usize>load<u32>(segment, G_FEATURES);
  const table = <usize>load<u32>(segment, G_HASH);
  const mask = load<u32>(segment, G_HASH_MASK);
  const lists = load<u32>(segment, G_LISTS);
  memory.fill(table, 0, (<usize>mask + 1) * sizeof<W>());
  for (let list: u32 = 0; list < lists; list++) {
    const feature = load<u32>(features + (<usize>list << 2));
    if (list > 0 && load<u32>(features + (<usize>(list - 1) << 2)) == feature) continue;
    let at = hashOf(feature) & mask;
    while (load<W>(table + <usize>at * sizeof<W>())) at = (at + 1) & mask;
    store<W>(table + <usize>at * sizeof<W>(), <W>(list + 1));
  }
}

/** Fills the hash table of a segment whose lists are named. */
export function hashLists(segment: usize): void {
  if (load<u32>(segment, G_WIDTH) == 2) hash<u16>(segment);
  else hash<u32>(segment);
}

/** Gives each list its place, dense ones first: they stay aligned. The tallies are made ready for `fillFrom`. */
export function placeLists(segment: usize, tallies: usize): void {
  const slots = load<u32>(segment, G_SLOTS);
  const lists = <usize>load<u32>(segment, G_LISTS);
  const info = <usize>load<u32>(segment, G_INFO);
  let dense = <usize>load<u32>(segment, G_POSTINGS);
  let thin = dense;
  for (let i: usize = 0; i < lists; i++) {
    if (isDense(load<u32>(tallies + i * TALLY_BYTES), slots)) thin += denseBytes(slots);
  }
  memory.fill(dense, 0, thin - dense);
  for (let i: usize = 0; i < lists; i++) {
    const tally = tallies + i * TALLY_BYTES;
    const list = info + i * LIST_BYTES;
    const postings = load<u32>(tally);
    const largest = load<f32>(tally, 4);
    const flags = <u32>load<u16>(list, L_FLAGS);
    store<u16>(list, <u16>postings, L_COUNT);
    store<f32>(list, largest, L_MAX);
    store<f64>(tally, 255.0 / <f64>largest, 8);
    if (isDense(postings, slots)) {
      store<u16>(list, <u16>(flags | DENSE), L_FLAGS);
      store<u32>(list, <u32>dense, L_PLACE);
      store<u32>(tally, 0);
      store<u32>(tally, <u32>dense, 4);
      dense += denseBytes(slots);
    } else {
      store<u32>(list, <u32>thin, L_PLACE);
      store<u32>(tally, <u32>thin);
      store<u32>(tally, <u32>(thin + (<usize>postings << 1)), 4);
      thin += thinBytes(postings);
    }
  }
}

// @ts-ignore: decorator
@inline
function addPosting(tally: usize, slot: u32, value: f32): void {
  const code = min<f64>(255, max<f64>(1, ceil(<f64>abs(value) * load<f64>(tally, 8))));
  const slots = <usize>load<u32>(tally);
  const codes = <usize>load<u32>(tally, 4);
  if (slots == 0) {
    store<u8>(codes + slot, <u8>code);
    return;
  }
  store<u16>(slots, <u16>slot);
  store<u8>(codes, <u8>code);
  store<u32>(tally, <u32>slots + 2);
  store<u32>(tally, <u32>codes + 1, 4);
}

// @ts-ignore: decorator
@inline
function fill<S, W>(segment: usize, source: usize, sourceRows: usize, map: usize, tallies: usize, slot: u32): u32 {
  const rows = <usize>load<u32>(segment, G_ROWS);
  const starts = <usize>load<u32>(segment, G_STARTS);
  const values = <usize>load<u32>(segment, G_VALUES);
  const numbers = <usize>load<u32>(segment, G_NUMBERS);
  const sourceStarts = <usize>load<u32>(source, G_STARTS);
  const sourceValues = <usize>load<u32>(source, G_VALUES);
  const sourceNumbers = <usize>load<u32>(source, G_NUMBERS);
  const slots = <usize>load<u32>(source, G_SLOTS);
  let to = slot == 0 ? 0 : load<u32>(starts + (<usize>slot << 2));
  store<u32>(starts + (<usize>slot << 2), to);
  for (let i: usize = 0; i < slots; i++) {
    const row = load<u32>(sourceRows + (i << 2));
    if (row == NO_ROW) continue;
    const end = load<u32>(sourceStarts + (i << 2), 4);
    for (let at = load<u32>(sourceStarts + (i << 2)); at < end; at++) {
      const value = load<f32>(sourceValues + (<usize>at << 2));
      const list = load<u32>(map + (<usize>numberAt<S>(sourceNumbers, at) << 2));
      store<f32>(values + (<usize>to << 2), value);
      store<W>(numbers + <usize>to * sizeof<W>(), <W>list);
      addPosting(tallies + <usize>list * TALLY_BYTES, slot, value);
      to += 1;
    }
    store<u32>(rows + (<usize>slot << 2), row);
    slot += 1;
    store<u32>(starts + (<usize>slot << 2), to);
  }
  return slot;
}

/** Appends the live vectors of a source from slot `slot` on; returns the next free one. */
export function fillFrom(segment: usize, source: usize, rows: usize, map: usize, tallies: usize, slot: u32): u32 {
  if (load<u32>(segment, G_WIDTH) == 2) {
    if (load<u32>(source, G_WIDTH) == 2) return fill<u16, u16>(segment, source, rows, map, tallies, slot);
    return fill<u32, u16>(segment, source, rows, map, tallies, slot);
  }
  if (load<u32>(source, G_WIDTH) == 2) return fill<u16, u32>(segment, source, rows, map, tallies, slot);
  return fill<u32, u32>(segment, source, rows, map, tallies, slot);
}
