import { describe, expect, test } from "vitest";
import { recommendQuery } from "./recommend.js";

const of = (...components: number[]) => Float32Array.from(components);

describe("recommendQuery", () => {
  test("one positive example is the query", () => {
    expect([...recommendQuery({ positive: [of(1, -2, 3)], negative: [], metric: "l2" })]).toEqual([1, -2, 3]);
  });

  test("positive examples alone are averaged", () => {
    expect([...recommendQuery({ positive: [of(1, 0), of(3, 4)], negative: [], metric: "ip" })]).toEqual([2, 2]);
  });

  test("the query is avg(positive) + avg(positive) - avg(negative)", () => {
    const request = { positive: [of(1, 0), of(3, 4)], negative: [of(1, 1), of(1, 5), of(4, 0)], metric: "l2" } as const;
    expect([...recommendQuery(request)]).toEqual([2, 2]);
  });

  test("under cosine every example counts the same, however long", () => {
    const [x, y] = recommendQuery({ positive: [of(100, 0), of(0, 0.5)], negative: [], metric: "cos" });
    expect(x).toBeCloseTo(y!, 6);
  });

  test.each([
    [[], [], /at least one positive example, got no example at all/],
    [[], [of(1), of(2)], /got only negative examples \(2\)/],
    [[of(1, 2)], [of(1)], /one dimension, got vectors of 2 and of 1/],
  ])("refuses %j and %j", (positive, negative, message) => {
    expect(() => recommendQuery({ positive, negative, metric: "cos" })).toThrow(message);
  });

  test("refuses examples that cancel out where only directions count", () => {
    const examples = { positive: [of(1, 0), of(-1, 0)], negative: [] };
    expect(() => recommendQuery({ ...examples, metric: "cos" })).toThrow(/cancel out/);
    expect([...recommendQuery({ ...examples, metric: "l2" })]).toEqual([0, 0]);
  });

  test("refuses another strategy", () => {
    const request = { positive: [of(1)], negative: [], metric: "ip", strategy: "best" as "average" } as const;
    expect(() => recommendQuery(request)).toThrow(/strategy must be "average", got the text "best"/);
  });
});
