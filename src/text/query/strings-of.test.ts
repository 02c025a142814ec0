import { describe, expect, it } from "vitest";
import type { JsonValue } from "../../types.js";
import { stringsOf } from "./strings-of.js";

const field: JsonValue = {
  title: "t",
  n: 1,
  none: null,
  yes: true,
  tags: ["a", 2, ["b", { deep: "c" }]],
  author: { name: "x", "name.first": "y", works: [{ name: "z" }] },
  "": "e",
};

describe("the strings of a row", () => {
  it("are all there are, in order, with dotted paths", () => {
    expect(stringsOf(field, null)).toEqual([
      { path: "title", text: "t" },
      { path: "tags", text: "a" },
      { path: "tags", text: "b" },
      { path: "tags.deep", text: "c" },
      { path: "author.name", text: "x" },
      { path: "author.name.first", text: "y" },
      { path: "author.works.name", text: "z" },
      { path: "", text: "e" },
    ]);
  });

  it("are those that a name covers: itself and everything under it", () => {
    const paths = (...fields: string[]): string[] => stringsOf(field, fields).map(({ path }) => path);
    expect(paths("tags")).toEqual(["tags", "tags", "tags.deep"]);
    expect(paths("author.name")).toEqual(["author.name", "author.name.first"]);
    expect(paths("auth", "ta", "n")).toEqual([]);
    expect(paths()).toEqual([]);
  });

  it("come out of any depth", () => {
    let deep: JsonValue = "bottom";
    for (let level = 0; level < 100_000; level += 1) deep = [deep];
    expect(stringsOf({ deep }, ["deep"])).toEqual([{ path: "deep", text: "bottom" }]);
  });
});
