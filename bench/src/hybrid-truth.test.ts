/**
 * Does the plain fusion join exact lists by their ranks?
 */
import { describe, expect, it } from "vitest";
import { HybridTruth } from "./hybrid-truth.js";
import { fused } from "./reciprocal-ranks.js";
import { TextTruth } from "./text-truth.js";

describe("fusion by reciprocal rank", () => {
  it("adds 1 / (60 + rank) over the lists", () => {
    const scores = fused([
      [3, 1],
      [1, 2],
    ]);
    expect(scores.get(1)).toBeCloseTo(1 / 62 + 1 / 61, 15);
    expect(scores.get(3)).toBeCloseTo(1 / 61, 15);
    expect(scores.get(2)).toBeCloseTo(1 / 62, 15);
  });

  it("knows the rows that are near and hold the words", () => {
    const rows = { vectors: Float32Array.of(1, 0, 0.8, 0.6, 0, 1), dim: 2, rowCount: 3 };
    const text = new TextTruth(["x", "word", "word y z"]);
    const truth = new HybridTruth(rows, [Float32Array.of(1, 0)], text, [{ words: ["word"], row: 0 }], 2);
    // Nearest: 0, 1. Best words: 1, 2. Row 1 is in both lists.
    expect(truth.overlap([[1]], 1)).toBe(1);
    expect(truth.overlap([[0]], 1)).toBe(0);
    expect(truth.overlap([[1, 0]], 2)).toBe(1);
    expect(truth.overlap([[1, 2]], 2)).toBe(0.5);
  });
});
