/**
 * Are the figures what their names say?
 */
import { expect, test } from "vitest";
import { fittedExponent, mean, median, percentile } from "./statistics.js";

test("mean, median and nearest-rank percentiles of unsorted numbers", () => {
  const values = [5, 1, 4, 2, 3];
  expect(mean(values)).toBe(3);
  expect(median(values)).toBe(3);
  expect(median([4, 1, 3, 2])).toBe(2.5);
  expect(percentile(values, 0.5)).toBe(3);
  expect(percentile(values, 0.99)).toBe(5);
  expect(
    percentile(
      Array.from({ length: 200 }, (_, index) => index + 1),
      0.99,
    ),
  ).toBe(198);
  expect(percentile([7], 0.5)).toBe(7);
});

test("the exponent of a power law is found whatever its factor", () => {
  const sizes = [10_000, 100_000, 1_000_000];
  expect(
    fittedExponent(
      sizes,
      sizes.map((rows) => 3e-5 * rows),
    ),
  ).toBeCloseTo(1, 10);
  expect(
    fittedExponent(
      sizes,
      sizes.map((rows) => 7 * rows ** 1.5),
    ),
  ).toBeCloseTo(1.5, 10);
  expect(fittedExponent(sizes, [4, 4, 4])).toBeCloseTo(0, 10);
});
