/**
 * What can be asked of a search or a query?
 *
 * The options of every read, as the embedded and the remote collection take them. Types only.
 */
import type { EmbedFunction } from "../embed/embedder.js";
import type { FacetResult } from "../query/facet-counts.js";
import type { GroupValue } from "../query/group-by.js";
import type { MmrReranker } from "../query/mmr-reranker.js";
import type { Reranker } from "../query/rerank.js";
import type { SparseVector } from "../sparse/sparse-vector.js";
import type { HighlightOptions } from "../text/query/highlight.js";
import type { Fields, Id, Vector, WhereParams } from "../types.js";
import type { WhereClause } from "./where-clause.js";

/** A filter: where text (see docs/where.md), or the clause made by the `where` template tag. */
export type Where = string | WhereClause;

/** What narrows a read. */
export interface ReadOptions {
  /** Only rows for which this is TRUE. */
  readonly where?: Where;
  /** Values of the `:name` parameters in `where`. */
  readonly params?: WhereParams;
  /** Only rows with these ids. */
  readonly filterIds?: readonly Id[];
  /** Ends the call with `ABORTED`. */
  readonly signal?: AbortSignal;
}

/** What comes back beside ids. */
interface FetchOptions {
  /** Also return each row's metadata. Default false. */
  readonly returnFields?: boolean;
  /** Also return each row's vector. Default false. */
  readonly returnVectors?: boolean;
}

/** Fields to count by value: their names, or the number of values wanted by name. Default 10 values a field. */
export type Facets = readonly string[] | Readonly<Record<string, number>>;

/** What can follow any ranked search, in this order: reranking, grouping, counting. */
interface RankOptions<F extends Fields> extends ReadOptions, FetchOptions {
  /** Rows wanted, or groups with `groupBy`; 1 to `limits.kMax`. Default 10. As many come back when as many rows match. */
  readonly k?: number;
  /** Reorders what was found: a callback (see `Reranker`), or `mmrReranker()`. */
  readonly reranker?: Reranker<F> | MmrReranker;
  /** Rows that the reranker sees, at least `k`. Default: `k`; for `mmrReranker` five times `k`, at least 50. */
  readonly rerankK?: number;
  /** The best `groupSize` rows of each of the `k` best values of this field; see `ResultView.groups`. */
  readonly groupBy?: string;
  /** Rows of a group. Default 1. */
  readonly groupSize?: number;
  /** Counts the values of fields among all rows that could have been returned; see `ResultView.facets`. */
  readonly facets?: Facets;
}

/** What is searched for: a vector, or a text that an embedder makes one of. */
export type SearchTarget = Vector | DocumentQuery;

export interface DocumentQuery {
  readonly document: string;
  /** Makes the vector. Default: the collection's embedder. */
  readonly embed?: EmbedFunction;
}

/** How the vectors of a field are searched. */
interface VectorOptions {
  /** Vector field to search. Default `"default"`, the one that rows are added with. */
  readonly vectorField?: string;
  /** Search without any approximate index. Default false. */
  readonly exact?: boolean;
  /** Effort of an approximate index; flat indexes are exact whatever it says. */
  readonly nprobe?: number;
  /** Permits an approximate answer; flat indexes are exact all the same. Default false. */
  readonly approx?: boolean;
  /** Tolerance of an approximate answer. Default 1e-4. */
  readonly eps?: number;
}

export interface SearchOptions<F extends Fields = Fields> extends RankOptions<F>, VectorOptions {}

export interface RangeOptions extends ReadOptions, FetchOptions {
  /** Least score (`ip`, `cos`) or greatest distance (`l2`) that still counts, inclusive. */
  readonly threshold: number;
  /** Most rows to return, the best ones. Default 1000. */
  readonly maxResults?: number;
  /** Vector field to search. Default `"default"`. */
  readonly vectorField?: string;
}

export interface SparseSearchOptions<F extends Fields = Fields> extends RankOptions<F> {}

