/**
 * better-sqlite3 with sqlite-vec: a `vec0` table beside a table of JSON rows.
 *
 * WAL with `synchronous = FULL`: every commit is synced. The filter column is a `vec0` metadata column. Vectors are
 * normalised, so squared distance orders as inner product does, and is the cheaper of its metrics. Memory-mapped reads
 * are switched on: without them its scans take nearly twice as long.
 */
import { join } from "node:path";
import type { Engine, Hits, LoadedEngine, RowBatch, RowFilter, Store, StoreShape } from "../engine.js";
import { importPeer, peerVersion } from "../peer-package.js";
import { withoutSparse } from "../sparse-store.js";
import { type SqliteConnection, type SqliteStatement, sqliteText } from "./sqlite-vec-text.js";

interface SqliteModule {
  readonly default: new (file: string) => SqliteConnection;
}

interface VecModule {
  load(connection: SqliteConnection): void;
}

interface FoundRow {
  readonly rowid: number;
}

const idOf = (row: unknown): number => (row as FoundRow).rowid;

class SqliteStore implements Store {
  readonly #connection: SqliteConnection;
  readonly #dim: number;
  readonly #insert: (batch: RowBatch) => void;
  readonly #nearest: SqliteStatement;
  readonly #nearestFiltered: SqliteStatement;

  constructor(connection: SqliteConnection, { dim, filterField }: StoreShape) {
    this.#connection = connection;
    this.#dim = dim;
    const insertRow = connection.prepare("insert into rows (id, fields) values (?, ?)");
    const insertVector = connection.prepare("insert into vectors (rowid, embedding, filter_value) values (?, ?, ?)");
    this.#insert = connection.transaction((batch) => {
      for (let row = 0; row < batch.count; row += 1) {
        const id = batch.firstId + row;
        const fields = batch.fields[row]!;
        insertRow.run(id, JSON.stringify(fields));
        const vector = batch.vectors.subarray(row * dim, (row + 1) * dim);
        insertVector.run(BigInt(id), vector, String(fields[filterField]));
      }
    });
    this.#nearest = connection.prepare("select rowid, distance from vectors where embedding match ? and k = ?");
    this.#nearestFiltered = connection.prepare(
      "select rowid, distance from vectors where embedding match ? and k = ? and filter_value = ?",
    );
  }

  insert(batch: RowBatch): void {
    this.#insert(batch);
  }

  settle(): void {
    this.#connection.pragma("wal_checkpoint(TRUNCATE)");
  }

  search(query: Float32Array, k: number): Hits {
    return this.#nearest.all(query, k).map(idOf);
  }

  searchFiltered(query: Float32Array, k: number, filter: RowFilter): Hits {
    return this.#nearestFiltered.all(query, k, filter.value).map(idOf);
  }

  searchBatch(queries: Float32Array, k: number): Hits[] {
    const found: Hits[] = [];
    for (let start = 0; start < queries.length; start += this.#dim) {
      found.push(this.search(queries.subarray(start, start + this.#dim), k));
    }
    return found;
  }

  close(): void {
    this.#connection.close();
  }
}

export const sqliteVecEngine: Engine = {
  id: "sqlite-vec",
  role: "peer",
  method: "vec0 full scan, memory-mapped, one thread",
  durability: "fsync at every commit (WAL, synchronous = FULL)",
  keepsFields: true,
  cannot: withoutSparse,
  variants: [],
  async load(): Promise<LoadedEngine> {
    const { default: Database } = await importPeer<SqliteModule>("better-sqlite3");
    const sqliteVec = await importPeer<VecModule>("sqlite-vec");
    const connect = (directory: string): SqliteConnection => {
      const connection = new Database(join(directory, "store.db"));
      sqliteVec.load(connection);
      connection.pragma("journal_mode = WAL");
      connection.pragma("synchronous = FULL");
      connection.pragma("mmap_size = 8589934592");
      return connection;
    };
    return {
      version: `${peerVersion("sqlite-vec")} (better-sqlite3 ${peerVersion("better-sqlite3")})`,
      indexes: null,
      text: sqliteText(connect),
      create(directory: string, shape: StoreShape): Store {
        const connection = connect(directory);
        connection.exec("create table rows (id integer primary key, fields text not null)");
        connection.exec(`create virtual table vectors using vec0(embedding float[${shape.dim}], filter_value text)`);
        return new SqliteStore(connection, shape);
      },
      open: (directory: string, shape: StoreShape): Store => new SqliteStore(connect(directory), shape),
    };
  },
};
