/**
 * How does a remote collection do what the contract says?
 *
 * Checks what callers give, asks the server, and makes views of what comes back. Handles of one collection share its pending
 * writes.
 */
import type { EmbedFunction } from "../../embed/embedder.js";
import { checkId, checkIds } from "../../engine/id-input.js";
import { checkTextSettings } from "../../engine/text-settings.js";
import { parseIndexName } from "../../index/index-name.js";
import { checkIndexParameters } from "../../index/index-parameters.js";
import { checkLimit, limits } from "../../limits.js";
import { throwIfAborted } from "../../query/exact-search.js";
import type { FacetResult } from "../../query/facet-counts.js";
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
import { DocumentVectors } from "../input/document-vectors.js";
import { fieldNameInput, queryInput } from "../input/read-options.js";
import { scanInput } from "../input/scan-input.js";
import { vectorFieldInput } from "../input/vector-field-input.js";
import { whereNode } from "../input/where-input.js";
import type { ResultView } from "../result-view.js";
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
import { answerRows, rowsView } from "./answer-view.js";
import { exportOf, snapshotOf } from "./copy-requests.js";
import { buildIndex } from "./index-build.js";
import { inSnakeCase, statsAnswer, textAnswer, textMembers } from "./read-answers.js";
import { queryBody, whereMembers } from "./read-body.js";
import { RemoteInsertSession } from "./remote-insert-session.js";
import { RemoteSearcher } from "./remote-searcher.js";
import type { RemoteState } from "./remote-state.js";
import { type DocumentsProvider, RemoteWriter } from "./remote-writer.js";
import { scanRows } from "./scan-rows.js";

export class RemoteCollection<F extends Fields = Fields> implements Collection<F> {
  readonly #state: RemoteState;
  readonly #writer: RemoteWriter<F>;
  readonly #searcher: RemoteSearcher<F>;
  readonly #documents: DocumentsProvider;

  constructor(state: RemoteState, embed: EmbedFunction | null) {
    this.#state = state;
    this.#documents = async (keep = async () => {}) => new DocumentVectors(await state.embedderRecord(keep), embed);
    const target = { staged: state.pending, commits: true, checkOpen: () => state.checkOpen() };
    this.#writer = new RemoteWriter<F>(state, target, this.#documents);
    this.#searcher = new RemoteSearcher<F>(state, this.#documents);
  }

  get name(): string {
    return this.#state.name;
  }

  get databaseName(): string {
    return this.#state.databaseName;
  }

  // Writes.

