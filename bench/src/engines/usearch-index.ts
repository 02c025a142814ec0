/**
 * usearch's HNSW index.
 *
 * One `add` of all rows on all its threads. The effort of a search is fixed when an index object is made, so the built
 * graph is saved once and loaded into one object an effort. One thread for a query, as in its exact search. The
 * JavaScript binding has no filter.
 */
import { join } from "node:path";
import type { RowBatch, StoreShape } from "../engine.js";
import {
  graphBuild,
  graphEfforts,
  type IndexedStore,
  type IndexHits,
  type IndexMaker,
  type IndexVariant,
} from "../index-variant.js";

interface GraphOptions {
  readonly dimensions: number;
  readonly metric: "ip";
  readonly quantization: "f32";
  readonly connectivity: number;
  readonly expansion_add: number;
  readonly expansion_search: number;
  readonly multi: boolean;
}

interface GraphIndex {
  add(keys: BigUint64Array, vectors: Float32Array, threads: number): void;
  search(query: Float32Array, k: number, threads: number): { readonly keys: BigUint64Array };
  save(path: string): void;
  load(path: string): void;
}

export interface UsearchGraphs {
  readonly Index: new (options: GraphOptions) => GraphIndex;
}

export const usearchVariants: readonly IndexVariant[] = [
  {
    id: "Index",
    family: "hnsw",
    knob: "ef",
    efforts: graphEfforts,
    canFilter: false,
    isBinary: false,
    method: "Index, float32; built on all threads, one thread for a query",
  },
];

const allThreads = 0;
const singleQueryThreads = 1;
const anyEffort = 64;

class UsearchGraphStore implements IndexedStore {
  readonly #usearch: UsearchGraphs;
  readonly #dim: number;
  readonly #file: string;
  #rows: Float32Array;
  #rowCount = 0;
  readonly #byEffort = new Map<number, GraphIndex>();

  constructor(usearch: UsearchGraphs, file: string, shape: StoreShape) {
    this.#usearch = usearch;
    this.#dim = shape.dim;
    this.#file = file;
    this.#rows = new Float32Array(shape.rowsMax * shape.dim);
  }

  insert(batch: RowBatch): void {
    this.#rows.set(batch.vectors.subarray(0, batch.count * this.#dim), batch.firstId * this.#dim);
    this.#rowCount = batch.firstId + batch.count;
  }

  build(): void {
    const keys = BigUint64Array.from({ length: this.#rowCount }, (_, row) => BigInt(row));
    const index = this.#make(anyEffort);
    index.add(keys, this.#rows.subarray(0, this.#rowCount * this.#dim), allThreads);
    this.#byEffort.set(anyEffort, index);
    this.#rows = new Float32Array(0);
  }

  #make(effort: number): GraphIndex {
    return new this.#usearch.Index({
      dimensions: this.#dim,
      metric: "ip",
      quantization: "f32",
      connectivity: graphBuild.m,
      expansion_add: graphBuild.efConstruction,
      expansion_search: effort,
      multi: false,
    });
  }

  search(query: Float32Array, k: number, effort: number): IndexHits {
    return (this.#byEffort.get(effort) ?? this.#withEffort(effort)).search(query, k, singleQueryThreads).keys;
  }

  #withEffort(effort: number): GraphIndex {
    this.#byEffort.get(anyEffort)?.save(this.#file);
    const index = this.#make(effort);
    index.load(this.#file);
    this.#byEffort.set(effort, index);
    return index;
  }

  searchFiltered(): IndexHits {
    throw new Error("the JavaScript binding has no filter");
  }

  close(): void {
    this.#byEffort.clear();
  }
}

export function usearchIndexes(usearch: UsearchGraphs): IndexMaker {
  return {
    create: (_variant: string, directory: string, shape: StoreShape): IndexedStore =>
      new UsearchGraphStore(usearch, join(directory, "graph.usearch"), shape),
  };
}
