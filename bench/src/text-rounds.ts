/**
 * How are text and hybrid searches of several engines timed side by side?
 *
 * Every engine answers all queries in every round, engines one after the other; the mean reported is the median of
 * the rounds' means, percentiles are over all rounds. The overlap says how many of an engine's results are those of
 * the plain computation.
 */
import { type BenchContext, measurementOf } from "./bench-context.js";
import type { Hits } from "./engine.js";
import type { TextSearchKind } from "./engine-requests.js";
import { bestOf, type Column, type WorkloadReport } from "./report.js";
import { mean, median, percentile } from "./statistics.js";

/** Candidates that every engine takes of each signal. */
export const hybridCandidates = 40;

const columns: readonly Column[] = [
  { key: "meanMs", label: "mean ms", digits: 3 },
  { key: "p50Ms", label: "p50 ms", digits: 3 },
  { key: "p95Ms", label: "p95 ms", digits: 3 },
  { key: "overlap", label: "overlap", digits: 4 },
];

export interface TextRounds {
  readonly title: string;
  readonly overlapOf: (found: readonly Hits[]) => number;
  readonly methods: Readonly<Record<string, string>>;
  readonly notes: readonly string[];
}

export async function runTextRounds(
  context: BenchContext,
  kind: TextSearchKind,
  rounds: TextRounds,
): Promise<WorkloadReport> {
  const { k } = context.settings;
  // Stores are filled and opened before the first clock runs.
  const opening = await context.interleave(kind, 1, (engine) => context.texts.searcherOf(engine));
  const failed = new Set(opening.absences.map((absence) => absence.engine));
  const timed = await context.interleave(kind, context.settings.rounds, async (engine) => {
    if (failed.has(engine.id)) throw new Error("its store could not be opened");
    return (await context.texts.searcherOf(engine)).searchText(kind, k, hybridCandidates);
  });
  const measurements = [...timed.results].map(([engine, results]) => {
    const all = results.flatMap((round) => Array.from(round.ms));
    const figures = {
      meanMs: median(results.map((round) => mean(round.ms))),
      p50Ms: percentile(all, 0.5),
      p95Ms: percentile(all, 0.95),
      overlap: rounds.overlapOf(results[0]!.hits),
    };
    return measurementOf(engine, figures, rounds.methods[engine.id] ?? "");
  });
  const later = timed.absences.filter((absence) => !failed.has(absence.engine));
  const report: WorkloadReport = {
    workload: kind,
    title: rounds.title,
    columns,
    primary: "meanMs",
    better: "lower",
    measurements,
    absences: [...opening.absences, ...later],
    facts: {},
    notes: rounds.notes,
  };
  return { ...report, facts: factsOf(report) };
}

/** Our own figures, and our mean as a share of the fastest peer's. */
function factsOf(report: WorkloadReport): Record<string, number> {
  const ours = bestOf(report, "ours")?.figures;
  if (ours === undefined) return {};
  const peer = bestOf(report, "peer")?.figures["meanMs"];
  const share = peer === undefined ? {} : { shareOfFastestPeer: ours["meanMs"]! / peer };
  return { meanMs: ours["meanMs"]!, overlap: ours["overlap"]!, ...share };
}

/** How each engine searches, for the reports. */
export const textMethods: Readonly<Record<string, string>> = {
  lynsedb: "bm25Search",
  lancedb: "inverted index, no stemming, stop words kept",
  zvec: "FTS index after optimize; its standard tokenizer keeps node.js and amazon's whole",
  "sqlite-vec": "FTS5 after optimize; its idf is ln((N - n + 0.5) / (n + 0.5))",
};
