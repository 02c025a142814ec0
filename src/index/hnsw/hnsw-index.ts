/**
 * Which rows are near to a query, found by walking a graph?
 *
 * A hierarchical navigable small world (Malkov & Yashunin, 2018) over int8 codes of the rows. It proposes a few more rows
 * than were asked for; their owner scores them exactly. The graph and its codes are all it keeps: no vectors.
 */
import { LynseError } from "../../errors.js";
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
import { chooseFilterPlan, discardYield, type FilterPlan, scanned, scanYield, walkVisits } from "./filter-plan.js";
import { GraphBuilder } from "./graph-builder.js";
import { readGraph, writeGraph } from "./graph-sections.js";
import { RowGraph, type Walker } from "./row-graph.js";
import { type WalkSpace, walkSpace } from "./walk-space.js";

const defaults = { m: 16, efConstruction: 200, efSearch: 64, threads: 0, seed: 42 } as const;

/** Rows proposed at most: several times `k`, and more where `k` is small. */
function shortlistMax(k: number): number {
  return 2 * k + 128;
}

export class HnswIndex implements VectorIndex {
  readonly name: IndexName;
  readonly parameters: IndexParameters;
  readonly storesVectors = false;
  // Replaced by an empty one on release: a memory cannot be given back otherwise.
  #graph: RowGraph;
  #space: WalkSpace;
  #rowCount: number;
  #leftOut: number;
  #walker: Walker | null = null;

  constructor(name: IndexName, parameters: IndexParameters, graph: RowGraph, rowCount: number, leftOut: number) {
    this.name = name;
    this.parameters = parameters;
    this.#graph = graph;
    this.#space = graph.space;
    this.#rowCount = rowCount;
    this.#leftOut = leftOut;
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

  search({ query, k, mask, maskCount, rowCount, nprobe }: IndexSearch): IndexCandidates {
    const { kernel, memory } = this.#graph;
    const visible = Math.min(rowCount, this.#rowCount);
    const ef = this.#ef(k, nprobe);
    const limit = shortlistMax(k);
    const matches = Math.min(maskCount, visible);
    const plan = mask === null ? null : chooseFilterPlan({ ef, rowCount: visible, matches });
    const walker = this.#walkerFor(Math.max(ef, plan?.ef ?? 0, scanned(k)), limit);
    const { map, dim } = this.#space;
    const target = new Float32Array(memory.buffer, kernel.queryPlace(walker.address) >>> 0, dim);
    if (map === null) target.set(query);
    else map(query, 0, target, 0);
    kernel.beginQuery(this.#graph.address, walker.address);
    if (mask === null || plan === null) {
      kernel.search(this.#graph.address, walker.address, ef);
      return this.#candidates(walker, nodes, visible, k, limit, "walk");
    }
    const words = Math.ceil(visible / 32);
    const place = kernel.maskPlace(walker.address) >>> 0;
    new Uint32Array(memory.buffer, place, words).set(mask.subarray(0, words));
    return this.#searchFiltered(walker, plan, ef, visible, k, limit);
  }

  #searchFiltered(
    walker: Walker,
    plan: FilterPlan,
    ef: number,
    rowCount: number,
    k: number,
    limit: number,
  ): IndexCandidates {
    const { kernel, address } = this.#graph;
    const scan = (): IndexCandidates => {
      kernel.scanMask(address, walker.address, rowCount, scanned(k));
      return this.#candidates(walker, plainRows, rowCount, k, limit, "scan");
    };
    if (plan.kind === "scan") return scan();
    kernel.search(address, walker.address, plan.ef);
    const found = kernel.countAllowed(address, walker.address, rowCount);
    const share = found / plan.expected;
    if (share < scanYield) return scan();
    if (plan.kind === "filtered-walk" || share < discardYield) {
      kernel.searchFiltered(address, walker.address, rowCount, ef);
      return this.#candidates(walker, maskedNodes, rowCount, k, limit, "filtered-walk");
    }
    return this.#candidates(walker, maskedNodes, rowCount, k, limit, plan.kind);
  }

  #candidates(walker: Walker, what: number, rowCount: number, k: number, limit: number, plan: string): IndexCandidates {
    const { kernel, address, memory } = this.#graph;
    // All that a walk in a space like the metric's own has found could be among the best.
    const sure = this.#space.isProxy ? limit : k;
    const found = kernel.listRows(address, walker.address, what, rowCount, sure, limit);
    const rows = new Uint32Array(memory.buffer, kernel.resultPlace(walker.address) >>> 0, found).slice();
    return { rows, values: null, rowsScored: kernel.scoredCount(walker.address), plan };
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
    this.#walker = null;
    this.#graph = new RowGraph({ space: this.#space, m: 2, seed: 0 });
  }

  #ef(k: number, nprobe: number | null): number {
    const wanted = this.#space.isProxy ? 2 * k : k;
    const ef = Math.max(nprobe ?? parameter(this.parameters, "efSearch"), wanted, 1);
    return Math.min(ef, Math.max(1, this.#rowCount));
  }

  /** The walker of searches: one is enough, as a search does not wait for anything. */
  #walkerFor(ef: number, results: number): Walker {
    const present = this.#walker;
    if (present !== null) {
      if (present.rows >= this.#graph.capacity && present.ef >= ef && present.results >= results) return present;
      this.#graph.releaseWalker(present);
      this.#walker = null;
    }
    this.#walker = this.#graph.acquireWalker(Math.max(ef, 256), Math.max(results, 256));
    return this.#walker;
  }
}

/** What the beam holds, in the kernel's `listRows`. */
const nodes = 0;
const maskedNodes = 1;
const plainRows = 2;

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
    const index = new HnswIndex(name, parameters, graph, 0, 0);
    await index.extend(rows, context);
    return index;
  },

  async load(name, parameters, sections, { dim }) {
    const read = readGraph(sections, graphOptions(name, parameters, dim));
    return read === null ? null : new HnswIndex(name, parameters, read.graph, read.state.rowCount, read.state.leftOut);
  },
};
