/**
 * Which fields are to be counted by value, and how many values of each are wanted?
 *
 * The option `facets` of searches and queries, checked at the door: `["lang", "tags"]`, or `{ lang: 5, tags: 20 }` with
 * a number of values each. The counting itself is `metadata/column-facets`.
 */
import type { FacetCount } from "../metadata/column-facets.js";
import { optionError } from "./option-error.js";

/** A field to count and the most values to give. */
export interface FacetRequest {
  readonly field: string;
  readonly limit: number;
}

/** What a view carries: the values of each field asked for, most frequent first. */
export type FacetResult = Readonly<Record<string, readonly FacetCount[]>>;

const limitDefault = 10;
/** Fields counted in one call, and values given of each: what a person or a page can use. */
const fieldsMax = 100;
const limitMax = 100_000;

const shape = "field names ([…]) or an object from field name to the number of values wanted";

/** The checked requests, each field once; none where `facets` is undefined. */
export function checkFacets(facets: unknown): FacetRequest[] {
  if (facets === undefined || facets === null) return [];
  if (typeof facets !== "object") throw optionError("facets", shape, facets);
  const entries: [unknown, unknown][] = Array.isArray(facets)
    ? [...new Set(facets)].map((field) => [field, limitDefault])
    : Object.entries(facets);
  if (entries.length > fieldsMax) throw optionError("facets", `at most ${fieldsMax} fields`, facets);
  return entries.map(([field, limit]) => {
    if (typeof field !== "string" || field === "") throw optionError("facets", shape, field);
    if (typeof limit !== "number" || !Number.isInteger(limit) || limit < 1 || limit > limitMax) {
      throw optionError(`facets["${field}"]`, `an integer from 1 to ${limitMax}`, limit);
    }
    return { field, limit };
  });
}
