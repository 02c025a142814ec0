/**
 * Does recall count what it says: true scores, ties, filters, and nothing twice?
 */
import { describe, expect, test } from "vitest";
import { GroundTruth } from "./ground-truth.js";

/** Six rows on a line: scores against the query [1, 0] are their first components; rows 1 and 2 tie. */
const rows = {
  vectors: Float32Array.of(0.9, 0, 0.8, 0.1, 0.8, -0.1, 0.5, 0, 0.2, 0, 0.1, 0),
  dim: 2,
  rowCount: 6,
};
const query = Float32Array.of(1, 0);

describe("recall", () => {
  test("is 1 for the true rows in any order, and for either row of a tie", () => {
    const truth = new GroundTruth(rows, query, 2, null);
    expect(truth.recall([[0, 1]])).toBe(1);
    expect(truth.recall([[2, 0]])).toBe(1);
  });

  test("counts a missing, a wrong, a repeated and an impossible row as not found", () => {
    const truth = new GroundTruth(rows, query, 2, null);
    expect(truth.recall([[0]])).toBe(0.5);
    expect(truth.recall([[0, 3]])).toBe(0.5);
    expect(truth.recall([[0, 0]])).toBe(0.5);
    expect(truth.recall([[0, 6]])).toBe(0.5);
    expect(truth.recall([[-1, 99]])).toBe(0);
  });

  test("does not count rows beyond k, nor rows that the filter leaves out", () => {
    expect(new GroundTruth(rows, query, 2, null).recall([[3, 4, 0, 1]])).toBe(0);
    const filtered = new GroundTruth(rows, query, 2, Uint8Array.of(0, 0, 0, 1, 1, 1));
    expect(filtered.recall([[3, 4]])).toBe(1);
    expect(filtered.recall([[0, 3]])).toBe(0.5);
  });

  test("asks for no more rows than match", () => {
    const filtered = new GroundTruth(rows, query, 10, Uint8Array.of(0, 0, 0, 0, 1, 0));
    expect(filtered.recall([[4]])).toBe(1);
  });

  test("is the mean over the queries", () => {
    const truth = new GroundTruth(rows, Float32Array.of(1, 0, -1, 0), 1, null);
    expect(truth.recall([[0], [5]])).toBe(1);
    expect(truth.recall([[0], [0]])).toBe(0.5);
  });
});
