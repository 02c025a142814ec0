/**
 * How does an embedded collection do what the contract says?
 *
 * Checks what callers give, runs it on the engine, and makes views of what comes back. No state of its own: handles of
 * one collection share its engine and its pending writes.
 */
import type { CollectionEngine } from "../../engine/collection-engine.js";
import type { Generation } from "../../engine/generation.js";
import { checkId, checkIds } from "../../engine/id-input.js";
import { asComponents, isVectorLike, matrixComponents, matrixRows, queryVector } from "../../engine/vector-input.js";
import { LynseError } from "../../errors.js";
import { parseIndexName } from "../../index/index-name.js";
import { checkIndexParameters } from "../../index/index-parameters.js";
import { checkMetricVector } from "../../index/metric/metric-contract.js";
import type { ScanResult } from "../../kernel/vector-table.js";
import { checkLimit, limits } from "../../limits.js";
import { throwIfAborted } from "../../query/exact-search.js";
import {
  emptyResult,
  type FieldResult,
  searchField,
  searchFieldBatch,
  searchFieldRange,
  usableIndex,
} from "../../query/field-search.js";
import { lastRowsOf, type RowFilter, resolveFilter, resolveFilterNow, rowsOf } from "../../query/row-filter.js";
import type { Fields, Id, Matrix, Vector } from "../../types.js";
import { checkBoolean, checkFunction, checkInteger, checkOptions, checkSignal, checkText } from "../check-options.js";
import type {
  AddOptions,
  BuildIndexOptions,
  BulkAddOptions,
  Collection,
  CollectionStats,
  InsertSession,
  Item,
  QueryOptions,
  RangeOptions,
  Row,
  SearchOptions,
  SearchPlan,
  Selection,
  UpsertOptions,
} from "../collection.js";
import { ResultView } from "../result-view.js";
import { collectionStats } from "./collection-stats.js";
import { LocalInsertSession } from "./local-insert-session.js";
import { runQuery } from "./local-query.js";
import { LocalWriter } from "./local-writer.js";
import {
  checkFieldName,
  type FetchInput,
  queryInput,
  type ReadInput,
  rangeInput,
  type SearchInput,
  searchInput,
} from "./read-options.js";
import { whereNode } from "./where-input.js";

const scanBatchDefault = 1000;

export class LocalCollection<F extends Fields = Fields> implements Collection<F> {
  readonly #engine: CollectionEngine;
  readonly #writer: LocalWriter<F>;

  constructor(engine: CollectionEngine) {
    this.#engine = engine;
    const holder = {
      get buffer() {
        return engine.pending;
      },
      set buffer(buffer) {
        engine.pending = buffer;
      },
      commit: () => engine.commitPending(),
    };
    this.#writer = new LocalWriter<F>(engine, holder, () => engine.checkOpen());
  }

  get name(): string {
    return this.#engine.name;
  }

  get databaseName(): string {
    return this.#engine.databaseName;
  }

  // Writes.

