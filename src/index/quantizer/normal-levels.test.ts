import { expect, test } from "vitest";
import { evenLevels, normalLevels } from "./normal-levels.js";

/** Mean squared error of N(0, 1) rounded to the nearest level, by the midpoint rule. */
function distortion(levels: Float32Array): number {
  const step = 1e-4;
  let sum = 0;
  let at = 0;
  for (let x = -8 + step / 2; x < 8; x += step) {
    while (at + 1 < levels.length && Math.abs(levels[at + 1]! - x) < Math.abs(levels[at]! - x)) at++;
    sum += (x - levels[at]!) ** 2 * Math.exp(-0.5 * x * x) * step;
  }
  return sum / Math.sqrt(2 * Math.PI);
}

// Max, "Quantizing for minimum distortion" (1960), table I; and for many levels √3 π / (2 · 4^bits) (Panter & Dite, 1951).
test.each([
  [1, 0.3634],
  [2, 0.1175],
  [3, 0.03454],
  [4, 0.009497],
  [5, 0.002499],
])("%i bits lose the published share of the variance", (bits, published) => {
  expect(distortion(normalLevels(2 ** bits)) / published).toBeCloseTo(1, 2);
});

test("seven bits come near the limit of many levels, and a byte's even levels near the best even ones", () => {
  const limit = (Math.sqrt(3) * Math.PI) / 2 / 4 ** 7;
  expect(distortion(normalLevels(128)) / limit).toBeGreaterThan(0.93);
  expect(distortion(normalLevels(128)) / limit).toBeLessThan(1.01);
  expect(distortion(evenLevels())).toBeLessThan(1.25e-4);
});
