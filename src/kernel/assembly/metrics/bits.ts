/**
 * How far apart are two sets of bits, kept as components?
 *
 * A component above 0.5 is a set bit. With a and b set bits and c in common: Hamming a + b − 2c (Hamming, Bell System
 * Technical Journal 29, 1950), Jaccard 1 − c / (a + b − c) (Jaccard, New Phytologist 11, 1912; Tanimoto's is the same),
 * Dice 1 − 2c / (a + b) (Dice, Ecology 26, 1945). Two empty sets are at distance 0.
 */
import { four } from "./components";
import { HAMMING, JACCARD } from "./state";

/** The distance of sets of `a` and `b` bits with `c` in common. */
// @ts-ignore: decorator
@inline
export function bitDistance(metric: i32, a: u32, b: u32, c: u32): f64 {
  if (metric == HAMMING) return <f64>(a + b - 2 * c);
  if (a + b == 0) return 0;
  if (metric == JACCARD) return 1 - <f64>c / <f64>(a + b - c);
  return 1 - <f64>(2 * c) / <f64>(a + b);
}

/** Four components as masks: all ones where the bit is set. */
// @ts-ignore: decorator
@inline
export function setLanes<E>(address: usize): v128 {
  return f32x4.gt(four<E>(address), f32x4.splat(0.5));
}

// @ts-ignore: decorator
@inline
function laneSum(lanes: v128): u32 {
  const halves = i32x4.add(lanes, v128.shuffle<i64>(lanes, lanes, 1, 0));
  return <u32>(i32x4.extract_lane(halves, 0) + i32x4.extract_lane(halves, 1));
}

/** Writes the query's masks, four bytes a component, and returns its set bits. */
export function writeSetLanes(query: usize, dim4: usize, target: usize): u32 {
  let count = i32x4.splat(0);
  const end = query + dim4 * 4;
  for (; query < end; query += 16, target += 16) {
    const bits = setLanes<f32>(query);
    v128.store(target, bits);
    count = i32x4.sub(count, bits);
  }
  return laneSum(count);
}

/** Distance of a row from the query with `a` set bits whose masks are at `operand`. */
export function bits<E>(metric: i32, a: u32, row: usize, operand: usize, dim4: usize): f64 {
  let own = i32x4.splat(0);
  let common = own;
  const end = row + dim4 * sizeof<E>();
  for (; row < end; row += 4 * sizeof<E>(), operand += 16) {
    const lanes = setLanes<E>(row);
    own = i32x4.sub(own, lanes);
    common = i32x4.sub(common, v128.and(lanes, v128.load(operand)));
  }
  return bitDistance(metric, a, laneSum(own), laneSum(common));
}
