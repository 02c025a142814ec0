/**
 * How far apart are two distributions?
 *
 * A row is a histogram: no component is negative, and its mass is divided out. With p and q the shares:
 * - Hellinger, √(1 − Σ√(p·q)), computed as √(½·Σ(√p − √q)²), which is the same number without the cancellation.
 *   Hellinger, Journal für die reine und angewandte Mathematik 136 (1909). Empty against empty 0, against another 1.
 * - Wasserstein, first order on a line with bins one apart: Σ|P − Q| over the cumulated shares. Vallender, Theory of
 *   Probability and its Applications 18 (1974). Empty against empty 0, against another infinite.
 * - Jensen–Shannon distance, √(½·Σ p·ln(p/m) + ½·Σ q·ln(q/m)), m the mean: Lin, IEEE Transactions on Information Theory
 *   37 (1991); Endres & Schindelin, the same 49 (2003). With t = |p − q| / (p + q) the sum is ¼·Σ (p + q)·f(t),
 *   f(t) = (1 + t)·ln(1 + t) + (1 − t)·ln(1 − t) = Σ t²ᵏ / (k·(2k − 1)), which has no cancellation either.
 *   Empty against empty 0, against another √ln 2.
 * A row with a negative component is infinitely far from all.
 */
import { four, high, low, massOf, total } from "./components";
import { M_MASS } from "./state";

const SQRT_LN2: f64 = 0.8325546111576977;

/** Shares of the query to `target`, times the components' square root of it where `isRoot`. */
export function writeShares(query: usize, dim4: usize, mass: f64, isRoot: bool, target: usize): void {
  const scale = f64x2.splat(mass > 0 ? 1 / (isRoot ? Math.sqrt(mass) : mass) : 0);
  const end = query + dim4 * 4;
  for (; query < end; query += 16, target += 32) {
    const x = v128.load(query);
    v128.store(target, f64x2.mul(isRoot ? f64x2.sqrt(low(x)) : low(x), scale));
    v128.store(target, f64x2.mul(isRoot ? f64x2.sqrt(high(x)) : high(x), scale), 16);
  }
}

export function hellinger<E>(state: usize, row: usize, operand: usize, dim4: usize): f64 {
  const own = load<f64>(state, M_MASS);
  const mass = massOf<E>(row, dim4);
  if (!(mass >= 0)) return Infinity;
  if (own == 0 || mass == 0) return own == mass ? 0 : 1;
  const scale = f64x2.splat(1 / Math.sqrt(mass));
  let a = f64x2.splat(0);
  let b = a;
  const end = row + dim4 * sizeof<E>();
  for (; row < end; row += 4 * sizeof<E>(), operand += 32) {
    const fours = four<E>(row);
    const x = f64x2.sub(f64x2.mul(f64x2.sqrt(low(fours)), scale), v128.load(operand));
    const y = f64x2.sub(f64x2.mul(f64x2.sqrt(high(fours)), scale), v128.load(operand, 16));
    a = f64x2.add(a, f64x2.mul(x, x));
    b = f64x2.add(b, f64x2.mul(y, y));
  }
  return min<f64>(1, Math.sqrt(0.5 * total(f64x2.add(a, b))));
}

/** The pair (x₀ + c, x₀ + x₁ + c) for the pair x and the sum c so far, in both lanes. */
// @ts-ignore: decorator
@inline
function cumulated(x: v128, sum: v128): v128 {
  return f64x2.add(f64x2.add(x, v128.shuffle<i64>(x, f64x2.splat(0), 2, 0)), sum);
}

/** Cumulated shares of the query to `target`. */
export function writeCumulatedShares(query: usize, dim4: usize, mass: f64, target: usize): void {
  const scale = f64x2.splat(mass > 0 ? 1 / mass : 0);
  let sum = f64x2.splat(0);
  const end = query + dim4 * 4;
  for (; query < end; query += 16, target += 32) {
    const fours = v128.load(query);
    const x = cumulated(low(fours), sum);
    const y = cumulated(high(fours), v128.shuffle<i64>(x, x, 1, 1));
    v128.store(target, f64x2.mul(x, scale));
    v128.store(target, f64x2.mul(y, scale), 16);
    sum = v128.shuffle<i64>(y, y, 1, 1);
  }
}

export function wasserstein<E>(state: usize, row: usize, operand: usize, dim: i32, dim4: usize): f64 {
  const own = load<f64>(state, M_MASS);
  const mass = massOf<E>(row, dim4);
  if (!(mass >= 0)) return Infinity;
  if (own == 0 || mass == 0) return own == mass ? 0 : Infinity;
  const scale = f64x2.splat(1 / mass);
  let sum = f64x2.splat(0);
  let a = sum;
  let b = sum;
  const last = row + (dim4 - 4) * sizeof<E>();
  for (; row < last; row += 4 * sizeof<E>(), operand += 32) {
    const fours = four<E>(row);
    const x = cumulated(low(fours), sum);
    const y = cumulated(high(fours), v128.shuffle<i64>(x, x, 1, 1));
    a = f64x2.add(a, f64x2.abs(f64x2.sub(f64x2.mul(x, scale), v128.load(operand))));
    b = f64x2.add(b, f64x2.abs(f64x2.sub(f64x2.mul(y, scale), v128.load(operand, 16))));
    sum = v128.shuffle<i64>(y, y, 1, 1);
  }
  // The last component's cumulated shares are 1 and 1: only those before it count.
  const fours = four<E>(row);
  const left = (dim - 1) & 3;
  const x = cumulated(low(fours), sum);
  const y = cumulated(high(fours), v128.shuffle<i64>(x, x, 1, 1));
  const u = f64x2.abs(f64x2.sub(f64x2.mul(x, scale), v128.load(operand)));
  const v = f64x2.abs(f64x2.sub(f64x2.mul(y, scale), v128.load(operand, 16)));
  let result = total(f64x2.add(a, b));
  if (left > 0) result += f64x2.extract_lane(u, 0);
  if (left > 1) result += f64x2.extract_lane(u, 1);
  if (left > 2) result += f64x2.extract_lane(v, 0);
  return result;
}

