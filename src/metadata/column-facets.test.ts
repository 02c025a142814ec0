import fc from "fast-check";
import { describe, expect, test } from "vitest";
import type { JsonValue } from "../types.js";
import { facetCounts } from "./column-facets.js";
import { rowValues, type SingleValue } from "./column-row-values.js";
import { ColumnStore } from "./column-store.js";
import type { FieldRecord } from "./field-path.js";
import { compareText } from "./text-order.js";

async function storeOf(rows: readonly FieldRecord[], path = "f"): Promise<ColumnStore> {
  const columns = new ColumnStore({
    rowCount: rows.length,
    idAt: (row) => row,
    readFields: async (from, to) => rows.slice(from, to),
  });
  await columns.ensure([path], rows.length);
  return columns;
}

const isSingle = (value: unknown): value is SingleValue =>
  typeof value === "string" || typeof value === "number" || typeof value === "boolean";

function valuesOf(value: JsonValue | undefined): SingleValue[] {
  const values = Array.isArray(value) ? value : [value];
  return [...new Set(values.filter(isSingle).map((single) => (single === 0 ? 0 : single)))];
}

const rank = (value: SingleValue) => ["number", "string", "boolean"].indexOf(typeof value);

function compareValues(a: SingleValue, b: SingleValue): number {
  if (typeof a === "string" && typeof b === "string") return compareText(a, b);
  return rank(a) - rank(b) || Number(a) - Number(b);
}

function naive(rows: readonly FieldRecord[], isIn: (row: number) => boolean, limit: number) {
  const counts = new Map<SingleValue, number>();
  rows.forEach((row, at) => {
    if (!isIn(at)) return;
    for (const value of valuesOf(row["f"])) counts.set(value, (counts.get(value) ?? 0) + 1);
  });
  return [...counts]
    .map(([value, count]) => ({ value, count }))
    .sort((a, b) => b.count - a.count || compareValues(a.value, b.value))
    .slice(0, limit);
}

const scalar = fc.constantFrom<JsonValue>(
  "a",
  "b",
  "B",
  "",
  "1",
  "\u{1f600}",
  "\uff5e",
  0,
  -0,
  1,
  2.5,
  -7,
  true,
  false,
  null,
);
const value = fc.oneof(scalar, fc.array(fc.oneof(scalar, fc.constant({ g: 1 }), fc.constant(["a"])), { maxLength: 6 }));
const rows = fc.array(fc.oneof(fc.record({ f: value }), fc.constant<FieldRecord>({}), fc.constant({ f: { g: 1 } })), {
  maxLength: 100,
});

describe("facetCounts", () => {
  test("counts each value once a row, most frequent first, ties by value", async () => {
    await fc.assert(
      fc.asyncProperty(
        rows,
        fc.array(fc.boolean(), { minLength: 100, maxLength: 100 }),
        fc.constantFrom(1, 3, 300),
        async (given, bits, limit) => {
          const columns = await storeOf(given);
          expect(facetCounts(columns, "f", null, given.length, limit)).toEqual(naive(given, () => true, limit));
          // Bits beyond the last row do not count.
          const mask = new Uint32Array(4).fill(0);
          bits.forEach((isSet, row) => {
            if (isSet) mask[row >>> 5]! |= 1 << (row & 31);
          });
          expect(facetCounts(columns, "f", mask, given.length, limit)).toEqual(
            naive(given, (row) => bits[row]!, limit),
          );
          const some = given.length >>> 1;
          const first = given.slice(0, some);
          expect(facetCounts(columns, "f", mask, some, limit)).toEqual(naive(first, (row) => bits[row]!, limit));
        },
      ),
    );
  });

  test("many distinct values, of which a few are more frequent", async () => {
    const given = Array.from({ length: 5000 }, (_, at) => ({ f: at % 3 === 0 ? at % 600 : `t${(at * 7919) % 2003}` }));
    const columns = await storeOf(given);
    for (const limit of [1, 10, 256, 257, 10_000]) {
      expect(facetCounts(columns, "f", null, given.length, limit)).toEqual(naive(given, () => true, limit));
    }
  });

  test("a path through an array counts what its elements have, arrays among them too", async () => {
    const given = [
      { authors: [{ names: ["x", "y"] }, { names: "x" }, { names: 3 }, {}] },
      { authors: [{ names: "y" }, { names: [3, true, null] }] },
      { authors: { names: "y" } },
    ];
    const columns = await storeOf(given, "authors.names");
    expect(facetCounts(columns, "authors.names", null, 3, 10)).toEqual([
      { value: "y", count: 3 },
      { value: 3, count: 2 },
      { value: "x", count: 1 },
      { value: true, count: 1 },
    ]);
  });

  test("no rows and no such field count nothing", async () => {
    expect(facetCounts(await storeOf([]), "f", null, 0, 5)).toEqual([]);
    expect(facetCounts(await storeOf([{ g: 1 }]), "f", null, 1, 5)).toEqual([]);
  });
});

describe("rowValues", () => {
  test("gives the distinct single values of a row", async () => {
    await fc.assert(
      fc.asyncProperty(rows, async (given) => {
        const column = (await storeOf(given)).columnOf("f");
        given.forEach((row, at) => {
          expect(rowValues(column, at).map((single) => (single === 0 ? 0 : single))).toEqual(valuesOf(row["f"]));
        });
      }),
    );
  });
});
