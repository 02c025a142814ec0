/**
 * How does an answer become a view?
 */
import { LynseError } from "../../errors.js";
import type { Fields, Id } from "../../types.js";
import { vectorsFromBase64 } from "../../wire/vector-encoding.js";
import { type ResultMetric, type ResultParts, ResultView } from "../result-view.js";

/** Rows of an answer, ranked or not. */
export interface AnswerRows {
  readonly ids: readonly Id[];
  readonly scores?: readonly (number | null)[];
  readonly distances?: readonly (number | null)[];
  /** What scores are that stand there as null. */
  readonly scores_not_finite?: readonly { readonly position: number; readonly value: string }[];
  readonly fields: readonly object[] | null;
  readonly vectors_b64?: string;
  readonly dim?: number;
  /** Positions of rows that have no vector in the field. */
  readonly vectors_absent?: readonly number[];
  readonly metric: ResultMetric;
  readonly index: string;
  readonly cursor?: string | null;
  readonly groups?: ResultParts["groups"];
  readonly facets?: ResultParts["facets"];
  readonly parts?: ResultParts["parts"];
  readonly highlights?: ResultParts["highlights"];
}

/** The rows of an answer; `UNAVAILABLE` where it has none. */
export function answerRows(value: unknown): AnswerRows {
  if (typeof value === "object" && value !== null && "ids" in value && Array.isArray(value.ids)) {
    return value as unknown as AnswerRows;
  }
  throw new LynseError("UNAVAILABLE", "the server's answer holds no rows; is it a LynseDB server of this version?");
}

/** The parts of a view of ranked rows. */
export function rankedParts(rows: AnswerRows, k: number, returnFields: boolean): ResultParts {
  return {
    type: "search",
    ids: rows.ids,
    distances: scoresOf(rows),
    fields: returnFields ? rows.fields : null,
    vectors: vectorsOf(rows),
    k,
    ...labelsOf(rows),
    ...followingOf(rows),
    parts: rows.parts ?? null,
    highlights: rows.highlights ?? null,
  };
}

/** A view of rows without a rank. */
export function rowsView<F extends Fields>(
  rows: AnswerRows,
  type: "query" | "data",
  returnFields: boolean,
): ResultView<F> {
  return new ResultView<F>({
    type,
    ids: rows.ids,
    fields: returnFields ? ((rows.fields ?? []) as F[]) : null,
    vectors: vectorsOf(rows),
    cursor: rows.cursor ?? null,
    ...labelsOf(rows),
    ...followingOf(rows),
  });
}

function labelsOf({ metric, index }: AnswerRows): Pick<ResultParts, "metric" | "index"> {
  return { metric, index };
}

function followingOf({ groups, facets }: AnswerRows): Pick<ResultParts, "groups" | "facets"> {
  return { groups: groups ?? null, facets: facets ?? null };
}

/** JSON has no form for what is not finite: it stands in words. */
function scoresOf({ scores, distances, scores_not_finite = [] }: AnswerRows): Float32Array {
  const given = scores ?? distances ?? [];
  const values = new Float32Array(given.length);
  for (let at = 0; at < given.length; at++) values[at] = given[at] ?? Number.NaN;
  for (const { position, value } of scores_not_finite) if (position < values.length) values[position] = Number(value);
  return values;
}

/** A vector a row, an empty one where a row has none; null where they were not asked for. */
function vectorsOf({ ids, vectors_b64, dim = 0, vectors_absent = [] }: AnswerRows): Float32Array[] | null {
  if (vectors_b64 === undefined) return null;
  if (dim === 0) return ids.map(() => new Float32Array(0));
  const data = vectorsFromBase64(vectors_b64, dim, "vectors_b64");
  const vectors = ids.map((_, row) => data.slice(row * dim, (row + 1) * dim));
  for (const row of vectors_absent) vectors[row] = new Float32Array(0);
  return vectors;
}
