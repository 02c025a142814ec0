/**
 * @lancedb/lancedb: a table without a vector index, which it scans in parallel.
 *
 * Batches are handed over as Arrow columns, four times as fast as objects. `optimize` after the load merges the small
 * fragments and drops old versions, as its manual asks. A bitmap index on the filter column made its filtered exact
 * search slower, so there is none. It never syncs: traced, not one fsync.
 */
import type { Engine, FieldColumn, Hits, LoadedEngine, RowBatch, RowFilter, Store, StoreShape } from "../engine.js";
import { importPeer, peerVersion } from "../peer-package.js";
import { withoutSparse } from "../sparse-store.js";
import {
  type LanceIndexConfig,
  type LanceIndexFactory,
  type LanceIndexQuery,
  type LanceRows,
  lanceIndexes,
  lanceVariants,
} from "./lancedb-index.js";
import { type LanceReranker, type LanceTextFactory, type LanceTextTable, lanceText } from "./lancedb-text.js";

/** Arrow objects are only passed on, never looked into. */
interface ArrowType {
  readonly typeId: number;
}
interface ArrowData {
  readonly length: number;
}
interface ArrowField {
  readonly name: string;
  readonly type: ArrowType;
}
interface ArrowSchema {
  readonly fields: readonly ArrowField[];
}
type MakeType<A extends unknown[] = []> = new (...args: A) => ArrowType;

interface ArrowModule {
  readonly Field: new (name: string, type: ArrowType, nullable: boolean) => ArrowField;
  readonly Schema: new (fields: readonly ArrowField[]) => ArrowSchema;
  readonly Struct: MakeType<[readonly ArrowField[]]>;
  readonly FixedSizeList: MakeType<[number, ArrowField]>;
  readonly List: MakeType<[ArrowField]>;
  readonly Int32: MakeType;
  readonly Float32: MakeType;
  readonly Float64: MakeType;
  readonly Bool: MakeType;
  readonly Utf8: MakeType;
  readonly RecordBatch: new (schema: ArrowSchema, data: ArrowData) => object;
  readonly Table: new (schema: ArrowSchema, batch: object) => object;
  makeData(options: object): ArrowData;
  vectorFromArray(values: ArrayLike<unknown>, type: ArrowType): { readonly data: readonly ArrowData[] };
}

interface LanceQuery extends LanceIndexQuery {
  distanceType(type: "dot"): LanceQuery;
  where(predicate: string): LanceQuery;
  select(columns: readonly string[]): LanceQuery;
  limit(rows: number): LanceQuery;
}

interface LanceTable extends LanceTextTable {
  add(data: object): Promise<unknown>;
  optimize(options: { readonly cleanupOlderThan: Date }): Promise<unknown>;
  query(): { nearestTo(vector: Float32Array): LanceQuery } & ReturnType<LanceTextTable["query"]>;
  close(): void;
}

interface LanceConnection {
  createEmptyTable(name: string, schema: ArrowSchema): Promise<LanceTable>;
  openTable(name: string): Promise<LanceTable>;
  close(): void;
}

interface LanceModule {
  readonly Index: LanceIndexFactory & LanceTextFactory;
  readonly rerankers: { readonly RRFReranker: { create(rankConstant: number): Promise<LanceReranker> } };
  connect(directory: string): Promise<LanceConnection>;
}

function columnType(arrow: ArrowModule, type: FieldColumn["type"]): ArrowType {
  if (type === "integer" || type === "number") return new arrow.Float64();
  if (type === "boolean") return new arrow.Bool();
  if (type === "strings") return new arrow.List(new arrow.Field("item", new arrow.Utf8(), true));
  return new arrow.Utf8();
}

function schemaOf(arrow: ArrowModule, shape: StoreShape): ArrowSchema {
  const item = new arrow.Field("item", new arrow.Float32(), true);
  return new arrow.Schema([
    new arrow.Field("id", new arrow.Int32(), false),
    new arrow.Field("vector", new arrow.FixedSizeList(shape.dim, item), true),
    ...shape.columns.map(({ name, type }) => new arrow.Field(name, columnType(arrow, type), true)),
  ]);
}

class LanceStore implements Store, LanceRows {
  readonly #arrow: ArrowModule;
  readonly #connection: LanceConnection;
  readonly table: LanceTable;
  readonly #shape: StoreShape;
  readonly #schema: ArrowSchema;

