/**
 * How is a graph searched under a filter, and what does it cost?
 *
 * Three ways: a walk that discards what the filter leaves out, with a longer list in proportion; a walk over allowed nodes
 * only, which reads the lists of others; the codes of all allowed rows, which misses none. Each search begins with a walk
 * over all nodes, unless few rows are allowed. How many of its nodes are allowed, compared with how many would be if the
 * filter had nothing to do with the query, tells which of the other ways has to follow.
 *
 * Costs are in exact comparisons of about 20 ns at 128 components, as measured: see docs/internals/hnsw.md.
 */

export interface FilterPlan {
  readonly kind: "discard-walk" | "filtered-walk" | "scan";
  /** Nodes that the first walk keeps. */
  readonly ef: number;
  /** Allowed nodes among them below which the codes of all allowed rows have to follow. */
  readonly scanBelow: number;
  /** Allowed nodes among them below which a walk over allowed nodes has to follow. */
  readonly filterBelow: number;
  readonly cost: number;
  /** Cost where the codes of all allowed rows have to follow. */
  readonly costMax: number;
}

export interface FilterSituation {
  readonly ef: number;
  /** Rows of the graph, and those of them that the filter allows. */
  readonly rowCount: number;
  readonly matches: number;
}

/** Least share of allowed rows for a walk that discards. */
const discardShareMin = 0.4;
/** Share of the expected nodes below which a walk that discards is not enough. */
const discardYield = 0.75;
/** Share of the expected nodes below which the allowed rows are far from the query on all sides: walks miss some. */
const scanYield = 0.25;
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

/** Cost of such a walk. */
export function costOfWalk(ef: number): number {
  return walkCost * walkVisits(ef);
}

/** Rows that a scan of codes keeps: there has to be room for those that the rounding of codes puts in a wrong order. */
export function scanned(k: number): number {
  return 2 * k + 32;
}

/** The way that a search under a filter takes first. */
export function chooseFilterPlan({ ef, rowCount, matches }: FilterSituation): FilterPlan {
  const share = Math.max(1, matches) / Math.max(1, rowCount);
  const codesCost = scanCost * matches;
  const filteredCost = costOfWalk(sources) + readCost * (sources + ef);
  if (codesCost <= filteredCost) {
    return { kind: "scan", ef: 0, scanBelow: 0, filterBelow: 0, cost: codesCost, costMax: codesCost };
  }
  if (share >= discardShareMin) {
    const wider = Math.ceil(ef / share);
    const cost = costOfWalk(wider);
    const [scanBelow, filterBelow] = [Math.ceil(scanYield * ef), Math.ceil(discardYield * ef)];
    return { kind: "discard-walk", ef: wider, scanBelow, filterBelow, cost, costMax: cost + codesCost };
  }
  const scanBelow = Math.ceil(scanYield * share * sources);
  const costMax = filteredCost + codesCost;
  return { kind: "filtered-walk", ef: sources, scanBelow, filterBelow: sources + 1, cost: filteredCost, costMax };
}
