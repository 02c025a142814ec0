/**
 * Which nodes are the nearest that a walk has seen?
 *
 * A sorted array of int64 keys, best first: the score in the upper half, in the lower one the node and, in bit 31, whether
 * its neighbours have been looked at.
 */
export const EXPANDED: u64 = 0x80000000;

// @ts-ignore: decorator
@inline
export function keyOf(score: i32, row: u32): i64 {
  return ((<i64>score) << 32) | <i64>row;
}

// @ts-ignore: decorator
@inline
export function scoreOf(key: i64): i32 {
  return <i32>(key >> 32);
}

// @ts-ignore: decorator
@inline
export function rowOf(key: i64): u32 {
  return <u32>key & 0x7fffffff;
}

/** Puts a key into a beam of `count` keys that has room for one more; returns its place. */
// @ts-ignore: decorator
@inline
export function insertKey(beam: usize, count: u32, key: i64): u32 {
  let place = beam + (<usize>count << 3);
  while (place > beam) {
    const before = load<i64>(place - 8);
    if (before >= key) break;
    store<i64>(place, before);
    place -= 8;
  }
  store<i64>(place, key);
  return <u32>((place - beam) >> 3);
}
