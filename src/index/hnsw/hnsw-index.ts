/**
 * Which rows are near to a query, found by walking a graph?
 *
 * A hierarchical navigable small world (Malkov & Yashunin, 2018) over int8 codes of the rows. It proposes a few more rows
 * than were asked for; their owner scores them exactly. The graph and its codes are all it keeps: no vectors.
 */
import { LynseError } from "../../errors.js";
import type { KernelPool } from "../../kernel/kernel-pool.js";
import type { IndexName } from "../index-name.js";
import type {
  BuildContext,
  IndexCandidates,
  IndexFamily,
  IndexParameters,
  IndexRows,
  IndexSearch,
  IndexSection,
  VectorIndex,
} from "../vector-index.js";
import { trainCodes } from "./code-training.js";
import { chooseFilterPlan, walkVisits } from "./filter-plan.js";

import { searchGraph } from "./graph-batch.js";
import { GraphBuilder } from "./graph-builder.js";
import { type GraphQuestion, graphQuestion } from "./graph-question.js";
import { GraphSearcher } from "./graph-searcher.js";
import { type GraphState, readGraph, writeGraph } from "./graph-sections.js";
import { RowGraph } from "./row-graph.js";
import { type WalkSpace, walkSpace } from "./walk-space.js";

const defaults = { m: 16, efConstruction: 200, efSearch: 64, threads: 0, seed: 42 } as const;

export class HnswIndex implements VectorIndex {
  readonly name: IndexName;
  readonly parameters: IndexParameters;
  readonly storesVectors = false;
  // Replaced by an empty one on release: a memory cannot be given back otherwise.
  #graph: RowGraph;
  #space: WalkSpace;
  /** Components of a row before it is mapped to the space. */
  readonly #dim: number;
  #rowCount: number;
  #leftOut: number;
  #searcher: GraphSearcher | null = null;

  constructor(name: IndexName, parameters: IndexParameters, dim: number, graph: RowGraph, state: GraphState) {
    this.name = name;
    this.parameters = parameters;
    this.#dim = dim;
    this.#graph = graph;
    this.#space = graph.space;
    this.#rowCount = state.rowCount;
    this.#leftOut = state.leftOut;
  }

  get rowCount(): number {
    return this.#rowCount;
  }

  get leftOut(): number {
    return this.#leftOut;
  }

  expectedVisits(k: number, nprobe: number | null): number {
    return Math.min(this.#rowCount, walkVisits(this.#ef(k, nprobe)));
  }

  /** As `expectedVisits` under a filter that allows a share of the rows, in exact comparisons of the same cost. */
  filteredVisits(k: number, nprobe: number | null, selectivity: number): number {
    const rowCount = this.#rowCount;
    const matches = Math.ceil(Math.min(1, Math.max(0, selectivity)) * rowCount);
    return Math.ceil(chooseFilterPlan({ ef: this.#ef(k, nprobe), rowCount, matches }).cost);
  }

  search({ query, ...request }: IndexSearch): IndexCandidates {
    this.#searcher ??= new GraphSearcher(this.#graph);
    return this.#searcher.search(query, this.#question(request));
  }

  async searchBatch(
    queries: Float32Array,
    { signal, ...request }: Omit<IndexSearch, "query">,
    pool: KernelPool,
  ): Promise<IndexCandidates[]> {
    const count = queries.length / this.#dim;
    return searchGraph(this.#graph, { data: queries, count }, this.#question(request), { pool, signal });
  }

  #question({ k, mask, maskCount, rowCount, nprobe }: Omit<IndexSearch, "query" | "signal">): GraphQuestion {
    const visible = Math.min(rowCount, this.#rowCount);
    const { isProxy } = this.#space;
    const matches = Math.min(maskCount, visible);
    return graphQuestion({ k, ef: this.#ef(k, nprobe), mask, matches, rowCount: visible, isProxy });
  }

  async extend(rows: IndexRows, context: BuildContext): Promise<void> {
    if (rows.rowCount <= this.#rowCount) return;
    const builder = new GraphBuilder(this.#graph, context, {
      efConstruction: parameter(this.parameters, "efConstruction"),
      threads: parameter(this.parameters, "threads"),
    });
    this.#leftOut += await builder.add(rows, this.#rowCount);
    this.#rowCount = rows.rowCount;
  }

  serialize(): readonly IndexSection[] {
    const state = { rowCount: this.#rowCount, leftOut: this.#leftOut };
    return writeGraph(this.#graph, parameter(this.parameters, "seed"), state);
  }

  memoryBytes(): number {
    return this.#graph.memory.usedBytes;
  }

  diskBytes(): number {
    return 0;
  }

  release(): void {
    this.#rowCount = 0;
    this.#searcher = null;
    this.#graph = new RowGraph({ space: this.#space, m: 2, seed: 0 });
  }

  #ef(k: number, nprobe: number | null): number {
    const wanted = this.#space.isProxy ? 2 * k : k;
    const ef = Math.max(nprobe ?? parameter(this.parameters, "efSearch"), wanted, 1);
    return Math.min(ef, Math.max(1, this.#rowCount));
  }
}

function parameter(parameters: IndexParameters, name: keyof typeof defaults): number {
  return parameters[name] ?? defaults[name];
}

function graphOptions(name: IndexName, parameters: IndexParameters, dim: number) {
  return { space: walkSpace(name.metric, dim), m: parameter(parameters, "m"), seed: parameter(parameters, "seed") };
}

/** The HNSW family. */
export const hnswFamily: IndexFamily = {
  async build(name, parameters, rows, context) {
    if (rows.rowCount === 0) {
      throw new LynseError("INDEX_EMPTY", "an HNSW index needs at least one row; add rows first, then build it");
    }
    const graph = new RowGraph(graphOptions(name, parameters, rows.dim));
    await trainCodes(graph, rows, context);
    const index = new HnswIndex(name, parameters, rows.dim, graph, { rowCount: 0, leftOut: 0 });
    await index.extend(rows, context);
    return index;
  },

  async load(name, parameters, sections, { dim }) {
    const read = await readGraph(sections, graphOptions(name, parameters, dim));
    return read === null ? null : new HnswIndex(name, parameters, dim, read.graph, read.state);
  },
};
