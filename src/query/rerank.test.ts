import fc from "fast-check";
import { describe, expect, test } from "vitest";
import type { Id } from "../types.js";
import { mmrReranker } from "./mmr-reranker.js";
import { applyRerank, type RerankPayload, rerank } from "./rerank.js";
import { checkReranker, checkRerankK } from "./rerank-options.js";

const itemsOf = (...ids: Id[]) => ids.map((id, at) => ({ id, score: 1 - at / 10, field: null }));
const items = itemsOf("a", "b", "c", "d");

/** The ids in the order that an answer gives. */
function idsBy(answer: unknown, given: readonly { id: Id }[] = items, k = given.length): Id[] {
  return applyRerank(given, answer, k).order.map((at) => given[at]!.id);
}

describe("an answer of a reranker", () => {
  test.each([
    ["nothing", undefined, ["a", "b", "c", "d"]],
    ["null", null, ["a", "b", "c", "d"]],
    ["an empty array", [], ["a", "b", "c", "d"]],
    ["ids", ["c", "a", "d", "b"], ["c", "a", "d", "b"]],
    ["some ids", ["d", "b"], ["d", "b", "a", "c"]],
    ["unknown and repeated ids", ["x", "d", "d", "b", "d"], ["d", "b", "a", "c"]],
    [
      "pairs",
      [
        ["b", 1],
        ["a", 3],
        ["zz", 9],
      ],
      ["a", "b", "c", "d"],
    ],
    [
      "objects",
      [
        { id: "d", score: 5 },
        { id: "c", score: 7 },
      ],
      ["c", "d", "a", "b"],
    ],
    ["scores", [1, 2, 4, 3], ["c", "d", "b", "a"]],
    ["equal scores", [1, 2, 2, 1], ["b", "c", "a", "d"]],
    ["infinite scores", [Number.NEGATIVE_INFINITY, 0, Number.POSITIVE_INFINITY, 1], ["c", "d", "b", "a"]],
    ["a Float32Array", Float32Array.of(1, 2, 4, 3), ["c", "d", "b", "a"]],
    ["a Float64Array", Float64Array.of(4, 1, 2, 3), ["a", "d", "c", "b"]],
    [
      "a Map",
      new Map([
        ["b", 0.5],
        ["d", 0.9],
      ]),
      ["d", "b", "a", "c"],
    ],
    ["a record", { c: 1, d: 2, x: 3 }, ["d", "c", "a", "b"]],
    ["ids in an object", { ids: ["d", "c"] }, ["d", "c", "a", "b"]],
    ["ids and scores", { ids: ["a", "b", "d"], scores: [1, 2, 3] }, ["d", "b", "a", "c"]],
    ["an object without a prototype", Object.assign(Object.create(null), { b: 1 }), ["b", "a", "c", "d"]],
  ])("may be %s", (_, answer, expected) => {
    expect(idsBy(answer)).toEqual(expected);
  });

  test("gives its scores in the new order, null where it has none", () => {
    expect(applyRerank(items, { b: 2, d: 5 })).toEqual({ order: [3, 1, 0, 2], scores: [5, 2, null, null] });
    expect(applyRerank(items, ["b"]).scores).toEqual([null, null, null, null]);
    expect(applyRerank(items, { ids: ["c"], scores: Float32Array.of(7) }, 2)).toEqual({
      order: [2, 0],
      scores: [7, null],
    });
  });

  test("numbers are ids where all of them are candidates, each once", () => {
    const numbered = itemsOf(0, 1, 2, 3);
    expect(idsBy([2, 0, 3, 1], numbered)).toEqual([2, 0, 3, 1]);
    expect(idsBy([3], numbered)).toEqual([3, 0, 1, 2]);
    expect(idsBy(Uint32Array.of(3, 1), numbered)).toEqual([3, 1, 0, 2]);
    expect(idsBy({ ids: Int32Array.of(3, 9, 1) }, numbered)).toEqual([3, 1, 0, 2]);
  });

  test("numbers that are no ids, or stand twice, are scores where each item has one", () => {
    const numbered = itemsOf(0, 1, 2, 3);
    expect(idsBy([0, 1, 0, 1], numbered)).toEqual([1, 3, 0, 2]);
    expect(idsBy([9, 1, 2, 30], numbered)).toEqual([3, 0, 2, 1]);
    expect(idsBy([0.5, 0.7, 0.1, 0.2], numbered)).toEqual([1, 0, 3, 2]);
    // Always scores, whatever the ids are.
    expect(idsBy(Float64Array.of(2, 0, 3, 1), numbered)).toEqual([2, 0, 3, 1]);
    expect(idsBy(Float64Array.of(0, 1, 2, 3), numbered)).toEqual([3, 2, 1, 0]);
  });

  test("numbers of another length are ids, the unknown ones skipped, where one is a candidate", () => {
    const numbered = itemsOf(10, 11, 12);
    expect(idsBy([12, 99], numbered)).toEqual([12, 10, 11]);
    expect(idsBy([12, 99, 12, 10], numbered)).toEqual([12, 10, 11]);
    expect(() => idsBy([1, 2], numbered)).toThrow(/2 numbers for 3 items/);
    expect(() => idsBy([0.5, 12], numbered)).toThrow(/2 numbers for 3 items/);
  });

  test("keys of a record name numbers too, unless that is ambiguous", () => {
    expect(idsBy({ 11: 1, 12: 2 }, itemsOf(10, 11, 12))).toEqual([12, 11, 10]);
    expect(idsBy({ "1.0": 1 }, itemsOf(0, 1))).toEqual([0, 1]);
    const both = itemsOf(1, "1");
    expect(() => idsBy({ 1: 2 }, both)).toThrow(/answer with a Map/);
    expect(
      idsBy(
        new Map<Id, number>([
          ["1", 2],
          [1, 1],
        ]),
        both,
      ),
    ).toEqual(["1", 1]);
  });

  test.each([
    ["a number", 7, /answered with the number 7; it may answer with undefined/],
    ["a text", "abc", /the text "abc"/],
    ["true", true, /the boolean true/],
    ["a function", () => [], /a function/],
    ["NaN among scores", [1, Number.NaN, 2, 3], /the number NaN as score 1/],
    ["NaN in a typed array", Float32Array.of(1, 2, Number.NaN, 3), /as score 2/],
    ["NaN in a pair", [["a", Number.NaN]], /the score of the text "a"/],
    ["NaN of an unknown id", { x: Number.NaN }, /NaN/],
    ["too few scores", Float32Array.of(1, 2), /2 scores for 4 items/],
    ["too many numbers", [1, 2, 3, 4, 5], /5 numbers for 4 items/],
    ["a pair without a score", [["a"]], /the array of pairs with an array of 1 at 0/],
    ["a triple", [["a", 1, 2]], /an array of 3 at 0/],
    ["pairs and ids mixed", [["a", 1], "b"], /the text "b" at 1/],
    ["an object without a score", [{ id: "a" }], /an object with the members id at 0/],
    ["ids and objects mixed", ["a", { id: "b", score: 1 }], /an array with an object .* at 1/],
    ["a score as text", [["a", "1"]], /the text "1" as the score/],
    ["scores of another length", { ids: ["a", "b"], scores: [1] }, /with 2 ids, where scores is 1 of them/],
    ["a boolean among ids", { ids: ["a", true] }, /the boolean true where the id at 1/],
    ["a Set", new Set(["a"]), /an object with no members \(Set\)/],
    ["a Date", new Date(0), /no members \(Date\)/],
    ["bigints", BigInt64Array.of(1n), /BigInt64Array/],
  ])("must not be %s", (_, answer, message) => {
    expect(() => applyRerank(items, answer)).toThrow(message);
    expect(() => applyRerank(items, answer)).toThrow(expect.objectContaining({ code: "INVALID_ARGUMENT" }));
  });

  test("puts every candidate somewhere, once, whatever it names", () => {
    fc.assert(
      fc.property(
        fc.array(fc.tuple(fc.constantFrom("a", "b", "c", "d", "e", "f"), fc.integer({ min: -2, max: 2 }))),
        fc.integer({ min: 1, max: 6 }),
        (pairs, k) => {
          const { order, scores } = applyRerank(items, pairs, k);
          expect(order.length).toBe(Math.min(k, items.length));
          expect(new Set(order).size).toBe(order.length);
          const first = new Map<Id, number>([...pairs].reverse());
          const named = items.filter(({ id }) => first.has(id));
          const expected = [...named].sort((a, b) => {
            const byScore = first.get(b.id)! - first.get(a.id)!;
            return byScore || pairs.findIndex(([id]) => id === a.id) - pairs.findIndex(([id]) => id === b.id);
          });
          const all = [...expected, ...items.filter(({ id }) => !first.has(id))].slice(0, k);
          expect(order.map((at) => items[at]!.id)).toEqual(all.map(({ id }) => id));
          expect(scores).toEqual(all.map(({ id }) => first.get(id) ?? null));
        },
      ),
    );
  });
});

