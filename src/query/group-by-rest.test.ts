import fc from "fast-check";
import { expect, test } from "vitest";
import { rowValues, type SingleValue } from "../metadata/column-row-values.js";
import { ColumnStore } from "../metadata/column-store.js";
import type { FieldRecord } from "../metadata/field-path.js";
import { groupRows } from "./group-by.js";
import { emptyPlaces, rowsToGroup } from "./group-by-rest.js";
import type { RowFilter } from "./row-filter.js";

const single = fc.constantFrom<SingleValue>("a", "b", "c", "1", 1, 2, 0.5, true, false);
const record = fc.oneof(
  fc.record({ f: single }),
  fc.record({ f: fc.array(fc.oneof(single, fc.constant(null)), { maxLength: 3 }) }),
  fc.record({ f: fc.constantFrom(null, { g: 1 }) }),
);
const rows = fc.array(record, { minLength: 1, maxLength: 80 });

async function storeOf(records: readonly FieldRecord[], path: string): Promise<ColumnStore> {
  const columns = new ColumnStore({
    rowCount: records.length,
    idAt: (row) => row,
    readFields: async (from, to) => records.slice(from, to),
  });
  await columns.ensure([path], records.length);
  return columns;
}

function filterOf(rowCount: number, isIn: (row: number) => boolean): RowFilter {
  const mask = new Uint32Array(Math.ceil(rowCount / 32));
  let count = 0;
  for (let row = 0; row < rowCount; row++) {
    if (!isIn(row)) continue;
    mask[row >>> 5]! |= 1 << (row & 31);
    count += 1;
  }
  return { rowCount, mask, count, liveCount: rowCount, estimated: count, where: null, isNarrowed: false };
}

const has = (filter: RowFilter, row: number): boolean =>
  filter.mask === null || (filter.mask[row >>> 5]! & (1 << (row & 31))) !== 0;

test("a short ranking, continued by the rows that have a place, groups as the ranking of all rows", async () => {
  await fc.assert(
    fc.asyncProperty(
      rows,
      fc.integer({ min: 1, max: 6 }),
      fc.integer({ min: 1, max: 4 }),
      fc.nat({ max: 20 }),
      fc.boolean(),
      fc.integer(),
      async (records, k, groupSize, length, isFiltered, seed) => {
        const columns = await storeOf(records, "f");
        const column = columns.columnOf("f");
        const valuesOf = (row: number) => rowValues(column, row);
        const all = isFiltered
          ? filterOf(records.length, (row) => row % 3 !== 1)
          : filterOf(records.length, () => true);
        const filter: RowFilter = isFiltered ? all : { ...all, mask: null };
        // Any order will do for a ranking.
        const order = records
          .map((_, row) => row)
          .sort((a, b) => (Math.imul(a + 1, seed | 1) >>> 3) - (Math.imul(b + 1, seed | 1) >>> 3) || a - b);
        const best = (among: RowFilter, count: number) => order.filter((row) => has(among, row)).slice(0, count);
        const complete = best(filter, records.length);
        const expected = groupRows(complete, valuesOf, { k, groupSize, isExhausted: true });

        let ranked = best(filter, length);
        let grouped = groupRows(ranked, valuesOf, { k, groupSize, isExhausted: ranked.length === filter.count });
        let rounds = 0;
        while (!grouped.isComplete) {
          const rest = rowsToGroup(columns, "f", filter, ranked, grouped, { k, groupSize });
          const next = best(rest, emptyPlaces(grouped, { k, groupSize }));
          ranked = [...ranked, ...next];
          grouped = groupRows(ranked, valuesOf, { k, groupSize, isExhausted: next.length === rest.count });
          rounds += 1;
          expect(rounds).toBeLessThanOrEqual(k * groupSize + 1);
        }
        const byRow = (result: typeof grouped, ranking: readonly number[]) =>
          result.groups.map(({ value, rows: places }) => [value, places.map((place) => ranking[place])]);
        expect(byRow(grouped, ranked)).toEqual(byRow(expected, complete));
      },
    ),
    { numRuns: 300 },
  );
});

test("a path through an array groups by what its elements have", async () => {
  const records = [{ a: [{ n: ["x", "y"] }, { n: 1 }] }, { a: [{ n: "y" }] }, { a: [{ n: [true] }] }, { a: [] }];
  const columns = await storeOf(records, "a.n");
  const column = columns.columnOf("a.n");
  expect(records.map((_, row) => rowValues(column, row))).toEqual([["x", "y", 1], ["y"], [true], []]);
  const grouped = groupRows([0], (row) => rowValues(column, row), { k: 4, groupSize: 1, isExhausted: false });
  const rest = rowsToGroup(
    columns,
    "a.n",
    filterOf(4, () => true),
    [0],
    grouped,
    { k: 4, groupSize: 1 },
  );
  expect([rest.count, [...rest.mask!]]).toEqual([1, [0b100]]);
});
