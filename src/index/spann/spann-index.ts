/**
 * How is a field searched by lists on disk?
 *
 * SPANN (Chen et al., *SPANN: Highly-efficient Billion-scale Approximate Nearest Neighbor Search*, NeurIPS 2021): rows
 * are grouped around centroids, those near a border stand in the lists of several; a search reads the lists of the
 * nearest.
 */
import type { DenseMetric } from "../../types.js";
import { FileTenure } from "../diskann/file-tenure.js";
import { noNode } from "../diskann/node-table.js";
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
import { compactSpann } from "./compact-spann.js";
import { ListReader } from "./list-reader.js";
import { appendRows, buildSpann, type SpannRequest } from "./spann-builder.js";
import { SpannEffort } from "./spann-effort.js";
import { readRows } from "./spann-rows.js";
import { SpannSearch } from "./spann-search.js";
import { loadSpann, spannSections } from "./spann-sections.js";
import type { SpannState } from "./spann-state.js";

/**
 * Rows, in multiples of those that the centroids were made for, and share of dead ones, from which lists are made
 * anew.
 */
const newShareMax = 1;
const deadShareMax = 0.25;
/** A visited row, in rows that an exact scan picks out. */
const visitCost = 10;
/** Runs of each list, on average, from which lists are copied together. */
const runsMax = 4;

class SpannIndex implements VectorIndex {
  readonly name: IndexName;
  readonly parameters: IndexParameters;
  readonly storesVectors = true;
  readonly #reader = new ListReader();
  #state: SpannState;
  readonly #files: FileTenure;

  constructor(name: IndexName, parameters: IndexParameters, folder: IndexFolder, state: SpannState, isLoaded: boolean) {
    this.name = name;
    this.parameters = parameters;
    this.#state = state;
    this.#files = new FileTenure(folder, state.file, isLoaded);
  }

  get rowCount(): number {
    return this.#state.rowCount;
  }

  get leftOut(): number {
    return this.#state.leftOut;
  }

  expectedVisits(k: number, nprobe: number | null): number {
    return this.#visits(this.#effort(k, nprobe).probes);
  }

  filteredVisits(k: number, nprobe: number | null, selectivity: number): number {
    return visitCost * this.#visits(this.#effort(k, nprobe).evenProbes(selectivity * this.#state.rowCount));
  }

  search(request: IndexSearch): Promise<IndexCandidates> {
    const search = this.#searchFor(request);
    return this.#files.during(this.#state.file, () => search.run());
  }

  readRows(rows: ArrayLike<number>): Promise<Float32Array> {
    const state = this.#state;
    return this.#files.during(state.file, () => readRows(state, rows));
  }

  async extend(rows: IndexRows, context: BuildContext): Promise<void> {
    const before = this.#state;
    const present = before.rowCount - before.leftOut;
    const isMuch = rows.rowCount - before.rowCount > present * newShareMax;
    if (isMuch || countDead(before, context.dead) > present * deadShareMax) {
      this.#replace(await buildSpann(requestOf(this.name, this.parameters), rows, context));
      return;
    }
    if (rows.rowCount === before.rowCount) return;
    const file = before.file.isWritable ? before.file : await before.file.forWriting();
    try {
      const state = await appendRows(before, file, this.parameters["replicaCount"]!, rows, context);
      const runs = state.vectors.runCount + (state.codes?.runCount ?? 0);
      const isScattered = runs > runsMax * state.listCount * (state.isCoded ? 2 : 1);
      const next = isScattered ? await compactSpann(state, context) : state;
      if (next !== state && file !== before.file) await file.close();
      this.#replace(next);
    } catch (error) {
      if (file !== before.file) await file.close();
      throw error;
    }
  }

  async serialize(): Promise<readonly IndexSection[]> {
    await this.#files.giveAway();
    return spannSections(this.#state);
  }

  memoryBytes(): number {
    const { memory, places, vectors, codes } = this.#state;
    // A run is an object of two numbers in an array: about 48 bytes.
    return memory.usedBytes + places.byteLength + 48 * (vectors.runCount + (codes?.runCount ?? 0));
  }

  diskBytes(): number {
    return this.#state.fileBytes;
  }

  async release(): Promise<void> {
    await this.#files.release();
  }

  #searchFor(request: IndexSearch): SpannSearch {
    return new SpannSearch(this.#state, this.#reader, request, this.#effort(request.k, request.nprobe));
  }

  #effort(k: number, nprobe: number | null): SpannEffort {
    return new SpannEffort(this.#state, k, nprobe ?? this.parameters["nprobe"] ?? 0);
  }

  /** Rows in so many lists, and centroids. */
  #visits(lists: number): number {
    const { listCount, meanRows, rowCount } = this.#state;
    return Math.min(rowCount, Math.ceil(lists * meanRows)) + listCount;
  }

  /** Searches that begin from now on work on `state`. */
  #replace(state: SpannState): void {
    this.#files.replace(state.file);
    this.#state = state;
  }
}

/** Rows in the lists that are dead now. */
function countDead({ places }: SpannState, dead: Uint32Array | null): number {
  if (dead === null) return 0;
  let count = 0;
  for (let row = 0; row < places.length; row++) {
    if (places[row] !== noNode) count += ((dead[row >>> 5] ?? 0) >>> (row & 31)) & 1;
  }
  return count;
}

function requestOf(name: IndexName, parameters: IndexParameters): SpannRequest {
  return { metric: name.metric as DenseMetric, isCoded: name.quantizer === "SQ8", parameters };
}

/** Indexes named `SPANN`. */
export const spannFamily: IndexFamily = {
  async build(name, parameters, rows, context) {
    const state = await buildSpann(requestOf(name, parameters), rows, context);
    return new SpannIndex(name, parameters, context.folder, state, false);
  },
  async load(name, parameters, sections, { dim, folder }) {
    const { metric, isCoded } = requestOf(name, parameters);
    const state = await loadSpann(sections, metric, isCoded, dim, folder);
    return state === null ? null : new SpannIndex(name, parameters, folder, state, true);
  },
};
