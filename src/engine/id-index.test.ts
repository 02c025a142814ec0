import fc from "fast-check";
import { expect, test } from "vitest";
import type { Id } from "../types.js";
import { IdIndex } from "./id-index.js";
import { RowTable } from "./row-table.js";

const anyId: fc.Arbitrary<Id> = fc.oneof(
  fc.nat({ max: 30 }),
  fc.integer({ min: 2 ** 31 - 2, max: 2 ** 33 }),
  fc.constantFrom(Number.MAX_SAFE_INTEGER, "1", "2", "a", "ü", "\u{1F600}"),
  fc.string({ minLength: 1, maxLength: 4 }),
);

test("finds the newest row of every id, as a Map would", async () => {
  await fc.assert(
    fc.asyncProperty(fc.array(anyId, { maxLength: 400 }), fc.nat({ max: 400 }), async (ids, split) => {
      const rows = new RowTable();
      rows.reserve(ids.length);
      const index = new IdIndex(rows);
      const model = new Map<Id, number>();
      ids.forEach((id, row) => {
        rows.append(id, 0, 0, 0);
        model.set(id, row);
      });
      index.ensureNow(Math.min(split, ids.length));
      await index.ensure(ids.length);
      for (const [id, row] of model) expect(index.find(id)).toBe(row);
      for (const id of [999_999, "missing"]) expect(index.find(id)).toBe(model.get(id) ?? -1);
    }),
  );
});

test("a number and its text are different ids", () => {
  const rows = new RowTable();
  rows.append(1, 0, 0, 0);
  rows.append("1", 0, 0, 0);
  const index = new IdIndex(rows);
  index.ensureNow(2);
  expect(index.find(1)).toBe(0);
  expect(index.find("1")).toBe(1);
});

test("keeps its slots sparse while it grows", () => {
  const rows = new RowTable();
  rows.reserve(10_000);
  for (let id = 0; id < 10_000; id++) rows.append(id * 7, 0, 0, 0);
  const index = new IdIndex(rows);
  for (let rowCount = 0; rowCount <= 10_000; rowCount += 100) index.ensureNow(rowCount);
  expect(index.memoryBytes() / 4).toBeGreaterThan(10_000 / 0.86);
  for (let id = 0; id < 10_000; id++) expect(index.find(id * 7)).toBe(id);
  expect(index.find(1)).toBe(-1);
});

test("answers while it grows in slices, and takes in what came meanwhile", async () => {
  const rows = new RowTable();
  const total = 60_000;
  rows.reserve(total);
  for (let id = 0; id < total; id++) rows.append(id % 50_000, 0, 0, 0);
  const index = new IdIndex(rows);
  index.ensureNow(30_000);
  const growing = index.ensure(total - 1000);
  index.ensureNow(31_000);
  expect(index.find(30_999)).toBe(30_999);
  await growing;
  await index.ensure(total);
  expect(index.find(9_999)).toBe(59_999);
  expect(index.find(49_999)).toBe(49_999);
  expect(index.find(50_000)).toBe(-1);
});
