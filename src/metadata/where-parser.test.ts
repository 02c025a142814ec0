/** Does a where text mean what the grammar says, and is every other text refused with what is wrong with it? */
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { isLynseError, type LynseError } from "../errors.js";
import { limits } from "../limits.js";
import type { WhereParams } from "../types.js";
import { evaluateRow } from "./row-evaluator.js";
import { parseWhere } from "./where-parser.js";
import { pathsOf } from "./where-paths.js";
import { printWhere } from "./where-printer.js";

/** The canonical text of what a text means. */
const meaning = (text: string, params?: WhereParams): string => printWhere(parseWhere(text, params));

function refusal(text: string, params?: WhereParams): LynseError {
  try {
    parseWhere(text, params);
  } catch (error) {
    if (isLynseError(error)) return error;
    throw error;
  }
  throw new Error(`expected a refusal of ${text.slice(0, 80)}`);
}

describe("a where text", () => {
  it.each([
    ["a=1", "a = 1"],
    ["a == 1", "a = 1"],
    ["a <> 'x'", "a != 'x'"],
    ["5 < a", "a > 5"],
    ["5 >= a", "a <= 5"],
    ["'x' = a.b.c", "a.b.c = 'x'"],
    ["a = b", "a = b"],
    ["name = 'O''Brien'", "name = 'O''Brien'"],
    ["a = ''", "a = ''"],
    ["a = -1.5E-3", "a = -0.0015"],
    ["a = +.5 or a = 5.", "a = 0.5 OR a = 5"],
    ["a = -0", "a = 0"],
    ["a in (1, 'x', TRUE, null)", "a IN (1, 'x', TRUE, NULL)"],
    ["a not in (1)", "a NOT IN (1)"],
    ["NOT a IN (1)", "a NOT IN (1)"],
    ["a between -1 and 'z'", "a BETWEEN -1 AND 'z'"],
    ["a not like '%\\%'", "a NOT LIKE '%\\%'"],
    ["a iLike 'x_'", "a ILIKE 'x_'"],
    ["a is not null", "a IS NOT NULL"],
    ["a contains 'x'", "a CONTAINS 'x'"],
    ["a contains any (1, 2)", "a CONTAINS ANY (1, 2)"],
    ["a contains all ('x', 'y')", "a CONTAINS ALL ('x', 'y')"],
    ["a contains all ('x')", "a CONTAINS 'x'"],
    ["not a contains 'x'", "a NOT CONTAINS 'x'"],
    ["length(a) > 2 and Lower(a) = 'x'", "LENGTH(a) > 2 AND LOWER(a) = 'x'"],
    ["LOWER(LOWER(a)) = LOWER('ÄX')", "LOWER(a) = 'äx'"],
    ["published and not archived", "published AND NOT archived"],
    ["NOT NOT a", "a"],
    ["a AND (b AND c)", "a AND b AND c"],
    ["(a OR b) AND c", "(a OR b) AND c"],
    ["a OR b AND c", "a OR b AND c"],
    ["NOT a AND b", "NOT a AND b"],
    ["NOT (a AND b)", "NOT (a AND b)"],
    ["((((a = 1))))", "a = 1"],
    ["TRUE", "TRUE"],
    ["not false", "TRUE"],
    ["true = active", "active = TRUE"],
    ["1 = 1 and 'a' < 'b'", "TRUE AND TRUE"],
    ["null = 1", "NULL = NULL"],
    ["'abc' LIKE 'a%'", "TRUE"],
    ["id = 7", "id = 7"],
    ["field.id = 7", "field.id = 7"],
    ['"field.id" = 7', '"field.id" = 7'],
    ['"id" = 7', "id = 7"],
    ['"any ""text""" = 1', '"any ""text""" = 1'],
    ["`back``tick` = 1", '"back`tick" = 1'],
    ['meta."odd key" = 1', '"meta.odd key" = 1'],
    ['"in" = 5', '"in" = 5'],
    ["a.in = 5", "a.in = 5"],
    ["length = 5 and lower > 1 and any = 1 and all = 2", "length = 5 AND lower > 1 AND any = 1 AND all = 2"],
    ["größe > 1 AND $x = 1 AND _y = 2", "größe > 1 AND $x = 1 AND _y = 2"],
    ["a\t=\n1\u00a0and b", "a = 1 AND b"],
  ])("%s means %s", (text, canonical) => {
    expect(meaning(text)).toBe(canonical);
    expect(meaning(canonical)).toBe(canonical);
  });

  it("keeps parentheses, precedence and everything after the first value", () => {
    const leak = parseWhere("tenant='acme' AND (lang='en' OR lang='fr')");
    expect(evaluateRow(leak, 1, { tenant: "evil", lang: "fr" })).toBe(false);
    expect(evaluateRow(leak, 1, { tenant: "acme", lang: "fr" })).toBe(true);
    const either = parseWhere("a = 1 AND b = 2 OR c = 3");
    expect(evaluateRow(either, 1, { a: 1, b: 0, c: 0 })).toBe(false);
    expect(evaluateRow(either, 1, { a: 0, b: 0, c: 3 })).toBe(true);
    expect(evaluateRow(parseWhere("a = 5 OR b > 3"), 1, { a: 0, b: 4 })).toBe(true);
    expect(evaluateRow(parseWhere("a >= 1 OR b = 2"), 1, { a: 0, b: 2 })).toBe(true);
    expect(evaluateRow(parseWhere("tags CONTAINS 'x' OR y = 1"), 1, { tags: [], y: 1 })).toBe(true);
    expect(evaluateRow(parseWhere("name = 'O''Brien'"), 1, { name: "O" })).toBe(false);
    expect(evaluateRow(parseWhere("a <> 3"), 1, { a: 3 })).toBe(false);
    expect(evaluateRow(parseWhere("a <> 3"), 1, { a: "3" })).toBe(null);
    expect(refusal("a = 1 + 1").code).toBe("WHERE_SYNTAX");
  });

  it("freezes its tree", () => {
    const node = parseWhere("a IN (1, 2) AND NOT LENGTH(b.c) > 1", {});
    const frozen = (value: unknown): boolean =>
      typeof value !== "object" || value === null || (Object.isFrozen(value) && Object.values(value).every(frozen));
    expect(frozen(node)).toBe(true);
  });

  it("names the fields that it reads, each once and never the id", () => {
    const text =
      "b = 1 AND (a.x > b OR LOWER(c) LIKE 'x') AND NOT flag AND id = 3 AND field.id IN (1) AND \"d.e\" IS NULL";
    expect(pathsOf(parseWhere(text))).toEqual(["b", "a.x", "c", "flag", "id", "d.e"]);
    expect(pathsOf(parseWhere("id > 5 OR TRUE"))).toEqual([]);
  });
});

