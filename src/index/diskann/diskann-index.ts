/**
 * How is a field searched whose vectors stay on disk?
 *
 * DiskANN (Subramanya et al., NeurIPS 2019): a graph whose nodes, vectors and neighbours lie in blocks of a file, and
 * codes in memory that tell which blocks to read. Candidates carry exact values, since their vectors were read.
 */
import type { DenseMetric } from "../../types.js";
import type { IndexName } from "../index-name.js";
import type {
  BuildContext,
  IndexCandidates,
  IndexFamily,
  IndexFolder,
  IndexParameters,
  IndexRows,
  IndexSearch,
  IndexSection,
  VectorIndex,
} from "../vector-index.js";
import { BeamSearch } from "./beam-search.js";
import { compactGraph } from "./compact-graph.js";
import type { DiskGraph } from "./disk-graph.js";
import { FileTenure } from "./file-tenure.js";
import { buildGraph } from "./graph-builder.js";
import { batchRows, insertRows } from "./graph-insertion.js";
import { readRows } from "./graph-rows.js";
import { graphSections, loadGraph } from "./graph-sections.js";
import type { TableShape } from "./node-table.js";

/** Share of the nodes that new or dead rows make up when the graph is built anew rather than mended. */
const newShareMax = 0.5;
const deadShareMax = 0.25;
/** Blocks of the file for each one in use when the others are worth a copy. */
const fileGrowthMax = 2.5;

/** Components that a product code's byte stands for, where the name does not say. */
const defaultWidth = 4;

class DiskAnnIndex implements VectorIndex {
  readonly name: IndexName;
  readonly parameters: IndexParameters;
  readonly storesVectors = true;
  #graph: DiskGraph;
  readonly #files: FileTenure;

  constructor(name: IndexName, parameters: IndexParameters, folder: IndexFolder, graph: DiskGraph, isLoaded: boolean) {
    this.name = name;
    this.parameters = parameters;
    this.#graph = graph;
    this.#files = new FileTenure(folder, graph.file, isLoaded);
  }

  get rowCount(): number {
    return this.#graph.table.rowCount;
  }

  get leftOut(): number {
    return this.#graph.leftOut;
  }

  expectedVisits(k: number, nprobe: number | null): number {
    const listSize = Math.max(nprobe ?? this.parameters["searchListSize"]!, k);
    return Math.min(this.#graph.table.nodeCount, listSize * this.#graph.shape.maxDegree);
  }

  search(request: IndexSearch): Promise<IndexCandidates> {
    return this.#files.during(this.#graph.file, () => this.#searchOf(request).run());
  }

  readRows(rows: ArrayLike<number>): Promise<Float32Array> {
    const graph = this.#graph;
    return this.#files.during(graph.file, () => readRows(graph, rows));
  }

  async extend(rows: IndexRows, context: BuildContext): Promise<void> {
    const { nodeCount, rowCount } = this.#graph.table;
    const isMuch = rows.rowCount - rowCount > nodeCount * newShareMax;
    if (isMuch || countDead(this.#graph, context.dead) > nodeCount * deadShareMax) {
      const shape = shapeOf(this.name, rows.dim);
      this.#replace(await buildGraph({ shape, parameters: this.parameters }, rows, context));
      return;
    }
    const parameters = this.parameters;
    const options = { listSize: parameters["searchListSize"]!, alpha: parameters["alpha"]! };
    const file = this.#graph.file.isWritable ? this.#graph.file : await this.#graph.file.forWriting();
    let graph = this.#graph;
    try {
      while (graph.table.rowCount < rows.rowCount) {
        const to = Math.min(rows.rowCount, graph.table.rowCount + batchRows(rows.dim));
        graph = await insertRows(graph, file, rows, to, options, context);
        context.onProgress(to - rowCount, rows.rowCount - rowCount);
        if (graph.fileBlocks > graph.blockCount * fileGrowthMax) {
          const compact = await compactGraph(graph, context);
          if (graph.file !== this.#graph.file) await graph.file.close();
          this.#replace(compact);
          return await this.extend(rows, context);
        }
      }
    } catch (error) {
      this.#graph.forgetLater();
      if (file !== this.#graph.file) await file.close();
      throw error;
    }
    this.#replace(graph);
  }

  async serialize(): Promise<readonly IndexSection[]> {
    await this.#files.giveAway();
    return graphSections(this.#graph);
  }

  memoryBytes(): number {
    const { table, blockCount } = this.#graph;
    return table.memory.usedBytes + 4 * blockCount;
  }

  diskBytes(): number {
    return this.#graph.fileBytes;
  }

  async release(): Promise<void> {
    await this.#files.release();
  }

  #searchOf(request: IndexSearch): BeamSearch {
    const listSize = request.nprobe ?? this.parameters["searchListSize"]!;
    return new BeamSearch(this.#graph, request, { listSize, beamWidth: this.parameters["beamWidth"]! });
  }

  /** Searches that begin from now on work on `graph`. */
  #replace(graph: DiskGraph): void {
    this.#files.replace(graph.file);
    this.#graph = graph;
  }
}

/** Nodes of the index whose rows are dead now. */
function countDead({ table }: DiskGraph, dead: Uint32Array | null): number {
  if (dead === null) return 0;
  const { rows } = table;
  let count = 0;
  for (let node = 0; node < rows.length; node++) {
    const row = rows[node]!;
    count += ((dead[row >>> 5] ?? 0) >>> (row & 31)) & 1;
  }
  return count;
}

/** How nodes are coded: half a byte a component, unless the name asks for bytes or for product codes. */
function shapeOf({ metric, quantizer, quantizerSize }: IndexName, dim: number): TableShape {
  if (quantizer !== "PQ") {
    return { dim, metric: metric as DenseMetric, kind: quantizer === "SQ8" ? "sq8" : "sq4", subspaces: 0 };
  }
  const width = quantizerSize === null ? Math.min(dim, defaultWidth) : Math.ceil(dim / Math.min(dim, quantizerSize));
  return { dim, metric: metric as DenseMetric, kind: "pq", subspaces: Math.ceil(dim / width) };
}

/** Indexes named `DISKANN`. */
export const diskannFamily: IndexFamily = {
  async build(name, parameters, rows, context) {
    const graph = await buildGraph({ shape: shapeOf(name, rows.dim), parameters }, rows, context);
    return new DiskAnnIndex(name, parameters, context.folder, graph, false);
  },
  async load(name, parameters, sections, { dim, folder }) {
    const graph = await loadGraph(sections, shapeOf(name, dim), parameters["maxDegree"]!, folder);
    return graph === null ? null : new DiskAnnIndex(name, parameters, folder, graph, true);
  },
};
