/**
 * How far apart are two profiles, component by component?
 *
 * - L1, Σ|a − b|; Chebyshev, max|a − b|.
 * - Canberra, Σ|a − b| / (|a| + |b|), 0/0 counting 0: Lance & Williams, "Computer programs for hierarchical polythetic
 *   classification", Computer Journal 9 (1966).
 * - Bray–Curtis, Σ|a − b| / Σ|a + b|, 0/0 counting 0, x/0 infinite: Bray & Curtis, Ecological Monographs 27 (1957).
 * - Correlation, 1 − r: Pearson's r of the two profiles, in two passes, so that a large mean costs no digits.
 *
 * Float64 sums in one fixed order, so that a distance is the same in both directions and zero from a row to itself.
 */
import { four, high, low, total } from "./components";
import { M_ASIDE, M_MASS } from "./state";

/** Below it a product of deviations counts as none: both profiles are constant but for rounding. */
const DEVIATION_MIN: f64 = 2.220446049250313e-16;

export function manhattan<E>(row: usize, operand: usize, dim4: usize): f64 {
  let a = f64x2.splat(0);
  let b = a;
  const end = row + dim4 * sizeof<E>();
  for (; row < end; row += 4 * sizeof<E>(), operand += 32) {
    const x = four<E>(row);
    a = f64x2.add(a, f64x2.abs(f64x2.sub(low(x), v128.load(operand))));
    b = f64x2.add(b, f64x2.abs(f64x2.sub(high(x), v128.load(operand, 16))));
  }
  return total(f64x2.add(a, b));
}

export function chebyshev<E>(row: usize, operand: usize, dim4: usize): f64 {
  let a = f64x2.splat(0);
  let b = a;
  const end = row + dim4 * sizeof<E>();
  for (; row < end; row += 4 * sizeof<E>(), operand += 32) {
    const x = four<E>(row);
    a = f64x2.pmax(a, f64x2.abs(f64x2.sub(low(x), v128.load(operand))));
    b = f64x2.pmax(b, f64x2.abs(f64x2.sub(high(x), v128.load(operand, 16))));
  }
  const most = f64x2.pmax(a, b);
  return max(f64x2.extract_lane(most, 0), f64x2.extract_lane(most, 1));
}

// @ts-ignore: decorator
@inline
function canberraTerm(x: v128, y: v128): v128 {
  const share = f64x2.div(f64x2.abs(f64x2.sub(x, y)), f64x2.add(f64x2.abs(x), f64x2.abs(y)));
  // 0/0 is the only NaN, and the only one unequal to itself.
  return v128.and(share, f64x2.eq(share, share));
}

export function canberra<E>(row: usize, operand: usize, dim4: usize): f64 {
  let a = f64x2.splat(0);
  let b = a;
  const end = row + dim4 * sizeof<E>();
  for (; row < end; row += 4 * sizeof<E>(), operand += 32) {
    const x = four<E>(row);
    a = f64x2.add(a, canberraTerm(low(x), v128.load(operand)));
    b = f64x2.add(b, canberraTerm(high(x), v128.load(operand, 16)));
  }
  return total(f64x2.add(a, b));
}

export function brayCurtis<E>(row: usize, operand: usize, dim4: usize): f64 {
  let differences = f64x2.splat(0);
  let sums = differences;
  const end = row + dim4 * sizeof<E>();
  for (; row < end; row += 4 * sizeof<E>(), operand += 32) {
    const fours = four<E>(row);
    const w = low(fours);
    const x = high(fours);
    const y = v128.load(operand);
    const z = v128.load(operand, 16);
    differences = f64x2.add(differences, f64x2.abs(f64x2.sub(w, y)));
    sums = f64x2.add(sums, f64x2.abs(f64x2.add(w, y)));
    differences = f64x2.add(differences, f64x2.abs(f64x2.sub(x, z)));
    sums = f64x2.add(sums, f64x2.abs(f64x2.add(x, z)));
  }
  const difference = total(differences);
  return difference == 0 ? 0 : difference / total(sums);
}

