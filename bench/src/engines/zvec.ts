/**
 * @zvec/zvec: a FLAT index with an inverted index on the filter column.
 *
 * `optimizeSync` after the load, as its manual asks: it halves both its search time and its disk. Its write-ahead log
 * is not synced per insert (traced: the number of fsync calls doesn't grow with the number of batches).
 */
import { join } from "node:path";
import type { Engine, FieldColumn, Hits, LoadedEngine, RowBatch, RowFilter, Store, StoreShape } from "../engine.js";
import { importPeer, peerVersion } from "../peer-package.js";
import { type ZvecIndexedCollection, type ZvecRows, zvecIndexes, zvecVariants } from "./zvec-index.js";
import { type ZvecSparseCollection, zvecSparse } from "./zvec-sparse.js";
import { type ZvecTextCollection, zvecText } from "./zvec-text.js";

interface FoundDoc {
  readonly id: string;
}

interface ZvecQuery {
  readonly fieldName: string;
  readonly vector: Float32Array;
  readonly topk: number;
  readonly outputFields: readonly string[];
  readonly filter?: string;
}

interface ZvecCollection extends ZvecIndexedCollection, ZvecTextCollection, ZvecSparseCollection {
  insertSync(docs: readonly object[]): readonly { readonly ok: boolean; readonly message: string }[];
  querySync(query: object): readonly FoundDoc[];
  query(query: ZvecQuery): Promise<readonly FoundDoc[]>;
  closeSync(): void;
}

interface ZvecModule {
  readonly ZVecDataType: Readonly<Record<string, number>>;
  readonly ZVecIndexType: Readonly<Record<string, number>>;
  readonly ZVecMetricType: Readonly<Record<string, number>>;
  readonly ZVecLogLevel: Readonly<Record<string, number>>;
  readonly ZVecCollectionSchema: new (schema: object) => object;
  ZVecInitialize(options: object): void;
  ZVecCreateAndOpen(path: string, schema: object): ZvecCollection;
  ZVecOpen(path: string): ZvecCollection;
}

const dataTypeNames: Readonly<Record<FieldColumn["type"], string>> = {
  string: "STRING",
  integer: "INT64",
  number: "DOUBLE",
  boolean: "BOOL",
  strings: "ARRAY_STRING",
  json: "STRING",
};

const idsOf = (docs: readonly FoundDoc[]): Hits => docs.map((doc) => Number(doc.id));

class ZvecStore implements Store, ZvecRows {
  readonly collection: ZvecCollection;
  readonly #dim: number;
  readonly #jsonColumns: readonly string[];

  constructor(collection: ZvecCollection, shape: StoreShape) {
    this.collection = collection;
    this.#dim = shape.dim;
    this.#jsonColumns = shape.columns.filter((column) => column.type === "json").map((column) => column.name);
  }

  insert(batch: RowBatch): void {
    const docs: object[] = [];
    for (let row = 0; row < batch.count; row += 1) {
      const vector = batch.vectors.subarray(row * this.#dim, (row + 1) * this.#dim);
      const given = batch.fields[row]!;
      let fields = given;
      if (this.#jsonColumns.length > 0) {
        fields = {
          ...given,
          ...Object.fromEntries(this.#jsonColumns.map((name) => [name, JSON.stringify(given[name])])),
        };
      }
      docs.push({ id: String(batch.firstId + row), vectors: { embedding: vector }, fields });
    }
    for (const status of this.collection.insertSync(docs)) if (!status.ok) throw new Error(status.message);
  }

  settle(): void {
    this.collection.optimizeSync();
  }

  search(query: Float32Array, k: number): Hits {
    return idsOf(this.collection.querySync({ fieldName: "embedding", vector: query, topk: k, outputFields: [] }));
  }

  searchFiltered(query: Float32Array, k: number, filter: RowFilter): Hits {
    return idsOf(
      this.collection.querySync({
        fieldName: "embedding",
        vector: query,
        topk: k,
        outputFields: [],
        filter: `${filter.field} = '${filter.value}'`,
      }),
    );
  }

  async searchBatch(queries: Float32Array, k: number): Promise<Hits[]> {
    const pending: Promise<readonly FoundDoc[]>[] = [];
    for (let start = 0; start < queries.length; start += this.#dim) {
      const vector = queries.subarray(start, start + this.#dim);
      pending.push(this.collection.query({ fieldName: "embedding", vector, topk: k, outputFields: [] }));
    }
    return (await Promise.all(pending)).map(idsOf);
  }

  close(): void {
    this.collection.closeSync();
  }
}

export const zvecEngine: Engine = {
  id: "zvec",
  role: "peer",
  method: "FLAT index; a batch as concurrent queries on its own threads",
  durability: "write-ahead log, not synced per insert",
  keepsFields: true,
  cannot: {},
  variants: zvecVariants,
  async load(): Promise<LoadedEngine> {
    const zvec = await importPeer<ZvecModule>("@zvec/zvec");
    zvec.ZVecInitialize({ logLevel: zvec.ZVecLogLevel["ERROR"] });
    const { ZVecDataType: dataTypes, ZVecIndexType: indexTypes, ZVecMetricType: metrics } = zvec;
    const create = (
      path: string,
      shape: StoreShape,
      indexParams: Readonly<Record<string, number>>,
      textColumn: string | null = null,
    ): ZvecStore => {
      const indexOf = (column: string): object => {
        if (column === textColumn) return { indexParams: { indexType: indexTypes["FTS"] } };
        return column === shape.filterField ? { indexParams: { indexType: indexTypes["INVERT"] } } : {};
      };
      const schema = new zvec.ZVecCollectionSchema({
        name: "items",
        vectors: { name: "embedding", dataType: dataTypes["VECTOR_FP32"], dimension: shape.dim, indexParams },
        fields: shape.columns.map((column) => ({
          name: column.name,
          dataType: dataTypes[dataTypeNames[column.type]],
          nullable: true,
          ...indexOf(column.name),
        })),
      });
      return new ZvecStore(zvec.ZVecCreateAndOpen(path, schema), shape);
    };
    const open = (path: string, shape: StoreShape): ZvecStore => new ZvecStore(zvec.ZVecOpen(path), shape);
    const innerProduct = metrics["IP"]!;
    const flat = { indexType: indexTypes["FLAT"]!, metricType: innerProduct };
    return {
      version: peerVersion("@zvec/zvec"),
      indexes: zvecIndexes({ indexTypes, innerProduct, create, open }),
      text: zvecText({
        create: (directory, shape, textColumn) => create(join(directory, "items"), shape, flat, textColumn),
        open: (directory, shape) => open(join(directory, "items"), shape),
      }),
      sparse: zvecSparse((directory) => {
        const vectors = { name: "sparse", dataType: dataTypes["SPARSE_VECTOR_FP32"], indexParams: flat };
        const fields = [{ name: "row", dataType: dataTypes["INT64"] }];
        const schema = new zvec.ZVecCollectionSchema({ name: "items", vectors, fields });
        return zvec.ZVecCreateAndOpen(join(directory, "items"), schema);
      }),
      create: (directory: string, shape: StoreShape): Store => create(join(directory, "items"), shape, flat),
      open: (directory: string, shape: StoreShape): Store => open(join(directory, "items"), shape),
    };
  },
};
