/**
 * Workload: HNSW at equal recall, one query at a time, over a range of efforts.
 */
import type { BenchContext } from "../bench-context.js";
import { curveColumns, curveMeasurements, ownFigureAt, recallLevels, speedKey } from "../curve-report.js";
import { sweepIndexes } from "../index-sweep.js";
import { graphBuild } from "../index-variant.js";
import { participantsOf } from "../indexed-stores.js";
import { bestOf, type WorkloadReport } from "../report.js";

const level = 0.98;

export async function measureHnsw(context: BenchContext): Promise<WorkloadReport> {
  const participants = participantsOf(context.engines, "hnsw");
  const sweep = await sweepIndexes(context, participants, { isFiltered: false, truthOf: () => context.truth });
  const measurements = curveMeasurements(context, sweep, level);
  const report: WorkloadReport = {
    workload: "hnsw",
    title:
      `HNSW (m ${graphBuild.m}, efConstruction ${graphBuild.efConstruction}), one query at a time, ` +
      `k = ${context.settings.k}`,
    columns: curveColumns,
    primary: speedKey(level),
    better: "higher",
    measurements,
    absences: sweep.absences,
    curves: [...sweep.curves.values()],
    facts: {},
    notes: [],
  };
  const facts: Record<string, number> = {};
  for (const recall of recallLevels) {
    const key = speedKey(recall);
    const ours = ownFigureAt(report, key, 0);
    const peer = bestOf(report, "peer", key)?.figures[key];
    if (ours !== undefined) facts[`queriesPerSecond.${key}`] = ours;
    if (ours !== undefined && peer !== undefined) facts[`timesBestPeer.${key}`] = ours / peer;
  }
  return { ...report, facts };
}
