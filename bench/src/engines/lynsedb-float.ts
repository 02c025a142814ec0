/**
 * The yardstick for the certified scan: the same kernel, forced to score every row as plain float32.
 *
 * Not an engine that anyone would use: the kernel's table alone, without ids, metadata or files, so that the ratio to
 * it says what the int8 first pass gains and what the layers above cost.
 */

import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import type { Engine, Hits, LoadedEngine, RowBatch, Store, StoreShape } from "../engine.js";
import { withoutSparse } from "../sparse-store.js";
import { withoutText } from "../text-store.js";
import { lynseVersion } from "./lynsedb.js";

interface VectorTable {
  readonly rowCount: number;
  beginAppend(rowsMax: number): { readonly target: Uint8Array; readonly rows: number };
  finishAppend(rows: number): void;
  search(request: object): { readonly rows: Uint32Array };
}

interface KernelModule {
  readonly VectorTable: new (options: { readonly dim: number; readonly dtype: "float32" }) => VectorTable;
}

class FloatScan implements Store {
  readonly #table: VectorTable;
  readonly #file: string;
  readonly #dim: number;
  readonly #inserted: Uint8Array[] = [];

  constructor(table: VectorTable, file: string, dim: number) {
    this.#table = table;
    this.#file = file;
    this.#dim = dim;
  }

  insert({ vectors, count }: RowBatch): void {
    const bytes = new Uint8Array(vectors.slice(0, count * this.#dim).buffer);
    this.append(bytes);
    this.#inserted.push(bytes);
  }

  append(bytes: Uint8Array): void {
    const rowBytes = this.#dim * 4;
    for (let done = 0; done < bytes.length; ) {
      const { target, rows } = this.#table.beginAppend((bytes.length - done) / rowBytes);
      target.set(bytes.subarray(done, done + rows * rowBytes));
      this.#table.finishAppend(rows);
      done += rows * rowBytes;
    }
  }

  settle(): void {
    if (this.#inserted.length > 0) writeFileSync(this.#file, Buffer.concat(this.#inserted));
    this.#inserted.length = 0;
  }

  search(query: Float32Array, k: number): Hits {
    const { rowCount } = this.#table;
    return this.#table.search({ metric: "ip", query, k, rowCount, mask: null, firstPass: "float" }).rows;
  }

  searchFiltered(): Hits {
    throw new Error("the yardstick is for unfiltered scans");
  }

  searchBatch(): Hits[] {
    throw new Error("the yardstick is for single queries");
  }

  close(): void {
    this.settle();
  }
}

const onlyExact = "a yardstick for exact search only";

export const lynsedbFloatEngine: Engine = {
  id: "lynsedb-f32",
  role: "reference",
  method: "our kernel's plain float32 scan, for comparison",
  durability: "none",
  keepsFields: false,
  cannot: {
    ingest: onlyExact,
    disk: onlyExact,
    reopen: onlyExact,
    memory: onlyExact,
    filtered: onlyExact,
    batch: onlyExact,
    scale: onlyExact,
    ...withoutText,
    ...withoutSparse,
  },
  variants: [],
  async load(packageDirectory: string): Promise<LoadedEngine> {
    const entry = pathToFileURL(join(packageDirectory, "kernel", "vector-table.js")).href;
    const { VectorTable } = (await import(entry)) as KernelModule;
    const makeTable = (dim: number): VectorTable => new VectorTable({ dim, dtype: "float32" });
    return {
      version: lynseVersion(packageDirectory),
      indexes: null,
      create: (directory: string, { dim }: StoreShape): Store =>
        new FloatScan(makeTable(dim), join(directory, "vectors.f32"), dim),
      open(directory: string, { dim }: StoreShape): Store {
        const file = join(directory, "vectors.f32");
        const scan = new FloatScan(makeTable(dim), file, dim);
        scan.append(readFileSync(file));
        return scan;
      },
    };
  },
};
