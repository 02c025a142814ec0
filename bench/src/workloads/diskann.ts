/**
 * Workload: an index on disk, opened in a new process: latency, memory and disk at equal recall.
 *
 * Memory is the resident set after all queries were answered at every effort, less that of the same program with nothing
 * loaded, over the raw vector bytes: it counts the package's code and mapped files. The file cache is warm.
 */
import type { BenchContext } from "../bench-context.js";
import { curveMeasurements, ownFigureAt } from "../curve-report.js";
import { bytesBelow } from "../directory-bytes.js";
import { sweepIndexes } from "../index-sweep.js";
import { type IndexParticipant, participantsOf } from "../indexed-stores.js";
import type { Measurement, WorkloadReport } from "../report.js";
import { emptyProcessMemory } from "./memory.js";

const level = 0.95;

interface Footprint {
  readonly memoryRatio: number;
  readonly allocatedRatio: number;
  readonly diskRatio: number;
}

export async function measureDiskann(context: BenchContext): Promise<WorkloadReport> {
  const participants = participantsOf(context.engines, "diskann");
  const sweep = await sweepIndexes(context, participants, {
    isFiltered: false,
    truthOf: () => context.truth,
    prepare: (participant) => context.indexed.reopen(participant),
  });
  const measurements: Measurement[] = [];
  for (const measurement of curveMeasurements(context, sweep, level)) {
    const participant = participants.find(({ label }) => label === measurement.engine)!;
    const figures = { ...measurement.figures, ...(await footprint(context, participant)) };
    measurements.push({ ...measurement, figures });
  }
  const report: WorkloadReport = {
    workload: "diskann",
    title: `An index on disk, opened in a new process, one query at a time, k = ${context.settings.k}`,
    columns: [
      { key: "p50Ms", label: `p50 ms at ≥ ${level}`, digits: 3 },
      { key: "p95Ms", label: "p95 ms", digits: 3 },
      { key: "recall", label: "recall", digits: 4 },
      { key: "recallMax", label: "best recall", digits: 4 },
      { key: "memoryRatio", label: "resident / raw", digits: 3 },
      { key: "allocatedRatio", label: "allocated", digits: 3 },
      { key: "diskRatio", label: "disk / raw", digits: 3 },
      { key: "buildSeconds", label: "build s", digits: 2 },
    ],
    primary: "p95Ms",
    better: "lower",
    measurements,
    absences: sweep.absences,
    curves: [...sweep.curves.values()],
    facts: {},
    notes: ["raw: float32 vectors for memory, vectors and JSON for disk; rows and fields are in the same store"],
  };
  const p95Ms = ownFigureAt(report, "p95Ms", Number.POSITIVE_INFINITY);
  return { ...report, facts: p95Ms === undefined ? {} : { p95Ms } };
}

async function footprint(context: BenchContext, participant: IndexParticipant): Promise<Footprint> {
  const { vectorBytes, jsonBytes } = context.corpus;
  const empty = await emptyProcessMemory();
  const used = await (await context.indexed.searcherOf(participant)).memory();
  return {
    memoryRatio: (used.residentBytes - empty.residentBytes) / vectorBytes,
    allocatedRatio: (used.anonymousBytes - empty.anonymousBytes) / vectorBytes,
    diskRatio: bytesBelow(context.indexed.directoryOf(participant)).apparent / (vectorBytes + jsonBytes),
  };
}
