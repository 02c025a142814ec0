/** Does every operator have the values that docs/where.md promises? Hand-written tables, in the order of that page. */
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import type { Id, JsonValue } from "../types.js";
import type { FieldRecord } from "./field-path.js";
import { ManyValues } from "./field-path.js";
import { comparePathValues, compareValues } from "./leaf-test.js";
import { evaluateRow } from "./row-evaluator.js";
import { parseWhere } from "./where-parser.js";

/** T, F or U for TRUE, FALSE and unknown. */
function value(text: string, field: FieldRecord = {}, id: Id = 1): "T" | "F" | "U" {
  const result = evaluateRow(parseWhere(text), id, field);
  return result === null ? "U" : result ? "T" : "F";
}

/** Parsed as from the log, so that __proto__ is an own key. */
const json = (text: string): FieldRecord => JSON.parse(text) as FieldRecord;

describe("three-valued logic", () => {
  const operands = { T: "t", F: "f", U: "u" } as const;
  const field = { t: true, f: false };
  const names = ["T", "F", "U"] as const;

  it("NOT", () => {
    expect(names.map((name) => value(`NOT ${operands[name]}`, field))).toEqual(["F", "T", "U"]);
  });

  it("AND and OR are Kleene's", () => {
    const table = (word: string): string[] =>
      names.map((a) => names.map((b) => value(`${operands[a]} ${word} ${operands[b]}`, field)).join(""));
    expect(table("AND")).toEqual(["TFU", "FFF", "UFU"]);
    expect(table("OR")).toEqual(["TTT", "TFU", "TUU"]);
  });
});

describe("comparison", () => {
  const field = { n: 5, t: "m", b: true, z: null, a: [5], o: { x: 5 } };

  it.each([
    ["n = 5", "T"],
    ["n = 5.0", "T"],
    ["n = 6", "F"],
    ["n != 5", "F"],
    ["n != 6", "T"],
    ["n < 6", "T"],
    ["n < 5", "F"],
    ["n <= 5", "T"],
    ["n > 5", "F"],
    ["n >= 5", "T"],
    ["6 > n", "T"],
    ["n = '5'", "U"],
    ["n != '5'", "U"],
    ["n < '6'", "U"],
    ["n = true", "U"],
    ["t = 'm'", "T"],
    ["t = 'M'", "F"],
    ["t < 'n'", "T"],
    ["t != 5", "U"],
    ["b = true", "T"],
    ["b = false", "F"],
    ["b != false", "T"],
    ["b > false", "T"],
    ["b = 1", "U"],
    ["z = null", "U"],
    ["z != null", "U"],
    ["z = 5", "U"],
    ["missing = 5", "U"],
    ["missing != 5", "U"],
    ["NOT missing = 5", "U"],
    ["n = null", "U"],
    ["a = 5", "U"],
    ["a != 5", "U"],
    ["o = 5", "U"],
    ["n = o.x", "T"],
    ["n = t", "U"],
    ["n = missing", "U"],
    ["n = a", "U"],
    ["n >= o.x", "T"],
  ])("%s is %s", (text, result) => {
    expect(value(text, field)).toBe(result);
  });

  it("takes -0 for 0", () => {
    expect(value("n = 0", { n: -0 })).toBe("T");
    expect(value("n = -0", { n: 0 })).toBe("T");
    expect(value("n < 0", { n: -0 })).toBe("F");
    expect(value("n IN (0)", { n: -0 })).toBe("T");
    expect(value("n CONTAINS 0", { n: [-0] })).toBe("T");
  });

  it("orders text by code point, and dates with it", () => {
    expect(value("a < b", { a: "\uff5e", b: "\u{1f600}" })).toBe("T");
    expect(value("d >= '2024-01-31' AND d < '2024-02'", { d: "2024-01-31T10:00:00Z" })).toBe("T");
  });
});

describe("IN", () => {
  it.each([
    ["n IN (1, 5)", "T"],
    ["n IN (1, 2)", "F"],
    ["n NOT IN (1, 2)", "T"],
    ["n NOT IN (1, 5)", "F"],
    ["n IN (5, null)", "T"],
    ["n IN (1, null)", "U"],
    ["n NOT IN (1, null)", "U"],
    ["n NOT IN (5, null)", "F"],
    ["n IN (1, 'x')", "U"],
    ["n IN ('x')", "U"],
    ["missing IN (1)", "U"],
    ["missing NOT IN (1)", "U"],
    ["a IN (5)", "U"],
    ["5 IN (5)", "T"],
  ])("%s is %s", (text, result) => {
    expect(value(text, { n: 5, a: [5] })).toBe(result);
  });
});

