/**
 * Which rows cannot be near enough, seen from float32 arithmetic?
 *
 * Hellinger and Jensen–Shannon distances are dear: square roots or logarithms in float64 for each component. Both have
 * bounds from below that float32 sums give; only rows that those do not exclude are scored. u = 2⁻²⁴ is the rounding
 * of one operation, n the number of components.
 * - Hellinger² = 1 − Σ√(p·q): a sum of non-negative terms, so its float32 value is right to (n + 8)·u times itself.
 * - Jensen–Shannon² = ¼·Σ (p + q)·f(t) with f(t) = Σ t²ᵏ / (k·(2k − 1)): the terms up to t⁸ are a bound from below,
 *   since all are non-negative. A share is right to 3u times itself, t to 4u, a term to 24u·(p + q), and the shares
 *   add up to 2; 64·u covers that with what the tiniest shares lose, (n + 16)·u times the sum the summation.
 */
import { padded4, Q_COUNT, Q_DIM, Q_FLOAT64, Q_FLOOR, Q_K, Q_METRIC, Q_TAU, STATE_HEADER } from "../scan/layout";
import { four, massOf } from "./components";
import { HELLINGER, JENSEN_SHANNON, M_MASS } from "./state";

const ROUNDING: f64 = 1.0 / 16777216;
/** Masses between it and its inverse scale shares without loss in float32. */
const MASS_MIN: f64 = 1e-30;
/** Pays for the rounding of float64 values and limits. */
const VALUE_SLACK: f64 = 1 + 1e-11;

/** Puts the operand's components as float32 in the place of the query's. */
export function roundOperand(state: usize, dim4: usize): void {
  const operand = state + load<u32>(state, Q_FLOAT64);
  for (let i: usize = 0; i < dim4; i++) {
    store<f32>(state + STATE_HEADER + (i << 2), <f32>load<f64>(operand + (i << 3)));
  }
}

// @ts-ignore: decorator
@inline
function sumOf(fours: v128): f64 {
  const pairs = f64x2.add(
    f64x2.promote_low_f32x4(fours),
    f64x2.promote_low_f32x4(v128.shuffle<i64>(fours, fours, 1, 1)),
  );
  return f64x2.extract_lane(pairs, 0) + f64x2.extract_lane(pairs, 1);
}

/** A bound from below of the squared Hellinger distance. */
function hellingerBound<E>(row: usize, roots: usize, dim4: usize, mass: f64): f64 {
  let a = f32x4.splat(0);
  const end = row + dim4 * sizeof<E>();
  for (; row < end; row += 4 * sizeof<E>(), roots += 16) {
    a = f32x4.add(a, f32x4.mul(f32x4.sqrt(four<E>(row)), v128.load(roots)));
  }
  return 1 - (sumOf(a) / Math.sqrt(mass)) * (1 + (<f64>dim4 + 8) * ROUNDING);
}

/** A bound from below of the squared Jensen–Shannon distance. */
function jensenShannonBound<E>(row: usize, shares: usize, dim4: usize, mass: f64): f64 {
  const scale = f32x4.splat(<f32>(1 / mass));
  let a = f32x4.splat(0);
  const end = row + dim4 * sizeof<E>();
  for (; row < end; row += 4 * sizeof<E>(), shares += 16) {
    const p = f32x4.mul(four<E>(row), scale);
    const q = v128.load(shares);
    const both = f32x4.add(p, q);
    const t = f32x4.div(f32x4.sub(p, q), both);
    const square = f32x4.mul(t, t);
    let sum = f32x4.add(f32x4.mul(square, f32x4.splat(1.0 / 28)), f32x4.splat(1.0 / 15));
    sum = f32x4.add(f32x4.mul(sum, square), f32x4.splat(1.0 / 6));
    sum = f32x4.add(f32x4.mul(sum, square), f32x4.splat(1));
    const term = f32x4.mul(f32x4.mul(sum, square), both);
    // Where both shares are 0 the quotient is none.
    a = f32x4.add(a, v128.and(term, f32x4.gt(both, f32x4.splat(0))));
  }
  return 0.25 * (sumOf(a) * (1 - (<f64>dim4 + 16) * ROUNDING) - 64 * ROUNDING);
}

/** True where the row at `row` is certain to be farther than a row must be to be kept. */
// @ts-ignore: decorator
@inline
export function isTooFar<E>(state: usize, row: usize): bool {
  const metric = load<i32>(state, Q_METRIC);
  if (metric != HELLINGER && metric != JENSEN_SHANNON) return false;
  const isFull = load<u32>(state, Q_COUNT) == load<u32>(state, Q_K);
  const limit = 0 - (isFull ? load<f64>(state, Q_TAU) : load<f64>(state, Q_FLOOR));
  if (limit == Infinity || !(load<f64>(state, M_MASS) > 0)) return false;
  const dim4 = padded4(load<i32>(state, Q_DIM));
  const mass = massOf<E>(row, dim4);
  if (!(mass > MASS_MIN && mass < 1 / MASS_MIN)) return false;
  const query = state + STATE_HEADER;
  const bound =
    metric == HELLINGER ? hellingerBound<E>(row, query, dim4, mass) : jensenShannonBound<E>(row, query, dim4, mass);
  return bound > limit * limit * VALUE_SLACK + 1e-12 && limit >= 0;
}
