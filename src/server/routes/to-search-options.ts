/**
 * Which options of the client does the body of a read stand for?
 *
 * Member by member; what is absent stays absent, so that the defaults are the client's. Values are checked by the client,
 * as those of a program that calls it.
 */
import type { Facets, ReadOptions, SearchOptions, SparseSearchOptions } from "../../client/search-options.js";
import { LynseError } from "../../errors.js";
import { mmrReranker } from "../../query/mmr-reranker.js";
import type { HighlightOptions } from "../../text/query/highlight.js";
import type { Id, WhereParams } from "../../types.js";
import { definedMembers } from "./defined-members.js";

/** What narrows a read. */
export interface ReadBody {
  readonly where?: string;
  readonly params?: Record<string, unknown>;
  readonly filter_ids?: readonly Id[];
}

/** What all ranked searches take. */
export interface RankBody extends ReadBody {
  readonly k?: number;
  readonly return_fields?: boolean;
  readonly return_vectors?: boolean;
  readonly group_by?: string;
  readonly group_size?: number;
  readonly facets?: readonly string[] | Record<string, unknown>;
  readonly mmr?: { readonly lambda?: number; readonly rerank_k?: number };
}

/** How a vector field is searched. */
export interface VectorSearchBody {
  readonly vector_field?: string;
  readonly field_name?: string;
  readonly nprobe?: number;
  readonly exact?: boolean;
  readonly approx?: boolean;
  readonly eps?: number;
}

export interface HighlightBody {
  readonly before?: string;
  readonly after?: string;
  readonly max_length?: number;
  readonly max_fragments?: number;
  readonly ellipsis?: string;
  readonly escape_html?: boolean;
}

export function readOptions({ where, params, filter_ids }: ReadBody, signal?: AbortSignal): ReadOptions {
  return definedMembers({ where, params: params as WhereParams | undefined, filterIds: filter_ids, signal });
}

export function rankOptions(body: RankBody, signal: AbortSignal): SparseSearchOptions {
  const { k, return_fields, return_vectors, group_by, group_size, facets, mmr } = body;
  const { where, params, filter_ids } = body;
  return definedMembers({
    k,
    where,
    params: params as WhereParams | undefined,
    filterIds: filter_ids,
    returnFields: return_fields,
    returnVectors: return_vectors,
    groupBy: group_by,
    groupSize: group_size,
    facets: facets as Facets | undefined,
    reranker: mmr === undefined ? undefined : mmrReranker(mmr.lambda === undefined ? {} : { lambda: mmr.lambda }),
    rerankK: mmr?.rerank_k,
    signal,
  });
}

/** Name of the vector field that is searched; undefined for the one that rows are added with. */
export function vectorFieldOf({ vector_field, field_name }: VectorSearchBody): string | undefined {
  if (vector_field === undefined || field_name === undefined || vector_field === field_name) {
    return vector_field ?? field_name;
  }
  throw new LynseError(
    "INVALID_ARGUMENT",
    `the body has vector_field ${JSON.stringify(vector_field)} and field_name ${JSON.stringify(field_name)}; give one of them`,
  );
}

export function searchOptions(body: RankBody & VectorSearchBody, signal: AbortSignal): SearchOptions {
  const { nprobe, exact, approx, eps } = body;
  const own = definedMembers({
    vectorField: vectorFieldOf(body),
    // LynseDB's clients mean "the index's own" by 0.
    nprobe: nprobe === 0 ? undefined : nprobe,
    exact,
    approx,
    eps,
  });
  return Object.assign(rankOptions(body, signal), own);
}

export function highlightOptions(
  highlight: boolean | HighlightBody | undefined,
): boolean | HighlightOptions | undefined {
  if (typeof highlight !== "object") return highlight;
  const { before, after, max_length, max_fragments, ellipsis, escape_html } = highlight;
  return definedMembers({
    before,
    after,
    maxLength: max_length,
    maxFragments: max_fragments,
    ellipsis,
    escapeHtml: escape_html,
  });
}
