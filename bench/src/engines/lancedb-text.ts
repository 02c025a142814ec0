/**
 * @lancedb/lancedb with its full text index, made after the last insert.
 *
 * Without stemming and stop words, which it has on by default: the query is then the one that all others answer (1.4
 * ms against 1.3 ms with its defaults, whose results share 0.63 with BM25 over the words as they stand), and without
 * word positions, which only phrases need. A bitmap index on the filter column halved its filtered text search (4.8
 * to 2.5 ms), `fastSearch` saves the look for rows that the index lacks (there are none). Its hybrid search takes as
 * many candidates a signal as rows are asked for: the depth is the limit, and the first k are kept.
 */
import type { Hits, RowBatch, RowFilter, StoreShape } from "../engine.js";
import { textField } from "../text-field.js";
import type { TextMaker, TextStore } from "../text-store.js";
import type { LanceIndexConfig } from "./lancedb-index.js";

interface LanceTextQuery {
  fastSearch(): LanceTextQuery;
  fullTextSearch(query: string, options: { readonly columns: readonly string[] }): LanceTextQuery;
  where(predicate: string): LanceTextQuery;
  nearestTo(vector: Float32Array): LanceTextQuery;
  distanceType(type: "dot"): LanceTextQuery;
  rerank(reranker: LanceReranker): LanceTextQuery;
  select(columns: readonly string[]): LanceTextQuery;
  limit(rows: number): LanceTextQuery;
  toArray(): Promise<readonly { readonly id: number }[]>;
}

/** Only passed on. */
export interface LanceReranker {
  readonly rerankHybrid: unknown;
}

export interface LanceTextFactory {
  fts(options: Readonly<Record<string, boolean>>): LanceIndexConfig;
  bitmap(): LanceIndexConfig;
}

export interface LanceTextTable {
  query(): Pick<LanceTextQuery, "fullTextSearch">;
  createIndex(column: string, options: { readonly config: LanceIndexConfig }): Promise<void>;
}

/** A store for rows that the adapter for exact search makes. */
interface LanceTextRows {
  readonly table: LanceTextTable;
  insert(batch: RowBatch): Promise<void>;
  settle(): Promise<void>;
  close(): void;
}

interface LanceTextTables {
  readonly factory: LanceTextFactory;
  readonly reranker: LanceReranker;
  create(directory: string, shape: StoreShape): Promise<LanceTextRows>;
  open(directory: string, shape: StoreShape): Promise<LanceTextRows>;
}

const textIndex = { stem: false, removeStopWords: false, asciiFolding: false, withPosition: false };

const idOf = (row: { readonly id: number }): number => row.id;

class LanceTextStore implements TextStore {
  readonly #rows: LanceTextRows;
  readonly #tables: LanceTextTables;
  readonly #filterField: string;

  constructor(rows: LanceTextRows, tables: LanceTextTables, filterField: string) {
    this.#rows = rows;
    this.#tables = tables;
    this.#filterField = filterField;
  }

  insert(batch: RowBatch): Promise<void> {
    return this.#rows.insert(batch);
  }

  index(): Promise<void> {
    return this.#rows.table.createIndex(textField, { config: this.#tables.factory.fts(textIndex) });
  }

  async settle(): Promise<void> {
    await this.#rows.table.createIndex(this.#filterField, { config: this.#tables.factory.bitmap() });
    await this.#rows.settle();
  }

  queryOf(words: readonly string[]): string {
    return words.join(" ");
  }

  #matching(query: string): LanceTextQuery {
    return this.#rows.table.query().fullTextSearch(query, { columns: [textField] });
  }

  async searchText(query: string, k: number): Promise<Hits> {
    return (await this.#matching(query).fastSearch().select(["id", "_score"]).limit(k).toArray()).map(idOf);
  }

  async searchTextFiltered(query: string, k: number, filter: RowFilter): Promise<Hits> {
    const matching = this.#matching(query).fastSearch().where(`${filter.field} = '${filter.value}'`);
    return (await matching.select(["id", "_score"]).limit(k).toArray()).map(idOf);
  }

  async searchHybrid(query: string, vector: Float32Array, k: number, candidates: number): Promise<Hits> {
    const both = this.#matching(query).nearestTo(vector).distanceType("dot").rerank(this.#tables.reranker);
    const found = await both.select(["id"]).limit(candidates).toArray();
    return found.slice(0, k).map(idOf);
  }

  close(): void {
    this.#rows.close();
  }
}

export function lanceText(tables: LanceTextTables): TextMaker {
  return {
    create: async (directory: string, shape: StoreShape): Promise<TextStore> =>
      new LanceTextStore(await tables.create(directory, shape), tables, shape.filterField),
    open: async (directory: string, shape: StoreShape): Promise<TextStore> =>
      new LanceTextStore(await tables.open(directory, shape), tables, shape.filterField),
  };
}