/** How a text is searched for. */
interface TextOptions {
  /** Fields whose texts count, with all that is nested in them. Default: every field of the text index. */
  readonly textFields?: readonly string[] | string;
  /** `"or"`: a row has one of the words (the default); `"and"`: it has all of them. */
  readonly operator?: "or" | "and";
}

export interface TextSearchOptions<F extends Fields = Fields> extends RankOptions<F>, TextOptions {
  /** Saturation of a word's frequency, from 0. Default: the collection's, 1.2. */
  readonly k1?: number;
  /** Weight of a text's length, 0 to 1. Default: the collection's, 0.75. */
  readonly b?: number;
  /** Also return the places of the words found; see `ResultView.highlights`. Default false. */
  readonly highlight?: boolean | HighlightOptions;
}

/** What a hybrid search looks for: at least one of the three kinds of signals. */
export interface HybridQuery {
  readonly vector?: Vector;
  /** A text that an embedder makes the vector of, in place of `vector`. */
  readonly document?: string;
  readonly embed?: EmbedFunction;
  readonly text?: string;
  readonly sparse?: SparseVector;
}

export interface HybridOptions<F extends Fields = Fields> extends RankOptions<F>, VectorOptions, TextOptions {
  /**
   * `"rrf"` (the default): reciprocal ranks, robust whatever the scales of the scores are; `"weighted"`: scores scaled to 0 … 1.
   */
  readonly fusion?: "rrf" | "weighted";
  /** Rank at which a reciprocal rank is halved, about. Default 60. */
  readonly rrfK?: number;
  /** Weights of the signals, from 0. Default 1 each. */
  readonly vectorWeight?: number;
  readonly textWeight?: number;
  readonly sparseWeight?: number;
  /** Best rows of each signal that are fused. Default 4·k. */
  readonly candidateLimit?: number;
}

/** Examples of what is wanted and what is not: ids of rows, or vectors. */
export interface RecommendQuery {
  readonly positive: readonly (Id | Vector)[] | Id;
  readonly negative?: readonly (Id | Vector)[] | Id;
}

export interface RecommendOptions<F extends Fields = Fields> extends SearchOptions<F> {
  /** Vector from the average of the examples; the only strategy so far. */
  readonly strategy?: "average";
}

/**
 * Order of a query: a field name, ascending, or a field with its direction. Rows without the field come last. `id` is the
 * row's own id, as in a where text.
 */
export type OrderBy = string | { readonly field: string; readonly direction?: "asc" | "desc" };

export interface QueryOptions extends ReadOptions {
  /** Leave metadata out. Default false. */
  readonly returnIdsOnly?: boolean;
  /** Default: the order of insertion. */
  readonly orderBy?: OrderBy;
  /** Most rows to return, or most groups with `groupBy`; the view's `cursor` continues after them. */
  readonly limit?: number;
  /** Opaque position from an earlier view of the same query. */
  readonly cursor?: string;
  /** The first `groupSize` rows of each value of this field, in the query's order; takes no `cursor`. */
  readonly groupBy?: string;
  readonly groupSize?: number;
  /** Counts the values of fields among all rows that match. */
  readonly facets?: Facets;
}

/** Rows of one value of the field that a search was grouped by. */
export interface ResultGroup {
  readonly value: GroupValue;
  /** Positions in the view, best first. */
  readonly positions: readonly number[];
}

/** What one signal of a hybrid search said about a row. */
export interface SignalScore {
  /** Its score or distance. */
  readonly value: number;
  /** Its place among the signal's rows, from 1. */
  readonly rank: number;
  /** What it added to the fused score. */
  readonly share: number;
}

/** The signals that found a row. */
export interface SignalScores {
  readonly vector?: SignalScore;
  readonly text?: SignalScore;
  readonly sparse?: SignalScore;
}

/** A stretch of text with the words found marked. */
export interface Highlight {
  /** Field of the text, dotted. */
  readonly field: string;
  readonly text: string;
}

export type { FacetResult, GroupValue };
