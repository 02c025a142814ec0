/**
 * Workload: vector and text fused by reciprocal rank, one query at a time.
 */
import type { BenchContext } from "../bench-context.js";
import type { WorkloadReport } from "../report.js";
import { hybridCandidates, runTextRounds } from "../text-rounds.js";

const methods: Readonly<Record<string, string>> = {
  lynsedb: "hybridSearch, exact vectors",
  lancedb: "RRFReranker, vectors scanned; limit 40, first 10 kept",
  zvec: "multiQuery, FLAT index",
  "sqlite-vec": "two statements, fused in JavaScript, vectors scanned",
};

export function measureHybrid(context: BenchContext): Promise<WorkloadReport> {
  const { settings, texts, corpus } = context;
  const truth = texts.hybridTruth(hybridCandidates);
  return runTextRounds(context, "hybrid", {
    title:
      `vector and BM25 fused by reciprocal rank (k 60), ${corpus.textQueries.length} queries, ` +
      `${hybridCandidates} candidates a signal, k = ${settings.k}`,
    overlapOf: (found) => truth.overlap(found, settings.k),
    methods,
    notes: [
      "no engine has an approximate index on the vectors: every vector half is exact",
      "overlap is with the plain fusion of exact lists; equal BM25 scores may be ranked in any order",
    ],
  });
}
