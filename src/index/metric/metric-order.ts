/**
 * Which of two values is better under a metric?
 *
 * Similarities are better when they are higher, distances when they are lower. Importable by everything above.
 */
import type { BinaryMetric, DenseMetric, Metric } from "../../types.js";

/** Metrics that are distances between sets of bits or between vectors that mean something of their own. */
export type ScannedMetric = Exclude<Metric, DenseMetric>;

/** True for similarities: the highest value is the best. */
export function isHigherBetter(metric: Metric): boolean {
  return metric === "ip" || metric === "cos";
}

/** Negative when `a` is better than `b`, positive when it is worse; for sorting best first. */
export function compareValues(metric: Metric, a: number, b: number): number {
  // Infinite values are equal to themselves, though their difference is NaN.
  if (a === b) return 0;
  return isHigherBetter(metric) === a > b ? -1 : 1;
}

/** True for distances between sets of bits. */
export function isBinaryMetric(metric: Metric): metric is BinaryMetric {
  return metric === "hamming" || metric === "jaccard" || metric === "tanimoto" || metric === "dice";
}