  async insertSession<T>(write: (session: InsertSession<F>) => Promise<T> | T): Promise<T> {
    checkFunction(write ?? null, "the function of insertSession");
    this.#engine.checkWritable();
    const session = new LocalInsertSession<F>(this.#engine);
    try {
      const result = await write(session);
      await session.commit();
      return result;
    } finally {
      session.end();
    }
  }

  addItem(vector: Vector, options: { readonly id: Id; readonly field?: F }): Promise<Id> {
    return this.#writer.addItem(vector, options);
  }

  bulkAddItems(items: Iterable<Item<F>> | AsyncIterable<Item<F>>, options?: BulkAddOptions): Promise<Id[]> {
    return this.#writer.bulkAddItems(items, options);
  }

  bulkAddBinary(matrix: Matrix, options?: Pick<BulkAddOptions, "onProgress">): Promise<number> {
    return this.#writer.bulkAddBinary(matrix, options);
  }

  upsertItem(vector: Vector, options: { readonly id: Id; readonly field?: F }): Promise<Id> {
    return this.#writer.upsertItem(vector, options);
  }

  upsertItems(items: Iterable<Item<F>> | AsyncIterable<Item<F>>, options?: BulkAddOptions): Promise<Id[]> {
    return this.#writer.upsertItems(items, options);
  }

  add(options: AddOptions<F>): Promise<Id[]> {
    return this.#writer.add(options);
  }

  upsert(options: UpsertOptions<F>): Promise<Id[]> {
    return this.#writer.upsert(options);
  }

  delete(selection: Selection): Promise<number> {
    return this.#writer.delete(selection);
  }

  async restore(ids: readonly Id[] | Id): Promise<number> {
    const wanted = checkIds(ids);
    await this.#engine.commitPending();
    return this.#engine.restoreIds(wanted);
  }

  async listDeletedIds(): Promise<Id[]> {
    const { rows, rowCount } = this.#engine.generation;
    const ids: Id[] = [];
    if (rows.deletedCount > 0) {
      for (let row = 0; row < rowCount; row++) if (rows.isDeleted(row)) ids.push(rows.idAt(row));
    }
    return ids;
  }

  async compact(options: { readonly signal?: AbortSignal } = {}): Promise<number> {
    checkOptions(options, ["signal"], "compact");
    await this.#engine.commitPending();
    return this.#engine.compact(checkSignal(options.signal));
  }

  async commit(): Promise<void> {
    this.#engine.checkWritable();
    await this.#engine.flush();
  }

  flush(): Promise<void> {
    return this.commit();
  }

  async checkpoint(): Promise<void> {
    await this.commit();
    await this.#engine.checkpoint();
  }

  close(): Promise<void> {
    return this.#engine.close();
  }

  refresh(): Promise<void> {
    return this.#engine.refresh();
  }

  // Indexes.

  async buildIndex(mode: string, options: BuildIndexOptions = {}): Promise<void> {
    const index = parseIndexName(mode);
    checkOptions(options, undefined, `buildIndex("${index.name}")`);
    const { fieldName, onProgress: callback, signal: given, ...rest } = options;
    checkFieldName(fieldName);
    const onProgress = checkFunction(callback, "onProgress");
    const signal = checkSignal(given);
    throwIfAborted(signal);
    const parameters = checkIndexParameters(index, rest);
    await this.#engine.buildIndex(index, parameters, {
      signal,
      onProgress: (done, total) => onProgress?.({ done, total }),
    });
    const rows = this.#engine.generation.liveCount;
    onProgress?.({ done: rows, total: rows });
  }

  async removeIndex(options: { readonly fieldName?: string } = {}): Promise<void> {
    checkOptions(options, ["fieldName"], "removeIndex");
    checkFieldName(options.fieldName);
    await this.#engine.setFlatIndex(null);
  }

  async indexMode(options: { readonly fieldName?: string } = {}): Promise<string | null> {
    checkOptions(options, ["fieldName"], "indexMode");
    checkFieldName(options.fieldName);
    this.#engine.checkOpen();
    return this.#engine.config.index;
  }

  // Searches.

  async search(vector: Vector, options?: SearchOptions): Promise<ResultView<F>> {
    const input = searchInput(options, "search");
    const now = this.#searchNow(vector, input);
    if (now !== null) return now;
    return this.#engine.read(async (generation) => {
      const filter = await resolveFilter(generation, input);
      const found = this.#searchIn(generation, filter, vector, input);
      // Most searches are answered at once: no turn of the event loop is waited for in vain.
      const scan = found instanceof Promise ? await found : found;
      return this.#view(generation, scan, input, input.k);
    });
  }

  /** What most searches are: everything in memory, and nothing to wait for. Null otherwise. */
  #searchNow(vector: unknown, input: SearchInput): ResultView<F> | Promise<ResultView<F>> | null {
    if (input.returnFields || input.returnVectors) return null;
    const { generation } = this.#engine;
    const filter = resolveFilterNow(generation, input);
    if (filter === null) return null;
    const found = this.#searchIn(generation, filter, vector, input);
    if (!(found instanceof Promise)) return this.#idsView(generation, found, input.k);
    return generation.pin(async () => this.#idsView(generation, await found, input.k));
  }

  #idsView(generation: Generation, { rows, values }: ScanResult, k: number): ResultView<F> {
    const ids = new Array<Id>(rows.length);
    for (let at = 0; at < rows.length; at++) ids[at] = generation.rows.idAt(rows[at]!);
    const { metric, index } = this.#labels();
    return new ResultView<F>({ type: "search", ids, distances: new Float32Array(values), k, metric, index });
  }

  #searchIn(
    generation: Generation,
    filter: RowFilter,
    vector: unknown,
    input: SearchInput,
  ): FieldResult | Promise<FieldResult> {
    throwIfAborted(input.signal);
    const { metric } = this.#engine;
    const query = queryVector(vector, this.#queryDim(vector), metric);
    const { field } = generation;
    if (field === null) return emptyResult;
    const held = generation.index.hold();
    const { k, signal, nprobe, exact } = input;
    let isWaiting = false;
    try {
      const index = usableIndex(held, metric);
      const found = searchField(field, index, filter, { metric, query, k, signal, nprobe, exact });
      isWaiting = found instanceof Promise;
      return found instanceof Promise ? found.finally(() => held?.release()) : found;
    } finally {
      if (!isWaiting) held?.release();
    }
  }

  /** Components that a query must have; any number while no write has fixed the dimension. */
  #queryDim(vector: unknown): number {
    const { config, metric } = this.#engine;
    if (config.dim !== null) return config.dim;
    const components = asComponents(vector, metric, null);
    return isVectorLike(components) ? (components as ArrayLike<number>).length : 1;
  }

  async batchSearch(vectors: Matrix, options?: SearchOptions): Promise<ResultView<F>[]> {
    const input = searchInput(options, "batchSearch");
    const first = Array.isArray(vectors) ? vectors[0] : vectors;
    const dim = this.#engine.config.dim ?? (first as { dim?: number } | undefined)?.dim ?? this.#queryDim(first);
    const { metric } = this.#engine;
    const label = (row: number): string => `query vector ${row}`;
    const { data, count } = matrixRows(matrixComponents(vectors, metric, dim), dim, "float32", label);
    for (let row = 0; row < count; row++) checkMetricVector(metric, data, row * dim, dim, () => label(row));
    return this.#engine.read(async (generation) => {
      const filter = await resolveFilter(generation, input);
      const { k, signal, nprobe, exact } = input;
      const scans = await searchFieldBatch(
        generation,
        filter,
        { metric, queries: data, k, signal, nprobe, exact },
        count,
      );
      const views: ResultView<F>[] = [];
      for (const scan of scans) views.push(await this.#view(generation, scan, input, input.k));
      return views;
    });
  }

  async searchRange(vector: Vector, options: RangeOptions): Promise<ResultView<F>> {
    const input = rangeInput(options);
    return this.#engine.read(async (generation) => {
      const filter = await resolveFilter(generation, input);
      throwIfAborted(input.signal);
      const { metric } = this.#engine;
      const query = queryVector(vector, this.#queryDim(vector), metric);
      const { threshold, maxResults: k, signal } = input;
      const scan = await searchFieldRange(generation, filter, { metric, query, k, threshold, signal });
      return this.#view(generation, scan, input, input.maxResults);
    });
  }

  async searchProfile(vector: Vector, options?: SearchOptions): Promise<{ items: ResultView<F>; profile: SearchPlan }> {
    const startedAt = performance.now();
    const input = searchInput(options, "searchProfile");
    return this.#engine.read(async (generation) => {
      const filter = await resolveFilter(generation, { ...input, wantsEstimate: true });
      const filteredAt = performance.now();
      const scan = await this.#searchIn(generation, filter, vector, input);
      const searchedAt = performance.now();
      const items = await this.#view(generation, scan, input, input.k);
      const fetchedAt = performance.now();
      const us = (from: number, to: number): number => Math.round((to - from) * 1000);
      const profile: SearchPlan = {
        plan: scan.plan,
        strategy: scan.strategy,
        candidates: scan.candidates,
        tailRows: scan.tailRows,
        fellBack: scan.fellBack,
        firstPass: scan.firstPass,
        index: items.index,
        metric: items.metric,
        rows: filter.liveCount,
        matchesEstimated: Math.round(filter.estimated),
        matches: filter.count,
        rowsScored: scan.rowsScored,
        rowsRescored: scan.rowsRescored,
        resultCount: items.length,
        unknownFields: filter.where === null ? [] : generation.columns.unknownPaths(filter.where, filter.rowCount),
        filterUs: us(startedAt, filteredAt),
        searchUs: us(filteredAt, searchedAt),
        fetchUs: us(searchedAt, fetchedAt),
        totalUs: us(startedAt, fetchedAt),
      };
      return { items, profile };
    });
  }

  async #view(generation: Generation, scan: ScanResult, fetch: FetchInput, k: number): Promise<ResultView<F>> {
    const rows = Array.from(scan.rows);
    return new ResultView<F>({
      type: "search",
      ids: rows.map((row) => generation.rows.idAt(row)),
      distances: new Float32Array(scan.values),
      fields: fetch.returnFields ? ((await generation.fieldsOf(rows)) as F[]) : null,
      vectors: fetch.returnVectors ? await generation.vectorsOf(rows) : null,
      k,
      ...this.#labels(),
    });
  }

  #labels(): { metric: CollectionEngine["metric"]; index: string } {
    const { config, metric } = this.#engine;
    return { metric, index: config.index ?? parseIndexName(config.defaultIndex ?? "FLAT-IP").name };
  }

  // Queries.

  async query(options?: QueryOptions): Promise<ResultView<F>> {
    return this.#query(options, "query", false);
  }

  async queryVectors(options?: QueryOptions): Promise<ResultView<F>> {
    return this.#query(options, "queryVectors", true);
  }

  async #query(options: QueryOptions | undefined, call: string, returnVectors: boolean): Promise<ResultView<F>> {
    const input = queryInput(options, call);
    return this.#engine.read(async (generation) => {
      const { rows, cursor } = await runQuery(generation, input);
      const returnFields = !input.returnIdsOnly;
      return this.#rowsView(generation, rows, "query", { returnFields, returnVectors }, cursor);
    });
  }

  async #rowsView(
    generation: Generation,
    rows: readonly number[],
    type: "query" | "data",
    fetch: FetchInput,
    cursor: string | null = null,
  ): Promise<ResultView<F>> {
    return new ResultView<F>({
      type,
      ids: rows.map((row) => generation.rows.idAt(row)),
      fields: fetch.returnFields ? ((await generation.fieldsOf(rows)) as F[]) : null,
      vectors: fetch.returnVectors ? await generation.vectorsOf(rows) : null,
      cursor,
      ...this.#labels(),
    });
  }

  async get(ids: readonly Id[] | Id): Promise<ResultView<F>> {
    const wanted = checkIds(ids);
    return this.#engine.read(async (generation) => {
      await generation.prepareFind();
      const rows = wanted.map((id) => generation.find(id));
      rows.forEach((row, at) => {
        if (row >= 0 && generation.isLive(row)) return;
        const id = wanted[at]!;
        throw new LynseError(
          "ID_NOT_FOUND",
          `id ${JSON.stringify(id)} is not in collection ${JSON.stringify(this.name)}`,
          { id },
        );
      });
      return this.#rowsView(generation, rows, "data", { returnFields: true, returnVectors: true });
    });
  }

  head(n = 5): Promise<ResultView<F>> {
    return this.#end(n, (filter, count) => rowsOf(filter, 0, count));
  }

  tail(n = 5): Promise<ResultView<F>> {
    return this.#end(n, lastRowsOf);
  }

  async #end(n: number, pick: (filter: RowFilter, count: number) => number[]): Promise<ResultView<F>> {
    const count = checkInteger(n, "n", 0, limits.kMax);
    return this.#engine.read(async (generation) => {
      const filter = await resolveFilter(generation, everything);
      return this.#rowsView(generation, pick(filter, count), "data", { returnFields: true, returnVectors: true });
    });
  }

  async count(options: Parameters<Collection<F>["count"]>[0] = {}): Promise<number> {
    checkOptions(options, ["where", "params"], "count");
    const where = whereNode(options.where, options.params);
    return this.#engine.read(async (generation) => (await resolveFilter(generation, { ...everything, where })).count);
  }

  scan(options: Parameters<Collection<F>["scan"]>[0] = {}): AsyncIterableIterator<Row<F>> {
    checkOptions(options, ["where", "params", "batchSize", "returnVectors"], "scan");
    const batchSize = checkInteger(options.batchSize ?? scanBatchDefault, "batchSize", 1, limits.kMax);
    const returnVectors = checkBoolean(options.returnVectors ?? false, "returnVectors");
    return this.#scanRows(whereNode(options.where, options.params), batchSize, returnVectors);
  }

  async *#scanRows(
    where: ReadInput["where"],
    batchSize: number,
    returnVectors: boolean,
  ): AsyncGenerator<Row<F>, undefined> {
    const { generation } = this.#engine;
    const release = generation.hold();
    try {
      const filter = await resolveFilter(generation, { ...everything, where });
      for (let from = 0; from < filter.rowCount; ) {
        this.#engine.checkOpen();
        const rows = rowsOf(filter, from, batchSize);
        if (rows.length === 0) return;
        const fields = (await generation.fieldsOf(rows)) as F[];
        const vectors = returnVectors ? await generation.vectorsOf(rows) : null;
        for (const [at, row] of rows.entries()) {
          const field = fields[at]!;
          const id = generation.rows.idAt(row);
          yield vectors === null ? { id, field } : { id, field, vector: vectors[at]! };
        }
        from = rows.at(-1)! + 1;
      }
    } finally {
      await release();
    }
  }

  // Inspection.

  async shape(): Promise<[rows: number, dim: number]> {
    return [this.#engine.generation.liveCount, this.#engine.config.dim ?? 0];
  }

  async stats(): Promise<CollectionStats> {
    return { ...collectionStats(this.#engine), maxId: await this.maxId() };
  }

  async maxId(): Promise<number> {
    const { rows, rowCount } = this.#engine.generation;
    if (rows.deadCount === 0) return rows.maxIntegerId;
    let largest = -1;
    for (let row = 0; row < rowCount; row++) {
      const id = rows.idAt(row);
      if (typeof id === "number" && id > largest && rows.isLive(row)) largest = id;
    }
    return largest;
  }

  async isIdExists(id: Id): Promise<boolean> {
    const wanted = checkId(id);
    return this.#engine.read(async (generation) => {
      await generation.prepareFind();
      const row = generation.find(wanted);
      return row >= 0 && generation.isLive(row);
    });
  }

  async listFields(): Promise<string[]> {
    return this.#engine.read((generation) => generation.fieldNames());
  }

  async exists(): Promise<boolean> {
    return !this.#engine.isDropped;
  }

  async updateDescription(text: string): Promise<void> {
    const description = checkText(text, "the description");
    checkLimit("descriptionLengthMax", description.length, "the length of the description");
    await this.#engine.updateDescription(description);
  }
}

const everything: ReadInput = { where: null, filterIds: null, signal: undefined };
