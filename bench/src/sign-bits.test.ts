import { expect, test } from "vitest";
import { GroundTruth } from "./ground-truth.js";
import { Random } from "./random.js";
import { plusMinusBits, signBits } from "./sign-bits.js";

test("bits are the signs, and 0 is not positive", () => {
  expect([...signBits(Float32Array.of(-1, 0, 0.25))]).toEqual([0, 0, 1]);
  expect([...plusMinusBits(Float32Array.of(-1, 0, 0.25))]).toEqual([-1, -1, 1]);
});

test("the true answers over ±1 are the rows with the fewest differing bits", () => {
  const dim = 16;
  const rowCount = 60;
  const random = new Random(3);
  const vectors = Float32Array.from({ length: rowCount * dim }, () => random.normal());
  const query = Float32Array.from({ length: dim }, () => random.normal());
  const bits = signBits(vectors);
  const asked = signBits(query);
  const differing = (row: number): number =>
    asked.reduce((sum, bit, at) => sum + (bit === bits[row * dim + at] ? 0 : 1), 0);
  const rows = Array.from({ length: rowCount }, (_, row) => row).sort((a, b) => differing(a) - differing(b));
  const truth = new GroundTruth({ vectors: plusMinusBits(vectors), dim, rowCount }, plusMinusBits(query), 5, null);
  expect(truth.recall([rows.slice(0, 5)])).toBe(1);
  expect(truth.recall([rows.slice(-5)])).toBe(0);
});
