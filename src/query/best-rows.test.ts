import fc from "fast-check";
import { expect, test } from "vitest";
import { bestOf, bestRows } from "./best-rows.js";

const lists = fc.array(fc.array(fc.tuple(fc.nat({ max: 300 }), fc.integer({ min: -3, max: 3 })), { maxLength: 60 }), {
  maxLength: 4,
});

test.each([
  "l2",
  "ip",
] as const)("gives the k best rows of all lists, each once, ties to the older row (%s)", (metric) => {
  fc.assert(
    fc.property(lists, fc.integer({ min: 1, max: 80 }), (given, k) => {
      // A row has one value, wherever it stands.
      const values = new Map(given.flat());
      const parts = given.map((list) => ({
        rows: Uint32Array.from(list, ([row]) => row),
        values: Float64Array.from(list, ([row]) => values.get(row)!),
      }));
      const sign = metric === "ip" ? -1 : 1;
      const expected = [...values].sort(([a, x], [b, y]) => sign * (x - y) || a - b).slice(0, k);
      const best = bestRows(metric, k, parts);
      expect([...best.rows]).toEqual(expected.map(([row]) => row));
      expect([...best.values]).toEqual(expected.map(([, value]) => value));
    }),
  );
});

test.each(["cos", "l1"] as const)("one list is sorted as several are (%s)", (metric) => {
  fc.assert(
    fc.property(
      fc.uniqueArray(fc.nat({ max: 300 }), { maxLength: 90 }),
      fc.integer({ min: 1, max: 80 }),
      (given, k) => {
        const list = () => ({
          rows: Uint32Array.from(given),
          values: Float64Array.from(given, (row) => (row * 7) % 5),
        });
        const { rows, values } = list();
        expect(bestOf(metric, k, rows, values)).toEqual(bestRows(metric, k, [list()]));
      },
    ),
  );
});
