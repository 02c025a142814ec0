/**
 * hnswlib-node: hnswlib's brute-force index.
 *
 * Vectors only, in memory, saved as one file. Filters are a JavaScript callback that the scan asks for each row, so its
 * filtered search is exact here; the bitmap behind the callback is given to it without being charged for.
 */

import { join } from "node:path";
import type { Engine, Hits, LoadedEngine, RowBatch, RowFilter, Store, StoreShape } from "../engine.js";
import { importPeer, peerVersion } from "../peer-package.js";
import { withoutSparse } from "../sparse-store.js";
import { withoutText } from "../text-store.js";
import { type HnswlibGraphs, hnswlibIndexes, hnswlibVariants } from "./hnswlib-index.js";

interface BruteForceIndex {
  initIndex(rowsMax: number): void;
  addPoint(point: number[], label: number): void;
  searchKnn(query: number[], k: number, filter?: (label: number) => boolean): { neighbors: number[] };
  readIndexSync(file: string): void;
  writeIndexSync(file: string): void;
}

interface HnswlibModule {
  readonly default: HnswlibGraphs & { readonly BruteforceSearch: new (space: "ip", dim: number) => BruteForceIndex };
}

class HnswlibStore implements Store {
  readonly #index: BruteForceIndex;
  readonly #file: string;
  readonly #dim: number;
  #isSaved: boolean;
  #filter: RowFilter | undefined;
  #callback: ((label: number) => boolean) | undefined;

  constructor(index: BruteForceIndex, file: string, dim: number, isSaved: boolean) {
    this.#index = index;
    this.#file = file;
    this.#dim = dim;
    this.#isSaved = isSaved;
  }

  insert(batch: RowBatch): void {
    for (let row = 0; row < batch.count; row += 1) {
      const start = row * this.#dim;
      this.#index.addPoint(Array.from(batch.vectors.subarray(start, start + this.#dim)), batch.firstId + row);
    }
    this.#isSaved = false;
  }

  settle(): void {
    this.#index.writeIndexSync(this.#file);
    this.#isSaved = true;
  }

  search(query: Float32Array, k: number): Hits {
    return this.#index.searchKnn(Array.from(query), k).neighbors;
  }

  searchFiltered(query: Float32Array, k: number, filter: RowFilter): Hits {
    if (this.#filter !== filter) {
      this.#filter = filter;
      this.#callback = (label) => filter.matches[label] === 1;
    }
    return this.#index.searchKnn(Array.from(query), k, this.#callback).neighbors;
  }

  searchBatch(queries: Float32Array, k: number): Hits[] {
    const found: Hits[] = [];
    for (let start = 0; start < queries.length; start += this.#dim) {
      found.push(this.search(queries.subarray(start, start + this.#dim), k));
    }
    return found;
  }

  close(): void {
    if (!this.#isSaved) this.settle();
  }
}

export const hnswlibEngine: Engine = {
  id: "hnswlib",
  role: "peer",
  method: "BruteforceSearch, one thread",
  durability: "none: in memory, saved by one unsynced write at the end",
  keepsFields: false,
  cannot: { ingest: "no durable insert and no metadata", ...withoutText, ...withoutSparse },
  variants: hnswlibVariants,
  async load(): Promise<LoadedEngine> {
    const hnswlib = (await importPeer<HnswlibModule>("hnswlib-node")).default;
    const { BruteforceSearch } = hnswlib;
    return {
      indexes: hnswlibIndexes(hnswlib),
      version: peerVersion("hnswlib-node"),
      create(directory: string, shape: StoreShape): Store {
        const index = new BruteforceSearch("ip", shape.dim);
        index.initIndex(shape.rowsMax);
        return new HnswlibStore(index, join(directory, "index.bin"), shape.dim, false);
      },
      open(directory: string, shape: StoreShape): Store {
        const index = new BruteforceSearch("ip", shape.dim);
        const file = join(directory, "index.bin");
        index.readIndexSync(file);
        return new HnswlibStore(index, file, shape.dim, true);
      },
    };
  },
};