/** Mean of the components. */
export function meanOf<E>(row: usize, dim: i32, dim4: usize): f64 {
  let a = f64x2.splat(0);
  let b = a;
  const end = row + dim4 * sizeof<E>();
  for (; row < end; row += 4 * sizeof<E>()) {
    const x = four<E>(row);
    a = f64x2.add(a, low(x));
    b = f64x2.add(b, high(x));
  }
  return total(f64x2.add(a, b)) / <f64>dim;
}

/** Lanes of the first (`isHigh` false) or second pair of a row's last four that hold components. */
// @ts-ignore: decorator
@inline
function lanesLeft(dim: i32, isHigh: bool): v128 {
  const left = ((dim - 1) & 3) + 1 - (isHigh ? 2 : 0);
  return i64x2.replace_lane(i64x2.splat(left > 0 ? -1 : 0), 1, left > 1 ? -1 : 0);
}

/** Deviations from `mean`, as float64 to `target`; zero in the padding. */
export function writeDeviations(row: usize, dim: i32, dim4: usize, mean: f64, target: usize): void {
  const means = f64x2.splat(mean);
  const last = row + (dim4 - 4) * 4;
  for (; row < last; row += 16, target += 32) {
    const x = v128.load(row);
    v128.store(target, f64x2.sub(low(x), means));
    v128.store(target, f64x2.sub(high(x), means), 16);
  }
  const x = v128.load(row);
  v128.store(target, v128.and(f64x2.sub(low(x), means), lanesLeft(dim, false)));
  v128.store(target, v128.and(f64x2.sub(high(x), means), lanesLeft(dim, true)), 16);
}

/** Σ of the products of the row's deviations and those at `operand`; Σ of the row's squared ones to `M_ASIDE`. */
export function codeviation<E>(state: usize, row: usize, operand: usize, dim: i32, dim4: usize): f64 {
  const means = f64x2.splat(meanOf<E>(row, dim, dim4));
  let a = f64x2.splat(0);
  let b = a;
  let c = a;
  let d = a;
  const last = row + (dim4 - 4) * sizeof<E>();
  for (; row < last; row += 4 * sizeof<E>(), operand += 32) {
    const fours = four<E>(row);
    const x = f64x2.sub(low(fours), means);
    const y = f64x2.sub(high(fours), means);
    a = f64x2.add(a, f64x2.mul(x, v128.load(operand)));
    b = f64x2.add(b, f64x2.mul(y, v128.load(operand, 16)));
    c = f64x2.add(c, f64x2.mul(x, x));
    d = f64x2.add(d, f64x2.mul(y, y));
  }
  const fours = four<E>(row);
  const x = v128.and(f64x2.sub(low(fours), means), lanesLeft(dim, false));
  const y = v128.and(f64x2.sub(high(fours), means), lanesLeft(dim, true));
  a = f64x2.add(a, f64x2.mul(x, v128.load(operand)));
  b = f64x2.add(b, f64x2.mul(y, v128.load(operand, 16)));
  store<f64>(state, total(f64x2.add(f64x2.add(c, f64x2.mul(x, x)), f64x2.add(d, f64x2.mul(y, y)))), M_ASIDE);
  return total(f64x2.add(a, b));
}

function isEqual<E>(row: usize, query: usize, dim4: usize): bool {
  const end = row + dim4 * sizeof<E>();
  for (; row < end; row += 4 * sizeof<E>(), query += 16) {
    if (!i32x4.all_true(f32x4.eq(four<E>(row), v128.load(query)))) return false;
  }
  return true;
}

/** `query` is the query as float32, `operand` its deviations. */
export function correlation<E>(state: usize, row: usize, query: usize, operand: usize, dim: i32, dim4: usize): f64 {
  const product = codeviation<E>(state, row, operand, dim, dim4);
  const deviation = Math.sqrt(load<f64>(state, M_MASS) * load<f64>(state, M_ASIDE));
  if (!(deviation > DEVIATION_MIN)) return isEqual<E>(row, query, dim4) ? 0 : 1;
  return 1 - max<f64>(-1, min<f64>(1, product / deviation));
}
