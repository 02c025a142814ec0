import fc from "fast-check";
import { expect, test } from "vitest";
import type { Id } from "../types.js";
import { RowTable } from "./row-table.js";

type State = "live" | "deleted" | "superseded";

function stateOf(table: RowTable, row: number): State {
  return table.isLive(row) ? "live" : table.isDeleted(row) ? "deleted" : "superseded";
}

function sections(table: RowTable, rowCount: number): Map<string, Uint8Array> {
  return new Map(table.serialize(rowCount).map(({ name, bytes }) => [name, bytes]));
}

const ids: fc.Arbitrary<Id[]> = fc.array(fc.oneof(fc.nat(), fc.string({ minLength: 1 })), {
  minLength: 1,
  maxLength: 200,
});

test("states follow a model through deletes, restores and replacements, and survive a checkpoint", () => {
  fc.assert(
    fc.property(
      ids,
      fc.array(fc.tuple(fc.nat(), fc.constantFrom("delete", "restore", "supersede")), { maxLength: 300 }),
      (rowIds, changes) => {
        const table = new RowTable();
        table.reserve(rowIds.length);
        const model: State[] = [];
        rowIds.forEach((id, row) => {
          table.append(id, row * 10, row, row + 1);
          model.push("live");
        });
        for (const [pick, change] of changes) {
          const row = pick % rowIds.length;
          if (change === "delete" && model[row] === "live") {
            table.markDeleted(row);
            model[row] = "deleted";
          } else if (change === "restore" && model[row] === "deleted") {
            table.markRestored(row);
            model[row] = "live";
          } else if (change === "supersede" && model[row] !== "superseded") {
            table.markSuperseded(row);
            model[row] = "superseded";
          }
        }
        const reread = RowTable.deserialize(sections(table, rowIds.length), rowIds.length);
        for (const each of [table, reread!]) {
          expect(rowIds.map((_, row) => stateOf(each, row))).toEqual(model);
          expect(rowIds.map((_, row) => each.idAt(row))).toEqual(rowIds);
          expect(each.deletedCount).toBe(model.filter((state) => state === "deleted").length);
          expect(each.supersededCount).toBe(model.filter((state) => state === "superseded").length);
          expect(each.maxIntegerId).toBe(Math.max(-1, ...rowIds.filter((id) => typeof id === "number")));
          expect(each.fieldAt(rowIds.length - 1).offset).toBe((rowIds.length - 1) * 10);
        }
      },
    ),
  );
});

test("a snapshot of the live rows does not change when rows die later", () => {
  const table = new RowTable();
  table.reserve(100);
  for (let id = 0; id < 100; id++) table.append(id, 0, 0, 0);
  const before = table.liveSnapshot();
  table.markDeleted(5);
  expect(before[0]! & (1 << 5)).not.toBe(0);
  expect(table.liveSnapshot()[0]! & (1 << 5)).toBe(0);
});

test("rows of a failed commit are forgotten", () => {
  const table = new RowTable();
  table.reserve(4);
  table.append(3, 0, 0, 0);
  table.append("gone", 0, 0, 0);
  table.append(90, 0, 0, 0);
  table.truncate(1);
  expect(table.rowCount).toBe(1);
  expect(table.maxIntegerId).toBe(3);
  table.append(4, 7, 8, 9);
  expect(table.idAt(1)).toBe(4);
  expect(table.isLive(1)).toBe(true);
  expect(table.isLive(2)).toBe(false);
});

test("sections that do not fit together give no table", () => {
  const table = new RowTable();
  table.reserve(3);
  table.append(1, 0, 0, 0);
  table.append("b", 0, 0, 0);
  const good = sections(table, 2);
  expect(RowTable.deserialize(good, 2)).not.toBeNull();
  expect(RowTable.deserialize(good, 3)).toBeNull();
  for (const name of good.keys()) {
    const cut = new Map(good);
    cut.set(name, good.get(name)!.subarray(1));
    expect(RowTable.deserialize(cut, 2), `cut ${name}`).toBeNull();
    cut.delete(name);
    expect(RowTable.deserialize(cut, 2), `no ${name}`).toBeNull();
  }
});
