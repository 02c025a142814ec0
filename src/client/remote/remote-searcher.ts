/**
 * How does a remote collection search?
 *
 * Checks what callers give as the embedded one does, asks the server, and makes views of what comes back. Documents are
 * embedded, and callback rerankers run, on this side.
 */

import { checkId } from "../../engine/id-input.js";
import {
  asComponents,
  copyVector,
  dimOf,
  isVectorLike,
  matrixComponents,
  matrixRows,
  matrixShape,
} from "../../engine/vector-input.js";
import { LynseError } from "../../errors.js";
import { checkFacets, type FacetResult } from "../../query/facet-counts.js";
import { recommendQuery } from "../../query/recommend.js";
import type { RerankQuery } from "../../query/rerank.js";
import { type CheckedSparse, checkSparse, type SparseVector } from "../../sparse/sparse-vector.js";
import type { Fields, Id, Matrix, Vector } from "../../types.js";
import { vectorsToBase64 } from "../../wire/vector-encoding.js";
import { checkOptions, checkText } from "../check-options.js";
import type { Collection, SearchPlan } from "../collection.js";
import type { DocumentVectors } from "../input/document-vectors.js";
import { documentInput, hybridQueryInput, isDocumentQuery, recommendInput } from "../input/query-input.js";
import {
  hybridInput,
  type RankInput,
  rangeInput,
  searchInput,
  sparseInput,
  textSearchInput,
} from "../input/read-options.js";
import { whereNode } from "../input/where-input.js";
import { type ResultParts, ResultView } from "../result-view.js";
import type {
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
import { type AnswerRows, answerRows, rankedParts } from "./answer-view.js";
import { rerankedParts } from "./callback-reranking.js";
import { planAnswer } from "./read-answers.js";
import { rangeBody, rankBody, whereMembers } from "./read-body.js";
import type { RemoteState } from "./remote-state.js";

type Body = Readonly<Record<string, unknown>>;

/** Rows in the answers of one batch at most: tens of megabytes. */
const batchAnswerRows = 500_000;
const kMaxWithoutLimit = 100_000;

export class RemoteSearcher<F extends Fields> {
  readonly #state: RemoteState;
  readonly #documents: () => Promise<DocumentVectors>;

  constructor(state: RemoteState, documents: () => Promise<DocumentVectors>) {
    this.#state = state;
    this.#documents = documents;
  }

  async search(target: SearchTarget, options?: SearchOptions<F>): Promise<ResultView<F>> {
    const input = searchInput(options, "search");
    const body = rankBody(options, input);
    this.#state.checkOpen();
    if (!isDocumentQuery(target)) {
      const vector = await this.#vector(target, input.vectorField);
      return this.#ranked("/search", { vector_b64: vectorsToBase64(vector), ...body }, input, {
        type: "vector_search",
        vector,
      });
    }
    const { document } = documentInput(target);
    const vector = await (await this.#documents()).embedQuery(target, input.vectorField, input.signal);
    const query = { type: "document_search", document, vector } as const;
    return this.#ranked("/search", { vector_b64: vectorsToBase64(vector), ...body }, input, query);
  }

  /** A query vector, checked as far as that goes without its field. */
  async #vector(given: unknown, fieldName: string): Promise<Float32Array> {
    const components = await this.#components(given, fieldName);
    const dim = dimOf(components, "the query vector");
    const vector = new Float32Array(dim);
    copyVector(components, vector, 0, dim, "float32", () => "the query vector");
    return vector;
  }

  /** Bytes may be packed bits: the field says. */
  async #components(given: unknown, fieldName: string): Promise<unknown> {
    if (!(given instanceof Uint8Array)) return given;
    const { metric, dim } = await this.#state.fieldShape(fieldName);
    return asComponents(given, metric, dim);
  }

  /** Asks for a ranking, and lets a callback reorder it. */
  async #ranked(path: string, body: Body, input: RankInput, query: RerankQuery): Promise<ResultView<F>> {
    const find = async (k: number): Promise<ResultParts> => {
      const { items } = await this.#state.read(path, { ...body, k }, input.signal);
      return rankedParts(answerRows(items), k, true);
    };
    if (typeof input.reranker === "function") return this.#reranked(input, query, find);
    const { items } = await this.#state.read(path, body, input.signal);
    return new ResultView<F>(rankedParts(answerRows(items), input.k, input.returnFields) as ResultParts<F>);
  }

  async #reranked(
    input: RankInput,
    query: RerankQuery,
    find: (k: number) => Promise<ResultParts>,
  ): Promise<ResultView<F>> {
    const { maxTopK } = await this.#state.transport.limits();
    const kMax = maxTopK === 0 ? kMaxWithoutLimit : maxTopK;
    return new ResultView<F>((await rerankedParts({ input, query, find, kMax })) as ResultParts<F>);
  }

  async batchSearch(vectors: Matrix, options?: SearchOptions<F>): Promise<ResultView<F>[]> {
    const input = searchInput(options, "batchSearch");
    const body = rankBody(options, input);
    this.#state.checkOpen();
    const { vectorField, signal, k } = input;
    const first = Array.isArray(vectors) ? vectors[0] : vectors;
    const { metric, dim: fieldDim } =
      first instanceof Uint8Array ? await this.#state.fieldShape(vectorField) : ({ metric: "ip", dim: null } as const);
    const matrix = matrixComponents(vectors, metric, fieldDim);
    const { count, dim } = matrixShape(matrix, "vectors");
    if (count === 0 || dim === null) return [];
    const { data } = matrixRows(matrix, dim, "float32", (row) => `query vector ${row}`);
    const { maxBatchVectors } = await this.#state.transport.limits();
    const fitting = Math.max(1, Math.floor(batchAnswerRows / Math.max(k, input.rerankK)));
    const size = maxBatchVectors === 0 ? fitting : Math.min(fitting, maxBatchVectors);
    const views: ResultView<F>[] = [];
    for (let from = 0; from < count; from += size) {
      const part = data.subarray(from * dim, Math.min(count, from + size) * dim);
      const members = { ...body, vectors_b64: vectorsToBase64(part), dim };
      const { results } = await this.#state.read("/batch_search", members, signal);
      for (const [at, items] of (results as unknown[]).entries()) {
        const vector = part.slice(at * dim, (at + 1) * dim);
        views.push(await this.#batchView(answerRows(items), input, vector, from + at, body));
      }
    }
    return views;
  }

  async #batchView(
    rows: AnswerRows,
    input: RankInput,
    vector: Float32Array,
    queryIndex: number,
    body: Body,
  ): Promise<ResultView<F>> {
    if (typeof input.reranker !== "function") {
      return new ResultView<F>(rankedParts(rows, input.k, input.returnFields) as ResultParts<F>);
    }
    const query = { type: "batch_vector_search", vector, queryIndex } as const;
    const find = async (k: number): Promise<ResultParts> => {
      if (k === body["k"]) return rankedParts(rows, k, true);
      const members = { ...body, vector_b64: vectorsToBase64(vector), k };
      const { items } = await this.#state.read("/search", members, input.signal);
      return rankedParts(answerRows(items), k, true);
    };
    return this.#reranked(input, query, find);
  }

  async searchRange(vector: Vector, options: RangeOptions): Promise<ResultView<F>> {
    const input = rangeInput(options);
    this.#state.checkOpen();
    const query = await this.#vector(vector, input.vectorField);
    const body = { vector_b64: vectorsToBase64(query), ...rangeBody(options, input) };
    const { result } = await this.#state.read("/search_range", body, input.signal);
    return new ResultView<F>(rankedParts(answerRows(result), input.maxResults, input.returnFields) as ResultParts<F>);
  }

  async searchProfile(
    vector: Vector,
    options?: SearchOptions<F>,
  ): Promise<{ items: ResultView<F>; profile: SearchPlan }> {
    const input = searchInput(options, "searchProfile");
    this.#state.checkOpen();
    const query = await this.#vector(vector, input.vectorField);
    const body: Body = { vector_b64: vectorsToBase64(query), ...rankBody(options, input) };
    const { items, profile } = await this.#state.read("/search_profile", body, input.signal);
    const { plan } = profile as { readonly plan: Body };
    const found = rankedParts(answerRows(items), input.k, true);
    const find = async (k: number): Promise<ResultParts> => {
      if (k === body["k"]) return found;
      const more = await this.#state.read("/search", { ...body, k }, input.signal);
      return rankedParts(answerRows(more["items"]), k, true);
    };
    const view =
      typeof input.reranker === "function"
        ? await this.#reranked(input, { type: "vector_search", vector: query }, find)
        : new ResultView<F>({ ...found, fields: input.returnFields ? found.fields! : null } as ResultParts<F>);
    return { items: view, profile: planAnswer(plan) };
  }

  async searchSparse(sparse: SparseVector, options?: SparseSearchOptions<F>): Promise<ResultView<F>> {
    const input = sparseInput(options);
    const query = checkSparse(sparse, () => "the sparse query vector");
    const body = { vector: sparseMembers(query), ...rankBody(options, input) };
    return this.#ranked("/sparse_search", body, input, { type: "sparse_search", sparse: query });
  }

  async bm25Search(text: string, options?: TextSearchOptions<F>): Promise<ResultView<F>> {
    const input = textSearchInput(options);
    const words = checkText(text, "the text to search for");
    const body = { text: words, ...rankBody(options, input) };
    return this.#ranked("/bm25_search", body, input, { type: "bm25_search", text: words });
  }

  async hybridSearch(query: HybridQuery, options?: HybridOptions<F>): Promise<ResultView<F>> {
    const { document, text, sparse, signals } = hybridQueryInput(query);
    const input = hybridInput(options, signals);
    const { signal, vectorField } = input;
    this.#state.checkOpen();
    checkWords(text);
    const asked: { -readonly [name in keyof RerankQuery]: RerankQuery[name] } = { type: "hybrid_search" };
    const body: Record<string, unknown> = rankBody(options, input);
    if (document !== null) {
      asked.vector = await (await this.#documents()).embedQuery(document, vectorField, signal);
      asked.document = document.document;
    } else if (query.vector !== undefined) asked.vector = await this.#vector(query.vector, vectorField);
    if (asked.vector !== undefined) body["vector_b64"] = vectorsToBase64(asked.vector);
    if (text !== null) {
      asked.text = text;
      body["text"] = text;
    }
    if (sparse !== null) {
      asked.sparse = sparse;
      body["sparse"] = sparseMembers(sparse);
    }
    return this.#ranked("/hybrid_search", body, input, asked);
  }

  async recommend(query: RecommendQuery, options?: RecommendOptions<F>): Promise<ResultView<F>> {
    const { positive, negative } = recommendInput(query);
    const input = searchInput(options, "recommend", ["strategy"]);
    const { vectorField } = input;
    this.#state.checkOpen();
    const examples = {
      positive: await this.#examples(positive, vectorField),
      negative: await this.#examples(negative, vectorField),
    };
    const body = { ...examples, ...rankBody(options, input) };
    const asked = await this.#recommended(examples, input);
    return this.#ranked("/recommend", body, input, asked);
  }

  /** Examples as they are sent: ids, and vectors as lists of numbers. */
  async #examples(examples: readonly (Id | Vector)[], fieldName: string): Promise<(Id | number[])[]> {
    const sent: (Id | number[])[] = [];
    for (const example of examples) {
      sent.push(isVectorLike(example) ? Array.from(await this.#vector(example, fieldName)) : checkId(example));
    }
    return sent;
  }

  /** What a callback is told: the vector that the examples stand for, where their vectors can be fetched. */
  async #recommended(
    { positive, negative }: { readonly positive: (Id | number[])[]; readonly negative: (Id | number[])[] },
    input: ReturnType<typeof searchInput>,
  ): Promise<RerankQuery> {
    const all = [...positive, ...negative];
    const ids = all.filter((example): example is Id => !Array.isArray(example));
    const canFetch = input.vectorField === "default" || ids.length === 0;
    if (typeof input.reranker !== "function" || !canFetch) return { type: "recommend" };
    const found = ids.length === 0 ? null : await this.#state.read("/get", { ids }, input.signal);
    const stored = found === null ? [] : (rankedParts(answerRows(found["item"]), 0, false).vectors ?? []);
    let next = 0;
    const vectors = all.map((example) => (Array.isArray(example) ? Float32Array.from(example) : stored[next++]!));
    const { metric } = await this.#state.fieldShape(input.vectorField);
    const vector = recommendQuery({
      positive: vectors.slice(0, positive.length),
      negative: vectors.slice(positive.length),
      ...{ metric, strategy: "average" },
    });
    return { type: "recommend", vector };
  }

  async facets(fields: Facets, options: Parameters<Collection<F>["facets"]>[1] = {}): Promise<FacetResult> {
    checkOptions(options, ["where", "params"], "facets");
    const facets = Object.fromEntries(checkFacets(fields).map(({ field, limit }) => [field, limit]));
    whereNode(options.where, options.params);
    const body = { facets, ...whereMembers(options.where, options.params) };
    const answer = await this.#state.read("/facets", body);
    return answer["facets"] as FacetResult;
  }
}

function sparseMembers({ indices, values }: CheckedSparse): object {
  return { indices: Array.from(indices), values: Array.from(values) };
}

/** Over HTTP a blank text counts as absent, as in LynseDB; here it is refused as in any other search. */
function checkWords(text: string | null): void {
  if (text === null || text.trim() !== "") return;
  throw new LynseError(
    "INVALID_ARGUMENT",
    'the text query "" has no word to look for; expected at least one letter or digit',
    {
      option: "text",
    },
  );
}
