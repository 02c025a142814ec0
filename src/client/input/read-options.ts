/**
 * Which options do reads take, and what do they mean?
 *
 * Checks the option objects of searches and queries once, at the door, and gives them back with defaults filled in.
 */
import { checkIds } from "../../engine/id-input.js";
import { checkBetween, checkFieldNames } from "../../engine/text-settings.js";
import { describe } from "../../engine/vector-input.js";
import { LynseError } from "../../errors.js";
import { limits } from "../../limits.js";
import type { WhereNode } from "../../metadata/where-node.js";
import { checkFacets, type FacetRequest } from "../../query/facet-counts.js";
import type { SignalName } from "../../query/fusion.js";
import { checkFusionOptions, type FusionOptions } from "../../query/fusion-options.js";
import type { MmrReranker } from "../../query/mmr-reranker.js";
import type { Reranker } from "../../query/rerank.js";
import { checkReranker, checkRerankK } from "../../query/rerank-options.js";
import { checkHighlightOptions, type HighlightOptions } from "../../text/query/highlight.js";
import type { Id } from "../../types.js";
import { checkBoolean, checkInteger, checkNumber, checkOptions, checkSignal, checkText } from "../check-options.js";
import { whereNode } from "./where-input.js";

/** What every read may be narrowed by. */
export interface ReadInput {
  readonly where: WhereNode | null;
  readonly filterIds: readonly Id[] | null;
  readonly signal: AbortSignal | undefined;
}

/** What comes back beside ids. */
export interface FetchInput {
  readonly returnFields: boolean;
  readonly returnVectors: boolean;
}

/** What follows a ranked search. */
export interface RankInput extends ReadInput, FetchInput {
  readonly k: number;
  readonly reranker: Reranker<never> | MmrReranker | null;
  readonly rerankK: number;
  readonly grouping: GroupingInput | null;
  readonly facets: readonly FacetRequest[];
}

export interface GroupingInput {
  readonly field: string;
  readonly groupSize: number;
}

/** How a vector field is searched. */
export interface VectorInput {
  readonly vectorField: string;
  readonly nprobe: number | null;
  readonly exact: boolean;
}

export interface SearchInput extends RankInput, VectorInput {}

/** How texts are searched; null: as the collection says. */
export interface TextInput {
  readonly textFields: readonly string[] | null;
  readonly operator: "or" | "and";
}

export interface TextSearchInput extends RankInput, TextInput {
  readonly k1: number | null;
  readonly b: number | null;
  readonly highlight: HighlightOptions | null;
}

export interface HybridInput extends RankInput, VectorInput, TextInput {
  readonly fusion: FusionOptions;
}

export interface RangeInput extends ReadInput, FetchInput {
  readonly threshold: number;
  readonly maxResults: number;
  readonly vectorField: string;
}

export interface QueryInput extends ReadInput {
  readonly returnIdsOnly: boolean;
  readonly orderBy: { readonly field: string; readonly direction: "asc" | "desc" } | null;
  readonly limit: number | null;
  readonly cursor: string | null;
  readonly grouping: GroupingInput | null;
  readonly facets: readonly FacetRequest[];
  /** The where text or clause and all else that tells this query from others. */
  readonly fingerprint: string;
}

type Options = Readonly<Record<string, unknown>>;

const readNames = ["where", "params", "filterIds", "signal"];
const fetchNames = ["returnFields", "returnVectors"];
const vectorNames = ["exact", "vectorField", "nprobe", "approx", "eps"];
const rankNames = ["k", ...readNames, ...fetchNames, "reranker", "rerankK", "groupBy", "groupSize", "facets"];
const textNames = ["textFields", "operator"];
const fusionNames = ["fusion", "rrfK", "vectorWeight", "textWeight", "sparseWeight", "candidateLimit"];
const kDefault = 10;
const maxResultsDefault = 1000;
/** Where vectors are searched unless a field is named. */
const primaryField = "default";

export function searchInput(options: unknown, call: string, more: readonly string[] = []): SearchInput {
  checkOptions(options, [...rankNames, ...vectorNames, ...more], call);
  const given = (options ?? {}) as Options;
  return { ...rankInput(given), ...vectorInput(given) };
}

export function sparseInput(options: unknown): RankInput {
  checkOptions(options, rankNames, "searchSparse");
  return rankInput((options ?? {}) as Options);
}

export function textSearchInput(options: unknown): TextSearchInput {
  checkOptions(options, [...rankNames, ...textNames, "k1", "b", "highlight"], "bm25Search");
  const given = (options ?? {}) as Options;
  const { k1, b } = given;
  return {
    ...rankInput(given),
    ...textInput(given),
    k1: k1 === undefined ? null : checkBetween(k1, "k1", Number.MAX_VALUE),
    b: b === undefined ? null : checkBetween(b, "b", 1),
    highlight: highlightInput(given["highlight"]),
  };
}

export function hybridInput(options: unknown, signals: readonly SignalName[]): HybridInput {
  checkOptions(options, [...rankNames, ...vectorNames, ...textNames, ...fusionNames], "hybridSearch");
  const given = (options ?? {}) as Options;
  const rank = rankInput(given);
  const fusion = checkFusionOptions(given, signals, rank.rerankK);
  return { ...rank, ...vectorInput(given), ...textInput(given), fusion };
}

