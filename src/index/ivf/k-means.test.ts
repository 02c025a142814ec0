import { expect, test } from "vitest";
import { buildContext, clusteredRows, indexRows, scoreOf } from "../quantizer/clustered-rows.arbitraries.js";
import { assignRows, trainCentroids } from "./k-means.js";

test.each([
  [1, 5],
  [3, 33],
  [30, 40],
  [129, 7],
])("rows of %i components are given to the nearest of %i centroids", async (dim, count) => {
  const vectors = clusteredRows(301, dim, 3);
  const rows = indexRows(vectors, dim);
  const centroids = await trainCentroids(rows, count, "l2", 1, buildContext());
  expect(centroids.length).toBe(count * dim);
  const nearest = Math.min(4, count);
  let visited = 0;
  await assignRows(rows, centroids, "l2", { nearest: 4, from: 5 }, buildContext(), (assignment) => {
    expect(assignment.firstRow).toBe(5 + visited);
    for (let i = 0; i < assignment.rowCount; i++) {
      const row = vectors.slice((assignment.firstRow + i) * dim, (assignment.firstRow + i + 1) * dim);
      const exact = Array.from({ length: count }, (_, cluster) => -scoreOf("l2", row, centroids, cluster));
      const sorted = [...exact].sort((a, b) => a - b);
      for (let n = 0; n < nearest; n++) {
        expect(assignment.distances[i * nearest + n]).toBeCloseTo(sorted[n]!, 2);
        expect(exact[assignment.clusters[i * nearest + n]!]).toBeCloseTo(sorted[n]!, 2);
      }
      expect(new Set(assignment.clusters.subarray(i * nearest, (i + 1) * nearest)).size).toBe(nearest);
    }
    visited += assignment.rowCount;
  });
  expect(visited).toBe(296);
});

test("the same seed gives the same centroids, on threads too, and clusters are balanced", async () => {
  const dim = 24;
  const vectors = clusteredRows(4000, dim, 9);
  const rows = indexRows(vectors, dim);
  const centroids = await trainCentroids(rows, 100, "cos", 5, buildContext());
  const { inlinePool } = await import("../../kernel/kernel-pool.js");
  const wide = { threads: 3, run: inlinePool.run };
  expect(await trainCentroids(rows, 100, "cos", 5, buildContext({ pool: wide }))).toEqual(centroids);
  expect(await trainCentroids(rows, 100, "cos", 6, buildContext())).not.toEqual(centroids);
  const sizes = new Uint32Array(100);
  await assignRows(rows, centroids, "cos", { nearest: 1 }, buildContext(), ({ clusters }) => {
    for (const cluster of clusters) sizes[cluster]!++;
  });
  expect(sizes.filter((size) => size === 0).length).toBeLessThanOrEqual(2);
  expect(Math.max(...sizes) / 40).toBeLessThan(6);
});

test("rows that are all equal, or dead, are no obstacle", async () => {
  const vectors = new Float32Array(100 * 8).fill(1);
  vectors.fill(9, 50 * 8);
  const centroids = await trainCentroids(indexRows(vectors, 8), 7, "l2", 1, buildContext());
  expect([...centroids].every((x) => x >= 1 && x <= 9)).toBe(true);
  const dead = new Uint32Array(4);
  for (let row = 50; row < 100; row++) dead[row >>> 5]! |= 1 << (row & 31);
  const living = await trainCentroids(indexRows(vectors, 8), 3, "l2", 1, buildContext({ dead }));
  expect([...living].every((x) => x === 1)).toBe(true);
  const none = trainCentroids(indexRows(vectors, 8, 0), 3, "l2", 1, buildContext());
  await expect(none).rejects.toMatchObject({ code: "INDEX_EMPTY" });
});
