/**
 * Workload: how fast do rows with metadata and a text index become durable and searchable by their words?
 *
 * Batches of a thousand, each committed before the next is handed over. The rate counts the inserts, whatever makes
 * the text index current after the last one, and a first text search, for the words of the last row.
 */
import { type BenchContext, measurementOf } from "../bench-context.js";
import { bestOf, type Measurement, type WorkloadReport } from "../report.js";
import { mean, median, percentile } from "../statistics.js";

const roundsMax = 3;

const sum = (values: readonly number[]): number => values.reduce((total, value) => total + value, 0);

export async function measureIngestText(context: BenchContext): Promise<WorkloadReport> {
  const { k, batchRows } = context.settings;
  const rounds = Math.min(roundsMax, context.settings.rounds);
  const { results, absences } = await context.interleave("ingest-text", rounds, async (engine) => {
    const figures = await context.texts.ingest(engine);
    const overlap = context.texts.truth.overlap([figures.lastWords], [figures.lastHits], k, null);
    if (figures.lastHits.length === 0) throw new Error("a text search for the words of the last row found nothing");
    return { ...figures, overlap };
  });
  const measurements: Measurement[] = [];
  for (const [engine, runs] of results) {
    const figures = {
      rowsPerSecond: median(runs.map((run) => (run.rows * 1000) / (sum(run.batchMs) + run.indexMs))),
      settledRowsPerSecond: median(
        runs.map((run) => (run.rows * 1000) / (sum(run.batchMs) + run.indexMs + run.settleMs)),
      ),
      commitP50Ms: percentile(
        runs.flatMap((run) => run.batchMs),
        0.5,
      ),
      indexMs: median(runs.map((run) => run.indexMs)),
      settleMs: median(runs.map((run) => run.settleMs)),
      overlap: mean(runs.map((run) => run.overlap)),
    };
    measurements.push(measurementOf(engine, figures, engine.durability));
  }
  const report: WorkloadReport = {
    workload: "ingest-text",
    title: `durable ingest with fields and a text index, batches of ${batchRows}`,
    columns: [
      { key: "rowsPerSecond", label: "rows/s", digits: 0 },
      { key: "settledRowsPerSecond", label: "with upkeep", digits: 0 },
      { key: "commitP50Ms", label: "commit p50 ms", digits: 2 },
      { key: "indexMs", label: "index + search ms", digits: 0 },
      { key: "settleMs", label: "upkeep ms", digits: 0 },
      { key: "overlap", label: "found", digits: 2 },
    ],
    primary: "rowsPerSecond",
    better: "higher",
    measurements,
    absences,
    facts: {},
    notes: [
      "found is the share of the plain BM25's best rows among those of that first search",
      "rows/s counts the inserts, what makes the text index current after them, and a first text search",
      "upkeep (optimize, checkpoint, the peers' indexes for the filter) follows and is counted in its column alone",
    ],
  };
  const ours = bestOf(report, "ours")?.figures["rowsPerSecond"];
  const peer = bestOf(report, "peer")?.figures["rowsPerSecond"];
  if (ours === undefined) return report;
  return { ...report, facts: { rowsPerSecond: ours, ...(peer === undefined ? {} : { timesBestPeer: ours / peer }) } };
}
