import { describe, expect, test } from "vitest";
import type { SearchFlags } from "../commands/search-command.js";
import { searchKind, sparseOf, targetMistake } from "./search-target.js";

const flagsOf = (flags: Partial<SearchFlags>): SearchFlags => ({ collection: "docs", database: "d", k: 10, ...flags });

describe("what is looked for", () => {
  test.each<[Partial<SearchFlags>, string]>([
    [{ vector: "[1]" }, "vector"],
    [{ vectorFile: "q.npy", profile: true, vectorField: "image" }, "vector"],
    [{ like: "1" }, "vector"],
    [{ document: "a" }, "vector"],
    [{ text: "a", textFields: ["t"], operator: "and", highlight: true }, "text"],
    [{ sparse: "{}" }, "sparse"],
    [{ text: "a", hybrid: true, embed: { kind: "hash", dim: null, model: null } }, "hybrid"],
    [{ text: "a", like: "1", fusion: "weighted", vectorField: "image" }, "hybrid"],
    [{ sparse: "{}", vector: "[1]", weights: {} }, "hybrid"],
    [{ text: "a", sparse: "{}", rrfK: 10, candidates: 3 }, "hybrid"],
  ])("%j is a search by %s", (flags, kind) => {
    expect(targetMistake(flagsOf(flags))).toBeNull();
    expect(searchKind(flagsOf(flags))).toBe(kind);
  });

  test.each<[Partial<SearchFlags>, RegExp]>([
    [{}, /a query is wanted: --vector, --vector-file, --like or --document, --text, --sparse, or several/],
    [{ vector: "[1]", like: "a" }, /^only one of --vector, --vector-file, --like, --document is wanted$/],
    [{ hybrid: true, like: "a" }, /--hybrid joins several searches: add --text/],
    [{ hybrid: true, sparse: "{}" }, /--hybrid joins several searches: add --text/],
    [{ text: "a", embed: { kind: "hash", dim: 8, model: null } }, /--embed belongs to --document, or to --hybrid/],
    [{ like: "a", textFields: ["t"] }, /^--text-fields belongs to --text$/],
    [{ like: "a", operator: "or" }, /^--operator belongs to --text$/],
    [{ text: "a", rrfK: 10 }, /^--rrf-k belongs to a hybrid search/],
    [{ like: "a", weights: {} }, /^--weights belongs to a hybrid search/],
    [{ sparse: "{}", fusion: "rrf" }, /^--fusion belongs to a hybrid search/],
    [{ vector: "[]", candidates: 9 }, /^--candidates belongs to a hybrid search/],
    [{ text: "a", profile: true }, /^--profile belongs to a search by vector alone$/],
    [{ document: "a", profile: true }, /^--profile does not go with --document$/],
    [{ text: "a", vectorField: "image" }, /^--vector-field belongs to a search by vector$/],
    [{ like: "a", highlight: true }, /^--highlight belongs to a search by --text alone$/],
    [{ like: "a", text: "b", highlight: true }, /^--highlight belongs to a search by --text alone$/],
  ])("%j is refused", (flags, message) => {
    expect(targetMistake(flagsOf(flags))).toMatch(message);
  });
});

describe("a sparse vector", () => {
  test("is a JSON object of index: weight", () => {
    expect(sparseOf('{"3": 0.5, "77": -1}')).toEqual({ 3: 0.5, 77: -1 });
    expect(sparseOf("{}")).toEqual({});
  });

  test.each([
    "",
    "[1]",
    "null",
    "7",
    '{"a": 1}',
    '{"-1": 1}',
    '{"1.5": 1}',
    '{"1": "2"}',
    "{1: 2}",
  ])("is not %j", (text) => {
    expect(() => sparseOf(text)).toThrow(/--sparse: a JSON object of index: weight is wanted, as \{"3": 0.5/);
  });
});
