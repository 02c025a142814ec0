import { describe, expect, test } from "vitest";
import { ResultView } from "../../client/result-view.js";
import type { Terminal } from "../terminal.js";
import { foundRows, printFoundJson, printFoundTable } from "./found-rows.js";

/** What is printed on a pipe. */
async function printed(print: (terminal: Terminal) => Promise<void>): Promise<string[]> {
  const lines: string[] = [];
  const terminal = {
    tableWidth: null,
    hasColour: false,
    print: async (line: string) => {
      lines.push(line);
    },
    write: (text: string) => {
      lines.push(text);
    },
  };
  await print(terminal as unknown as Terminal);
  return lines;
}

const score = (rank: number) => ({ value: 0.5, rank, share: 1 / (60 + rank) });

const view = new ResultView({
  type: "search",
  ids: ["a", "b", "c", "d"],
  distances: Float32Array.of(4, 3, 2, 1),
  fields: [{ lang: "en" }, { lang: "de" }, { lang: "en" }, { lang: "fr" }],
  metric: "fusion",
  index: "HYBRID-RRF",
  parts: [{ vector: score(1), text: score(2) }, { text: score(1) }, { vector: score(3) }, {}],
  highlights: [
    [
      { field: "t", text: "[x] y" },
      { field: "u.v", text: "[x]" },
    ],
    [],
    [{ field: "t", text: "z" }],
    [],
  ],
  groups: [
    { value: "en", positions: [0, 2] },
    { value: 7, positions: [1] },
    { value: true, positions: [0, 3] },
  ],
});
const ungrouped = new ResultView({
  type: "search",
  ids: view.ids,
  distances: view.distances,
  metric: "l2",
  index: "FLAT",
});

describe("rows found", () => {
  test("leave the row out that was asked about, and count groups where there are groups", () => {
    expect(foundRows(ungrouped, "b", 2).map((row) => row.id)).toEqual(["a", "c"]);
    expect(foundRows(ungrouped, null, 9).map((row) => row.id)).toEqual(["a", "b", "c", "d"]);
    expect(foundRows(view, "b", 2).map(({ id, group }) => [id, group])).toEqual([
      ["a", "en"],
      ["c", "en"],
      ["a", true],
      ["d", true],
    ]);
    expect(foundRows(view, null, 1).map((row) => row.id)).toEqual(["a", "c"]);
  });

  test("stand in a table with their groups, their place in each list and what was found", async () => {
    const rows = foundRows(view, null, 2);
    const lines = await printed((terminal) =>
      printFoundTable(terminal, rows, { fields: null, groupBy: "lang", metric: "fusion" }),
    );
    expect(lines).toEqual([
      "lang  id   score  by vector  by text  found in",
      "en    a   4.0000         #1       #2  t: [x] y … u.v: [x]",
      "      c   2.0000         #3           t: z",
      "7     b   3.0000                  #1",
    ]);
    const chosen = await printed((terminal) =>
      printFoundTable(terminal, rows.slice(0, 1), { fields: ["lang"], groupBy: null, metric: "fusion" }),
    );
    expect(chosen[0]).toBe("id   score  by vector  by text  found in             lang");
  });

  test.each([
    ["ip", "score"],
    ["cos", "score"],
    ["bm25", "score"],
    ["l2", "distance"],
    ["hamming", "distance"],
  ] as const)("have the value of %s under the title %s", async (metric, title) => {
    const options = { fields: null, groupBy: null, metric };
    const lines = await printed((terminal) => printFoundTable(terminal, foundRows(ungrouped, null, 1), options));
    expect(lines[0]?.split(/ +/)).toEqual(["id", title]);
  });

  test("have no value column where nothing ranks them", async () => {
    const options = { fields: null, groupBy: null, metric: null };
    const lines = await printed((terminal) => printFoundTable(terminal, foundRows(ungrouped, null, 1), options));
    expect(lines[0]).toBe("id");
  });

  test("are JSON lines with all that is said about them", async () => {
    const options = { fields: ["nope"], groupBy: "lang" };
    const lines = await printed((terminal) => printFoundJson(terminal, foundRows(view, null, 1).slice(0, 1), options));
    expect(lines.map((line) => JSON.parse(line))).toEqual([
      {
        id: "a",
        distance: 4,
        group: "en",
        field: {},
        parts: { vector: score(1), text: score(2) },
        highlights: [
          { field: "t", text: "[x] y" },
          { field: "u.v", text: "[x]" },
        ],
      },
    ]);
  });
});
