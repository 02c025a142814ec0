/**
 * Which rows are truly nearest, and how many of them did an engine find?
 *
 * Inner products in float64 over all rows. Recall is counted by score, not by id: a returned row counts when its true
 * score reaches the k-th best true score, so that ties and near-duplicates count whichever of them is returned.
 */
import type { Hits } from "./engine.js";

/** Room for the rounding of engines that add in float32, for scores about 1. */
const scoreSlack = 1e-6;

export interface Rows {
  readonly vectors: Float32Array;
  readonly dim: number;
  readonly rowCount: number;
}

function score(rows: Rows, row: number, queries: Float32Array, query: number): number {
  const { vectors, dim } = rows;
  const rowStart = row * dim;
  const queryStart = query * dim;
  let sum = 0;
  for (let index = 0; index < dim; index += 1) sum += vectors[rowStart + index]! * queries[queryStart + index]!;
  return sum;
}

export class GroundTruth {
  readonly #rows: Rows;
  readonly #queries: Float32Array;
  readonly #matches: Uint8Array | null;
  readonly #k: number;
  /** The k-th best score of each query; of fewer, where fewer rows match. */
  readonly #kthScores: Float64Array;
  readonly #expected: number;

  /** `matches` has a byte a row, 0 for the rows that a filter leaves out. */
  constructor(rows: Rows, queries: Float32Array, k: number, matches: Uint8Array | null) {
    this.#rows = rows;
    this.#queries = queries;
    this.#matches = matches;
    this.#k = k;
    let candidates = 0;
    for (let row = 0; row < rows.rowCount; row += 1) if (matches === null || matches[row] === 1) candidates += 1;
    this.#expected = Math.min(k, candidates);
    this.#kthScores = Float64Array.from({ length: queries.length / rows.dim }, (_, query) => this.#kthScore(query));
  }

  #kthScore(query: number): number {
    const best = new Float64Array(this.#expected).fill(Number.NEGATIVE_INFINITY);
    const last = best.length - 1;
    for (let row = 0; row < this.#rows.rowCount; row += 1) {
      if (this.#matches !== null && this.#matches[row] !== 1) continue;
      const value = score(this.#rows, row, this.#queries, query);
      if (value <= best[last]!) continue;
      let place = last;
      for (; place > 0 && best[place - 1]! < value; place -= 1) best[place] = best[place - 1]!;
      best[place] = value;
    }
    return best[last]!;
  }

  /** Mean share of the true results among `found`; `found[i]` answers query `i`. */
  recall(found: readonly Hits[]): number {
    let right = 0;
    for (const [query, hits] of found.entries()) {
      const threshold = this.#kthScores[query]! - scoreSlack;
      const distinct = new Set(Array.from(hits).slice(0, this.#k));
      for (const row of distinct) {
        if (row < 0 || row >= this.#rows.rowCount) continue;
        if (this.#matches !== null && this.#matches[row] !== 1) continue;
        if (score(this.#rows, row, this.#queries, query) >= threshold) right += 1;
      }
    }
    return right / (found.length * this.#expected);
  }
}