describe("BETWEEN", () => {
  it.each([
    ["n BETWEEN 5 AND 5", "T"],
    ["n BETWEEN 6 AND 4", "F"],
    ["n NOT BETWEEN 6 AND 9", "T"],
    ["n BETWEEN null AND 4", "F"],
    ["n BETWEEN null AND 9", "U"],
    ["n NOT BETWEEN 6 AND null", "T"],
    ["n BETWEEN 1 AND 'z'", "U"],
    ["n BETWEEN 6 AND 'z'", "F"],
    ["missing BETWEEN 1 AND 9", "U"],
    ["t BETWEEN 'a' AND 'n'", "T"],
  ])("%s is %s", (text, result) => {
    expect(value(text, { n: 5, t: "m" })).toBe(result);
  });
});

describe("LIKE and ILIKE", () => {
  it.each([
    ["t LIKE 'He%'", "T"],
    ["t LIKE 'he%'", "F"],
    ["t ILIKE 'he%'", "T"],
    ["t NOT LIKE 'x%'", "T"],
    ["t LIKE 'H_llo'", "T"],
    ["n LIKE '5'", "U"],
    ["n NOT LIKE '5'", "U"],
    ["missing LIKE '%'", "U"],
    ["a LIKE '%'", "U"],
  ])("%s is %s", (text, result) => {
    expect(value(text, { t: "Hello", n: 5, a: ["Hello"] })).toBe(result);
  });
});

describe("IS NULL", () => {
  it.each([
    ["z IS NULL", "T"],
    ["missing IS NULL", "T"],
    ["missing IS NOT NULL", "F"],
    ["n IS NULL", "F"],
    ["n IS NOT NULL", "T"],
    ["a IS NULL", "F"],
    ["o IS NULL", "F"],
    ["o.x IS NULL", "T"],
    ["LENGTH(n) IS NULL", "T"],
    ["LOWER(t) IS NULL", "F"],
    ["id IS NULL", "F"],
    ["NULL IS NULL", "T"],
    ["5 IS NULL", "F"],
  ])("%s is %s", (text, result) => {
    expect(value(text, { z: null, n: 5, a: [], o: {}, t: "x" })).toBe(result);
  });
});

describe("CONTAINS", () => {
  it.each([
    ["tags CONTAINS 'a'", "T"],
    ["tags CONTAINS 'x'", "F"],
    ["NOT tags CONTAINS 'x'", "T"],
    ["tags NOT CONTAINS 'a'", "F"],
    ["tags CONTAINS 5", "T"],
    ["tags CONTAINS '5'", "F"],
    ["tags CONTAINS null", "U"],
    ["empty CONTAINS 'a'", "F"],
    ["text CONTAINS 'ell'", "T"],
    ["text CONTAINS ''", "T"],
    ["text CONTAINS 'ELL'", "F"],
    ["text CONTAINS 5", "U"],
    ["n CONTAINS 5", "U"],
    ["missing CONTAINS 'a'", "U"],
    ["NOT missing CONTAINS 'a'", "U"],
    ["tags CONTAINS ANY ('x', 'a')", "T"],
    ["tags CONTAINS ANY ('x', 'y')", "F"],
    ["tags CONTAINS ANY ('x', null)", "U"],
    ["tags CONTAINS ANY ('a', null)", "T"],
    ["tags CONTAINS ALL ('a', 5)", "T"],
    ["tags CONTAINS ALL ('a', 'x')", "F"],
    ["tags CONTAINS ALL ('a', null)", "U"],
    ["tags CONTAINS ALL ('x', null)", "F"],
    ["text CONTAINS ALL ('h', 'o')", "T"],
    ["text CONTAINS ANY ('x', 5)", "U"],
    ["LOWER(text) CONTAINS 'hello'", "T"],
  ])("%s is %s", (text, result) => {
    expect(value(text, { tags: ["a", "b", 5, ["n"], { o: 1 }, null], empty: [], text: "hello", n: 5 })).toBe(result);
  });

  it("says the same of long lists of literals as of short ones", () => {
    const many = Array.from({ length: 20 }, (_, at) => `v${at}`);
    const tags = ["v3", "v4", null];
    const ask = (text: string, list: readonly (string | null)[], of: JsonValue): boolean | null =>
      evaluateRow(parseWhere(text, { list }), 1, { tags: of });
    expect(ask("tags CONTAINS ANY :list", many, tags)).toBe(true);
    expect(ask("tags CONTAINS ANY :list", many, ["x"])).toBe(false);
    expect(ask("tags CONTAINS ANY :list", [...many, null], ["x"])).toBe(null);
    expect(ask("tags CONTAINS ALL :list", many, tags)).toBe(false);
    expect(ask("tags CONTAINS ALL :list", many, many)).toBe(true);
    expect(ask("tags CONTAINS ALL :list", [...many, null], many)).toBe(null);
  });
});

