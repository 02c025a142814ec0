import fc from "fast-check";
import { expect, test } from "vitest";
import { rowValues, type SingleValue } from "../metadata/column-row-values.js";
import { ColumnStore } from "../metadata/column-store.js";
import type { FieldRecord } from "../metadata/field-path.js";
import { groupRows } from "./group-by.js";
import { groupCompletely } from "./group-by-rest.js";
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
  row < filter.rowCount && (filter.mask === null || ((filter.mask[row >>> 5] ?? 0) & (1 << (row & 31))) !== 0);

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
        // Rows that were committed after the filter was resolved are in the columns, too.
        const rowCount = Math.ceil(records.length * 0.9);
        const all = filterOf(rowCount, (row) => !isFiltered || row % 3 !== 1);
        const filter: RowFilter = isFiltered ? all : { ...all, mask: null };
        // Any order will do for a ranking.
        const order = records
          .map((_, row) => row)
          .sort((a, b) => (Math.imul(a + 1, seed | 1) >>> 3) - (Math.imul(b + 1, seed | 1) >>> 3) || a - b);
        const best = (among: RowFilter, count: number) => order.filter((row) => has(among, row)).slice(0, count);
        const complete = best(filter, records.length);
        const expected = groupRows(complete, valuesOf, { k, groupSize, isExhausted: true });

        const ranked = (among: RowFilter, count: number) => {
          const found = best(among, count);
          return { rows: Uint32Array.from(found), values: Float64Array.from(found, (row) => order.indexOf(row)) };
        };
        let rounds = 0;
        const first = ranked(filter, length);
        const { ranking, grouped } = await groupCompletely(
          {
            ...{ columns, field: "f", filter, k, groupSize },
            find: (among, count) => {
              rounds += 1;
              expect(among.count).toBe(best(among, records.length).length);
              expect(best(among, records.length).filter((row) => first.rows.includes(row))).toEqual([]);
              // Results may come at once or later.
              return rounds % 2 === 0 ? ranked(among, count) : Promise.resolve(ranked(among, count));
            },
          },
          first,
          first.rows.length === filter.count,
        );
        expect(rounds).toBeLessThanOrEqual(k * groupSize);
        expect([...ranking.values]).toEqual(Array.from(ranking.rows, (row) => order.indexOf(row)));
        const byRow = (result: typeof grouped, rows: ArrayLike<number>) =>
          result.groups.map(({ value, rows: places }) => [value, places.map((place) => rows[place])]);
        expect(byRow(grouped, ranking.rows)).toEqual(byRow(expected, complete));
      },
    ),
    { numRuns: 300 },
  );
});

test("looks only among rows that have a place, and not at all where none is left", async () => {
  const records = [{ a: [{ n: ["x", "y"] }, { n: 1 }] }, { a: [{ n: "y" }] }, { a: [{ n: [true] }] }, { a: [] }];
  const columns = await storeOf(records, "a.n");
  const asked: unknown[] = [];
  const task = {
    ...{ columns, field: "a.n", filter: filterOf(4, () => true), k: 5, groupSize: 1 },
    find: (among: RowFilter, count: number) => {
      asked.push([among.count, [...among.mask!], count]);
      return { rows: Uint32Array.of(2), values: Float64Array.of(0.5) };
    },
  };
  const first = { rows: Uint32Array.of(0), values: Float64Array.of(1) };
  const { ranking, grouped } = await groupCompletely(task, first, false);
  expect(asked).toEqual([[1, [0b100], 1]]);
  expect([...ranking.rows]).toEqual([0, 2]);
  expect(grouped.groups.map((group) => group.value)).toEqual(["x", "y", 1, true]);
  await groupCompletely({ ...task, k: 3 }, first, false);
  await groupCompletely(
    { ...task, groupSize: 9 },
    { rows: Uint32Array.of(0, 1, 2), values: new Float64Array(3) },
    false,
  );
  expect(asked.length).toBe(1);
});
