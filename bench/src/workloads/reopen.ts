/**
 * Workload: how long after a restart is the first answer there?
 *
 * A new process each time: open the closed store, ask one query. Loading the package's code is not counted, and printed
 * beside it. The operating system's file cache is warm for every engine.
 */
import { type BenchContext, measurementOf } from "../bench-context.js";
import { EngineClient } from "../engine-client.js";
import type { Measurement, WorkloadReport } from "../report.js";
import { ownFigure } from "../search-rounds.js";
import { median } from "../statistics.js";

export async function measureReopen(context: BenchContext): Promise<WorkloadReport> {
  const { rounds, packageDirectory } = context.settings;
  await context.interleave("reopen", 1, (engine) => context.storeOf(engine));
  const { results, absences } = await context.interleave("reopen", rounds, async (engine) => {
    const directory = await context.storeOf(engine);
    const client = new EngineClient();
    try {
      const { loadMs } = await client.load(engine.id, packageDirectory);
      const opened = await client.open(directory, context.corpus.files);
      await client.close();
      return { ...opened, loadMs };
    } finally {
      await client.stop();
    }
  });
  const measurements: Measurement[] = [];
  for (const [engine, runs] of results) {
    const figures = {
      ms: median(runs.map((run) => run.openMs + run.firstQueryMs)),
      openMs: median(runs.map((run) => run.openMs)),
      firstQueryMs: median(runs.map((run) => run.firstQueryMs)),
      loadMs: median(runs.map((run) => run.loadMs)),
    };
    const note = engine.keepsFields ? "" : "vectors only, no fields: outside the comparison";
    measurements.push(measurementOf(engine, figures, note, engine.keepsFields));
  }
  return {
    workload: "reopen",
    title: "open in a new process + first query",
    columns: [
      { key: "ms", label: "ms", digits: 1 },
      { key: "openMs", label: "open ms", digits: 1 },
      { key: "firstQueryMs", label: "query ms", digits: 1 },
      { key: "loadMs", label: "(code load ms)", digits: 1 },
    ],
    primary: "ms",
    better: "lower",
    measurements,
    absences,
    facts: ownFigure(measurements, "ms"),
    notes: [],
  };
}
