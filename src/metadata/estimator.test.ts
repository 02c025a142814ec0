/** Are estimates near what columns hold, without a store? */
import { describe, expect, it } from "vitest";
import { Column } from "./column.js";
import { type ColumnStatistics, estimateMatches } from "./estimator.js";
import type { FieldRecord } from "./field-path.js";
import { evaluateRow } from "./row-evaluator.js";
import { parseWhere } from "./where-parser.js";
import { pathsOf } from "./where-paths.js";

const rowCount = 50_000;

/** Skewed: the k-th language has about 1/k of the rows of the first; most views are few, some are thousands. */
const languages = Array.from({ length: 40 }, (_, at) => `lang-${at}`);
const harmonic = languages.map((_, at) => 1 / (at + 1));
let seed = 1;
const random = (): number => {
  seed = (Math.imul(seed, 1_664_525) + 1_013_904_223) >>> 0;
  return seed / 2 ** 32;
};
function skewed(): string {
  let left = random() * harmonic.reduce((sum, weight) => sum + weight, 0);
  const at = harmonic.findIndex((weight) => (left -= weight) < 0);
  return languages[Math.max(0, at)]!;
}
const rows: FieldRecord[] = Array.from({ length: rowCount }, (_, at) => ({
  lang: skewed(),
  views: Math.floor(1 / (random() + 0.0001)),
  serial: at,
  month: at % 12,
  title: `Title ${at % 1000} of ${skewed()}`,
  ...(random() < 0.1 ? { draft: random() < 0.5 } : {}),
  tags: [`t${Math.floor(random() ** 3 * 100)}`, `u${at % 5000}`],
  mixed: at % 2 === 0 ? at % 10 : `m${at % 10}`,
}));

const columns = new Map<string, Column>();
function statisticsOf(path: string): ColumnStatistics {
  let column = columns.get(path);
  if (column === undefined) {
    column = new Column(path);
    for (const row of rows) column.append(row);
    columns.set(path, column);
  }
  return column;
}

function estimate(text: string): number {
  return estimateMatches(parseWhere(text), statisticsOf, rowCount);
}

function actual(text: string): number {
  const node = parseWhere(text);
  return rows.filter((row, at) => evaluateRow(node, at, row) === true).length;
}

describe("estimates of skewed data", () => {
  it.each([
    ["lang = 'lang-0'", 1.001],
    ["lang = 'lang-39'", 1.001],
    ["lang IN ('lang-3', 'lang-30')", 1.001],
    ["lang = 'lang-3' OR lang = 'lang-30'", 1.001],
    ["draft IS NULL", 1.001],
    ["draft IS NOT NULL", 1.001],
    ["draft", 1.001],
    ["NOT draft", 1.001],
    ["lang != 'lang-0'", 1.2],
    ["lang > 'lang-2'", 1.3],
    ["lang LIKE 'lang-1%'", 1.5],
    ["NOT lang LIKE 'lang-1%'", 1.3],
    ["views > 3", 1.3],
    ["views > 100", 2],
    ["views <= 1", 1.3],
    ["views = 1", 1.3],
    ["month = 7", 1.5],
    ["month BETWEEN 3 AND 5", 1.3],
    ["month >= 3 AND month <= 5", 1.3],
    ["month < 3 OR month > 9", 1.3],
    ["NOT (month >= 3 AND month <= 5)", 1.3],
    ["serial = 1234", 1.5],
    ["serial IN (1, 2, 3)", 1.5],
    ["serial < 100", 5],
    ["serial >= 25000", 1.2],
    ["mixed = 4", 1.5],
    ["mixed = 'm3'", 1.001],
    ["mixed > 5", 1.5],
    ["LENGTH(title) > 15", 1.3],
    ["title LIKE '%lang-0'", 1.5],
    ["tags CONTAINS 't0'", 1.3],
    ["tags CONTAINS 'u17'", 1.3],
    ["tags CONTAINS ANY ('u17', 'u18')", 1.3],
    ["lang = 'lang-0' AND month = 7", 1.7],
    ["lang = 'lang-0' AND views > 3 AND draft IS NULL", 1.5],
    ["lang = 'lang-0' OR month = 7", 1.3],
    ["NOT (lang = 'lang-0' OR month = 7)", 1.3],
    ["id = 17", 1.001],
    ["id IN (1, 2)", 1.001],
    ["TRUE", 1.001],
  ])("%s is within a factor of %d", (text, factor) => {
    const [found, real] = [estimate(text), actual(text)];
    expect(found).toBeLessThanOrEqual(real * factor);
    expect(found).toBeGreaterThanOrEqual(real / factor);
  });

  it.each([
    "lang = 'unknown'",
    "views < 0",
    "views > 1000000",
    "serial = 0.5 AND serial = 1.5",
    "month BETWEEN 50 AND 60",
    "tags CONTAINS 'unknown'",
    "missing = 5",
    "missing IS NOT NULL",
    "lang = 5",
    "lang = NULL",
    "NOT lang = NULL",
    "FALSE",
    "lang = 'lang-0' AND lang = 'lang-1'",
  ])("%s is none", (text) => {
    expect(actual(text)).toBe(0);
    expect(estimate(text)).toBe(0);
  });

  it("are exact where the sample holds everything", () => {
    const few = new Column("n");
    for (let at = 0; at < 300; at += 1) few.append({ n: at % 7 });
    for (const text of ["n = 3", "n > 4", "n IN (1, 2)", "NOT n > 4", "n > 1 AND n < 4"]) {
      const node = parseWhere(text);
      const real = Array.from({ length: 300 }, (_, at) => evaluateRow(node, at, { n: at % 7 })).filter(Boolean).length;
      expect(estimateMatches(node, () => few, 300)).toBe(real);
    }
  });

  it("scale to the rows asked about, stay in range, and never are none where rows may be", () => {
    expect(estimateMatches(parseWhere("draft IS NULL"), statisticsOf, rowCount / 2)).toBeLessThan(rowCount / 2);
    for (const text of ["a = 1", "a > 1 OR b LIKE 'x'", "NOT a IN (1, 2)", "a = b", "id > 5", "LENGTH(id) > 2"]) {
      const found = estimateMatches(parseWhere(text), () => null, 1000);
      expect(found).toBeGreaterThan(0);
      expect(found).toBeLessThanOrEqual(1000);
      expect(pathsOf(parseWhere(text)).length).toBeLessThan(3);
    }
    expect(estimateMatches(parseWhere("a = 1"), () => new Column("a"), 0)).toBe(0);
    expect(estimate("tags CONTAINS ALL ('t0', 'u17') AND title LIKE '%nothing%' AND lang LIKE '%9'")).toBe(1);
  });
});