// @ts-ignore: decorator
@inline
function step(sum: v128, x: v128, coefficient: f64): v128 {
  return f64x2.add(f64x2.mul(sum, x), f64x2.splat(coefficient));
}

/** f(t) for t up to ¼, relative error below 1e-15: the first ten terms. */
// @ts-ignore: decorator
@inline
function nearTerm(square: v128): v128 {
  let sum = f64x2.splat(1.0 / 190);
  sum = step(sum, square, 1.0 / 153);
  sum = step(sum, square, 1.0 / 120);
  sum = step(sum, square, 1.0 / 91);
  sum = step(sum, square, 1.0 / 66);
  sum = step(sum, square, 1.0 / 45);
  sum = step(sum, square, 1.0 / 28);
  sum = step(sum, square, 1.0 / 15);
  sum = step(sum, square, 1.0 / 6);
  return f64x2.mul(step(sum, square, 1), square);
}

/** 2·artanh(s) = ln((1 + s) / (1 − s)) for |s| up to 0.1716, relative error below 1e-15. */
// @ts-ignore: decorator
@inline
function twiceArtanh(s: v128): v128 {
  const square = f64x2.mul(s, s);
  let sum = f64x2.splat(2.0 / 21);
  sum = step(sum, square, 2.0 / 19);
  sum = step(sum, square, 2.0 / 17);
  sum = step(sum, square, 2.0 / 15);
  sum = step(sum, square, 2.0 / 13);
  sum = step(sum, square, 2.0 / 11);
  sum = step(sum, square, 2.0 / 9);
  sum = step(sum, square, 2.0 / 7);
  sum = step(sum, square, 2.0 / 5);
  sum = step(sum, square, 2.0 / 3);
  return f64x2.mul(step(sum, square, 2), s);
}

/**
 * Natural logarithm of a normal number, absolute error below 3e-16 times 1 + |ln x|; finite for 0. x = 2ᵉ·z with z
 * between √½ and √2, and ln z = 2·artanh((z − 1) / (z + 1)).
 */
// @ts-ignore: decorator
@inline
function logarithm(x: v128): v128 {
  const exponent = i64x2.shr_s(i64x2.sub(x, i64x2.splat(0x3fe6a09e667f3bcd)), 52);
  const z = i64x2.sub(x, i64x2.shl(exponent, 52));
  const one = f64x2.splat(1);
  const ln = twiceArtanh(f64x2.div(f64x2.sub(z, one), f64x2.add(z, one)));
  const e = f64x2.convert_low_i32x4_s(v128.shuffle<i32>(exponent, exponent, 0, 2, 0, 2));
  return f64x2.add(f64x2.mul(e, f64x2.splat(0.6931471805599453)), ln);
}

/** f(t) for t above ¼, where `less` = 1 − t. */
// @ts-ignore: decorator
@inline
function farTerm(t: v128, less: v128): v128 {
  const more = f64x2.add(f64x2.splat(1), t);
  return f64x2.add(f64x2.mul(more, logarithm(more)), f64x2.mul(less, logarithm(less)));
}

/** (p + q)·f(t) of two pairs of shares. */
// @ts-ignore: decorator
@inline
function divergence(p: v128, q: v128): v128 {
  const sum = f64x2.add(p, q);
  const quotient = f64x2.div(f64x2.abs(f64x2.sub(p, q)), sum);
  const t = v128.and(quotient, f64x2.gt(sum, f64x2.splat(0)));
  let term = nearTerm(f64x2.mul(t, t));
  const isFar = f64x2.gt(t, f64x2.splat(0.25));
  if (v128.any_true(isFar)) {
    // 1 − t without its rounding. Where the sum is 0 the near term is taken.
    const less = f64x2.div(f64x2.mul(f64x2.splat(2), f64x2.pmin(p, q)), sum);
    term = v128.bitselect(farTerm(t, less), term, isFar);
  }
  return f64x2.mul(sum, term);
}

export function jensenShannon<E>(state: usize, row: usize, operand: usize, dim4: usize): f64 {
  const own = load<f64>(state, M_MASS);
  const mass = massOf<E>(row, dim4);
  if (!(mass >= 0)) return Infinity;
  if (own == 0 || mass == 0) return own == mass ? 0 : SQRT_LN2;
  const scale = f64x2.splat(1 / mass);
  let a = f64x2.splat(0);
  let b = a;
  const end = row + dim4 * sizeof<E>();
  for (; row < end; row += 4 * sizeof<E>(), operand += 32) {
    const fours = four<E>(row);
    a = f64x2.add(a, divergence(f64x2.mul(low(fours), scale), v128.load(operand)));
    b = f64x2.add(b, divergence(f64x2.mul(high(fours), scale), v128.load(operand, 16)));
  }
  return Math.sqrt(0.25 * total(f64x2.add(a, b)));
}
