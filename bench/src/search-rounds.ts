/**
 * How are searches of several engines timed side by side?
 *
 * Every engine answers all queries once a round, engines one after the other; the mean reported is the median of the
 * rounds' means, percentiles are over all rounds. An engine whose recall is below `recallForRatio` is printed, and no
 * ratio is taken to it.
 */
import { type BenchContext, measurementOf } from "./bench-context.js";
import type { WorkloadName } from "./engine.js";
import type { GroundTruth } from "./ground-truth.js";
import type { Absence, Column, Measurement } from "./report.js";
import { mean, median, percentile } from "./statistics.js";

const recallForRatio = 0.99;
const warmUpsPerRound = 3;

export const searchColumns: readonly Column[] = [
  { key: "meanMs", label: "mean ms", digits: 3 },
  { key: "p50Ms", label: "p50 ms", digits: 3 },
  { key: "p99Ms", label: "p99 ms", digits: 3 },
  { key: "recall", label: "recall", digits: 4 },
];

/** Runs the rounds of a search workload. */
export async function runSearchRounds(
  context: BenchContext,
  workload: WorkloadName,
  isFiltered: boolean,
  truth: GroundTruth,
): Promise<{ readonly measurements: Measurement[]; readonly absences: Absence[] }> {
  const { k, rounds } = context.settings;
  // Stores are filled and opened before the first clock runs.
  const opening = await context.interleave(workload, 1, (engine) => context.searcherOf(engine));
  const failed = new Set(opening.absences.map((absence) => absence.engine));
  const timed = await context.interleave(workload, rounds, async (engine) => {
    if (failed.has(engine.id)) throw new Error("its store could not be opened");
    return (await context.searcherOf(engine)).search(k, isFiltered, warmUpsPerRound);
  });
  const measurements: Measurement[] = [];
  for (const [engine, results] of timed.results) {
    const all = results.flatMap((round) => Array.from(round.ms));
    const recall = truth.recall(results[0]!.hits);
    const figures = {
      meanMs: median(results.map((round) => mean(round.ms))),
      p50Ms: percentile(all, 0.5),
      p99Ms: percentile(all, 0.99),
      recall,
    };
    const isExact = recall >= recallForRatio;
    const note = recall === 1 ? engine.method : `${engine.method}; approximate: recall ${recall.toFixed(4)}`;
    measurements.push(measurementOf(engine, figures, note, isExact));
  }
  const later = timed.absences.filter((absence) => !failed.has(absence.engine));
  return { measurements, absences: [...opening.absences, ...later] };
}

/** Our own mean among the measurements. */
export function ownFigure(measurements: readonly Measurement[], key: string): Record<string, number> {
  const own = measurements.find((measurement) => measurement.role === "ours")?.figures[key];
  return own === undefined ? {} : { [key]: own };
}
