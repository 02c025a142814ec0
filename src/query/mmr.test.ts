import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { mmrOrder } from "./mmr.js";
import { applyMmr, mmrReranker } from "./mmr-reranker.js";

const dim = 5;
const vector = fc.array(fc.integer({ min: -3, max: 3 }), { minLength: dim, maxLength: dim });
const candidates = fc.array(fc.record({ relevance: fc.integer({ min: 0, max: 8 }), vector }), { maxLength: 14 });

function cosine(a: readonly number[], b: readonly number[]): number {
  const dot = (x: readonly number[], y: readonly number[]) => x.reduce((sum, value, i) => sum + value * y[i]!, 0);
  const scale = Math.sqrt(dot(a, a) * dot(b, b));
  return scale === 0 ? 0 : dot(a, b) / scale;
}

describe("mmrOrder", () => {
  test("chooses by the definition at every step", () => {
    fc.assert(
      fc.property(candidates, fc.integer({ min: 0, max: 4 }), fc.integer({ min: 1, max: 15 }), (given, quarter, k) => {
        const lambda = quarter / 4;
        const relevance = Float64Array.from(given, (item) => item.relevance / 8);
        const order = mmrOrder({
          relevance,
          vectors: Float32Array.from(given.flatMap((item) => item.vector)),
          dim,
          lambda,
          k,
        });
        expect(order.length).toBe(Math.min(k, given.length));
        expect(new Set(order).size).toBe(order.length);
        const chosen: number[] = [];
        for (const position of order) {
          const worth = (i: number) => {
            const likeness = chosen.map((j) => cosine(given[i]!.vector, given[j]!.vector));
            return lambda * relevance[i]! - (1 - lambda) * (chosen.length === 0 ? 0 : Math.max(...likeness));
          };
          const open = given.map((_, i) => i).filter((i) => !chosen.includes(i));
          // Cosines of float32 units may differ in the last digits.
          expect(worth(position)).toBeGreaterThan(Math.max(...open.map(worth)) - 1e-5);
          chosen.push(position);
        }
      }),
    );
  });

  test("lambda 1 is the order of relevance, ties as they stood", () => {
    const relevance = Float64Array.of(1, 3, 3, 2);
    const order = mmrOrder({ relevance, vectors: new Float32Array(8).fill(1), dim: 2, lambda: 1, k: 4 });
    expect([...order]).toEqual([1, 2, 3, 0]);
  });

  test("a lower lambda passes over a near copy of a better row", () => {
    const vectors = Float32Array.of(1, 0, 1, 0.01, 0, 1);
    const relevance = Float64Array.of(0.9, 0.89, 0.5);
    expect([...mmrOrder({ relevance, vectors, dim: 2, lambda: 1, k: 2 })]).toEqual([0, 1]);
    expect([...mmrOrder({ relevance, vectors, dim: 2, lambda: 0.5, k: 2 })]).toEqual([0, 2]);
  });

  test("rows without a direction are like no other, and no candidates are no choice", () => {
    const vectors = Float32Array.of(1, 0, 1, 0, 0, 0);
    expect([...mmrOrder({ relevance: Float64Array.of(1, 1, 0.5), vectors, dim: 2, lambda: 0.5, k: 3 })]).toEqual([
      0, 2, 1,
    ]);
    expect(
      mmrOrder({ relevance: new Float64Array(0), vectors: new Float32Array(0), dim: 2, lambda: 0.5, k: 3 }).length,
    ).toBe(0);
  });
});

describe("mmrReranker", () => {
  test("is a description that JSON carries, with 0.5 as its lambda", () => {
    expect(mmrReranker()).toEqual({ kind: "mmr", lambda: 0.5 });
    expect(JSON.parse(JSON.stringify(mmrReranker({ lambda: 0 })))).toEqual({ kind: "mmr", lambda: 0 });
    expect(Object.isFrozen(mmrReranker())).toBe(true);
  });

  test.each([-0.1, 1.1, Number.NaN, "0.5"])("refuses the lambda %s", (lambda) => {
    expect(() => mmrReranker({ lambda: lambda as number })).toThrow(/lambda must be a number from 0 .* to 1/);
  });

  test("refuses unknown options", () => {
    expect(() => mmrReranker({ lamda: 0.5 } as object)).toThrow(/mmrReranker's options must be \{ lambda \}/);
    expect(() => mmrReranker(null as unknown as object)).toThrow(/must be an object, got null/);
  });

  test("weighs the cosine to the query where there is one", () => {
    const vectors = Float32Array.of(2, 0, 4, 0.1, 1, 1);
    const scores = Float32Array.of(0, 0, 0);
    const query = Float32Array.of(3, 0);
    const chosen = applyMmr(mmrReranker({ lambda: 1 }), { query, scores, isHigherBetter: true, vectors, dim: 2 }, 3);
    expect([...chosen]).toEqual([0, 1, 2]);
    const diverse = applyMmr(mmrReranker({ lambda: 0.4 }), { query, scores, isHigherBetter: true, vectors, dim: 2 }, 2);
    expect([...diverse]).toEqual([0, 2]);
  });

  test.each([
    [true, [1, 2, 0]],
    [false, [0, 2, 1]],
  ])("weighs scaled scores where there is none (higher is better: %s)", (isHigherBetter, expected) => {
    const scores = Float32Array.of(-10, 500, 100);
    const candidates = { query: null, scores, isHigherBetter, vectors: new Float32Array(6), dim: 2 };
    expect([...applyMmr(mmrReranker(), candidates, 3)]).toEqual(expected);
  });

  test("equal scores leave the choice to diversity", () => {
    const vectors = Float32Array.of(1, 0, 1, 0, 0, 1);
    const candidates = { query: null, scores: [2, 2, 2], isHigherBetter: true, vectors, dim: 2 };
    expect([...applyMmr(mmrReranker(), candidates, 3)]).toEqual([0, 2, 1]);
  });
});
