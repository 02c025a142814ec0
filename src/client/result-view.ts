/**
 * What does a search or query give back?
 *
 * An immutable, column-wise view of the rows found, best first, that iterates row-wise. Plain arrays inside: nothing is
 * fetched later, so a view stays valid after its collection is closed.
 */
import { LynseError } from "../errors.js";
import type { FacetResult } from "../query/facet-counts.js";
import type { Fields, Id, Metric } from "../types.js";
import type { Highlight, ResultGroup, SignalScores } from "./search-options.js";

/** One row of a view. */
export interface ResultRow<F extends Fields = Fields> {
  readonly id: Id;
  /** Score (`ip`, `cos`) or distance (`l2`); absent in views of queries. */
  readonly distance?: number;
  /** The row's metadata where it was asked for. */
  readonly field?: F;
  /** The row's vector where it was asked for. */
  readonly vector?: Float32Array;
}

/** What a view is made of. */
export interface ResultParts<F extends Fields = Fields> {
  readonly type: "search" | "query" | "data";
  readonly ids: readonly Id[];
  readonly distances?: Float32Array;
  readonly fields?: readonly F[] | null;
  readonly vectors?: readonly Float32Array[] | null;
  readonly k?: number;
  readonly metric: ResultMetric;
  readonly index: string;
  readonly cursor?: string | null;
  readonly parts?: readonly SignalScores[] | null;
  readonly rerankScores?: readonly (number | null)[] | null;
  readonly groups?: readonly ResultGroup[] | null;
  readonly facets?: FacetResult | null;
  readonly highlights?: readonly (readonly Highlight[])[] | null;
}

/** What a view is ranked by: a vector field's metric, relevance of texts, or several signals together. */
export type ResultMetric = Metric | "bm25" | "fusion";

/** Keys of a flattened row that metadata never overwrites. */
const reservedKeys = ["id", "distance", "vector"] as const;

export class ResultView<F extends Fields = Fields> implements Iterable<ResultRow<F>> {
  /** `"search"`: ranked; `"query"`: filtered; `"data"`: rows by position or id. */
  readonly type: "search" | "query" | "data";
  readonly ids: readonly Id[];
  /** Scores (`ip`, `cos`: descending) or distances (`l2`: ascending), in the order of `ids`; empty for queries. */
  readonly distances: Float32Array;
  /** Metadata in the order of `ids`; null where it was not asked for. */
  readonly fields: readonly F[] | null;
  /** Vectors in the order of `ids`; null where they were not asked for. */
  readonly vectors: readonly Float32Array[] | null;
  /** Rows asked for. */
  readonly k: number;
  readonly metric: ResultMetric;
  readonly index: string;
  /** What each signal of a hybrid search said, in the order of `ids`; null elsewhere. */
  readonly parts: readonly SignalScores[] | null;
  /** Scores that a reranker gave, in the order of `ids`; null without one, or for rows that it gave none. */
  readonly rerankScores: readonly (number | null)[] | null;
  /** The groups of `groupBy`, best first, with the positions of their rows; null where it was not asked for. */
  readonly groups: readonly ResultGroup[] | null;
  /** Counts of values by field among all rows that could have come back; null where they were not asked for. */
  readonly facets: FacetResult | null;
  /** Texts with the words found marked, in the order of `ids`; null where they were not asked for. */
  readonly highlights: readonly (readonly Highlight[])[] | null;
  /** Where the next page of the same query begins; null on the last page and outside of queries. */
  readonly cursor: string | null;

  constructor(parts: ResultParts<F>) {
    this.type = parts.type;
    this.ids = parts.ids;
    this.distances = parts.distances ?? new Float32Array(0);
    this.fields = parts.fields ?? null;
    this.vectors = parts.vectors ?? null;
    this.k = parts.k ?? parts.ids.length;
    this.metric = parts.metric;
    this.index = parts.index;
    this.cursor = parts.cursor ?? null;
    this.parts = parts.parts ?? null;
    this.rerankScores = parts.rerankScores ?? null;
    this.groups = parts.groups ?? null;
    this.facets = parts.facets ?? null;
    this.highlights = parts.highlights ?? null;
  }

  get length(): number {
    return this.ids.length;
  }

