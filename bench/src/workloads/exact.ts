/**
 * Workload: exact search, one query at a time, over all rows.
 */
import type { BenchContext } from "../bench-context.js";
import type { WorkloadReport } from "../report.js";
import { ownFigure, runSearchRounds, searchColumns } from "../search-rounds.js";

export async function measureExact(context: BenchContext): Promise<WorkloadReport> {
  const { measurements, absences } = await runSearchRounds(context, "exact", false, context.truth);
  const facts = ownFigure(measurements, "meanMs");
  const floatScan = measurements.find((measurement) => measurement.role === "reference")?.figures["meanMs"];
  if (floatScan !== undefined && facts["meanMs"] !== undefined) {
    facts["ratioToFloatScan"] = facts["meanMs"] / floatScan;
  }
  return {
    workload: "exact",
    title: `exact search, one query at a time, k = ${context.settings.k}`,
    columns: searchColumns,
    primary: "meanMs",
    better: "lower",
    measurements,
    absences,
    facts,
    notes: [],
  };
}
