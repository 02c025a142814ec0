/**
 * Workload: many queries at once, by the fastest way that each engine offers.
 */
import { type BenchContext, measurementOf } from "../bench-context.js";
import type { Measurement, WorkloadReport } from "../report.js";
import { median } from "../statistics.js";

const repeatsPerRound = 2;

export async function measureBatch(context: BenchContext): Promise<WorkloadReport> {
  const { k, rounds } = context.settings;
  const { queryCount } = context.corpus.files;
  await context.interleave("batch", 1, (engine) => context.searcherOf(engine));
  const { results, absences } = await context.interleave("batch", rounds, async (engine) =>
    (await context.searcherOf(engine)).batch(k, repeatsPerRound),
  );
  const measurements: Measurement[] = [];
  for (const [engine, found] of results) {
    const batchMs = median(found.flatMap((round) => Array.from(round.ms)));
    const recall = context.truth.recall(found[0]!.hits);
    const figures = { queriesPerSecond: (queryCount * 1000) / batchMs, msPerQuery: batchMs / queryCount, recall };
    measurements.push(measurementOf(engine, figures, engine.method, recall >= 0.99));
  }
  return {
    workload: "batch",
    title: `exact search, ${queryCount} queries at a time, k = ${k}`,
    columns: [
      { key: "queriesPerSecond", label: "queries/s", digits: 0 },
      { key: "msPerQuery", label: "ms/query", digits: 3 },
      { key: "recall", label: "recall", digits: 4 },
    ],
    primary: "queriesPerSecond",
    better: "higher",
    measurements,
    absences,
    facts: {},
    notes: [],
  };
}
