/**
 * In which space does a graph look for the nearest rows of a metric?
 *
 * Walks know inner product, squared distance and cosine of codes. A walk space says which of them ranks rows as the metric
 * does, after rows and query were mapped. Exact values come from the index's owner, so that a space only has to rank.
 */
import { LynseError } from "../../errors.js";
import type { Metric } from "../../types.js";

export interface WalkSpace {
  /** Number of the space in the kernel. */
  readonly number: number;
  /** Components of a mapped row. */
  readonly dim: number;
  /** Writes `count` rows of `source` to `target`, mapped; null: rows are walked as they are. */
  readonly map: ((source: Float32Array, count: number, target: Float32Array) => void) | null;
}

const ip = 0;
const l2 = 1;
const cos = 2;

/** The space of a metric over rows of `dim` components. */
export function walkSpace(metric: Metric, dim: number): WalkSpace {
  switch (metric) {
    case "ip":
      return { number: ip, dim, map: null };
    case "l2":
      return { number: l2, dim, map: null };
    case "cos":
      return { number: cos, dim, map: null };
    default:
      throw new LynseError("UNSUPPORTED_INDEX", `HNSW has no graph for the metric ${metric}; use FLAT`, { metric });
  }
}
