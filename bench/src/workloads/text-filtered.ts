/**
 * Workload: full text search under a metadata filter, one query at a time.
 */
import type { BenchContext } from "../bench-context.js";
import { filterField } from "../filter-field.js";
import type { WorkloadReport } from "../report.js";
import { runTextRounds, textMethods } from "../text-rounds.js";

export function measureTextFiltered(context: BenchContext): Promise<WorkloadReport> {
  const { corpus, settings, texts } = context;
  const share = ((100 * corpus.matchCount) / corpus.files.rowCount).toFixed(1);
  const queries = corpus.textQueries.map(({ words }) => words);
  return runTextRounds(context, "text-filtered", {
    title: `BM25 where ${filterField} = '${corpus.files.filterValue}' (${share}% of the rows), k = ${settings.k}`,
    overlapOf: (found) => texts.truth.overlap(queries, found, settings.k, corpus.matches),
    methods: textMethods,
    notes: ["statistics of the whole collection, whatever the filter, are what the overlap is counted by"],
  });
}
