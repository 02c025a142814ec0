/**
 * hnswlib-node's HierarchicalNSW.
 *
 * The JavaScript binding adds one point a call on the calling thread: it has no threaded build. Points and queries go in
 * as plain arrays; turning them into those is not charged to it. Its filter is a callback for every row that the walk
 * meets; the bitmap behind it is ready.
 */
import type { RowBatch, RowFilter, StoreShape } from "../engine.js";
import {
  graphBuild,
  graphEfforts,
  type IndexedStore,
  type IndexHits,
  type IndexMaker,
  type IndexVariant,
} from "../index-variant.js";

interface GraphIndex {
  initIndex(rowsMax: number, m: number, efConstruction: number, seed: number): void;
  addPoint(point: number[], label: number): void;
  setEf(ef: number): void;
  searchKnn(query: number[], k: number, filter?: (label: number) => boolean): { neighbors: number[] };
}

export interface HnswlibGraphs {
  readonly HierarchicalNSW: new (space: "ip", dim: number) => GraphIndex;
}

export const hnswlibVariants: readonly IndexVariant[] = [
  {
    id: "HierarchicalNSW",
    family: "hnsw",
    knob: "ef",
    efforts: graphEfforts,
    canFilter: true,
    isBinary: false,
    method: "HierarchicalNSW, float32; built on one thread, the binding has no other way",
  },
];

const seed = 100;

class HnswlibGraphStore implements IndexedStore {
  readonly #index: GraphIndex;
  readonly #dim: number;
  #points: number[][] = [];
  readonly #queries = new WeakMap<Float32Array, number[]>();
  #ef = 0;
  #filter: RowFilter | undefined;
  #callback: ((label: number) => boolean) | undefined;

  constructor(index: GraphIndex, dim: number) {
    this.#index = index;
    this.#dim = dim;
  }

  insert(batch: RowBatch): void {
    for (let row = 0; row < batch.count; row += 1) {
      this.#points.push(Array.from(batch.vectors.subarray(row * this.#dim, (row + 1) * this.#dim)));
    }
  }

  build(): void {
    for (const [row, point] of this.#points.entries()) this.#index.addPoint(point, row);
    this.#points = [];
  }

  search(query: Float32Array, k: number, effort: number): IndexHits {
    this.#setEf(effort);
    return this.#index.searchKnn(this.#asArray(query), k).neighbors;
  }

  searchFiltered(query: Float32Array, k: number, effort: number, filter: RowFilter): IndexHits {
    this.#setEf(effort);
    if (this.#filter !== filter) {
      this.#filter = filter;
      this.#callback = (label) => filter.matches[label] === 1;
    }
    return this.#index.searchKnn(this.#asArray(query), k, this.#callback).neighbors;
  }

  #setEf(ef: number): void {
    if (this.#ef === ef) return;
    this.#index.setEf(ef);
    this.#ef = ef;
  }

  /** The same query as an array, made at its first use: warm-up passes come before timed ones. */
  #asArray(query: Float32Array): number[] {
    let known = this.#queries.get(query);
    if (known === undefined) {
      known = Array.from(query);
      this.#queries.set(query, known);
    }
    return known;
  }

  close(): void {
    this.#points = [];
  }
}

export function hnswlibIndexes({ HierarchicalNSW }: HnswlibGraphs): IndexMaker {
  return {
    create(_variant: string, _directory: string, shape: StoreShape): IndexedStore {
      const index = new HierarchicalNSW("ip", shape.dim);
      index.initIndex(shape.rowsMax, graphBuild.m, graphBuild.efConstruction, seed);
      return new HnswlibGraphStore(index, shape.dim);
    },
  };
}
