/**
 * How does an embedded collection search?
 *
 * Checks what callers give, makes the search in the turn of its filter's snapshot, and runs it with what follows.
 */

import type { CollectionEngine } from "../../engine/collection-engine.js";
import { fieldDefinition } from "../../engine/field-definition.js";
import type { Generation } from "../../engine/generation.js";
import { matrixComponents, matrixRows } from "../../engine/vector-input.js";
import { isLynseError } from "../../errors.js";
import { checkMetricVector } from "../../index/metric/metric-contract.js";
import type { ScanResult } from "../../kernel/vector-table.js";
import { throwIfAborted } from "../../query/exact-search.js";
import { checkFacets, type FacetResult } from "../../query/facet-counts.js";
import type { SignalName } from "../../query/fusion.js";
import { recommendQuery } from "../../query/recommend.js";
import type { RerankQuery } from "../../query/rerank.js";
import { type RowFilter, resolveFilterNow, withFilter, withoutRows } from "../../query/row-filter.js";
import { checkSparse, type SparseVector } from "../../sparse/sparse-vector.js";
import { TimeSlice } from "../../time-slice.js";
import type { Fields, Id, Matrix, Vector } from "../../types.js";
import { checkOptions, checkText } from "../check-options.js";
import type { Collection, SearchPlan } from "../collection.js";
import type { DocumentVectors } from "../input/document-vectors.js";
import { documentInput, hybridQueryInput, isDocumentQuery, recommendInput } from "../input/query-input.js";
import {
  hybridInput,
  type RankInput,
  type ReadInput,
  rangeInput,
  type SearchInput,
  searchInput,
  sparseInput,
  textSearchInput,
} from "../input/read-options.js";
import { whereNode } from "../input/where-input.js";
import { ResultView } from "../result-view.js";
import type {
  DocumentQuery,
  Facets,
  HybridOptions,
  HybridQuery,
  RangeOptions,
  RecommendOptions,
  RecommendQuery,
  SearchOptions,
  SearchTarget,
  SparseSearchOptions,
  TextSearchOptions,
} from "../search-options.js";
import { ExampleVectors } from "./example-vectors.js";
import { countFacets, firstDepth, type RankedSearch, runRanked } from "./ranked-search.js";
import { fusedSearch, sparseSearch, textSearch, vectorSearch } from "./signals.js";
import { queryDim, queryFor, targetDefinition, VectorTarget } from "./vector-target.js";

export class LocalSearcher<F extends Fields> {
  readonly #engine: CollectionEngine;
  readonly #documents: DocumentVectors;

  constructor(engine: CollectionEngine, documents: DocumentVectors) {
    this.#engine = engine;
    this.#documents = documents;
  }

