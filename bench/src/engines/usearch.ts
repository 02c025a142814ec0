/**
 * usearch: `exactSearch` over an array that the program holds.
 *
 * Vectors only. A single query runs fastest on one thread here (its own pool costs more than it saves on two cores),
 * a batch on all of them, so each is asked for that way. The JavaScript binding has no filter. Its ES module build
 * recurses without end while it looks for its binary, so the CommonJS build is loaded.
 */

import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import type { Engine, Hits, LoadedEngine, RowBatch, Store, StoreShape } from "../engine.js";
import { peerVersion, requirePeer } from "../peer-package.js";
import { withoutSparse } from "../sparse-store.js";
import { withoutText } from "../text-store.js";
import { type UsearchGraphs, usearchIndexes, usearchVariants } from "./usearch-index.js";

interface Found {
  readonly keys: BigUint64Array;
}

interface UsearchModule extends UsearchGraphs {
  exactSearch(rows: Float32Array, queries: Float32Array, dim: number, k: number, metric: "ip", threads: number): Found;
}

const singleQueryThreads = 1;
const allThreads = 0;

class UsearchStore implements Store {
  readonly #usearch: UsearchModule;
  readonly #file: string;
  readonly #dim: number;
  readonly #rows: Float32Array;
  #isSaved: boolean;

  constructor(usearch: UsearchModule, file: string, dim: number, rows: Float32Array, isSaved: boolean) {
    this.#usearch = usearch;
    this.#file = file;
    this.#dim = dim;
    this.#rows = rows;
    this.#isSaved = isSaved;
  }

  insert(batch: RowBatch): void {
    this.#rows.set(batch.vectors, batch.firstId * this.#dim);
    this.#isSaved = false;
  }

  settle(): void {
    writeFileSync(this.#file, this.#rows);
    this.#isSaved = true;
  }

  search(query: Float32Array, k: number): Hits {
    const found = this.#usearch.exactSearch(this.#rows, query, this.#dim, k, "ip", singleQueryThreads);
    return Array.from(found.keys, Number);
  }

  searchFiltered(): Hits {
    throw new Error("the JavaScript binding has no filter");
  }

  searchBatch(queries: Float32Array, k: number): Hits[] {
    const { keys } = this.#usearch.exactSearch(this.#rows, queries, this.#dim, k, "ip", allThreads);
    const found: Hits[] = [];
    for (let start = 0; start < keys.length; start += k)
      found.push(Array.from(keys.subarray(start, start + k), Number));
    return found;
  }

  close(): void {
    if (!this.#isSaved) this.settle();
  }
}

export const usearchEngine: Engine = {
  id: "usearch",
  role: "peer",
  method: "exactSearch over an array; one thread for a query, all for a batch",
  durability: "none: exact search has no store; the array is saved by one unsynced write",
  keepsFields: false,
  cannot: {
    ingest: "exact search has no store to insert into",
    filtered: "the JavaScript binding has no filter",
    ...withoutText,
    ...withoutSparse,
  },
  variants: usearchVariants,
  load(): Promise<LoadedEngine> {
    const usearch = requirePeer<UsearchModule>("usearch");
    return Promise.resolve({
      version: peerVersion("usearch"),
      indexes: usearchIndexes(usearch),
      create(directory: string, shape: StoreShape): Store {
        const rows = new Float32Array(shape.rowsMax * shape.dim);
        return new UsearchStore(usearch, join(directory, "vectors.f32"), shape.dim, rows, false);
      },
      open(directory: string, shape: StoreShape): Store {
        const file = join(directory, "vectors.f32");
        const bytes = readFileSync(file);
        const rows = new Float32Array(bytes.buffer, bytes.byteOffset, bytes.byteLength / 4);
        return new UsearchStore(usearch, file, shape.dim, rows, true);
      },
    });
  },
};
