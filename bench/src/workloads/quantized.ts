/**
 * Workload: our own compressed flat indexes: time, recall and memory.
 *
 * Without a knob; memory as the process that opened the collection holds it, over the raw float32 vectors. The binary one
 * searches the signs of the components, and its recall is counted over their true Hamming distances.
 */
import type { BenchContext } from "../bench-context.js";
import { sweepIndexes } from "../index-sweep.js";
import { participantsOf } from "../indexed-stores.js";
import type { Measurement, WorkloadReport } from "../report.js";
import { emptyProcessMemory } from "./memory.js";

export async function measureQuantized(context: BenchContext): Promise<WorkloadReport> {
  const participants = participantsOf(context.engines, "quantized");
  const sweep = await sweepIndexes(context, participants, {
    isFiltered: false,
    truthOf: ({ variant }) => (variant.isBinary ? context.binaryTruth : context.truth),
    prepare: (participant) => context.indexed.reopen(participant),
  });
  const measurements: Measurement[] = [];
  for (const [participant, curve] of sweep.curves) {
    const { meanMs, p50Ms, p95Ms, recall } = curve.points[0]!;
    const empty = await emptyProcessMemory();
    const used = await (await context.indexed.searcherOf(participant)).memory();
    const memoryRatio = (used.residentBytes - empty.residentBytes) / context.corpus.vectorBytes;
    const buildSeconds = context.indexed.figuresOf(participant).buildMs / 1000;
    measurements.push({
      engine: participant.label,
      role: participant.engine.role,
      figures: { meanMs, p50Ms, p95Ms, recall, memoryRatio, buildSeconds },
      isComparable: false,
      note: participant.variant.method,
    });
  }
  return {
    workload: "quantized",
    title: `compressed flat indexes, one query at a time, k = ${context.settings.k}`,
    columns: [
      { key: "meanMs", label: "mean ms", digits: 3 },
      { key: "p50Ms", label: "p50 ms", digits: 3 },
      { key: "p95Ms", label: "p95 ms", digits: 3 },
      { key: "recall", label: "recall", digits: 4 },
      { key: "memoryRatio", label: "resident / raw", digits: 3 },
      { key: "buildSeconds", label: "build s", digits: 2 },
    ],
    primary: "meanMs",
    better: "lower",
    measurements,
    absences: sweep.absences,
    facts: {},
    notes: [],
  };
}
