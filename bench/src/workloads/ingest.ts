/**
 * Workload: how fast do rows with metadata become durable?
 *
 * Batches of a thousand, each committed before the next is handed over; the rate counts the inserts alone. What
 * "durable" means differs, and is printed with each engine.
 */
import { type BenchContext, measurementOf } from "../bench-context.js";
import type { Measurement, WorkloadReport } from "../report.js";
import { ownFigure } from "../search-rounds.js";
import { median, percentile } from "../statistics.js";

const roundsMax = 3;

export async function measureIngest(context: BenchContext): Promise<WorkloadReport> {
  const rounds = Math.min(roundsMax, context.settings.rounds);
  const { results, absences } = await context.interleave("ingest", rounds, (engine) => context.ingest(engine));
  const measurements: Measurement[] = [];
  for (const [engine, runs] of results) {
    const batchMs = runs.flatMap((run) => run.batchMs);
    const figures = {
      rowsPerSecond: median(runs.map((run) => (run.rows * 1000) / run.batchMs.reduce((sum, ms) => sum + ms, 0))),
      commitP50Ms: percentile(batchMs, 0.5),
      commitP99Ms: percentile(batchMs, 0.99),
      settleMs: median(runs.map((run) => run.settleMs)),
      longestBlockMs: median(runs.map((run) => run.longestBlockMs)),
    };
    measurements.push(measurementOf(engine, figures, engine.durability));
  }
  return {
    workload: "ingest",
    title: `durable ingest with fields, batches of ${context.settings.batchRows}, no text index`,
    columns: [
      { key: "rowsPerSecond", label: "rows/s", digits: 0 },
      { key: "commitP50Ms", label: "commit p50 ms", digits: 2 },
      { key: "commitP99Ms", label: "p99 ms", digits: 2 },
      { key: "settleMs", label: "upkeep ms", digits: 0 },
      { key: "longestBlockMs", label: "loop block ms", digits: 1 },
    ],
    primary: "rowsPerSecond",
    better: "higher",
    measurements,
    absences,
    facts: ownFigure(measurements, "rowsPerSecond"),
    notes: ["upkeep (optimize, checkpoint) follows the last insert and is not counted in rows/s"],
  };
}
