/**
 * How are the components of a stored row read?
 *
 * Four at a time, as float32 or as two pairs of float64; binary16 is widened exactly. Rows are padded with zeros to
 * whole fours.
 */
import { loadHalf4 } from "../scan/exact";

/** Four components as float32. */
// @ts-ignore: decorator
@inline
export function four<E>(address: usize): v128 {
  if (sizeof<E>() == 2) return loadHalf4(address);
  return v128.load(address);
}

/** The first two of `fours` as float64. */
// @ts-ignore: decorator
@inline
export function low(fours: v128): v128 {
  return f64x2.promote_low_f32x4(fours);
}

/** The last two of `fours` as float64. */
// @ts-ignore: decorator
@inline
export function high(fours: v128): v128 {
  return f64x2.promote_low_f32x4(v128.shuffle<i64>(fours, fours, 1, 1));
}

// @ts-ignore: decorator
@inline
export function total(pair: v128): f64 {
  return f64x2.extract_lane(pair, 0) + f64x2.extract_lane(pair, 1);
}

/** Sum of the components. NaN where one is negative, which a mass cannot be. */
export function massOf<E>(row: usize, dim4: usize): f64 {
  let a = f64x2.splat(0);
  let b = a;
  let least = f32x4.splat(0);
  const end = row + dim4 * sizeof<E>();
  for (; row < end; row += 4 * sizeof<E>()) {
    const x = four<E>(row);
    least = f32x4.pmin(least, x);
    a = f64x2.add(a, low(x));
    b = f64x2.add(b, high(x));
  }
  if (i32x4.bitmask(f32x4.lt(least, f32x4.splat(0)))) return NaN;
  return total(f64x2.add(a, b));
}
