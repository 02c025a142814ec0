/**
 * What should searches find, given what hangs on rows?
 *
 * Scores by their definitions, and the expectations that a view must meet: exactly the best rows, each with its own
 * score; rows of equal scores in any order.
 */
import { expect } from "vitest";
import type { Id, ResultView } from "../../src/index.js";
import type { AttachedFields, AttachedRow, Sparse } from "./naive-attached.js";

/** A row's score by one search, older rows first. */
export interface Scored {
  readonly id: Id;
  readonly value: number;
}

/** Rows that have a vector in the field, with their distances; the field of the rows' own vectors for null. */
export function vectorScores(
  rows: readonly AttachedRow[],
  field: string | null,
  metric: "l2" | "cos",
  query: readonly number[],
): Scored[] {
  return rows.flatMap(({ id, vector, named }) => {
    const own = field === null ? vector : named[field];
    return own === undefined ? [] : [{ id, value: metric === "l2" ? squares(query, own) : cosine(query, own) }];
  });
}

function squares(a: readonly number[], b: readonly number[]): number {
  return a.reduce((sum, component, at) => sum + (component - b[at]!) ** 2, 0);
}

function cosine(a: readonly number[], b: readonly number[]): number {
  const dot = a.reduce((sum, component, at) => sum + component * b[at]!, 0);
  const norm = Math.hypot(...a) * Math.hypot(...b);
  return norm === 0 ? 0 : dot / norm;
}

/** Rows whose inner product with the query is not zero. */
export function sparseScores(rows: readonly AttachedRow[], query: Sparse): Scored[] {
  return rows.flatMap(({ id, sparse }) => {
    const shared = Object.keys(query).filter((feature) => sparse !== null && feature in sparse);
    const value = shared.reduce((sum, feature) => sum + query[Number(feature)]! * sparse![Number(feature)]!, 0);
    return value === 0 ? [] : [{ id, value }];
  });
}

/** The k best of the scored rows, each with its own value; equal ones in any order. */
export function expectBest(
  found: ResultView<AttachedFields>,
  scored: readonly Scored[],
  k: number,
  isLeast: boolean,
): void {
  const values = scored.map(({ value }) => value).sort((a, b) => (isLeast ? a - b : b - a));
  expect(found.length).toBe(Math.min(k, scored.length));
  expect(new Set(found.ids).size).toBe(found.length);
  found.ids.forEach((id, at) => {
    const own = scored.find((row) => row.id === id);
    expect(own, `${JSON.stringify(id)} can be found`).toBeDefined();
    expect(found.distances[at]).toBeCloseTo(own!.value, 4);
    expect(found.distances[at]).toBeCloseTo(values[at]!, 4);
  });
}

export function facetsOf(
  values: readonly (string | number | undefined)[],
): { value: string | number; count: number }[] {
  const counts = new Map<string | number, number>();
  for (const value of values) if (value !== undefined) counts.set(value, (counts.get(value) ?? 0) + 1);
  return [...counts]
    .map(([value, count]) => ({ value, count }))
    .sort((a, b) => b.count - a.count || (a.value < b.value ? -1 : 1));
}

/** The tags of all rows that could have been found. */
export function expectTags(
  found: ResultView<AttachedFields>,
  rows: readonly AttachedRow[],
  scored: readonly Scored[],
): void {
  const inReach = new Set(scored.map(({ id }) => id));
  const matching = rows.filter(({ id }) => inReach.has(id));
  expect(found.facets).toEqual({ tag: facetsOf(matching.map(({ fields: { tag } }) => tag)) });
}

/** All rows of all lists, each with what the lists say about it by the formula of the fusion. */
export function expectFused(
  found: ResultView<AttachedFields>,
  signals: Readonly<Record<"vector" | "text" | "sparse", readonly Scored[]>>,
  fusion: "rrf" | "weighted",
): void {
  const wanted = new Set(Object.values(signals).flatMap((scored) => scored.map(({ id }) => id)));
  expect(new Set(found.ids)).toEqual(wanted);
  expect(found.length).toBe(wanted.size);
  found.ids.forEach((id, at) => {
    const parts = found.parts![at]!;
    let sum = 0;
    for (const name of ["vector", "text", "sparse"] as const) {
      const scored = signals[name];
      const own = scored.find((row) => row.id === id);
      const part = parts[name];
      expect(part === undefined, `${name} of ${JSON.stringify(id)}`).toBe(own === undefined);
      if (own === undefined || part === undefined) continue;
      expect(part.value).toBeCloseTo(own.value, 4);
      const sign = name === "vector" ? -1 : 1;
      const lead = scored.map(({ value }) => sign * (value - own.value));
      expect(part.rank).toBeGreaterThan(lead.filter((more) => more > 1e-4).length);
      expect(part.rank).toBeLessThanOrEqual(lead.filter((more) => more > -1e-4).length);
      const weight = name === "text" ? 2 : 1;
      const share = fusion === "rrf" ? 1 / (60 + part.rank) : scaled(own.value, scored, sign);
      expect(part.share).toBeCloseTo(weight * share, 4);
      sum += part.share;
    }
    expect(found.distances[at]).toBeCloseTo(sum, 4);
    if (at > 0) expect(found.distances[at]).toBeLessThanOrEqual(found.distances[at - 1]!);
  });
  for (const name of ["vector", "text", "sparse"] as const) {
    const ranks = found.parts!.flatMap((parts) => parts[name]?.rank ?? []).sort((a, b) => a - b);
    expect(ranks).toEqual(signals[name].map((_, place) => place + 1));
  }
}

/** A value's place between the worst of its list and the best. */
function scaled(value: number, scored: readonly Scored[], sign: number): number {
  const signed = scored.map((row) => sign * row.value);
  const least = Math.min(...signed);
  const range = Math.max(...signed) - least;
  return range < 1e-9 ? 1 : (sign * value - least) / range;
}