describe("a mistake", () => {
  it("is shown with its place, what stood there, what was expected and the line with a caret", () => {
    const error = refusal("lang = 'en' AND\nrank >> 5");
    expect(error.code).toBe("WHERE_SYNTAX");
    expect(error.message).toBe(
      "where: expected a value or a field, got > at position 22 (line 2, column 7)\n  rank >> 5\n        ^",
    );
    expect(error.details).toEqual({ position: 22, line: 2, column: 7, expected: "a value or a field", got: ">" });
  });

  it.each([
    ["", 0, "the end of the text"],
    ["   ", 3, "the end of the text"],
    ["a = ", 4, "the end of the text"],
    ["5", 1, "the end of the text"],
    ["'x'", 3, "the end of the text"],
    ["NULL", 4, "the end of the text"],
    ["id", 2, "the end of the text"],
    ["id AND a", 3, "the keyword AND"],
    ["LENGTH(a)", 9, "the end of the text"],
    ["a b", 2, "b"],
    ["a = 1 b", 6, "b"],
    ["a = 1 AND", 9, "the end of the text"],
    ["(a = 1", 6, "the end of the text"],
    ["a = 1)", 5, ")"],
    ["()", 1, ")"],
    ["a in ()", 6, ")"],
    ["a in 5", 5, "5"],
    ["a in (1 2)", 8, "2"],
    ["a in (1,", 8, "the end of the text"],
    ["a in (b)", 6, "b"],
    ["a between 1", 11, "the end of the text"],
    ["a between 1 and b", 16, "b"],
    ["a like b", 7, "b"],
    ["a not 5", 6, "5"],
    ["a is 5", 5, "5"],
    ["a is not 5", 9, "5"],
    ["a contains b", 11, "b"],
    ["a = 'x", 4, "' without its end"],
    ['"a = 1', 0, '" without its end'],
    ["a.", 2, "the end of the text"],
    ["a. b = 1", 2, '" "'],
    ["a.1 = 1", 2, '"1"'],
    ["a = 5abc", 5, '"a"'],
    ["a = 1.2.3", 7, '"."'],
    ["a = 1e", 5, '"e"'],
    ["a = 1e999", 4, "1e999"],
    ["a = 1 -- x", 6, '"-"'],
    ["a /* x */ = 1", 2, '"/"'],
    ["a = 1;", 5, '";"'],
    ["a ! b", 2, '"!"'],
    ["a & b", 2, '"&"'],
    ["a = ?", 4, '"?"'],
    ["a = :", 4, '":"'],
    ["a = 😀", 4, '"😀"'],
    ["upper(a) = 'X'", 0, "upper("],
    ["length(5) > 1", 7, "5"],
    ["length(lower(a)) > 1", 12, "("],
    ["1 < a < 5", 6, "<"],
    ["a = 1 not", 6, "the keyword not"],
  ])("in %j stands at %i", (text, position, got) => {
    const error = refusal(text);
    expect(error.code).toBe("WHERE_SYNTAX");
    expect(error.details).toMatchObject({ position, got, line: 1, column: [...text.slice(0, position)].length + 1 });
    const caret = error.message.split("\n").at(-1);
    expect(caret).toBe(`${" ".repeat(2 + [...text.slice(0, position)].length)}^`);
  });

  it("comes with advice", () => {
    expect(refusal("in = 5").message).toContain('a field of that name takes double quotes: "in"');
    expect(refusal('a in ("x")').message).toContain("double quotes make a field name; text takes single quotes");
    expect(refusal("a = 1 + 1").message).toContain("there is no arithmetic");
    expect(refusal("a-b = 1").message).toContain('a name with "-" takes double quotes');
    expect(refusal("").message).toContain("leave where out");
  });

  it("in a long line is shown with a part of the line", () => {
    const error = refusal(`${"a = 1 AND ".repeat(500)}!${" ".repeat(500)}`);
    const [, line, caret] = error.message.split("\n");
    expect(line!.length).toBeLessThan(120);
    expect(line![caret!.indexOf("^")]).toBe("!");
  });
});

