/**
 * Which rows does reciprocal rank fusion put first, computed the plain way?
 *
 * Over the first `candidates` of the exact nearest vectors and of the exact BM25. Rows of equal BM25 score get ranks
 * by row number, and engines may rank them otherwise: the share of these rows among an engine's is a figure and no
 * verdict.
 */
import type { Hits } from "./engine.js";
import type { Rows } from "./ground-truth.js";
import { fused } from "./reciprocal-ranks.js";
import type { TextQuery } from "./text-queries.js";
import { shareOfBest, type TextTruth } from "./text-truth.js";

export class HybridTruth {
  readonly #fused: readonly ReadonlyMap<number, number>[];

  constructor(
    rows: Rows,
    vectors: readonly Float32Array[],
    text: TextTruth,
    queries: readonly TextQuery[],
    candidates: number,
  ) {
    const nearest = vectors.map((vector) => nearestRows(rows, vector, candidates));
    this.#fused = queries.map(({ words, row }) => fused([nearest[row]!, text.best(words, candidates)]));
  }

  /** Mean share of the `k` best fused rows among `found`; `found[i]` answers query `i`. */
  overlap(found: readonly Hits[], k: number): number {
    const shares = found.map((hits, query) => shareOfBest(this.#fused[query]!, hits, k));
    return shares.reduce((sum, share) => sum + share, 0) / Math.max(1, shares.length);
  }
}

function nearestRows({ vectors, dim, rowCount }: Rows, query: Float32Array, count: number): number[] {
  const scores = new Float64Array(rowCount);
  for (let row = 0; row < rowCount; row += 1) {
    let sum = 0;
    for (let index = 0; index < dim; index += 1) sum += vectors[row * dim + index]! * query[index]!;
    scores[row] = sum;
  }
  const threshold = Float64Array.from(scores).sort()[Math.max(0, rowCount - count)]!;
  const rows: number[] = [];
  for (let row = 0; row < rowCount; row += 1) if (scores[row]! >= threshold) rows.push(row);
  return rows.sort((left, right) => scores[right]! - scores[left]! || left - right).slice(0, count);
}
