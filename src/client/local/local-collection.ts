/**
 * How does an embedded collection do what the contract says?
 *
 * Checks what callers give, runs it on the engine, and makes views of what comes back. No state of its own: handles of
 * one collection share its engine and its pending writes.
 */
import type { EmbedFunction } from "../../embed/embedder.js";
import type { CollectionEngine } from "../../engine/collection-engine.js";
import { fieldDefinition, fieldDefinitions, primaryFieldName } from "../../engine/field-definition.js";
import type { Generation } from "../../engine/generation.js";
import { checkId, checkIds } from "../../engine/id-input.js";
import { listFieldNames } from "../../engine/list-field-names.js";
import { checkTextSettings, storedTextSettings, textSettings } from "../../engine/text-settings.js";
import { LynseError } from "../../errors.js";
import { parseIndexName } from "../../index/index-name.js";
import { checkIndexParameters } from "../../index/index-parameters.js";
import { checkLimit, limits } from "../../limits.js";
import { throwIfAborted } from "../../query/exact-search.js";
import type { FacetResult } from "../../query/facet-counts.js";
import { lastRowsOf, type RowFilter, resolveFilter, rowsOf } from "../../query/row-filter.js";
import type { SparseVector } from "../../sparse/sparse-vector.js";
import type { Fields, Id, Matrix, Vector } from "../../types.js";
import { checkFunction, checkInteger, checkOptions, checkSignal, checkText } from "../check-options.js";
import type {
  AddOptions,
  BlobInfo,
  BlobRange,
  BuildIndexOptions,
  BulkAddOptions,
  Collection,
  CollectionStats,
  CopyResult,
  ExportOptions,
  InsertSession,
  Item,
  Row,
  ScanOptions,
  SearchPlan,
  Selection,
  SnapshotOptions,
  TextIndexOptions,
  UpsertOptions,
  VectorFieldInfo,
  VectorFieldOptions,
} from "../collection.js";
import { blobBytesInput, blobKeyInput, blobPrefixInput, blobRangeInput } from "../input/blob-input.js";
import { pathInput, snapshotInput } from "../input/copy-input.js";
import { DocumentVectors } from "../input/document-vectors.js";
import { type FetchInput, fieldNameInput, queryInput, type ReadInput } from "../input/read-options.js";
import { scanInput } from "../input/scan-input.js";
import { vectorFieldInput } from "../input/vector-field-input.js";
import { whereNode } from "../input/where-input.js";
import { ResultView } from "../result-view.js";
import type {
  Facets,
  HybridOptions,
  HybridQuery,
  QueryOptions,
  RangeOptions,
  RecommendOptions,
  RecommendQuery,
  SearchOptions,
  SearchTarget,
  SparseSearchOptions,
  TextSearchOptions,
} from "../search-options.js";
import { collectionStats, vectorFieldInfos } from "./collection-stats.js";
import { embedderRecord } from "./embedder-record.js";
import { exportLocally } from "./local-export.js";
import { LocalInsertSession } from "./local-insert-session.js";
import { type QueryPage, runQuery } from "./local-query.js";
import { LocalSearcher } from "./local-searcher.js";
import { LocalWriter } from "./local-writer.js";
import { scanRows } from "./scan-rows.js";

export class LocalCollection<F extends Fields = Fields> implements Collection<F> {
  readonly #engine: CollectionEngine;
  readonly #writer: LocalWriter<F>;
  readonly #searcher: LocalSearcher<F>;
  readonly #documents: DocumentVectors;