describe("a bare field", () => {
  it.each([
    ["yes", "T"],
    ["no", "F"],
    ["NOT no", "T"],
    ["n", "U"],
    ["NOT n", "U"],
    ["t", "U"],
    ["missing", "U"],
    ["o.yes", "T"],
  ])("%s is %s", (text, result) => {
    expect(value(text, { yes: true, no: false, n: 1, t: "true", o: { yes: true } })).toBe(result);
  });
});

describe("LENGTH and LOWER", () => {
  it.each([
    ["LENGTH(text) = 3", "T"],
    ["LENGTH(emoji) = 2", "T"],
    ["LENGTH(tags) = 2", "T"],
    ["LENGTH(empty) = 0", "T"],
    ["LENGTH(n) = 1", "U"],
    ["LENGTH(o) = 1", "U"],
    ["LENGTH(missing) = 0", "U"],
    ["LENGTH(text) = LENGTH(tags)", "F"],
    ["LOWER(text) = 'äbc'", "T"],
    ["LOWER(text) = LOWER('ÄBC')", "T"],
    ["LOWER(n) = 1", "U"],
    ["LOWER(text) IN ('äbc')", "T"],
  ])("%s is %s", (text, result) => {
    expect(value(text, { text: "Äbc", emoji: "a😀", tags: [1, 2], empty: [], n: 1, o: {} })).toBe(result);
  });
});

describe("the row's id", () => {
  it("is a number or a text, and not the field called id", () => {
    expect(value("id = 7", { id: 8 }, 7)).toBe("T");
    expect(value("field.id = 8", { id: 8 }, 7)).toBe("T");
    expect(value("field.id = 8", { field: { id: 8 } }, 7)).toBe("U");
    expect(value('"field.id" = 8', { field: { id: 8 } }, 7)).toBe("T");
    expect(value("id = '7'", {}, 7)).toBe("U");
    expect(value("id LIKE 'doc-%'", {}, "doc-1")).toBe("T");
    expect(value("id IN (1, 2)", {}, 2)).toBe("T");
    expect(value("LENGTH(id) = 3", {}, "abc")).toBe("T");
    expect(value("id = field.id", { id: 7 }, 7)).toBe("T");
  });
});

describe("paths", () => {
  it("find the literal key first, then the longest part that is a key, then the next", () => {
    expect(value("a.b = 1", { "a.b": 1, a: { b: 2 } })).toBe("T");
    expect(value("a.b = 2", { a: { b: 2 } })).toBe("T");
    expect(value("a.b.c = 1", { "a.b": { c: 1 }, a: { b: { c: 2 } } })).toBe("T");
    expect(value("a.b.c = 2", { "a.b": { x: 1 }, a: { b: { c: 2 } } })).toBe("T");
    expect(value("a.b.c = 3", { a: { "b.c": 3, b: { c: 4 } } })).toBe("T");
    expect(value("a.b IS NULL", { "a.b": null, a: { b: 2 } })).toBe("T");
    expect(value('"a.b" = 2', { a: { b: 2 } })).toBe("T");
    expect(value("a.b = 2", { a: 5 })).toBe("U");
  });

  it("take any key for a name", () => {
    expect(value("__proto__ = 1", json('{"__proto__": 1}'))).toBe("T");
    expect(value("__proto__.x = 1", json('{"__proto__": {"x": 1}}'))).toBe("T");
    for (const name of [
      "__proto__",
      "constructor",
      "toString",
      "__proto__.toString",
      "constructor.name",
      "a.constructor",
    ]) {
      expect(value(`${name} IS NULL`, { a: {} }), name).toBe("T");
    }
    expect(value('"" = 1', { "": 1 })).toBe("T");
    expect(value('"q""u" = 1', { 'q"u': 1 })).toBe("T");
  });
});

