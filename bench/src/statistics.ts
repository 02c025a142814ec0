/**
 * How are many timings made into one figure?
 */

export function mean(values: ArrayLike<number>): number {
  let sum = 0;
  for (let index = 0; index < values.length; index += 1) sum += values[index]!;
  return sum / values.length;
}

/** The value below which `share` of the sorted values lie, nearest rank. */
export function percentile(values: ArrayLike<number>, share: number): number {
  const sorted = Float64Array.from(values).sort();
  const rank = Math.min(sorted.length - 1, Math.max(0, Math.ceil(share * sorted.length) - 1));
  return sorted[rank]!;
}

export function median(values: ArrayLike<number>): number {
  const sorted = Float64Array.from(values).sort();
  const middle = sorted.length >> 1;
  return sorted.length % 2 === 1 ? sorted[middle]! : (sorted[middle - 1]! + sorted[middle]!) / 2;
}

/** The exponent b of `y = a · x^b`, by least squares over the logarithms. */
export function fittedExponent(xs: readonly number[], ys: readonly number[]): number {
  const logX = xs.map(Math.log);
  const logY = ys.map(Math.log);
  const meanX = mean(logX);
  const meanY = mean(logY);
  let covariance = 0;
  let variance = 0;
  for (let index = 0; index < logX.length; index += 1) {
    covariance += (logX[index]! - meanX) * (logY[index]! - meanY);
    variance += (logX[index]! - meanX) ** 2;
  }
  return covariance / variance;
}
