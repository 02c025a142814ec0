import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { limits } from "../limits.js";
import { fuse, type SignalList, type SignalName } from "./fusion.js";
import { checkFusionOptions } from "./fusion-options.js";

const names = ["vector", "text", "sparse"] as const;

function list(name: SignalName, found: readonly (readonly [row: number, value: number])[], other = {}): SignalList {
  return {
    name,
    weight: 1,
    isHigherBetter: true,
    rows: Uint32Array.from(found, ([row]) => row),
    values: Float64Array.from(found, ([, value]) => value),
    ...other,
  };
}

const found = fc.uniqueArray(fc.tuple(fc.nat({ max: 120 }), fc.integer({ min: -4, max: 4 })), {
  maxLength: 90,
  selector: ([row]) => row,
});
const lists = fc
  .array(fc.record({ found, weight: fc.integer({ min: 0, max: 3 }), isHigherBetter: fc.boolean() }), {
    minLength: 1,
    maxLength: 3,
  })
  .map((signals) =>
    signals.map(({ found, weight, isHigherBetter }, at) =>
      list(
        names[at]!,
        [...found].sort(([a, x], [b, y]) => (isHigherBetter ? y - x : x - y) || a - b),
        {
          weight,
          isHigherBetter,
        },
      ),
    ),
  );

/** The definitions, row by row. */
function naive(signals: readonly SignalList[], fusion: "rrf" | "weighted", rrfK: number, k: number) {
  const scores = new Map<number, number>();
  for (const { rows, values, weight, isHigherBetter } of signals) {
    const least = Math.min(...values);
    const most = Math.max(...values);
    rows.forEach((row, at) => {
      let share = weight / (rrfK + at + 1);
      if (fusion === "weighted") {
        const scaled = (values[at]! - least) / (most - least);
        share = weight * (most === least ? 1 : isHigherBetter ? scaled : 1 - scaled);
      }
      scores.set(row, (scores.get(row) ?? 0) + share);
    });
  }
  // Rounding must not decide about ties.
  const rounded = (score: number) => Math.round(score * 1e12);
  return [...scores].sort(([a, x], [b, y]) => rounded(y) - rounded(x) || a - b).slice(0, k);
}

