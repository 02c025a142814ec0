/**
 * Is the plain BM25 the formula, and does the share of its rows count what it says?
 */
import { describe, expect, it } from "vitest";
import { shareOfBest, TextTruth } from "./text-truth.js";

const texts = ["A game of war", "war and war again", "", "peace"];

describe("the plain BM25", () => {
  it("scores by the formula", () => {
    const scores = new TextTruth(texts).scores(["war"], null);
    const idf = Math.log(1 + (3 - 2 + 0.5) / (2 + 0.5));
    const meanLength = (4 + 4 + 1) / 3;
    const norm = 1.2 * (0.25 + (0.75 * 4) / meanLength);
    expect([...scores.keys()].sort()).toEqual([0, 1]);
    expect(scores.get(0)).toBeCloseTo((idf * 2.2) / (1 + norm), 12);
    expect(scores.get(1)).toBeCloseTo((idf * 2 * 2.2) / (2 + norm), 12);
  });

  it("adds the words of a query, each once, and leaves filtered rows out", () => {
    const truth = new TextTruth(texts);
    const both = truth.scores(["game", "war", "war"], null);
    const apart = truth.scores(["game"], null).get(0)! + truth.scores(["war"], null).get(0)!;
    expect(both.get(0)).toBeCloseTo(apart, 12);
    expect([...truth.scores(["war"], Uint8Array.of(0, 1, 1, 1)).keys()]).toEqual([1]);
  });

  it("ranks by score, ties to the lower row", () => {
    expect(new TextTruth(["b a", "a", "a", "c"]).best(["a"], 2)).toEqual([1, 2]);
  });

  it("counts a tie whichever row is returned, and each row once", () => {
    const scores = new Map([
      [4, 2],
      [7, 1],
      [8, 1],
    ]);
    expect(shareOfBest(scores, [4, 7], 2)).toBe(1);
    expect(shareOfBest(scores, [4, 8], 2)).toBe(1);
    expect(shareOfBest(scores, [4, 4], 2)).toBe(0.5);
    expect(shareOfBest(scores, [7, 9], 2)).toBe(0.5);
    expect(shareOfBest(scores, [4, 7, 8], 10)).toBe(1);
  });

  it("leaves queries that match nothing out of the mean", () => {
    expect(new TextTruth(texts).overlap([["nothing"], ["peace"]], [[0], [3]], 10, null)).toBe(1);
    expect(new TextTruth(texts).overlap([["nothing"], ["peace"]], [[0], []], 10, null)).toBe(0);
  });
});