function rankInput(given: Options): RankInput {
  const k = checkInteger(given["k"] ?? kDefault, "k", 1, limits.kMax);
  const reranker = checkReranker<never>(given["reranker"]);
  if (reranker === null && given["rerankK"] !== undefined) {
    throw new LynseError("INVALID_ARGUMENT", "rerankK was given without a reranker", { option: "rerankK" });
  }
  return {
    k,
    reranker,
    rerankK: checkRerankK(given["rerankK"], k, reranker),
    grouping: groupingInput(given),
    facets: checkFacets(given["facets"]),
    ...readInput(given),
    ...fetchInput(given),
  };
}

function groupingInput(given: Options): GroupingInput | null {
  const { groupBy, groupSize } = given;
  if (groupBy === undefined) {
    if (groupSize === undefined) return null;
    throw new LynseError("INVALID_ARGUMENT", "groupSize was given without a groupBy", { option: "groupSize" });
  }
  const field = checkText(groupBy, "groupBy");
  if (field === "") throw new LynseError("INVALID_ARGUMENT", "groupBy must name a field, got an empty text");
  return { field, groupSize: checkInteger(groupSize ?? 1, "groupSize", 1, limits.kMax) };
}

function vectorInput(given: Options): VectorInput {
  if (given["approx"] !== undefined) checkBoolean(given["approx"], "approx");
  if (given["eps"] !== undefined) checkNumber(given["eps"], "eps");
  const { nprobe } = given;
  return {
    vectorField: fieldNameInput(given["vectorField"]),
    nprobe: nprobe === undefined ? null : checkInteger(nprobe, "nprobe", 1, Number.MAX_SAFE_INTEGER),
    exact: checkBoolean(given["exact"] ?? false, "exact"),
  };
}

/** Name of a vector field as a caller gives it; whether there is one of that name, the collection knows. */
export function fieldNameInput(name: unknown): string {
  return name === undefined ? primaryField : checkText(name, "the name of the vector field");
}

function textInput(given: Options): TextInput {
  const { textFields, operator = "or" } = given;
  if (operator !== "or" && operator !== "and") {
    throw new LynseError("INVALID_ARGUMENT", `operator must be "or" or "and", got ${describe(operator)}`, {
      option: "operator",
    });
  }
  return { textFields: textFields === undefined ? null : checkFieldNames(textFields, "textFields"), operator };
}

/** The options of highlighting; null: none is asked for. */
function highlightInput(highlight: unknown): HighlightOptions | null {
  if (highlight === undefined || highlight === false) return null;
  return checkHighlightOptions(highlight === true ? {} : highlight);
}

export function rangeInput(options: unknown): RangeInput {
  checkOptions(options ?? null, ["threshold", "maxResults", "vectorField", ...readNames, ...fetchNames], "searchRange");
  const given = options as Options;
  return {
    threshold: checkNumber(given["threshold"], "threshold"),
    maxResults: checkInteger(given["maxResults"] ?? maxResultsDefault, "maxResults", 0, limits.kMax),
    vectorField: fieldNameInput(given["vectorField"]),
    ...readInput(given),
    ...fetchInput(given),
  };
}

export function queryInput(options: unknown, call: string): QueryInput {
  const names = ["returnIdsOnly", "orderBy", "limit", "cursor", "groupBy", "groupSize", "facets"];
  checkOptions(options, [...names, ...readNames], call);
  const given = (options ?? {}) as Options;
  const { where, params, filterIds, orderBy, cursor } = given;
  const grouping = groupingInput(given);
  if (grouping !== null && cursor !== undefined) {
    throw new LynseError("INVALID_ARGUMENT", "a query with groupBy has no pages: leave cursor out", {
      option: "cursor",
    });
  }
  return {
    grouping,
    facets: checkFacets(given["facets"]),
    returnIdsOnly: checkBoolean(given["returnIdsOnly"] ?? false, "returnIdsOnly"),
    orderBy: orderByInput(orderBy),
    limit: given["limit"] === undefined ? null : checkInteger(given["limit"], "limit", 0, Number.MAX_SAFE_INTEGER),
    cursor: cursor === undefined ? null : checkText(cursor, "cursor"),
    // After what it is made of was checked: JSON has no bigint and no cycles.
    ...readInput(given),
    fingerprint: JSON.stringify([where ?? null, params ?? null, filterIds ?? null, orderBy ?? null]),
  };
}

function readInput(given: Options): ReadInput {
  const filterIds = given["filterIds"];
  return {
    where: whereNode(given["where"], given["params"]),
    filterIds: filterIds === undefined ? null : checkIds(filterIds),
    signal: checkSignal(given["signal"]),
  };
}

function fetchInput(given: Options): FetchInput {
  return {
    returnFields: checkBoolean(given["returnFields"] ?? false, "returnFields"),
    returnVectors: checkBoolean(given["returnVectors"] ?? false, "returnVectors"),
  };
}

function orderByInput(orderBy: unknown): QueryInput["orderBy"] {
  if (orderBy === undefined) return null;
  if (typeof orderBy === "string") return { field: orderBy, direction: "asc" };
  if (typeof orderBy !== "object" || orderBy === null) {
    throw new LynseError(
      "INVALID_ARGUMENT",
      `orderBy must be a field name or { field, direction }, got ${describe(orderBy)}`,
    );
  }
  checkOptions(orderBy, ["field", "direction"], "orderBy");
  const { field, direction = "asc" } = orderBy as { field?: unknown; direction?: unknown };
  if (direction !== "asc" && direction !== "desc") {
    throw new LynseError("INVALID_ARGUMENT", `orderBy.direction must be "asc" or "desc", got ${describe(direction)}`);
  }
  return { field: checkText(field, "orderBy.field"), direction };
}