  constructor(arrow: ArrowModule, connection: LanceConnection, table: LanceTable, shape: StoreShape) {
    this.#arrow = arrow;
    this.#connection = connection;
    this.table = table;
    this.#shape = shape;
    this.#schema = schemaOf(arrow, shape);
  }

  async insert(batch: RowBatch): Promise<void> {
    await this.table.add(this.#arrowTable(batch));
  }

  #arrowTable(batch: RowBatch): object {
    const arrow = this.#arrow;
    const { fields } = this.#schema;
    const ids = Int32Array.from({ length: batch.count }, (_, row) => batch.firstId + row);
    const components = arrow.makeData({ type: new arrow.Float32(), length: batch.vectors.length, data: batch.vectors });
    const columns = [
      arrow.makeData({ type: fields[0]!.type, length: batch.count, nullCount: 0, data: ids }),
      arrow.makeData({ type: fields[1]!.type, length: batch.count, nullCount: 0, child: components }),
    ];
    for (const [index, column] of this.#shape.columns.entries()) {
      const values = batch.fields.map((row) => {
        const value = row[column.name] ?? null;
        return column.type === "json" ? JSON.stringify(value) : value;
      });
      columns.push(arrow.vectorFromArray(values, fields[index + 2]!.type).data[0]!);
    }
    const type = new arrow.Struct(fields);
    const data = arrow.makeData({ type, length: batch.count, nullCount: 0, children: columns });
    return new arrow.Table(this.#schema, new arrow.RecordBatch(this.#schema, data));
  }

  async settle(): Promise<void> {
    await this.table.optimize({ cleanupOlderThan: new Date() });
  }

  async search(query: Float32Array, k: number): Promise<Hits> {
    return idsOf(await this.nearest(query, k).toArray());
  }

  async searchFiltered(query: Float32Array, k: number, filter: RowFilter): Promise<Hits> {
    return idsOf(await this.nearest(query, k).where(`${filter.field} = '${filter.value}'`).toArray());
  }

  async searchBatch(queries: Float32Array, k: number): Promise<Hits[]> {
    const { dim } = this.#shape;
    const pending: Promise<Hits>[] = [];
    for (let start = 0; start < queries.length; start += dim) {
      pending.push(this.search(queries.subarray(start, start + dim), k));
    }
    return Promise.all(pending);
  }

  nearest(query: Float32Array, k: number): LanceQuery {
    return this.table.query().nearestTo(query).distanceType("dot").select(["id", "_distance"]).limit(k);
  }

  async createIndex(config: LanceIndexConfig): Promise<void> {
    await this.table.createIndex("vector", { config });
  }

  close(): void {
    this.table.close();
    this.#connection.close();
  }
}

const idsOf = (rows: readonly { readonly id: number }[]): Hits => rows.map((row) => row.id);

export const lancedbEngine: Engine = {
  id: "lancedb",
  role: "peer",
  method: "scan without an index, all threads; a batch as concurrent queries",
  durability: "files written, never synced",
  keepsFields: true,
  cannot: withoutSparse,
  variants: lanceVariants,
  async load(): Promise<LoadedEngine> {
    // Two warnings on the error stream for every hybrid query otherwise, about columns that were not asked for.
    process.env["LANCEDB_LOG"] ??= "error";
    const lancedb = await importPeer<LanceModule>("@lancedb/lancedb");
    const arrow = await importPeer<ArrowModule>("apache-arrow");
    const create = async (directory: string, shape: StoreShape): Promise<LanceStore> => {
      const connection = await lancedb.connect(directory);
      const table = await connection.createEmptyTable("items", schemaOf(arrow, shape));
      return new LanceStore(arrow, connection, table, shape);
    };
    const open = async (directory: string, shape: StoreShape): Promise<LanceStore> => {
      const connection = await lancedb.connect(directory);
      return new LanceStore(arrow, connection, await connection.openTable("items"), shape);
    };
    const indexes = lanceIndexes({ factory: lancedb.Index, create, open });
    const reranker = await lancedb.rerankers.RRFReranker.create(60);
    const text = lanceText({ factory: lancedb.Index, reranker, create, open });
    return { version: peerVersion("@lancedb/lancedb"), create, open, indexes, text };
  },
};
