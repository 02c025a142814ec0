/**
 * How do loose vectors get lists?
 *
 * Loose vectors name their features themselves. Every pair of feature and sign gets a key, feature * 2 + sign; an
 * open-addressing hash table finds the distinct ones, the host sorts them, and their ranks are the numbers of the lists.
 */
import { G_FEATURES, G_INFO, L_FLAGS, LIST_BYTES, NEGATIVE, NO_ROW } from "./layout";

/** Bytes of a hash table for `weights` keys: a u32 a place, 1 + the number of a key, 0 where it is free. */
export function keyTableBytes(weights: u32): usize {
  return tableSize(weights) << 2;
}

// @ts-ignore: decorator
@inline
function tableSize(weights: u32): usize {
  return (<usize>1) << (33 - clz(weights | 15));
}

// @ts-ignore: decorator
@inline
function keyOf(features: usize, values: usize, at: usize): u64 {
  return (<u64>load<u32>(features + (at << 2)) << 1) | <u64>(load<u32>(values + (at << 2)) >>> 31);
}

/** The key's place in the table, or the free one where it belongs. */
// @ts-ignore: decorator
@inline
function find(table: usize, mask: usize, keys: usize, key: u64): usize {
  let at = <usize>((key * 0x9e3779b97f4a7c15) >> 32) & mask;
  while (true) {
    const place = table + (at << 2);
    const held = <usize>load<u32>(place);
    if (held == 0 || load<f64>(keys + ((held - 1) << 3)) == <f64>key) return place;
    at = (at + 1) & mask;
  }
}

/** Writes the distinct keys of the live vectors to `keys` (f64) in any order; returns how many. */
export function collectKeys(
  rows: usize,
  starts: usize,
  slots: u32,
  features: usize,
  values: usize,
  table: usize,
  weights: u32,
  keys: usize,
): u32 {
  const mask = tableSize(weights) - 1;
  memory.fill(table, 0, keyTableBytes(weights));
  let count: u32 = 0;
  for (let slot: u32 = 0; slot < slots; slot++) {
    if (load<u32>(rows + (<usize>slot << 2)) == NO_ROW) continue;
    const end = load<u32>(starts + (<usize>slot << 2), 4);
    for (let at = load<u32>(starts + (<usize>slot << 2)); at < end; at++) {
      const key = keyOf(features, values, at);
      const place = find(table, mask, keys, key);
      if (load<u32>(place)) continue;
      store<f64>(keys + (<usize>count << 3), <f64>key);
      count += 1;
      store<u32>(place, count);
    }
  }
  return count;
}

/** Writes the rank that each feature's key has in `keys`, sorted, to `numbers`: one u32 a weight of a live vector. */
export function rankFeatures(
  rows: usize,
  starts: usize,
  slots: u32,
  features: usize,
  values: usize,
  table: usize,
  weights: u32,
  keys: usize,
  count: u32,
  numbers: usize,
): void {
  const mask = tableSize(weights) - 1;
  memory.fill(table, 0, keyTableBytes(weights));
  for (let i: u32 = 0; i < count; i++) {
    store<u32>(find(table, mask, keys, <u64>load<f64>(keys + (<usize>i << 3))), i + 1);
  }
  for (let slot: u32 = 0; slot < slots; slot++) {
    if (load<u32>(rows + (<usize>slot << 2)) == NO_ROW) continue;
    const end = load<u32>(starts + (<usize>slot << 2), 4);
    for (let at = load<u32>(starts + (<usize>slot << 2)); at < end; at++) {
      const place = find(table, mask, keys, keyOf(features, values, at));
      store<u32>(numbers + (<usize>at << 2), load<u32>(place) - 1);
    }
  }
}

/** Writes the feature and the sign of each of `count` sorted keys to the lists of a segment. */
export function nameLists(segment: usize, keys: usize, count: u32): void {
  const features = <usize>load<u32>(segment, G_FEATURES);
  const info = <usize>load<u32>(segment, G_INFO);
  for (let i: usize = 0; i < <usize>count; i++) {
    const key = <u64>load<f64>(keys + (i << 3));
    store<u32>(features + (i << 2), <u32>(key >> 1));
    store<u16>(info + i * LIST_BYTES, key & 1 ? <u16>NEGATIVE : 0, L_FLAGS);
  }
}