  async insertSession<T>(write: (session: InsertSession<F>) => Promise<T> | T): Promise<T> {
    checkFunction(write ?? null, "the function of insertSession");
    this.#state.checkWritable();
    const session = new RemoteInsertSession<F>(this.#state, this.#documents);
    try {
      const result = await write(session);
      await session.commit();
      return result;
    } finally {
      await session.end();
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
    await this.commit();
    const { maxBatchVectors } = await this.#state.transport.limits();
    const size = maxBatchVectors === 0 ? Math.max(1, wanted.length) : maxBatchVectors;
    let restored = 0;
    for (let from = 0; from < wanted.length; from += size) {
      const answer = await this.#state.change("/restore", { ids: wanted.slice(from, from + size) });
      restored += answer["restored"] as number;
    }
    return restored;
  }

  async listDeletedIds(): Promise<Id[]> {
    const { ids } = await this.#state.read("/list_deleted_ids");
    return ids as Id[];
  }

  async compact(options: { readonly signal?: AbortSignal } = {}): Promise<number> {
    checkOptions(options, ["signal"], "compact");
    const signal = checkSignal(options.signal);
    await this.commit();
    const { vectors_removed } = await this.#state.change("/compact", {}, { signal, timeoutMs: 0 });
    return vectors_removed as number;
  }

  async commit(): Promise<void> {
    this.#state.checkWritable();
    if (!this.#state.pending.isIdle) await this.#state.pending.commit();
  }

  flush(): Promise<void> {
    return this.commit();
  }

  async checkpoint(): Promise<void> {
    await this.commit();
    await this.#state.change("/checkpoint", {}, { timeoutMs: 0 });
  }

  /** Commits; the server keeps the collection open for others. */
  async close(): Promise<void> {
    if (this.#state.isClosed) return;
    if (!this.#state.pending.isIdle) await this.#state.pending.commit();
    this.#state.end(false);
  }

  async refresh(): Promise<void> {
    this.#state.checkOpen();
  }

  // Indexes.

  async buildIndex(mode: string, options: BuildIndexOptions = {}): Promise<void> {
    const index = parseIndexName(mode);
    checkOptions(options, undefined, `buildIndex("${index.name}")`);
    const { fieldName, onProgress: callback, signal: given, ...rest } = options;
    const onProgress = checkFunction(callback, "onProgress");
    const signal = checkSignal(given);
    throwIfAborted(signal);
    checkIndexParameters(index, rest);
    const field = fieldNameInput(fieldName);
    const body = { field_name: field, index_mode: index.name, params: inSnakeCase({ ...rest }) };
    await buildIndex(this.#state, body, { signal, onProgress });
  }

  async removeIndex(options: { readonly fieldName?: string } = {}): Promise<void> {
    checkOptions(options, ["fieldName"], "removeIndex");
    await this.#state.change("/remove_index", { field_name: fieldNameInput(options.fieldName) });
  }

  async indexMode(options: { readonly fieldName?: string } = {}): Promise<string | null> {
    checkOptions(options, ["fieldName"], "indexMode");
    const { index_mode } = await this.#state.read("/index_mode", { field_name: fieldNameInput(options.fieldName) });
    return (index_mode as string | null | undefined) ?? null;
  }

  // Vector fields and texts.

  async createVectorField(name: string, options: VectorFieldOptions): Promise<void> {
    const { dim, dtype, metric, index } = vectorFieldInput(name, options);
    const members = { field_name: name, dim, dtypes: dtype, metric, ...(index === null ? {} : { index_mode: index }) };
    await this.#state.change("/create_vector_field", members);
  }

  async listVectorFields(): Promise<VectorFieldInfo[]> {
    return this.#state.vectorFields();
  }

  async configureText(options: TextIndexOptions): Promise<void> {
    checkTextSettings(options);
    await this.#state.change("/configure_text", textMembers(options));
  }

  async textOptions(): Promise<Required<TextIndexOptions>> {
    const { text } = await this.#state.config();
    return textAnswer(text as Readonly<Record<string, unknown>>);
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
    return this.#query("/query", "query", options);
  }

  async queryVectors(options?: QueryOptions): Promise<ResultView<F>> {
    return this.#query("/query_vectors", "queryVectors", options);
  }

  async #query(path: string, call: string, options: QueryOptions | undefined): Promise<ResultView<F>> {
    const input = queryInput(options, call);
    const { result } = await this.#state.read(path, queryBody(options, input), input.signal);
    return rowsView<F>(answerRows(result), "query", !input.returnIdsOnly);
  }

  async get(ids: readonly Id[] | Id): Promise<ResultView<F>> {
    const { item } = await this.#state.read("/get", { ids: checkIds(ids) });
    return rowsView<F>(answerRows(item), "data", true);
  }

  async head(n = 5): Promise<ResultView<F>> {
    return this.#end("head", n);
  }

  async tail(n = 5): Promise<ResultView<F>> {
    return this.#end("tail", n);
  }

  async #end(end: "head" | "tail", n: number): Promise<ResultView<F>> {
    const count = checkInteger(n, "n", 0, limits.kMax);
    const { [end]: rows } = await this.#state.read(`/${end}`, { n: count, format: "columns" });
    return rowsView<F>(answerRows(rows), "data", true);
  }

  async count(options: Parameters<Collection<F>["count"]>[0] = {}): Promise<number> {
    checkOptions(options, ["where", "params"], "count");
    whereNode(options.where, options.params);
    const { count } = await this.#state.read("/count", whereMembers(options.where, options.params));
    return count as number;
  }

  scan(options: ScanOptions = {}): AsyncIterableIterator<Row<F>> {
    const { batchSize, returnVectors, returnNamedVectors, returnSparse } = scanInput(options);
    const wanted = {
      return_vectors: returnVectors,
      // Servers before these members would refuse them.
      ...(returnNamedVectors ? { return_named_vectors: true } : {}),
      ...(returnSparse ? { return_sparse: true } : {}),
    };
    return scanRows<F>(this.#state, { ...whereMembers(options.where, options.params), ...wanted }, batchSize);
  }

  // Inspection.

  async shape(): Promise<[rows: number, dim: number]> {
    const { shape } = await this.#state.read("/collection_shape");
    return shape as [number, number];
  }

  async stats(): Promise<CollectionStats> {
    const { full } = await this.#state.read("/stats", { full: true });
    return statsAnswer(full as Readonly<Record<string, unknown>>);
  }

  async maxId(): Promise<number> {
    const { max_id } = await this.#state.read("/max_id");
    return max_id as number;
  }

  async isIdExists(id: Id): Promise<boolean> {
    const { is_id_exists } = await this.#state.read("/is_id_exists", { id: checkId(id) });
    return is_id_exists as boolean;
  }

  async listFields(): Promise<string[]> {
    const { fields } = await this.#state.read("/list_fields");
    return fields as string[];
  }

  async exists(): Promise<boolean> {
    return this.#state.exists();
  }

  async updateDescription(text: string): Promise<void> {
    const description = checkText(text, "the description");
    checkLimit("descriptionLengthMax", description.length, "the length of the description");
    await this.#state.change("/update_description", { description });
  }

  async snapshotTo(path: string, options?: SnapshotOptions): Promise<CopyResult> {
    return snapshotOf(this.#state, path, options);
  }

  async exportTo(path: string, options?: ExportOptions): Promise<CopyResult> {
    return exportOf(this.#state, path, options);
  }

  // Blobs.

  async writeBlob(key: string, bytes: ArrayBuffer | ArrayBufferView): Promise<void> {
    const query = { ...this.#state.place, key: blobKeyInput(key) };
    const body = blobBytesInput(bytes);
    this.#state.checkWritable();
    await this.#state.transport.postBytes("/write_blob", query, body, { kind: "write" });
  }

  readBlob(key: string): Promise<Uint8Array<ArrayBuffer> | null> {
    return this.readBlobRange(key);
  }

  async readBlobRange(key: string, range?: BlobRange): Promise<Uint8Array<ArrayBuffer> | null> {
    const { offset, length } = blobRangeInput(range);
    const query = { ...this.#state.place, key: blobKeyInput(key), offset, length };
    this.#state.checkOpen();
    return this.#state.transport.getBytes("/read_blob", query, limits.blobBytesMax);
  }

  async deleteBlob(key: string): Promise<boolean> {
    const { deleted } = await this.#state.change("/delete_blob", { key: blobKeyInput(key) });
    return deleted as boolean;
  }

  async listBlobs(options?: { readonly prefix?: string }): Promise<BlobInfo[]> {
    const { blobs } = await this.#state.read("/list_blobs", { prefix: blobPrefixInput(options) });
    return blobs as BlobInfo[];
  }
}
