/**
 * Which nodes are the nearest that a walk has seen?
 *
 * A sorted array of int64 keys, best first: the score in the upper half, in the lower one the node and, in bit 31,
 * whether its neighbours have been looked at.
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

/** Steps after which a place is searched for by halves. */
const LINEAR_STEPS: usize = 32;

/** Puts a key into a beam of `count` keys that has room for one more; returns its place. */
// @ts-ignore: decorator
@inline
export function insertKey(beam: usize, count: u32, key: i64): u32 {
  let place = beam + (<usize>count << 3);
  const stop = count > <u32>LINEAR_STEPS ? place - (LINEAR_STEPS << 3) : beam;
  while (place > stop) {
    const before = load<i64>(place - 8);
    if (before >= key) break;
    store<i64>(place, before);
    place -= 8;
  }
  if (place == stop && stop > beam) place = makeRoom(beam, place, key);
  store<i64>(place, key);
  return <u32>((place - beam) >> 3);
}

/** Moves the keys of [beam, end) that are worse than `key` up by one; returns the place that becomes free. */
function makeRoom(beam: usize, end: usize, key: i64): usize {
  let low: usize = 0;
  let high = (end - beam) >> 3;
  while (low < high) {
    const middle = (low + high) >> 1;
    if (load<i64>(beam + (middle << 3)) >= key) low = middle + 1;
    else high = middle;
  }
  const place = beam + (low << 3);
  memory.copy(place + 8, place, end - place);
  return place;
}
