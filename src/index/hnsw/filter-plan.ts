/**
 * How is a graph searched under a filter, and what does it cost?
 *
 * Three ways: a walk that discards what the filter leaves out, with a longer list in proportion; a walk over allowed nodes
 * only, which reads the lists of others; the codes of all allowed rows, which misses none. The first is tried where the
 * filter leaves out little, and given up where it leaves out what is near to the query.
 *
 * Costs are in exact comparisons of about 20 ns at 128 components, as measured: see docs/internals/hnsw.md.
 */

export interface FilterPlan {
  readonly kind: "discard-walk" | "filtered-walk" | "scan";
  /** Nodes that the walk keeps, or rows that the scan keeps. */
  readonly ef: number;
}

export interface FilterSituation {
  readonly ef: number;
  readonly k: number;
  /** Rows of the graph, and those of them that the filter allows. */
  readonly rowCount: number;
  readonly matches: number;
}

/** Least share of allowed rows for a walk that discards. */
const discardShareMin = 0.4;
/** Least share of the nodes wanted that a walk that discards has to find. */
const discardYieldMin = 0.75;
/** A code of a scan, and a node scored by a walk, in exact comparisons. */
const scanCost = 0.6;
const walkCost = 2;
/** A list of a node with its neighbours' lists, read by a filtered walk. */
const readCost = 45;
/** Nodes that a filtered walk begins with. */
const sources = 64;

/** Nodes that a walk scores which keeps the `ef` best. */
export function walkVisits(ef: number): number {
  return Math.round(250 + 4.5 * ef);
}

/** Cost of a search under a filter, and the way that it takes. */
export function chooseFilterPlan({
  ef,
  k,
  rowCount,
  matches,
}: FilterSituation): FilterPlan & { readonly cost: number } {
  const share = Math.max(1, matches) / Math.max(1, rowCount);
  // Room for rows that the rounding of codes puts in the wrong order.
  const scan = { kind: "scan", ef: Math.max(1, Math.min(matches, 2 * k + 32)), cost: scanCost * matches } as const;
  const filteredCost = walkCost * walkVisits(sources) + readCost * (sources + ef);
  if (scan.cost <= filteredCost) return scan;
  if (share >= discardShareMin) {
    const wider = Math.ceil(ef / share);
    return { kind: "discard-walk", ef: wider, cost: walkCost * walkVisits(wider) };
  }
  return { kind: "filtered-walk", ef, cost: filteredCost };
}

/** True where a walk that discards found so few allowed nodes that others must lie elsewhere. */
export function isYieldPoor(found: number, ef: number): boolean {
  return found < discardYieldMin * ef;
}
