/**
 * Are sparse rows of the kind that is wanted, and does their recall count true scores?
 */
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, describe, expect, it } from "vitest";
import { readSparseRows, writeSparseData } from "./sparse-data.js";
import { SparseTruth } from "./sparse-truth.js";

const directory = mkdtempSync(join(tmpdir(), "sparse-truth-"));
afterAll(() => rmSync(directory, { recursive: true, force: true }));

const row = (...pairs: [number, number][]) => ({
  indices: Uint32Array.from(pairs, ([feature]) => feature),
  values: Float32Array.from(pairs, ([, weight]) => weight),
});

describe("sparse rows", () => {
  it("have distinct ascending features, common ones often, and positive weights", () => {
    const data = writeSparseData(directory, 200, 5, 3);
    const rows = readSparseRows(data.rows);
    const queries = readSparseRows(data.queries);
    expect([rows.length, queries.length]).toEqual([200, 5]);
    for (const { indices, values } of [...rows, ...queries]) {
      for (let place = 1; place < indices.length; place += 1) {
        expect(indices[place]).toBeGreaterThan(indices[place - 1]!);
      }
      expect(indices.at(-1)).toBeLessThan(30_000);
      expect(values.every((weight) => weight > 0 && Number.isFinite(weight))).toBe(true);
    }
    expect(rows.filter(({ indices }) => indices.includes(0)).length).toBeGreaterThan(190);
    expect(rows.filter(({ indices }) => indices.includes(20_000)).length).toBeLessThan(10);
  });

  it("are found again by their scores, ties included", () => {
    const rows = [row([1, 2], [5, 1]), row([5, 4]), row([5, 4]), row([2, 9])];
    const truth = new SparseTruth(rows, [row([5, 1])], 2);
    expect(truth.recall([[1, 2]])).toBe(1);
    expect(truth.recall([[2, 2]])).toBe(0.5);
    expect(truth.recall([[0, 3]])).toBe(0);
    expect(new SparseTruth(rows, [row([5, 1])], 1).recall([[2]])).toBe(1);
    expect(new SparseTruth(rows, [row([5, 1])], 10).recall([[2, 1, 0]])).toBe(1);
  });

  it("leave a query that no row shares a feature with out of the mean", () => {
    const rows = [row([1, 2])];
    expect(new SparseTruth(rows, [row([3, 1]), row([1, 1])], 5).recall([[0], [0]])).toBe(1);
  });
});
