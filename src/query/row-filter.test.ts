import fc from "fast-check";
import { expect, test } from "vitest";
import { lastRowsOf, type RowFilter, rowsOf } from "./row-filter.js";

function filterOf(bits: readonly boolean[] | null, rowCount: number): RowFilter {
  const mask = bits === null ? null : new Uint32Array(Math.ceil(bits.length / 32));
  bits?.forEach((isSet, row) => {
    if (isSet) mask![row >>> 5]! |= 1 << (row & 31);
  });
  return { rowCount, mask, count: 0, liveCount: 0, estimated: 0, where: null, isNarrowed: mask !== null };
}

test("gives the rows of a mask from anywhere, at most so many, also beyond word borders", () => {
  fc.assert(
    fc.property(
      fc.array(fc.boolean(), { maxLength: 200 }),
      fc.nat({ max: 220 }),
      fc.nat({ max: 220 }),
      fc.nat({ max: 200 }),
      (bits, from, limit, cut) => {
        const rowCount = Math.min(cut, bits.length);
        const all = bits.flatMap((isSet, row) => (isSet && row < rowCount ? [row] : []));
        const filter = filterOf(bits, rowCount);
        expect(rowsOf(filter)).toEqual(all);
        expect(rowsOf(filter, from, limit)).toEqual(all.filter((row) => row >= from).slice(0, limit));
        expect(lastRowsOf(filter, limit)).toEqual(limit === 0 ? [] : all.slice(-limit));
      },
    ),
  );
});

test("without a mask gives every row", () => {
  expect(rowsOf(filterOf(null, 3))).toEqual([0, 1, 2]);
  expect(rowsOf(filterOf(null, 3), 1, 1)).toEqual([1]);
  expect(lastRowsOf(filterOf(null, 3), 2)).toEqual([1, 2]);
});