  constructor(engine: CollectionEngine, embed: EmbedFunction | null = null) {
    this.#engine = engine;
    this.#documents = new DocumentVectors(embedderRecord(engine), embed);
    this.#searcher = new LocalSearcher<F>(engine, this.#documents);
    const holder = {
      get buffer() {
        return engine.pending.buffer;
      },
      set buffer(buffer) {
        engine.pending.buffer = buffer;
      },
      commit: () => engine.pending.commit(),
    };
    this.#writer = new LocalWriter<F>(engine, holder, () => engine.checkOpen(), this.#documents);
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
    const session = new LocalInsertSession<F>(this.#engine, this.#documents);
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

  addNamedVectors(field: string, vectors: Matrix | Vector, ids: readonly Id[] | Id): Promise<void> {
    return this.#writer.addNamedVectors(field, vectors, ids);
  }

  addSparseVectors(vectors: readonly SparseVector[] | SparseVector, ids: readonly Id[] | Id): Promise<void> {
    return this.#writer.addSparseVectors(vectors, ids);
  }

  delete(selection: Selection): Promise<number> {
    return this.#writer.delete(selection);
  }

  async restore(ids: readonly Id[] | Id): Promise<number> {
    const wanted = checkIds(ids);
    await this.#engine.pending.commit();
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
    await this.#engine.pending.commit();
    return this.#engine.compact(checkSignal(options.signal));
  }

  async commit(): Promise<void> {
    this.#engine.checkWritable();
    await this.#engine.pending.flush();
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
    const field = this.#fieldName(fieldName);
    const onProgress = checkFunction(callback, "onProgress");
    const signal = checkSignal(given);
    throwIfAborted(signal);
    const parameters = checkIndexParameters(index, rest);
    await this.#engine.indexes.build(field, index, parameters, {
      signal,
      onProgress: (done, total) => onProgress?.({ done, total }),
    });
    const { rowCount, supersededCount } = this.#engine.generation.vectorField(field);
    const rows = field === primaryFieldName ? this.#engine.generation.liveCount : rowCount - supersededCount;
    onProgress?.({ done: rows, total: rows });
  }

  async removeIndex(options: { readonly fieldName?: string } = {}): Promise<void> {
    checkOptions(options, ["fieldName"], "removeIndex");
    await this.#engine.indexes.setFlat(this.#fieldName(options.fieldName), null);
  }

  async indexMode(options: { readonly fieldName?: string } = {}): Promise<string | null> {
    checkOptions(options, ["fieldName"], "indexMode");
    this.#engine.checkOpen();
    return fieldDefinition(this.#engine.config, fieldNameInput(options.fieldName)).index;
  }

  /** The name of a vector field that there is. */
  #fieldName(name: unknown): string {
    this.#engine.checkOpen();
    return fieldDefinition(this.#engine.config, fieldNameInput(name)).name;
  }

  // Vector fields and texts.

  async createVectorField(name: string, options: VectorFieldOptions): Promise<void> {
    await this.#engine.settings.createVectorField(vectorFieldInput(name, options));
  }

  async listVectorFields(): Promise<VectorFieldInfo[]> {
    this.#engine.checkOpen();
    return vectorFieldInfos(this.#engine);
  }

  async configureText(options: TextIndexOptions): Promise<void> {
    await this.#engine.settings.configureText(storedTextSettings(checkTextSettings(options)));
  }

  async textOptions(): Promise<Required<TextIndexOptions>> {
    this.#engine.checkOpen();
    const { analyser, fields, k1, b } = textSettings(this.#engine.config.text);
    return { ...analyser, fields, k1, b };
  }

  // Searches.

  search(target: SearchTarget, options?: SearchOptions<F>): Promise<ResultView<F>> {
    return this.#searcher.search(target, options);
  }

  batchSearch(vectors: Matrix, options?: SearchOptions<F>): Promise<ResultView<F>[]> {
    return this.#searcher.batchSearch(vectors, options);
  }

  searchRange(vector: Vector, options: RangeOptions): Promise<ResultView<F>> {
    return this.#searcher.searchRange(vector, options);
  }

  searchProfile(vector: Vector, options?: SearchOptions<F>): Promise<{ items: ResultView<F>; profile: SearchPlan }> {
    return this.#searcher.searchProfile(vector, options);
  }

  searchSparse(sparse: SparseVector, options?: SparseSearchOptions<F>): Promise<ResultView<F>> {
    return this.#searcher.searchSparse(sparse, options);
  }

  bm25Search(text: string, options?: TextSearchOptions<F>): Promise<ResultView<F>> {
    return this.#searcher.bm25Search(text, options);
  }

  textSearch(text: string, options?: TextSearchOptions<F>): Promise<ResultView<F>> {
    return this.#searcher.bm25Search(text, options);
  }

  hybridSearch(query: HybridQuery, options?: HybridOptions<F>): Promise<ResultView<F>> {
    return this.#searcher.hybridSearch(query, options);
  }

  recommend(query: RecommendQuery, options?: RecommendOptions<F>): Promise<ResultView<F>> {
    return this.#searcher.recommend(query, options);
  }

  facets(fields: Facets, options?: Parameters<Collection<F>["facets"]>[1]): Promise<FacetResult> {
    return this.#searcher.facets(fields, options);
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
      const page = await runQuery(generation, input);
      const fetch = { returnFields: !input.returnIdsOnly, returnVectors };
      return this.#rowsView(generation, page.rows, "query", fetch, page);
    });
  }

  async #rowsView(
    generation: Generation,
    rows: readonly number[],
    type: "query" | "data",
    fetch: FetchInput,
    more: Pick<QueryPage, "cursor" | "groups" | "facets"> = noPage,
  ): Promise<ResultView<F>> {
    return new ResultView<F>({
      type,
      ids: rows.map((row) => generation.rows.idAt(row)),
      fields: fetch.returnFields ? ((await generation.fieldsOf(rows)) as F[]) : null,
      vectors: fetch.returnVectors ? await generation.vectorsOf(rows) : null,
      ...{ cursor: more.cursor, groups: more.groups, facets: more.facets },
      ...this.#labels(),
    });
  }

