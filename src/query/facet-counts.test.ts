import { describe, expect, test } from "vitest";
import { checkFacets } from "./facet-counts.js";

describe("checkFacets", () => {
  test("takes names, or names with a number of values", () => {
    expect(checkFacets(undefined)).toEqual([]);
    expect(checkFacets([])).toEqual([]);
    expect(checkFacets(["lang", "a.b", "lang"])).toEqual([
      { field: "lang", limit: 10 },
      { field: "a.b", limit: 10 },
    ]);
    expect(checkFacets({ lang: 3, tags: 100 })).toEqual([
      { field: "lang", limit: 3 },
      { field: "tags", limit: 100 },
    ]);
  });

  test.each([
    ["lang", /facets must be field names .* or an object .*, got the text "lang"/],
    [[1], /got the number 1/],
    [[""], /got the text ""/],
    [{ lang: 0 }, /facets\["lang"\] must be an integer from 1 to 100000, got the number 0/],
    [{ lang: "5" }, /got the text "5"/],
    [Array.from({ length: 101 }, (_, at) => `f${at}`), /at most 100 fields, got an array of 101/],
  ])("refuses %j", (facets, message) => {
    expect(() => checkFacets(facets)).toThrow(message);
    expect(() => checkFacets(facets)).toThrow(expect.objectContaining({ code: "INVALID_ARGUMENT" }));
  });
});