describe("rerank", () => {
  const payload: RerankPayload = { query: { type: "bm25_search", text: "words" }, items };

  test("waits for an answer, and asks with the query and the items", async () => {
    const asked: RerankPayload[] = [];
    const order = await rerank(
      async (given) => {
        asked.push(given);
        return ["c"];
      },
      payload,
      2,
    );
    expect(asked).toEqual([payload]);
    expect(order).toEqual({ order: [2, 0], scores: [null, null] });
    expect((await rerank(() => undefined, payload, 4)).order).toEqual([0, 1, 2, 3]);
  });

  test("passes on what the reranker throws", async () => {
    const error = new TypeError("no model");
    const failing = [
      () => {
        throw error;
      },
      () => Promise.reject(error),
    ];
    for (const reranker of failing) await expect(rerank(reranker, payload, 2)).rejects.toBe(error);
  });
});

describe("the options of a reranking", () => {
  test("take a function or the description of a ready-made reranker", () => {
    const callback = () => null;
    expect(checkReranker(callback)).toBe(callback);
    expect(checkReranker(undefined)).toBeNull();
    expect(checkReranker(mmrReranker({ lambda: 0.7 }))).toEqual({ kind: "mmr", lambda: 0.7 });
    expect(checkReranker(JSON.parse(JSON.stringify(mmrReranker())))).toEqual({ kind: "mmr", lambda: 0.5 });
    for (const wrong of ["mmr", 1, {}, { kind: "other" }, []]) {
      expect(() => checkReranker(wrong)).toThrow(/reranker must be a function .* or mmrReranker/);
    }
    expect(() => checkReranker({ kind: "mmr", lambda: 2 })).toThrow(/lambda must be a number from 0 .* to 1/);
  });

  test("rerankK is at least k, and has room for a choice by default", () => {
    expect(checkRerankK(undefined, 10, () => null)).toBe(10);
    expect(checkRerankK(undefined, 10, null)).toBe(10);
    expect(checkRerankK(undefined, 3, mmrReranker())).toBe(50);
    expect(checkRerankK(undefined, 100, mmrReranker())).toBe(500);
    expect(checkRerankK(undefined, 90_000, mmrReranker())).toBe(100_000);
    expect(checkRerankK(5, 10, null)).toBe(10);
    expect(checkRerankK(50, 10, null)).toBe(50);
    for (const wrong of [0, 1.5, "7", null, Number.NaN]) {
      expect(() => checkRerankK(wrong, 10, null)).toThrow(/rerankK must be an integer of at least 1/);
    }
    expect(() => checkRerankK(100_001, 10, null)).toThrow(expect.objectContaining({ code: "LIMIT_EXCEEDED" }));
  });
});
