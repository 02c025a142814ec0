/**
 * Workload: HNSW under a metadata filter, one query at a time, over a range of efforts.
 */
import type { BenchContext } from "../bench-context.js";
import { curveColumns, curveMeasurements, ownFigureAt } from "../curve-report.js";
import { filterField } from "../filter-field.js";
import { sweepIndexes } from "../index-sweep.js";
import { participantsOf } from "../indexed-stores.js";
import { bestOf, type WorkloadReport } from "../report.js";

const level = 0.99;

export async function measureFilteredHnsw(context: BenchContext): Promise<WorkloadReport> {
  const { corpus, settings } = context;
  const all = participantsOf(context.engines, "hnsw");
  const participants = all.filter(({ variant }) => variant.canFilter);
  const sweep = await sweepIndexes(context, participants, { isFiltered: true, truthOf: () => context.filteredTruth });
  const share = ((100 * corpus.matchCount) / corpus.files.rowCount).toFixed(1);
  const report: WorkloadReport = {
    workload: "filtered-hnsw",
    title: `HNSW where ${filterField} = '${corpus.files.filterValue}' (${share}% of the rows), k = ${settings.k}`,
    columns: [{ key: "meanMs", label: `mean ms at ≥ ${level}`, digits: 3 }, ...curveColumns],
    primary: "meanMs",
    better: "lower",
    measurements: curveMeasurements(context, sweep, level),
    absences: [
      ...all
        .filter(({ variant }) => !variant.canFilter)
        .map(({ label }) => ({ engine: label, reason: "has no filter" })),
      ...sweep.absences,
    ],
    curves: [...sweep.curves.values()],
    facts: {},
    notes: ["hnswlib is given the filter as a ready bitmap: evaluating it is not charged to it"],
  };
  const ours = ownFigureAt(report, "meanMs", Number.POSITIVE_INFINITY);
  const peer = bestOf(report, "peer")?.figures["meanMs"];
  return {
    ...report,
    facts: {
      ...(ours === undefined ? {} : { meanMs: ours }),
      ...(ours === undefined || peer === undefined ? {} : { shareOfFastestPeer: ours / peer }),
    },
  };
}
