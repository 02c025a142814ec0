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

/** True for distances between sets of bits. */
export function isBinaryMetric(metric: Metric): metric is BinaryMetric {
  return metric === "hamming" || metric === "jaccard" || metric === "tanimoto" || metric === "dice";
}

/** True for the metrics that the scan kernel knows; all others are scanned by `metric-scan`. */
export function isDenseMetric(metric: Metric): metric is DenseMetric {
  return metric === "ip" || metric === "l2" || metric === "cos";
}
