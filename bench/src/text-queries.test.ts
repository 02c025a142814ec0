/**
 * Are text queries words of the rows that they say, and the same in every run?
 */
import { describe, expect, it } from "vitest";
import { drawTextQueries } from "./text-queries.js";

const rows = [
  { text: "Real-time strategy game of ancient warfare" },
  { text: "one" },
  { other: 1 },
  { text: "small small tools" },
];

describe("queries about text", () => {
  it("are two to five distinct words of the row whose vector goes with them", () => {
    const queries = drawTextQueries(rows, 7);
    expect(queries.length).toBe(300);
    const words = new Map([
      [0, ["real", "time", "strategy", "game", "of", "ancient", "warfare"]],
      [3, ["small", "tools"]],
    ]);
    for (const query of queries) {
      expect(new Set(query.words).size).toBe(query.words.length);
      expect(query.words.length).toBeGreaterThanOrEqual(2);
      expect(query.words.length).toBeLessThanOrEqual(5);
      for (const word of query.words) expect(words.get(query.row)).toContain(word);
    }
    expect(new Set(queries.map(({ words }) => words.length))).toEqual(new Set([2, 3, 4, 5]));
  });

  it("are the same for the same seed, and others for another", () => {
    expect(drawTextQueries(rows, 7)).toEqual(drawTextQueries(rows, 7));
    expect(drawTextQueries(rows, 8)).not.toEqual(drawTextQueries(rows, 7));
  });

  it("are none where there is no text", () => {
    expect(drawTextQueries([{ other: 1 }], 1)).toEqual([]);
  });
});
