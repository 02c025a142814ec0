import { expect, test } from "vitest";
import { type CurvePoint, fastestAt } from "./recall-curve.js";

const point = (effort: number, recall: number, meanMs: number): CurvePoint => ({
  effort,
  recall,
  meanMs,
  queriesPerSecond: 1000 / meanMs,
  p50Ms: meanMs,
  p95Ms: meanMs,
});

test("the cost at a recall is that of the fastest point that was measured there, never between two", () => {
  const points = [point(10, 0.9, 0.1), point(20, 0.96, 0.2), point(30, 0.97, 0.15), point(40, 0.995, 0.4)];
  expect(fastestAt(points, 0.9)?.effort).toBe(10);
  expect(fastestAt(points, 0.95)?.effort).toBe(30);
  expect(fastestAt(points, 0.98)?.effort).toBe(40);
  expect(fastestAt(points, 0.999)).toBeNull();
});
