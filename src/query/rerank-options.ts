/**
 * Which options does a reranking take, and what do they mean?
 *
 * Checked once, before any search runs.
 */
import { checkLimit, limits } from "../limits.js";
import { type MmrReranker, mmrReranker } from "./mmr-reranker.js";
import { optionError } from "./option-error.js";
import type { Reranker } from "./rerank.js";

/** Rows that a choice for diversity is made from where nothing is said: some for each row wanted, but not too few. */
const mmrCandidatesPerRow = 5;
const mmrCandidatesMin = 50;

/** The `reranker` option of a search: a callback, or a description made by `mmrReranker`. Null: none. */
export function checkReranker<F>(reranker: unknown): Reranker<F> | MmrReranker | null {
  if (reranker === undefined || reranker === null) return null;
  if (typeof reranker === "function") return reranker as Reranker<F>;
  if (typeof reranker === "object" && "kind" in reranker && reranker.kind === "mmr") {
    return mmrReranker("lambda" in reranker ? { lambda: reranker.lambda as number } : {});
  }
  throw optionError(
    "reranker",
    "a function ({ query, items }) => order or scores, or mmrReranker({ lambda })",
    reranker,
  );
}

/**
 * The `rerankK` option: rows handed to the reranker, at least the `k` wanted. Default: `k` for a callback, the greater
 * of `5 k` and 50 for `mmrReranker`, which has nothing to choose from otherwise.
 */
export function checkRerankK<F>(rerankK: unknown, k: number, reranker: Reranker<F> | MmrReranker | null): number {
  if (rerankK === undefined) {
    if (reranker === null || typeof reranker === "function") return k;
    return Math.max(k, Math.min(Math.max(mmrCandidatesPerRow * k, mmrCandidatesMin), limits.kMax));
  }
  if (typeof rerankK !== "number" || !Number.isInteger(rerankK) || rerankK < 1) {
    throw optionError("rerankK", "an integer of at least 1", rerankK);
  }
  checkLimit("kMax", rerankK, "rerankK");
  return Math.max(rerankK, k);
}
