import fc from "fast-check";
import { expect, test } from "vitest";
import { vectorText } from "./vector-text.js";

test("every float32 comes back as it was, bit by bit", () => {
  const one = fc.float({ noNaN: true, noDefaultInfinity: true });
  const usual = fc.double({ min: -2, max: 2, noNaN: true }).map(Math.fround);
  const decimal = fc.integer({ min: -(10 ** 9), max: 10 ** 9 }).map((whole) => Math.fround(whole / 10 ** 4));
  fc.assert(
    fc.property(fc.array(fc.oneof(one, usual, decimal), { maxLength: 50 }), (numbers) => {
      const parsed: unknown = JSON.parse(vectorText(Float32Array.from(numbers)));
      expect(Float32Array.from(parsed as number[])).toEqual(Float32Array.from(numbers));
    }),
    { numRuns: 500 },
  );
});

test("short numbers stay short", () => {
  expect(vectorText(Float32Array.of(0.1, -0, 0, 1, -2.5, 1e-30, 123456.7, 99999.99))).toBe(
    "[0.1,-0,0,1,-2.5,1.0000000031710769e-30,123456.703125,99999.992188]",
  );
  expect(vectorText(new Float32Array(0))).toBe("[]");
});