  #labels(): { metric: CollectionEngine["metric"]; index: string } {
    const { metric, label: index } = fieldDefinitions(this.#engine.config)[0]!;
    return { metric, index };
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

  scan(options?: ScanOptions): AsyncIterableIterator<Row<F>> {
    return scanRows<F>(this.#engine, scanInput(options));
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
    return this.#engine.read(listFieldNames);
  }

  async exists(): Promise<boolean> {
    return !this.#engine.isDropped;
  }

  async updateDescription(text: string): Promise<void> {
    const description = checkText(text, "the description");
    checkLimit("descriptionLengthMax", description.length, "the length of the description");
    await this.#engine.settings.updateDescription(description);
  }

  async snapshotTo(path: string, options?: SnapshotOptions): Promise<CopyResult> {
    return this.#engine.snapshotTo(pathInput(path), snapshotInput(options));
  }

  async exportTo(path: string, options?: ExportOptions): Promise<CopyResult> {
    return exportLocally(this.#engine, path, options);
  }

  // Blobs.

  async writeBlob(key: string, bytes: ArrayBuffer | ArrayBufferView): Promise<void> {
    await this.#engine.blobs.write(blobKeyInput(key), blobBytesInput(bytes));
  }

  readBlob(key: string): Promise<Uint8Array<ArrayBuffer> | null> {
    return this.readBlobRange(key);
  }

  async readBlobRange(key: string, range?: BlobRange): Promise<Uint8Array<ArrayBuffer> | null> {
    const { offset, length } = blobRangeInput(range);
    return this.#engine.blobs.read(blobKeyInput(key), offset, length);
  }

  async deleteBlob(key: string): Promise<boolean> {
    return this.#engine.blobs.remove(blobKeyInput(key));
  }

  async listBlobs(options?: { readonly prefix?: string }): Promise<BlobInfo[]> {
    return this.#engine.blobs.list(blobPrefixInput(options));
  }
}

const noPage = { cursor: null, groups: null, facets: null };

const everything: ReadInput = { where: null, filterIds: null, signal: undefined };
