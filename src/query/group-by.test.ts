import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { type GroupValue, groupRows } from "./group-by.js";

const value = fc.constantFrom<GroupValue>("a", "b", "1", 1, 2, true, false);
const ranking = fc.array(fc.uniqueArray(value, { maxLength: 3 }), { maxLength: 40 });

describe("groupRows", () => {
  test("takes the best rows of the groups with the best rows", () => {
    fc.assert(
      fc.property(ranking, fc.integer({ min: 1, max: 8 }), fc.integer({ min: 1, max: 4 }), (rows, k, groupSize) => {
        const ranked = rows.map((_, at) => at + 100);
        const { groups, isComplete } = groupRows(ranked, (row) => rows[row - 100]!, {
          k,
          groupSize,
          isExhausted: false,
        });
        const values = [...new Set(rows.flat())].slice(0, k);
        const expected = values.map((group) => {
          const places = rows.flatMap((of, at) => (of.includes(group) ? [at] : []));
          return { value: group, rows: places.slice(0, groupSize) };
        });
        expect(groups).toEqual(expected);
        expect(isComplete).toBe(expected.length === k && expected.every((group) => group.rows.length === groupSize));
      }),
    );
  });

  test("a longer ranking only adds", () => {
    fc.assert(
      fc.property(ranking, fc.nat({ max: 40 }), (rows, length) => {
        const request = { k: 3, groupSize: 2, isExhausted: false };
        const valuesOf = (row: number) => rows[row]!;
        const all = rows.map((_, at) => at);
        const short = groupRows(all.slice(0, length), valuesOf, request);
        const long = groupRows(all, valuesOf, request);
        short.groups.forEach((group, at) => {
          expect(long.groups[at]!.value).toBe(group.value);
          expect(long.groups[at]!.rows.slice(0, group.rows.length)).toEqual(group.rows);
        });
        if (short.isComplete) expect(long.groups).toEqual(short.groups);
      }),
    );
  });

  test("is complete where nothing can come any more, and looks no further than needed", () => {
    const request = { k: 2, groupSize: 2, isExhausted: true };
    expect(groupRows([5], () => ["a"], request)).toEqual({ groups: [{ value: "a", rows: [0] }], isComplete: true });
    expect(groupRows([5], () => ["a"], { ...request, isExhausted: false }).isComplete).toBe(false);
    const asked: number[] = [];
    const values: Readonly<Record<number, GroupValue[]>> = { 5: ["a"], 6: ["a"], 7: [1], 8: [1], 9: ["a"] };
    groupRows(
      Uint32Array.of(5, 6, 7, 8, 9),
      (row) => {
        asked.push(row);
        return values[row]!;
      },
      request,
    );
    expect(asked).toEqual([5, 6, 7, 8]);
  });
});
