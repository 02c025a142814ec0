/**
 * Which levels lose least of a normally distributed number?
 *
 * Lloyd-Max levels for N(0, 1): each is the mean of what is nearer to it than to its neighbours (Max, *Quantizing for minimum
 * distortion*, 1960). A component of a unit vector that was rotated at random has nearly the distribution N(0, 1/d).
 */

/** The normal density. */
function density(x: number): number {
  return Number.isFinite(x) ? Math.exp(-0.5 * x * x) / Math.sqrt(2 * Math.PI) : 0;
}

/** The share of N(0, 1) below x (Marsaglia, *Evaluating the normal distribution*, 2004); for |x| up to about 7. */
function cumulative(x: number): number {
  if (!(Math.abs(x) < 7)) return x > 0 ? 1 : 0;
  let sum = x;
  let term = x;
  for (let i = 3; Math.abs(term) > 1e-17; i += 2) {
    term *= (x * x) / i;
    sum += term;
  }
  return 0.5 + sum * density(x);
}

/** The x below which a share of N(0, 1) lies. */
function quantile(share: number): number {
  let low = -7;
  let high = 7;
  for (let i = 0; i < 60; i++) {
    const middle = (low + high) / 2;
    if (cumulative(middle) < share) low = middle;
    else high = middle;
  }
  return (low + high) / 2;
}

const known = new Map<number, Float32Array>();

/** `count` levels, a power of two, ascending and symmetric. */
export function normalLevels(count: number): Float32Array {
  const present = known.get(count);
  if (present !== undefined) return present;
  // For many levels the best ones are spread like the cube root of the density: a normal one three times as wide.
  const half = count / 2;
  const positive = Float64Array.from({ length: half }, (_, i) => Math.sqrt(3) * quantile((half + i + 0.5) / count));
  for (let round = 0; round < 400; round++) {
    let change = 0;
    let low = 0;
    for (let i = 0; i < half; i++) {
      const high = i + 1 < half ? (positive[i]! + positive[i + 1]!) / 2 : Number.POSITIVE_INFINITY;
      const mean = (density(low) - density(high)) / (cumulative(high) - cumulative(low));
      change = Math.max(change, Math.abs(mean - positive[i]!));
      positive[i] = mean;
      low = high;
    }
    if (change < 1e-7) break;
  }
  const levels = new Float32Array(count);
  for (let i = 0; i < half; i++) {
    levels[half + i] = positive[i]!;
    levels[half - 1 - i] = -positive[i]!;
  }
  known.set(count, levels);
  return levels;
}

/** 255 evenly spaced levels: what one byte holds. Their step loses least of N(0, 1), 1.2e-4 of its variance. */
export function evenLevels(): Float32Array {
  return Float32Array.from({ length: 255 }, (_, i) => (i - 127) * 0.0308);
}
