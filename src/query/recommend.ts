/**
 * Which query vector stands for "like these, unlike those"?
 *
 * The average strategy as Qdrant defines it: avg(positive) + avg(positive) - avg(negative), and the average of the
 * positive examples alone where there are no negative ones (https://qdrant.tech/documentation/concepts/explore,
 * "Average vector"). Only directions count under cosine similarity, so each example is scaled to unit length first
 * there; otherwise a long example would outvote the others.
 */
import { LynseError } from "../errors.js";
import type { Metric } from "../types.js";
import { optionError } from "./option-error.js";

export interface RecommendRequest {
  readonly positive: readonly Float32Array[];
  readonly negative: readonly Float32Array[];
  readonly strategy?: "average";
  /** Metric of the field that the examples are of. */
  readonly metric: Metric;
}

/**
 * The query vector of the examples. `INVALID_ARGUMENT` without a positive example, or where they cancel out under
 * `cos`.
 */
export function recommendQuery(request: RecommendRequest): Float32Array {
  const { positive, negative, metric, strategy = "average" } = request;
  if (strategy !== "average") throw optionError("strategy", '"average"', strategy);
  const dim = positive[0]?.length;
  if (dim === undefined) {
    const given = negative.length === 0 ? "no example at all" : `only negative examples (${negative.length})`;
    throw new LynseError(
      "INVALID_ARGUMENT",
      `recommend needs at least one positive example, got ${given}; name rows or vectors in positive`,
      { option: "positive" },
    );
  }
  for (const example of [...positive, ...negative]) {
    if (example.length === dim) continue;
    throw new LynseError(
      "DIMENSION_MISMATCH",
      `the examples of a recommendation must have one dimension, got vectors of ${dim} and of ${example.length}`,
      { expected: dim, got: example.length },
    );
  }
  const wanted = averageOf(positive, dim, metric);
  if (negative.length > 0) {
    const unwanted = averageOf(negative, dim, metric);
    for (let i = 0; i < dim; i++) wanted[i] = 2 * wanted[i]! - unwanted[i]!;
  }
  const query = Float32Array.from(wanted);
  if (metric === "cos" && query.every((component) => component === 0)) {
    throw new LynseError(
      "INVALID_ARGUMENT",
      "the examples of the recommendation cancel out: their average has no direction; leave one out",
      { option: "positive" },
    );
  }
  return query;
}

function averageOf(vectors: readonly Float32Array[], dim: number, metric: Metric): Float64Array {
  const average = new Float64Array(dim);
  for (const vector of vectors) {
    const length = metric === "cos" ? lengthOf(vector) : 1;
    if (length === 0) continue;
    const share = 1 / (length * vectors.length);
    for (let i = 0; i < dim; i++) average[i]! += vector[i]! * share;
  }
  return average;
}

function lengthOf(vector: Float32Array): number {
  let sum = 0;
  for (let i = 0; i < vector.length; i++) sum += vector[i]! * vector[i]!;
  return Math.sqrt(sum);
}
