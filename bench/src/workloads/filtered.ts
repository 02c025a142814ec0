/**
 * Workload: exact search under a metadata filter, one query at a time.
 */
import type { BenchContext } from "../bench-context.js";
import { filterField } from "../filter-field.js";
import type { WorkloadReport } from "../report.js";
import { ownFigure, runSearchRounds, searchColumns } from "../search-rounds.js";

export async function measureFiltered(context: BenchContext): Promise<WorkloadReport> {
  const { corpus, settings } = context;
  const { measurements, absences } = await runSearchRounds(context, "filtered", true, context.filteredTruth);
  const share = ((100 * corpus.matchCount) / corpus.files.rowCount).toFixed(1);
  const where = `${filterField} = '${corpus.files.filterValue}'`;
  return {
    workload: "filtered",
    title: `exact search where ${where} (${share}% of the rows), k = ${settings.k}`,
    columns: searchColumns,
    primary: "meanMs",
    better: "lower",
    measurements,
    absences,
    facts: ownFigure(measurements, "meanMs"),
    notes: ["hnswlib is given the filter as a ready bitmap: evaluating it is not charged to it"],
  };
}
