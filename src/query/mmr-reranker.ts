/**
 * How is maximal marginal relevance asked for, and what is relevance to it?
 *
 * The ready-made reranker is a description, not a function: it needs the candidates' vectors, which callbacks do not
 * get, and a description can be sent over a network. Relevance must be on the scale of the similarities it is weighed
 * against: the cosine between query and candidate where the search had a vector, else the search's scores scaled to 0 …
 * 1.
 */
import { mmrOrder } from "./mmr.js";
import { optionError } from "./option-error.js";

/** The description of a reranking for diversity. */
export interface MmrReranker {
  readonly kind: "mmr";
  /** 1: relevance alone, 0: diversity alone. */
  readonly lambda: number;
}

const lambdaDefault = 0.5;

/**
 * A reranker that prefers results unlike those before them: `search(v, { k: 10, reranker: mmrReranker(), rerankK: 50
 * })` picks ten of the fifty nearest. `lambda` from 0 (diversity alone) to 1 (relevance alone), default 0.5.
 */
export function mmrReranker(options: { readonly lambda?: number } = {}): MmrReranker {
  if (typeof options !== "object" || options === null)
    throw optionError("the options of mmrReranker", "an object", options);
  const unknown = Object.keys(options).find((name) => name !== "lambda");
  if (unknown !== undefined) throw optionError("mmrReranker's options", "{ lambda }", options);
  const { lambda = lambdaDefault } = options;
  if (typeof lambda !== "number" || !(lambda >= 0 && lambda <= 1)) {
    throw optionError("lambda", "a number from 0 (diversity alone) to 1 (relevance alone)", lambda);
  }
  return Object.freeze({ kind: "mmr", lambda });
}

/** What a search found, with what tells how alike its results are. */
export interface MmrCandidates {
  /** The query vector; null where the search had none in the space of `vectors`. */
  readonly query: Float32Array | null;
  readonly scores: ArrayLike<number>;
  readonly isHigherBetter: boolean;
  /** A row a candidate, zeros where it has no vector. */
  readonly vectors: Float32Array;
  readonly dim: number;
}

/** Positions of the `k` candidates that the reranker chooses, in order of choice. */
export function applyMmr({ lambda }: MmrReranker, candidates: MmrCandidates, k: number): Uint32Array {
  const { query, vectors, dim } = candidates;
  const relevance = query === null ? scaledScores(candidates) : cosines(query, vectors, dim, candidates.scores.length);
  return mmrOrder({ relevance, vectors, dim, lambda, k });
}

function scaledScores({ scores, isHigherBetter }: MmrCandidates): Float64Array {
  const relevance = new Float64Array(scores.length).fill(1);
  let least = Number.POSITIVE_INFINITY;
  let most = Number.NEGATIVE_INFINITY;
  for (let i = 0; i < scores.length; i++) {
    least = Math.min(least, scores[i]!);
    most = Math.max(most, scores[i]!);
  }
  const range = most - least;
  if (!(range > 0) || range === Number.POSITIVE_INFINITY) return relevance;
  for (let i = 0; i < scores.length; i++) {
    relevance[i] = (isHigherBetter ? scores[i]! - least : most - scores[i]!) / range;
  }
  return relevance;
}

function cosines(query: Float32Array, vectors: Float32Array, dim: number, count: number): Float64Array {
  const relevance = new Float64Array(count);
  let queryLength = 0;
  for (let i = 0; i < dim; i++) queryLength += query[i]! * query[i]!;
  for (let row = 0; row < count; row++) {
    let dot = 0;
    let length = 0;
    for (let i = 0; i < dim; i++) {
      const component = vectors[row * dim + i]!;
      dot += component * query[i]!;
      length += component * component;
    }
    const scale = Math.sqrt(queryLength * length);
    relevance[row] = scale > 0 ? dot / scale : 0;
  }
  return relevance;
}
