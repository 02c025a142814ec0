/**
 * Workload: inverted files at equal recall, one query at a time, over a range of clusters looked into.
 */
import type { BenchContext } from "../bench-context.js";
import { curveColumns, curveMeasurements, speedKey } from "../curve-report.js";
import { sweepIndexes } from "../index-sweep.js";
import { participantsOf } from "../indexed-stores.js";
import type { WorkloadReport } from "../report.js";

const level = 0.95;

export async function measureIvf(context: BenchContext): Promise<WorkloadReport> {
  const participants = participantsOf(context.engines, "ivf");
  const sweep = await sweepIndexes(context, participants, { isFiltered: false, truthOf: () => context.truth });
  const measurements = curveMeasurements(context, sweep, level);
  const speedOf = (label: string): number | undefined =>
    measurements.find(({ engine }) => engine === label)?.figures[speedKey(level)];
  const plain = speedOf("lynsedb IVF-IP");
  const rabitq = speedOf("lynsedb IVF-IP-RABITQ");
  return {
    workload: "ivf",
    title: `Inverted files, one query at a time, k = ${context.settings.k}`,
    columns: curveColumns,
    primary: speedKey(level),
    better: "higher",
    measurements,
    absences: sweep.absences,
    curves: [...sweep.curves.values()],
    facts: plain === undefined || rabitq === undefined ? {} : { rabitqTimesPlain: rabitq / plain },
    notes: [],
  };
}
