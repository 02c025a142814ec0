/**
 * Workload: how much memory does an open store hold resident?
 *
 * A new process opens the store, answers all queries with and without the filter, collects its garbage and reads its
 * resident set; the same program with nothing loaded is subtracted. For ours also at a million rows.
 */
import { type BenchContext, measurementOf } from "../bench-context.js";
import { EngineClient } from "../engine-client.js";
import type { MemoryFigures } from "../engine-requests.js";
import type { Measurement, WorkloadReport } from "../report.js";
import { ownFigure } from "../search-rounds.js";
import { median } from "../statistics.js";

const roundsMax = 3;

/** Resident memory of the benchmark's program with no engine loaded. */
export async function emptyProcessMemory(): Promise<MemoryFigures> {
  const client = new EngineClient();
  try {
    return await client.memory();
  } finally {
    await client.stop();
  }
}

export async function measureMemory(context: BenchContext): Promise<WorkloadReport> {
  const { k, settings, corpus } = { k: context.settings.k, settings: context.settings, corpus: context.corpus };
  const rounds = Math.min(roundsMax, settings.rounds);
  await context.interleave("memory", 1, (engine) => context.storeOf(engine));
  const { results, absences } = await context.interleave("memory", rounds, async (engine) => {
    const empty = await emptyProcessMemory();
    const directory = await context.storeOf(engine);
    const client = await context.start(engine);
    try {
      await client.open(directory, corpus.files);
      await client.search(k, false, 0);
      if (engine.cannot.filtered === undefined) await client.search(k, true, 0);
      const used = await client.memory();
      return {
        residentBytes: used.residentBytes - empty.residentBytes,
        anonymousBytes: used.anonymousBytes - empty.anonymousBytes,
      };
    } finally {
      await client.stop();
    }
  });
  const measurements: Measurement[] = [];
  for (const [engine, runs] of results) {
    const residentBytes = median(runs.map((run) => run.residentBytes));
    const figures = {
      ratio: residentBytes / corpus.vectorBytes,
      anonymousRatio: median(runs.map((run) => run.anonymousBytes)) / corpus.vectorBytes,
      megabytes: residentBytes / 1e6,
    };
    const note = engine.keepsFields ? "" : "vectors only, no ids or fields: outside the comparison";
    measurements.push(measurementOf(engine, figures, note, engine.keepsFields));
  }
  const facts = ownFigure(measurements, "ratio");
  const notes = ["resident counts mapped files and the package's code; allocated is what no file backs"];
  if (!settings.isQuick && measurements.some((measurement) => measurement.role === "ours")) {
    const million = await context.scale.measure(1_000_000);
    facts["ratioAtMillion"] = million.memoryRatio;
    notes.push(`ours at 1,000,000 × ${million.dim}: ${million.memoryRatio.toFixed(3)} of the raw vector bytes`);
  }
  return {
    workload: "memory",
    title: `resident memory beyond an empty process / raw vector bytes (${(corpus.vectorBytes / 1e6).toFixed(1)} MB)`,
    columns: [
      { key: "ratio", label: "resident", digits: 3 },
      { key: "anonymousRatio", label: "allocated", digits: 3 },
      { key: "megabytes", label: "resident MB", digits: 1 },
    ],
    primary: "ratio",
    better: "lower",
    measurements,
    absences,
    facts,
    notes,
  };
}
