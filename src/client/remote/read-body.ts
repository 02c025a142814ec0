/**
 * How do the options of a read become members of a request?
 *
 * They were checked as those of the embedded collection are; what is absent stays so, and has the server's defaults, which
 * are the same.
 */
import type { FetchInput, QueryInput, RankInput, ReadInput } from "../input/read-options.js";
import type { Where } from "../search-options.js";
import { isWhereClause } from "../where-clause.js";
import { inSnakeCase } from "./read-answers.js";

type Options = Readonly<Record<string, unknown>>;
type Members = Record<string, unknown>;

/** Options of vector, text and hybrid searches that go on as they are, under the protocol's names. */
const passedOn = [
  ...["nprobe", "exact", "approx", "eps", "vectorField", "textFields", "operator", "k1", "b"],
  ...["fusion", "rrfK", "vectorWeight", "textWeight", "sparseWeight", "candidateLimit", "strategy"],
];

/** The filter of a read. */
export function whereMembers(where: Where | null | undefined, params: unknown): Members {
  if (where === undefined || where === null) return {};
  if (isWhereClause(where)) return { where: where.text, params: where.params };
  return params === undefined ? { where } : { where, params };
}

function narrowing(options: Options, input: ReadInput): Members {
  const members = whereMembers(options["where"] as Where | undefined, options["params"]);
  if (input.filterIds !== null) members["filter_ids"] = input.filterIds;
  return members;
}

function fetching({ returnFields, returnVectors }: FetchInput): Members {
  return {
    ...(returnFields ? { return_fields: true } : {}),
    ...(returnVectors ? { return_vectors: true } : {}),
  };
}

function following({ grouping, facets }: Pick<QueryInput, "grouping" | "facets">): Members {
  return {
    ...(grouping === null ? {} : { group_by: grouping.field, group_size: grouping.groupSize }),
    ...(facets.length === 0 ? {} : { facets: Object.fromEntries(facets.map(({ field, limit }) => [field, limit])) }),
  };
}

/** Members of a ranked search. Where a callback reorders here, the rows that it sees are asked for, with metadata. */
export function rankBody(given: unknown, input: RankInput): Members {
  const options = (given ?? {}) as Options;
  const { k, rerankK, reranker } = input;
  const isCallback = typeof reranker === "function";
  const present = Object.fromEntries(passedOn.flatMap((name) => (name in options ? [[name, options[name]]] : [])));
  const body: Members = {
    k: isCallback ? rerankK : k,
    ...inSnakeCase(present),
    ...narrowing(options, input),
    ...fetching(isCallback ? { ...input, returnFields: true } : input),
    ...following(isCallback ? { ...input, grouping: null } : input),
  };
  if (reranker !== null && !isCallback) body["mmr"] = { lambda: reranker.lambda, rerank_k: rerankK };
  const { highlight } = options;
  if (highlight === true) body["highlight"] = true;
  else if (typeof highlight === "object" && highlight !== null) body["highlight"] = inSnakeCase(highlight as Options);
  return body;
}

/** Members of a search by range. */
export function rangeBody(given: unknown, input: ReadInput & FetchInput): Members {
  const options = given as Options;
  const { threshold, maxResults, vectorField } = options;
  return {
    threshold,
    ...(maxResults === undefined ? {} : { max_results: maxResults }),
    ...(vectorField === undefined ? {} : { vector_field: vectorField }),
    ...narrowing(options, input),
    ...fetching(input),
  };
}

/** Members of a query. */
export function queryBody(given: unknown, input: QueryInput): Members {
  const options = (given ?? {}) as Options;
  const { where, filterIds, limit, cursor, orderBy, returnIdsOnly, facets, grouping } = input;
  // Over HTTP a query without any filter gives all rows, as in LynseDB; here it gives none.
  const isEmpty = where === null && filterIds === null && limit === null && facets.length === 0 && grouping === null;
  return {
    format: "columns",
    ...narrowing(options, input),
    ...(isEmpty ? { limit: 0 } : limit === null ? {} : { limit }),
    ...(cursor === null ? {} : { cursor }),
    ...(orderBy === null ? {} : { order_by: options["orderBy"] }),
    ...(returnIdsOnly ? { return_ids_only: true } : {}),
    ...following(input),
  };
}