describe("fuse", () => {
  test.each(["rrf", "weighted"] as const)("ranks by the sum of what the lists give (%s)", (fusion) => {
    fc.assert(
      fc.property(lists, fc.integer({ min: 1, max: 100 }), fc.integer({ min: 1, max: 80 }), (signals, k, rrfK) => {
        const expected = naive(signals, fusion, rrfK, k);
        const { rows, scores, parts } = fuse(signals, { fusion, rrfK, k });
        expect(rows.length).toBe(expected.length);
        expected.forEach(([, score], at) => {
          expect(scores[at]).toBeCloseTo(score, 10);
        });
        // Sums of thirds may come out of different orders of addition unequal; otherwise rows stand as the model has
        // them.
        const all = new Map(naive(signals, fusion, rrfK, 1000));
        rows.forEach((row, at) => {
          expect(all.get(row)).toBeCloseTo(scores[at]!, 10);
          if (at === 0) return;
          expect(scores[at - 1]! > scores[at]! || (scores[at - 1] === scores[at] && rows[at - 1]! < row)).toBe(true);
        });
        expect(new Set(rows).size).toBe(rows.length);
        parts.forEach((part, signal) => {
          const { rows: listRows, values, name } = signals[signal]!;
          expect(part.name).toBe(name);
          rows.forEach((row, at) => {
            const place = listRows.indexOf(row);
            expect(part.values[at]).toBe(place === -1 ? Number.NaN : values[place]);
            expect(part.ranks[at]).toBe(place === -1 ? Number.NaN : place + 1);
          });
        });
        rows.forEach((_, at) => {
          const shares = parts.map((part) => part.shares[at]!).filter((share) => !Number.isNaN(share));
          expect(shares.reduce((sum, share) => sum + share, 0)).toBeCloseTo(scores[at]!, 10);
        });
      }),
    );
  });

  test("reciprocal rank fusion gives the scores of the paper's formula", () => {
    const signals = [
      list(
        "vector",
        [
          [7, 0.9],
          [3, 0.8],
        ],
        { weight: 2 },
      ),
      list("text", [
        [3, 12],
        [5, 11],
      ]),
    ];
    const { rows, scores } = fuse(signals, { fusion: "rrf", rrfK: 60, k: 10 });
    expect([...rows]).toEqual([3, 7, 5]);
    expect([...scores]).toEqual([2 / 62 + 1 / 61, 2 / 61, 1 / 62]);
  });

  test("equal scores of a list count in full, and ties go to the older row", () => {
    const signals = [
      list("text", [
        [9, 4],
        [2, 4],
      ]),
      list("vector", [[5, 0.1]], { isHigherBetter: false }),
    ];
    const { rows, scores } = fuse(signals, { fusion: "weighted", rrfK: 60, k: 10 });
    expect([...rows]).toEqual([2, 5, 9]);
    expect([...scores]).toEqual([1, 1, 1]);
  });

  test("an infinite value is worst or best and leaves the scale of the others alone", () => {
    const found = [
      [1, 2],
      [2, 3],
      [3, 4],
      [4, Number.POSITIVE_INFINITY],
    ] as const;
    const low = fuse([list("vector", found, { isHigherBetter: false })], { fusion: "weighted", rrfK: 60, k: 4 });
    expect([...low.rows]).toEqual([1, 2, 3, 4]);
    expect([...low.scores]).toEqual([1, 0.5, 0, 0]);
    const high = fuse([list("vector", [...found].reverse())], { fusion: "weighted", rrfK: 60, k: 4 });
    expect([...high.scores]).toEqual([1, 1, 0.5, 0]);
    const huge = list("text", [
      [1, 1.7e308],
      [2, 0],
      [3, -1.7e308],
    ]);
    expect([...fuse([huge], { fusion: "weighted", rrfK: 60, k: 4 }).scores]).toEqual([1, 0.5, 0]);
  });

  test("no lists and empty lists give no rows", () => {
    expect(fuse([], { fusion: "rrf", rrfK: 60, k: 5 }).rows.length).toBe(0);
    const { rows, parts } = fuse([list("text", [])], { fusion: "weighted", rrfK: 60, k: 5 });
    expect(rows.length).toBe(0);
    expect(parts[0]!.values.length).toBe(0);
  });
});

describe("checkFusionOptions", () => {
  test("fills in the defaults", () => {
    expect(checkFusionOptions({ other: 1 }, ["vector", "text"], 10)).toEqual({
      fusion: "rrf",
      rrfK: 60,
      weights: { vector: 1, text: 1, sparse: 1 },
      candidateLimit: 40,
    });
    expect(checkFusionOptions(undefined, ["text"], limits.kMax).candidateLimit).toBe(limits.kMax);
    expect(checkFusionOptions({ candidateLimit: 3 }, ["text"], 10).candidateLimit).toBe(10);
    expect(checkFusionOptions({ textWeight: 0 }, ["text", "vector"], 10).weights.text).toBe(0);
  });

  test.each([
    [{ fusion: "borda" }, /fusion must be "rrf" .* or "weighted" .*got the text "borda"/],
    [{ rrfK: 0 }, /rrfK must be a finite number of at least 1, got the number 0/],
    [{ rrfK: Number.POSITIVE_INFINITY }, /rrfK/],
    [{ vectorWeight: -1 }, /vectorWeight must be a finite number of at least 0, got the number -1/],
    [{ textWeight: Number.NaN }, /textWeight/],
    [{ sparseWeight: "1" }, /sparseWeight .*got the text "1"/],
    [{ vectorWeight: 0, textWeight: 0 }, /vectorWeight and textWeight must be above 0/],
    [{ candidateLimit: 1.5 }, /candidateLimit must be an integer/],
    [[1], /options of a hybrid search must be an object, got an array of 1/],
  ])("refuses %j", (options, message) => {
    expect(() => checkFusionOptions(options, ["vector", "text"], 10)).toThrow(message);
    expect(() => checkFusionOptions(options, ["vector", "text"], 10)).toThrow(
      expect.objectContaining({ code: "INVALID_ARGUMENT" }),
    );
  });

  test("a candidateLimit above kMax passes a limit", () => {
    expect(() => checkFusionOptions({ candidateLimit: limits.kMax + 1 }, ["text"], 1)).toThrow(
      expect.objectContaining({ code: "LIMIT_EXCEEDED" }),
    );
  });
});
