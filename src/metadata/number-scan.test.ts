/** Are interval tests exact at their bounds, and statistics what they say? */
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { LeafTest } from "./leaf-test.js";
import { nextDouble } from "./next-double.js";
import { numberTest, passesNumberTest, scanNumbers } from "./number-scan.js";
import { NumberStatistics } from "./number-statistics.js";
import { ValueDictionary } from "./value-dictionary.js";
import type { LeafNode } from "./where-node.js";
import { parseWhere } from "./where-parser.js";

const edges = [0, -0, 5, -5, Number.MIN_VALUE, -Number.MIN_VALUE, 2 ** 53, -(2 ** 53), 0.1, 1e-300, 1e300];
const interesting = [
  ...edges,
  ...edges.map((value) => nextDouble(value, 1)),
  ...edges.map((value) => nextDouble(value, -1)),
  Number.MAX_VALUE,
  -Number.MAX_VALUE,
];

describe("the next double", () => {
  it("has no double between", () => {
    fc.assert(
      fc.property(fc.double({ noNaN: true, noDefaultInfinity: true }), (value) => {
        const above = nextDouble(value, 1);
        const below = nextDouble(value, -1);
        expect(above > value && below < value).toBe(true);
        const middle = value / 2 + above / 2;
        expect(middle === value || middle === above || Math.abs(value) < 1e-300).toBe(true);
        expect(nextDouble(above, -1) + 0).toBe(value + 0);
      }),
    );
    expect(nextDouble(0, 1)).toBe(Number.MIN_VALUE);
    expect(nextDouble(-0, -1)).toBe(-Number.MIN_VALUE);
    expect(nextDouble(Number.MAX_VALUE, 1)).toBe(Number.POSITIVE_INFINITY);
    expect(nextDouble(1, 1)).toBe(1 + Number.EPSILON);
  });
});

describe("a number test", () => {
  it("says of every number what the leaf says, TRUE and FALSE apart", () => {
    const texts = ["=", "!=", "<", "<=", ">", ">="].map((operator) => `n ${operator} :a`);
    texts.push("n BETWEEN :a AND :b", "n BETWEEN :b AND 'x'", "n BETWEEN null AND :a", "n BETWEEN 'x' AND null");
    texts.push("n IN (:a, :b)", "n IN (:a, 'x')", "n IN ('x')", "n IN (:a, 1, 2, 3, 4, 6, 7, 8, 9, 10)");
    texts.push(
      "n IN (0, 5, -5, 3, 4, 1)",
      "n IN (0, 1, 2, 3, 1048575)",
      "n IN (0, 1, 2, 3, 1048576)",
      "n IN (9, 8, 7, 6, 5)",
    );
    const numbers = Float64Array.from([...interesting, ...new Array(96).fill(Number.NaN)].slice(0, 96));
    for (const text of texts) {
      for (const a of interesting) {
        const all = { a, b: 5 };
        const params = Object.fromEntries(Object.entries(all).filter(([name]) => text.includes(`:${name}`)));
        const leaf = parseWhere(text, params) as LeafNode;
        const test = new LeafTest(leaf);
        for (const wanted of [true, false]) {
          const words = new Uint32Array(3);
          const asked = numberTest(leaf, wanted);
          scanNumbers(asked, numbers, 0, 3, words);
          numbers.forEach((value, row) => {
            const expected = !Number.isNaN(value) && test.test(value) === wanted;
            const found = ((words[row >>> 5]! >>> (row & 31)) & 1) === 1;
            if (found !== expected) expect.fail(`${text} with ${a} is ${wanted} for ${value}: ${found}`);
            if (!Number.isNaN(value)) expect(passesNumberTest(asked, value)).toBe(expected);
          });
        }
      }
    }
  });
});

describe("number statistics", () => {
  it("keep all of few numbers, and a fair sample of many", () => {
    const few = new NumberStatistics();
    for (const value of [3, -1, 3]) few.add(value);
    expect([...few.values()]).toEqual([3, -1, 3]);
    expect([few.min, few.max]).toEqual([-1, 3]);
    const many = new NumberStatistics();
    for (let value = 0; value < 200_000; value += 1) many.add(value);
    const sample = [...many.values()];
    expect(sample).toHaveLength(1024);
    for (const quarter of [0, 1, 2, 3]) {
      const share = sample.filter((value) => Math.floor(value / 50_000) === quarter).length / 1024;
      expect(Math.abs(share - 0.25)).toBeLessThan(0.06);
    }
  });

  it.each([1, 10, 500, 3_000, 50_000, 300_000])("count %i distinct numbers within a tenth", (distinct) => {
    for (const scale of [1, 0.37, -1e9]) {
      const statistics = new NumberStatistics();
      for (let at = 0; at < distinct * 2; at += 1) statistics.add((at % distinct) * scale);
      expect(Math.abs(statistics.distinct() / distinct - 1)).toBeLessThan(0.1);
    }
  });
});

describe("a value dictionary", () => {
  it("gives codes in order and finds them again, few values or many", () => {
    const texts = new ValueDictionary<string>();
    const numbers = new ValueDictionary<number>();
    const count = 40_000;
    for (let at = 0; at < count; at += 1) {
      if (texts.add(`text ${at}`) !== at + 1 || numbers.add(at / 7) !== at + 1) expect.fail(`value ${at} has its code`);
    }
    for (let at = 0; at < count; at += 101) {
      expect(texts.add(`text ${at}`)).toBe(at + 1);
      expect(texts.codeOf(`text ${at}`)).toBe(at + 1);
      expect(texts.at(at + 1)).toBe(`text ${at}`);
      expect(numbers.add(at / 7)).toBe(at + 1);
    }
    expect(texts.size).toBe(count);
    expect(texts.codeOf("")).toBe(0);
    expect(numbers.codeOf(-0)).toBe(1);
    expect(texts.memoryBytes()).toBeGreaterThan(count * 20);
  });
});