describe("parameters", () => {
  it("stand for values, Dates and lists", () => {
    const params = { lang: "it's", from: new Date(0), max: 9, list: ["a", 1, null], none: [], no: null, yes: true };
    expect(meaning("a = :lang AND b BETWEEN :from AND :max", { lang: "it's", from: params.from, max: 9 })).toBe(
      "a = 'it''s' AND b BETWEEN '1970-01-01T00:00:00.000Z' AND 9",
    );
    expect(meaning("a IN :list AND b CONTAINS ALL :list", { list: params.list })).toBe(
      "a IN ('a', 1, NULL) AND b CONTAINS ALL ('a', 1, NULL)",
    );
    expect(meaning("a IN (:x, :y) OR a CONTAINS :x", { x: 1, y: "b" })).toBe("a IN (1, 'b') OR a CONTAINS 1");
    expect(meaning("a LIKE :p", { p: "100\\%" })).toBe("a LIKE '100\\%'");
  });

  it("of empty lists decide at once: nothing is in them, and everything contains all of them", () => {
    expect(meaning("a IN :none", { none: [] })).toBe("FALSE");
    expect(meaning("a NOT IN :none", { none: [] })).toBe("TRUE");
    expect(meaning("a CONTAINS ANY :none", { none: [] })).toBe("FALSE");
    expect(meaning("a CONTAINS ALL :none", { none: [] })).toBe("TRUE");
  });

  it("do not let a text be read as syntax", () => {
    expect(meaning("a = :x", { x: "' OR 1 = 1 --" })).toBe("a = ''' OR 1 = 1 --'");
  });

  it("keep their values when the caller changes the list", () => {
    const list = [1, 2];
    const node = parseWhere("a IN :list", { list });
    list.push(3);
    expect(printWhere(node)).toBe("a IN (1, 2)");
  });

  it.each<[string, WhereParams, string]>([
    ["a = :x", {}, "x"],
    ["a = :toString", {}, "toString"],
    ["a = :x", { x: [1] }, "x"],
    ["a IN :x", { x: 1 }, "x"],
    ["a IN (:x)", { x: [1] }, "x"],
    ["a CONTAINS ANY :x", { x: "a" }, "x"],
    ["a LIKE :x", { x: 5 }, "x"],
    ["a LIKE :x", { x: null }, "x"],
    ["a = :x", { x: Number.NaN }, "x"],
    ["a = :x", { x: Number.POSITIVE_INFINITY }, "x"],
    ["a = :x", { x: new Date(Number.NaN) }, "x"],
    ["a = :x", { x: {} as never }, "x"],
    ["a IN :x", { x: [Symbol("s") as never] }, "x"],
    ["a IN :x", { x: [undefined as never] }, "x"],
    ["a IN :x", { x: new Array(1) }, "x"],
  ])("%s with %j is refused by name", (text, params, parameter) => {
    const error = refusal(text, params);
    expect(error.code).toBe("INVALID_ARGUMENT");
    expect(error.details["parameter"]).toBe(parameter);
    expect(error.message).toContain(`:${parameter}`);
  });

  it("that the text does not use are refused by name", () => {
    const error = refusal("a = :lang", { lang: 1, lnag: 2, other: 3 });
    expect(error.code).toBe("INVALID_ARGUMENT");
    expect(error.details["parameters"]).toEqual(["lnag", "other"]);
    expect(meaning("a = 1", { lang: undefined as never })).toBe("a = 1");
  });

  it("that are no object, and texts that are no text, are refused", () => {
    expect(refusal("a", [] as never).code).toBe("INVALID_ARGUMENT");
    expect(refusal(5 as never).code).toBe("INVALID_ARGUMENT");
  });
});

