/**
 * How does an answer tell how a search was run?
 *
 * LynseDB's profile, with our plan inside.
 */
import type { SearchPlan } from "../../client/collection.js";

/** What was searched for, as far as the profile repeats it. */
export interface ProfiledSearch {
  readonly vectorField: string;
  /** The filter's text; null without one. */
  readonly where: string | null;
  /** True where a filter or a list of ids narrowed the search. */
  readonly isFiltered: boolean;
}

export function profileOf(plan: SearchPlan, { vectorField, where, isFiltered }: ProfiledSearch): object {
  return {
    query_kind: "vector",
    vector_field: vectorField,
    index_path: indexPath(plan, isFiltered),
    total_vectors: plan.rows,
    filter_expression: where,
    filter_matches: isFiltered ? plan.matches : null,
    scanned_vectors: plan.matches,
    result_count: plan.resultCount,
    filter_us: plan.filterUs,
    search_us: plan.searchUs,
    rerank_us: 0,
    total_us: plan.totalUs,
    plan: planOf(plan),
  };
}

/** LynseDB's name for the way that was taken. */
function indexPath({ plan, index }: SearchPlan, isFiltered: boolean): string {
  if (plan === "index" || plan === "index-filtered") {
    if (!index.startsWith("FLAT")) return "ann_index";
    if (/-PQ\d*$/.test(index)) return "pq_two_pass";
    if (index.endsWith("-RABITQ")) return "rabitq_two_pass";
    if (/-POLARVEC\d*$/.test(index)) return "polarvec_two_pass";
    return "ann_index";
  }
  return isFiltered ? "flat_mmap_filtered" : "flat_mmap";
}

function planOf(plan: SearchPlan): object {
  return {
    plan: plan.plan,
    strategy: plan.strategy,
    candidates: plan.candidates,
    tail_rows: plan.tailRows,
    fell_back: plan.fellBack,
    first_pass: plan.firstPass,
    index: plan.index,
    metric: plan.metric,
    rows: plan.rows,
    matches_estimated: plan.matchesEstimated,
    matches: plan.matches,
    rows_scored: plan.rowsScored,
    rows_rescored: plan.rowsRescored,
    result_count: plan.resultCount,
    unknown_fields: plan.unknownFields,
    filter_us: plan.filterUs,
    search_us: plan.searchUs,
    fetch_us: plan.fetchUs,
    total_us: plan.totalUs,
  };
}
