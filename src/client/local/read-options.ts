/**
 * Which options do reads take, and what do they mean?
 *
 * Checks the option objects of searches and queries once, at the door, and gives them back with defaults filled in.
 */
import { checkIds } from "../../engine/id-input.js";
import { describe } from "../../engine/vector-input.js";
import { LynseError } from "../../errors.js";
import { limits } from "../../limits.js";
import type { WhereNode } from "../../metadata/where-node.js";
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

export interface SearchInput extends ReadInput, FetchInput {
  readonly k: number;
  readonly nprobe: number | null;
  readonly exact: boolean;
}

export interface RangeInput extends ReadInput, FetchInput {
  readonly threshold: number;
  readonly maxResults: number;
}

export interface QueryInput extends ReadInput {
  readonly returnIdsOnly: boolean;
  readonly orderBy: { readonly field: string; readonly direction: "asc" | "desc" } | null;
  readonly limit: number | null;
  readonly cursor: string | null;
  /** The where text or clause and all else that tells this query from others. */
  readonly fingerprint: string;
}

type Options = Readonly<Record<string, unknown>>;

const readNames = ["where", "params", "filterIds", "signal"];
const fetchNames = ["returnFields", "returnVectors"];
const effortNames = ["exact", "vectorField", "nprobe", "approx", "eps"];
const kDefault = 10;
const maxResultsDefault = 1000;

export function searchInput(options: unknown, call: string): SearchInput {
  checkOptions(options, ["k", ...readNames, ...fetchNames, ...effortNames], call);
  const given = (options ?? {}) as Options;
  checkEffort(given);
  return {
    k: checkInteger(given["k"] ?? kDefault, "k", 1, limits.kMax),
    nprobe: (given["nprobe"] as number | undefined) ?? null,
    exact: (given["exact"] as boolean | undefined) ?? false,
    ...readInput(given),
    ...fetchInput(given),
  };
}

export function rangeInput(options: unknown): RangeInput {
  checkOptions(options ?? null, ["threshold", "maxResults", "vectorField", ...readNames, ...fetchNames], "searchRange");
  const given = options as Options;
  checkEffort(given);
  return {
    threshold: checkNumber(given["threshold"], "threshold"),
    maxResults: checkInteger(given["maxResults"] ?? maxResultsDefault, "maxResults", 0, limits.kMax),
    ...readInput(given),
    ...fetchInput(given),
  };
}

export function queryInput(options: unknown, call: string): QueryInput {
  checkOptions(options, ["returnIdsOnly", "orderBy", "limit", "cursor", ...readNames], call);
  const given = (options ?? {}) as Options;
  const { where, params, filterIds, orderBy } = given;
  return {
    returnIdsOnly: checkBoolean(given["returnIdsOnly"] ?? false, "returnIdsOnly"),
    orderBy: orderByInput(orderBy),
    limit: given["limit"] === undefined ? null : checkInteger(given["limit"], "limit", 0, Number.MAX_SAFE_INTEGER),
    cursor: given["cursor"] === undefined ? null : checkText(given["cursor"], "cursor"),
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

/** Options that only approximate indexes act on are checked all the same. */
function checkEffort(given: Options): void {
  if (given["exact"] !== undefined) checkBoolean(given["exact"], "exact");
  if (given["approx"] !== undefined) checkBoolean(given["approx"], "approx");
  if (given["eps"] !== undefined) checkNumber(given["eps"], "eps");
  if (given["nprobe"] !== undefined) checkInteger(given["nprobe"], "nprobe", 1, Number.MAX_SAFE_INTEGER);
  checkFieldName(given["vectorField"]);
}

/** Checks the name of a vector field. */
export function checkFieldName(name: unknown): void {
  if (name === undefined || name === "default") return;
  throw new LynseError("INVALID_ARGUMENT", `there is no vector field ${describe(name)}; the only one is "default"`);
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
