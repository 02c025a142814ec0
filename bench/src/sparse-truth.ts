/**
 * Which sparse rows truly have the highest inner products, and how many of them did an engine find?
 *
 * Every row that shares a feature with the query, added up in float64. Rows count by score, with room for float32
 * sums.
 */
import type { Hits } from "./engine.js";
import type { SparseRow } from "./sparse-store.js";

const relativeSlack = 1e-6;

export class SparseTruth {
  readonly #rows: readonly SparseRow[];
  readonly #queries: readonly SparseRow[];
  readonly #k: number;
  /** The k-th best score of each query; of fewer, where fewer rows match. */
  readonly #kthScores: Float64Array;
  readonly #expected: Uint32Array;

  constructor(rows: readonly SparseRow[], queries: readonly SparseRow[], k: number) {
    this.#rows = rows;
    this.#queries = queries;
    this.#k = k;
    this.#kthScores = new Float64Array(queries.length);
    this.#expected = new Uint32Array(queries.length);
    for (const [number, query] of queries.entries()) {
      const weights = weightsOf(query);
      const scores = Float64Array.from(rows, (row) => innerProduct(row, weights)).sort();
      const positive = scores.length - firstAboveZero(scores);
      const expected = Math.min(k, positive);
      this.#expected[number] = expected;
      this.#kthScores[number] = scores[scores.length - expected] ?? Number.POSITIVE_INFINITY;
    }
  }

  /** Mean share of the true results in `found`; `found[i]` answers query `i`. Queries that match nothing don't count. */
  recall(found: readonly Hits[]): number {
    let sum = 0;
    let counted = 0;
    for (const [number, hits] of found.entries()) {
      const expected = this.#expected[number]!;
      if (expected === 0) continue;
      const weights = weightsOf(this.#queries[number]!);
      const threshold = this.#kthScores[number]! * (1 - relativeSlack);
      const distinct = [...new Set(Array.from(hits).slice(0, this.#k))];
      const right = distinct.filter((id) => {
        const row = this.#rows[id];
        return row !== undefined && innerProduct(row, weights) >= threshold;
      });
      sum += right.length / expected;
      counted += 1;
    }
    return sum / Math.max(1, counted);
  }
}

/** Weights by feature; as long as the highest feature of the query asks. */
function weightsOf({ indices, values }: SparseRow): Float64Array {
  const weights = new Float64Array((indices.at(-1) ?? -1) + 1);
  for (let place = 0; place < indices.length; place += 1) weights[indices[place]!] = values[place]!;
  return weights;
}

function innerProduct({ indices, values }: SparseRow, weights: Float64Array): number {
  let sum = 0;
  for (let place = 0; place < indices.length; place += 1) {
    const feature = indices[place]!;
    if (feature >= weights.length) break;
    sum += values[place]! * weights[feature]!;
  }
  return sum;
}

function firstAboveZero(sorted: Float64Array): number {
  const place = sorted.findIndex((score) => score > 0);
  return place === -1 ? sorted.length : place;
}