  /** Row `position` (0 is the best), or undefined beyond the end. */
  at(position: number): ResultRow<F> | undefined {
    const at = position < 0 ? this.length + position : position;
    const id = this.ids[at];
    if (id === undefined) return undefined;
    const distance = this.distances[at];
    const field = this.fields?.[at];
    const vector = this.vectors?.[at];
    return {
      id,
      ...(distance === undefined ? {} : { distance }),
      ...(field === undefined ? {} : { field }),
      ...(vector === undefined ? {} : { vector }),
    };
  }

  *[Symbol.iterator](): Iterator<ResultRow<F>> {
    for (let at = 0; at < this.length; at++) yield this.at(at)!;
  }

  /**
   * Rows as flat objects: `{ id, distance, ...field }`. Metadata called `id`, `distance` or `vector` never overwrites: it
   * stays under `field`.
   */
  toList(): ({ readonly id: Id; readonly distance?: number; readonly vector?: Float32Array } & Omit<
    F,
    "id" | "distance" | "vector"
  >)[] {
    return Array.from(this, ({ field, ...row }) => flatten(row, field)) as never;
  }

  /** Columns by name: `id`, `distance`, `vector` where present, and one a metadata field; null where a row lacks it. */
  toColumns(): Record<string, unknown[]> {
    const columns: Record<string, unknown[]> = Object.create(null);
    columns["id"] = [...this.ids];
    if (this.type === "search") columns["distance"] = Array.from(this.distances);
    if (this.vectors !== null) columns["vector"] = [...this.vectors];
    this.fields?.forEach((field, at) => {
      for (const [key, value] of Object.entries(field)) {
        const name = (reservedKeys as readonly string[]).includes(key) ? `field.${key}` : key;
        columns[name] ??= new Array<unknown>(this.length).fill(null);
        columns[name][at] = value;
      }
    });
    return columns;
  }

  /** What `JSON.stringify` keeps: the type, the labels and the rows. */
  toJSON(): { type: string; metric: ResultMetric; index: string; k: number; cursor: string | null; rows: unknown[] } {
    const rows = Array.from(this, ({ vector, ...row }) => ({
      ...row,
      ...(vector === undefined ? {} : { vector: Array.from(vector) }),
    }));
    return { type: this.type, metric: this.metric, index: this.index, k: this.k, cursor: this.cursor, rows };
  }

  /** An Arrow table of `toColumns()`; needs the optional peer package `apache-arrow`. Nested metadata becomes JSON text. */
  async toArrow(): Promise<unknown> {
    // Put together here, so that neither tsc nor a bundler that follows constants looks for the optional package.
    const name = ["apache", "arrow"].join("-");
    const arrow = await import(/* webpackIgnore: true */ /* @vite-ignore */ name).catch((cause: unknown) => {
      throw new LynseError(
        "UNSUPPORTED",
        "toArrow needs the package apache-arrow: npm install apache-arrow",
        {},
        cause,
      );
    });
    const columns: Record<string, unknown> = {};
    for (const [column, values] of Object.entries(this.toColumns())) {
      columns[column] = arrow.vectorFromArray(
        column === "vector" ? values.map((v) => Array.from(v as Float32Array)) : uniform(values),
      );
    }
    return new arrow.Table(columns);
  }
}

function flatten(row: object, field: object | undefined): object {
  const clashing = field === undefined ? [] : reservedKeys.filter((key) => Object.hasOwn(field, key));
  if (clashing.length === 0) return { ...row, ...field };
  const stays = (key: string): boolean => (clashing as string[]).includes(key) || key === "field";
  const members = Object.entries(field as object);
  const flat = Object.fromEntries(members.filter(([key]) => !stays(key)));
  return { ...row, ...flat, field: Object.fromEntries(members.filter(([key]) => stays(key))) };
}

/** Values of one Arrow type: text, where they differ in type or are nested. */
function uniform(values: readonly unknown[]): readonly unknown[] {
  const types = new Set(values.filter((value) => value !== null).map((value) => typeof value));
  if (types.size <= 1 && !types.has("object")) return values;
  return values.map((value) => (value === null || typeof value === "string" ? value : JSON.stringify(value)));
}