describe("limits", () => {
  const depth = limits.whereDepthMax;
  it.each([
    ["parentheses", (n: number) => `${"(".repeat(n)}a${")".repeat(n)}`],
    ["NOT", (n: number) => `${"NOT ".repeat(n)}a`],
    ["LOWER", (n: number) => `${"LOWER(".repeat(n)}a${")".repeat(n)} = 'x'`],
    ["both", (n: number) => `${"NOT (".repeat(n / 2)}a${")".repeat(n / 2)}`],
  ])("hold the nesting of %s", (_, text) => {
    expect(() => parseWhere(text(depth))).not.toThrow();
    const error = refusal(text(depth + 2));
    expect(error.code).toBe("LIMIT_EXCEEDED");
    expect(error.details["limit"]).toBe("whereDepthMax");
  });

  it("do not count one after the other as nesting", () => {
    expect(() => parseWhere("(a) AND ".repeat(1000).concat("NOT a"))).not.toThrow();
  });

  it("hold the size of the text, in bytes", () => {
    const fits = `a = '${"x".repeat(limits.whereBytesMax - 6)}'`;
    expect(() => parseWhere(fits)).not.toThrow();
    expect(refusal(`${fits} `).details["limit"]).toBe("whereBytesMax");
    expect(refusal(`a = '${"ä".repeat(limits.whereBytesMax / 2)}'`).details["limit"]).toBe("whereBytesMax");
  });

  it("hold the length of lists and of paths", () => {
    const list = new Array(limits.whereInListMax + 1).fill(1);
    expect(refusal("a IN :list", { list }).details["limit"]).toBe("whereInListMax");
    expect(() => parseWhere("a IN :list", { list: list.slice(1) })).not.toThrow();
    const path = new Array(limits.fieldDepthMax + 1).fill("a").join(".");
    expect(refusal(`${path} = 1`).code).toBe("LIMIT_EXCEEDED");
    expect(refusal(`"${path}" = 1`).code).toBe("LIMIT_EXCEEDED");
  });
});

describe("any text at all", () => {
  const words = [
    "a",
    "b.c",
    "AND",
    "or",
    "NOT",
    "(",
    ")",
    "=",
    "<",
    "<>",
    "IN",
    "BETWEEN",
    "LIKE",
    "IS",
    "NULL",
    "TRUE",
  ];
  const more = [
    "CONTAINS",
    "ANY",
    "all",
    "LENGTH",
    "lower",
    "(",
    ")",
    ",",
    "'x'",
    '"q"',
    "`q`",
    "5",
    "-1e3",
    ":p",
    "'",
    '"',
  ];
  const soup = fc
    .array(fc.oneof(fc.constantFrom(...words, ...more), fc.string({ unit: "binary", maxLength: 3 })), { maxLength: 40 })
    .map((parts) => parts.join(" "));
  const junk = fc.oneof(soup, fc.string({ unit: "binary", maxLength: 200 }), fc.string({ unit: "grapheme" }));

  it("gives a tree or a catalogued error", () => {
    const codes = new Map<string, number>();
    fc.assert(
      fc.property(junk, (text) => {
        let outcome = "tree";
        try {
          const node = parseWhere(text, { p: 1 });
          expect(parseWhere(printWhere(node))).toEqual(node);
        } catch (error) {
          if (!isLynseError(error)) throw error;
          outcome = error.code;
          expect(["WHERE_SYNTAX", "LIMIT_EXCEEDED", "INVALID_ARGUMENT"]).toContain(outcome);
        }
        codes.set(outcome, (codes.get(outcome) ?? 0) + 1);
      }),
      { numRuns: 5000 },
    );
    expect(codes.get("WHERE_SYNTAX")).toBeGreaterThan(1000);
  });

  it.each([
    ["open quotes", "'".repeat(60_001)],
    ["opening parentheses", "(".repeat(60_000)],
    ["one name", `${"a".repeat(60_000)} !`],
    ["dots", "a.".repeat(30_000)],
    ["one number", "1".repeat(60_000)],
    ["blanks", " ".repeat(60_000)],
    ["lines", "\n".repeat(60_000)],
    ["doubled quotes", `a = '${"''".repeat(30_000)}`],
    ["a long AND", "a AND ".repeat(10_000)],
  ])("of %s ends soon", (_, text) => {
    const startedAt = performance.now();
    expect(isLynseError(refusal(text))).toBe(true);
    expect(performance.now() - startedAt).toBeLessThan(1000);
  });
});