  async search(target: SearchTarget, options?: SearchOptions<F>): Promise<ResultView<F>> {
    const input = searchInput(options, "search");
    if (isDocumentQuery(target)) return this.#searchDocument(target, input);
    try {
      const now = this.#searchNow(target, input);
      if (now !== null) return now instanceof Promise ? await now : now;
    } catch (error) {
      // A damaged index: the other way meets it too, and goes on without.
      if (!isLynseError(error, "CORRUPT")) throw error;
    }
    return this.#ranked(input, (generation, filter) => {
      const vector = queryFor(targetDefinition(generation, input.vectorField), target);
      return vectorSearch(generation, filter, vector, input, { type: "vector_search", vector });
    });
  }

  async #searchDocument(target: DocumentQuery, input: SearchInput): Promise<ResultView<F>> {
    const { document } = documentInput(target);
    const vector = await this.#documents.embedQuery(target, input.vectorField, input.signal);
    return this.#ranked(input, (generation, filter) =>
      vectorSearch(generation, filter, vector, input, { type: "document_search", document, vector }),
    );
  }

  /** What most searches are: everything in memory, and nothing to wait for. Null otherwise. */
  #searchNow(given: unknown, input: SearchInput): ResultView<F> | Promise<ResultView<F>> | null {
    const { returnFields, returnVectors, reranker, grouping, facets } = input;
    if (returnFields || returnVectors || reranker !== null || grouping !== null || facets.length > 0) return null;
    const { generation } = this.#engine;
    const { vectorField, k, signal, nprobe, exact } = input;
    const query = queryFor(targetDefinition(generation, vectorField), given);
    const filter = resolveFilterNow(generation, input);
    if (filter === null) return null;
    const target = VectorTarget.of(generation, filter, vectorField);
    const found = target.search({ query, k, nprobe, exact, signal });
    if (!(found instanceof Promise)) return this.#idsView(generation, target, found, k);
    return generation.pin(async () => this.#idsView(generation, target, await found, k));
  }

  #idsView(generation: Generation, target: VectorTarget, { rows, values }: ScanResult, k: number): ResultView<F> {
    const ids = new Array<Id>(rows.length);
    for (let at = 0; at < rows.length; at++) ids[at] = generation.rows.idAt(rows[at]!);
    const { metric, label: index } = target.definition;
    return new ResultView<F>({ type: "search", ids, distances: new Float32Array(values), k, metric, index });
  }

  /** Runs a search that is made in the turn of its filter's snapshot, and what follows it. */
  #ranked(input: RankInput, make: (generation: Generation, filter: RowFilter) => RankedSearch): Promise<ResultView<F>> {
    return this.#engine.read((generation) =>
      withFilter(generation, input, (filter) => runRanked<F>(generation, make(generation, filter), input)),
    );
  }

  async batchSearch(vectors: Matrix, options?: SearchOptions<F>): Promise<ResultView<F>[]> {
    const input = searchInput(options, "batchSearch");
    const { vectorField, k, signal, nprobe, exact, grouping, facets, reranker } = input;
    const definition = fieldDefinition(this.#engine.config, vectorField);
    const { metric } = definition;
    const first = Array.isArray(vectors) ? vectors[0] : vectors;
    const dim = definition.dim ?? (first as { dim?: number } | undefined)?.dim ?? queryDim(definition, first);
    const label = (row: number): string => `query vector ${row}`;
    const { data, count } = matrixRows(matrixComponents(vectors, metric, dim), dim, "float32", label);
    for (let row = 0; row < count; row++) checkMetricVector(metric, data, row * dim, dim, () => label(row));
    const queryAt = (at: number): Float32Array => data.slice(at * dim, (at + 1) * dim);
    return this.#engine.read((generation) =>
      withFilter(generation, input, async (filter) => {
        const views: ResultView<F>[] = [];
        const searchAt = (at: number): RankedSearch & { readonly target: VectorTarget } => {
          const query = { type: "batch_vector_search", vector: queryAt(at), queryIndex: at } as const;
          return vectorSearch(generation, filter, query.vector, input, query);
        };
        if (count === 0) return views;
        if (reranker !== null || grouping !== null || facets.length > 0) {
          const searches = Array.from({ length: count }, (_, at) => searchAt(at));
          for (const search of searches) views.push(await runRanked<F>(generation, search, input));
          return views;
        }
        const search = searchAt(0);
        const found = await search.target.searchBatch(data, count, { k, signal, nprobe, exact });
        const slice = new TimeSlice();
        for (const result of found) {
          views.push(await runRanked<F>(generation, { ...search, find: () => result }, input));
          if (slice.isDue()) await slice.giveWay();
        }
        return views;
      }),
    );
  }

  async searchRange(vector: Vector, options: RangeOptions): Promise<ResultView<F>> {
    const input = rangeInput(options);
    const { threshold, maxResults: k, signal, vectorField } = input;
    return this.#engine.read((generation) =>
      withFilter(generation, input, async (filter) => {
        throwIfAborted(signal);
        const query = queryFor(targetDefinition(generation, vectorField), vector);
        const search = vectorSearch(generation, filter, query, { ...everyRow, ...input }, { type: "vector_search" });
        const found = await search.target.searchRange({ query, k, threshold, signal });
        return runRanked<F>(generation, { ...search, find: () => found }, { ...everyRow, ...input, k, rerankK: k });
      }),
    );
  }

  async searchProfile(
    vector: Vector,
    options?: SearchOptions<F>,
  ): Promise<{ items: ResultView<F>; profile: SearchPlan }> {
    const startedAt = performance.now();
    const input = searchInput(options, "searchProfile");
    return this.#engine.read((generation) =>
      withFilter(generation, { ...input, wantsEstimate: true }, async (filter) => {
        const filteredAt = performance.now();
        const query = queryFor(targetDefinition(generation, input.vectorField), vector);
        const search = vectorSearch(generation, filter, query, input, { type: "vector_search", vector: query });
        const { k, nprobe, exact, signal } = input;
        const scan = await search.target.search({ query, k: Math.max(k, input.rerankK), nprobe, exact, signal });
        const searchedAt = performance.now();
        const isSame = input.grouping === null;
        const items = await runRanked<F>(generation, isSame ? { ...search, find: () => scan } : search, input);
        const fetchedAt = performance.now();
        const us = (from: number, to: number): number => Math.round((to - from) * 1000);
        const profile: SearchPlan = {
          plan: scan.plan,
          strategy: scan.strategy,
          candidates: scan.candidates,
          tailRows: scan.tailRows,
          fellBack: scan.fellBack,
          firstPass: scan.firstPass,
          index: search.index,
          metric: search.target.definition.metric,
          rows: filter.liveCount,
          matchesEstimated: Math.round(filter.estimated),
          matches: search.target.matchCount,
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
      }),
    );
  }

  async searchSparse(sparse: SparseVector, options?: SparseSearchOptions<F>): Promise<ResultView<F>> {
    const input = sparseInput(options);
    const query = checkSparse(sparse, () => "the sparse query vector");
    return this.#ranked(input, (generation, filter) => sparseSearch(generation, filter, query, firstDepth(input)));
  }

  async bm25Search(text: string, options?: TextSearchOptions<F>): Promise<ResultView<F>> {
    const input = textSearchInput(options);
    const words = checkText(text, "the text to search for");
    return this.#engine.read(async (generation) => {
      await generation.text.ready(generation.rowCount, input.signal);
      return withFilter(generation, input, async (filter) => {
        const { text: kept } = generation;
        const ready = kept.readyNow(filter.rowCount) ?? (await kept.ready(filter.rowCount, input.signal));
        const search = textSearch(generation, filter, ready, { text: words, input, signal: input.signal });
        return runRanked<F>(generation, search, input);
      });
    });
  }

  async hybridSearch(query: HybridQuery, options?: HybridOptions<F>): Promise<ResultView<F>> {
    const { document, text, sparse, signals } = hybridQueryInput(query);
    const input = hybridInput(options, signals);
    const { signal, vectorField } = input;
    const { vector: given } = query;
    const embedded = document === null ? null : await this.#documents.embedQuery(document, vectorField, signal);
    return this.#engine.read(async (generation) => {
      if (text !== null) await generation.text.ready(generation.rowCount, signal);
      return withFilter(generation, input, async (filter) => {
        const asked: { -readonly [name in keyof RerankQuery]: RerankQuery[name] } = { type: "hybrid_search" };
        const searches = new Map<SignalName, RankedSearch>();
        const depth = Math.max(input.fusion.candidateLimit, firstDepth(input));
        if (embedded !== null || given !== undefined) {
          const vector = embedded ?? queryFor(targetDefinition(generation, vectorField), given);
          asked.vector = vector;
          searches.set("vector", vectorSearch(generation, filter, vector, input, asked));
        }
        if (document !== null) asked.document = document.document;
        if (sparse !== null) {
          asked.sparse = sparse;
          searches.set("sparse", sparseSearch(generation, filter, sparse, depth));
        }
        if (text !== null) {
          asked.text = text;
          const { text: kept } = generation;
          const ready = kept.readyNow(filter.rowCount) ?? (await kept.ready(filter.rowCount, signal));
          searches.set("text", textSearch(generation, filter, ready, { text, input, signal }));
        }
        return runRanked<F>(generation, fusedSearch(searches, input.fusion, asked), input);
      });
    });
  }

  async recommend(query: RecommendQuery, options?: RecommendOptions<F>): Promise<ResultView<F>> {
    const { positive, negative } = recommendInput(query);
    const input = searchInput(options, "recommend", ["strategy"]);
    const { vectorField } = input;
    return this.#engine.read(async (generation) => {
      await generation.prepareFind();
      return withFilter(generation, input, async (filter) => {
        const examples = new ExampleVectors(generation, vectorField);
        const wanted = examples.add(positive);
        const unwanted = examples.add(negative);
        const { metric } = targetDefinition(generation, vectorField);
        const rest = withoutRows(filter, examples.rows);
        const target = VectorTarget.of(generation, rest, vectorField);
        const strategy = options?.strategy ?? "average";
        const vector = recommendQuery({ positive: await wanted, negative: await unwanted, metric, strategy });
        const search = vectorSearch(generation, rest, vector, input, { type: "recommend", vector }, target);
        return runRanked<F>(generation, search, input);
      });
    });
  }

  async facets(fields: Facets, options: Parameters<Collection<F>["facets"]>[1] = {}): Promise<FacetResult> {
    checkOptions(options, ["where", "params"], "facets");
    const facets = checkFacets(fields);
    const where = whereNode(options.where, options.params);
    return this.#engine.read((generation) =>
      withFilter(generation, { ...everything, where }, (filter) =>
        countFacets(generation, facets, filter.mask, filter),
      ),
    );
  }
}

/** A range has no ranking to go on with. */
const everyRow = { nprobe: null, exact: true, reranker: null, grouping: null, facets: [] } as const;

const everything: ReadInput = { where: null, filterIds: null, signal: undefined };
