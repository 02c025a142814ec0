/**
 * Which rows does BM25 rank first, computed the plain way?
 *
 * Robertson and Zaragoza, "The Probabilistic Relevance Framework: BM25 and Beyond" (2009): the score of a row is the
 * sum over the query's words of idf × tf × (k1 + 1) / (tf + k1 × (1 - b + b × length / mean length)), idf = ln(1 + (N
 * - n + 0.5) / (n + 0.5)), in float64 over every row that has one of the words. Engines cut words and round lengths
 * in ways of their own, so the share of these rows among theirs is a figure and no verdict. Rows count by score: ties
 * count whichever is returned.
 */
import type { Hits } from "./engine.js";
import { wordsOf } from "./words-of.js";

const k1 = 1.2;
const b = 0.75;
/** Room for the order of additions. */
const scoreSlack = 1e-9;

interface Postings {
  readonly rows: number[];
  readonly counts: number[];
}

export class TextTruth {
  readonly #postings = new Map<string, Postings>();
  readonly #lengths: Uint32Array;
  readonly #rowsWithWords: number;
  readonly #meanLength: number;

  constructor(texts: readonly string[]) {
    this.#lengths = new Uint32Array(texts.length);
    let words = 0;
    let rows = 0;
    for (const [row, text] of texts.entries()) {
      const length = this.#add(row, wordsOf(text));
      words += length;
      if (length > 0) rows += 1;
    }
    this.#rowsWithWords = rows;
    this.#meanLength = words / Math.max(1, rows);
  }

  #add(row: number, words: readonly string[]): number {
    const counts = new Map<string, number>();
    for (const word of words) counts.set(word, (counts.get(word) ?? 0) + 1);
    for (const [word, count] of counts) {
      const postings = this.#postings.get(word) ?? { rows: [], counts: [] };
      this.#postings.set(word, postings);
      postings.rows.push(row);
      postings.counts.push(count);
    }
    this.#lengths[row] = words.length;
    return words.length;
  }

  /** Scores of the rows that have one of the words; `matches` has a byte a row, 0 for those that a filter leaves out. */
  scores(words: readonly string[], matches: Uint8Array | null): Map<number, number> {
    const scores = new Map<number, number>();
    for (const word of new Set(words)) {
      const postings = this.#postings.get(word);
      if (postings === undefined) continue;
      const rowsWithWord = postings.rows.length;
      const idf = Math.log(1 + (this.#rowsWithWords - rowsWithWord + 0.5) / (rowsWithWord + 0.5));
      for (const [place, row] of postings.rows.entries()) {
        if (matches !== null && matches[row] !== 1) continue;
        const count = postings.counts[place]!;
        const norm = k1 * (1 - b + (b * this.#lengths[row]!) / this.#meanLength);
        scores.set(row, (scores.get(row) ?? 0) + (idf * count * (k1 + 1)) / (count + norm));
      }
    }
    return scores;
  }

  /** The rows that score best, ties to the lower row. */
  best(words: readonly string[], count: number): number[] {
    return [...this.scores(words, null)]
      .sort(([leftRow, left], [rightRow, right]) => right - left || leftRow - rightRow)
      .slice(0, count)
      .map(([row]) => row);
  }

  /**
   * Mean share of the true best `k` rows among `found`; `found[i]` answers query `i`. Queries that match nothing don't
   * count.
   */
  overlap(
    queries: readonly (readonly string[])[],
    found: readonly Hits[],
    k: number,
    matches: Uint8Array | null,
  ): number {
    let sum = 0;
    let counted = 0;
    for (const [query, words] of queries.entries()) {
      const scores = this.scores(words, matches);
      if (scores.size === 0) continue;
      sum += shareOfBest(scores, found[query]!, k);
      counted += 1;
    }
    return sum / Math.max(1, counted);
  }
}

/** Share of the `k` best scores that the first `k` of `hits` reach. */
export function shareOfBest(scores: ReadonlyMap<number, number>, hits: Hits, k: number): number {
  const expected = Math.min(k, scores.size);
  const kthBest = Float64Array.from(scores.values()).sort()[scores.size - expected]!;
  const distinct = new Set(Array.from(hits).slice(0, k));
  let right = 0;
  for (const row of distinct) if ((scores.get(row) ?? Number.NEGATIVE_INFINITY) >= kthBest - scoreSlack) right += 1;
  return right / expected;
}