describe("a path through an array", () => {
  const field = { items: [{ price: 3 }, { price: 7 }] };
  const holes = { items: [{ price: 3 }, {}, 5] };

  it.each([
    ["items.price > 5", "T"],
    ["items.price > 7", "F"],
    ["NOT items.price > 7", "T"],
    ["NOT items.price > 5", "F"],
    ["items.price != 3", "T"],
    ["NOT items.price = 3", "F"],
    ["items.price IN (7)", "T"],
    ["items.price NOT IN (7)", "F"],
    ["items.price NOT IN (8, 9)", "T"],
    ["items.price BETWEEN 4 AND 6", "F"],
    ["items.price BETWEEN 6 AND 8", "T"],
    ["items.price IS NULL", "F"],
    ["items.price = items.price", "T"],
    ["items.price < items.price", "T"],
    ["items.price = 'x'", "U"],
    ["items.price", "U"],
    ["items CONTAINS 3", "F"],
    ["LENGTH(items) = 2", "T"],
  ])("%s is %s for any element", (text, result) => {
    expect(value(text, field)).toBe(result);
  });

  it.each([
    ["items.price > 2", "T"],
    ["items.price > 5", "U"],
    ["NOT items.price > 5", "U"],
    ["items.price IS NULL", "F"],
    ["items.price IS NOT NULL", "T"],
    ["items.price > items.price", "U"],
  ])("%s is %s where elements lack the member", (text, result) => {
    expect(value(text, holes)).toBe(result);
  });

  it("is NULL where no element has it, and in an empty array", () => {
    for (const items of [[], [{}], [1, 2], [{ price: null }], [[{ price: 1 }]]]) {
      expect(value("items.price IS NULL", { items })).toBe("T");
      expect(value("items.price > 0", { items })).toBe("U");
      expect(value("NOT items.price > 0", { items })).toBe("U");
    }
  });

  it("goes through arrays in arrays of objects, and sees array values whole", () => {
    const nested = {
      a: [{ b: [{ c: 1 }, { c: 2 }] }, { b: [{ c: 9 }] }],
      items: [{ tags: ["x", "y"] }, { tags: ["z"] }],
    };
    expect(value("a.b.c = 9", nested)).toBe("T");
    expect(value("items.tags CONTAINS ALL ('x', 'y')", nested)).toBe("T");
    expect(value("items.tags CONTAINS ALL ('x', 'z')", nested)).toBe("F");
    expect(value("LENGTH(items.tags) = 1", nested)).toBe("T");
    expect(value("items.tags = 'z'", nested)).toBe("U");
  });
});

describe("a comparison between many values", () => {
  it("is what comparing each pair gives", () => {
    const scalar = fc.constantFrom<JsonValue | undefined>(
      0,
      -0,
      1,
      2,
      "",
      "a",
      "b",
      true,
      false,
      null,
      undefined,
      [1],
      {},
    );
    const many = fc.array(scalar, { minLength: 1, maxLength: 4 });
    const operator = fc.constantFrom("=", "!=", "<", "<=", ">", ">=");
    fc.assert(
      fc.property(operator, many, many, (op, left, right) => {
        const pairs = left.flatMap((a) => right.map((b) => compareValues(op, a, b)));
        const expected = pairs.includes(true) ? true : pairs.includes(null) ? null : false;
        expect(comparePathValues(op, new ManyValues(left), new ManyValues(right))).toBe(expected);
        expect(comparePathValues(op, left[0], new ManyValues(right))).toBe(
          comparePathValues(op, new ManyValues([left[0]]), new ManyValues(right)),
        );
      }),
      { numRuns: 3000 },
    );
  });

  it("of long lists takes no time in the product of their lengths", () => {
    const long = new ManyValues(Array.from({ length: 200_000 }, (_, at) => at));
    const startedAt = performance.now();
    expect(comparePathValues("<", long, long)).toBe(true);
    expect(comparePathValues("=", long, new ManyValues(new Array(200_000).fill(-1)))).toBe(false);
    expect(performance.now() - startedAt).toBeLessThan(2000);
  });
});
