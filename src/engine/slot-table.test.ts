import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { noRow, type SlotSnapshot, SlotTable } from "./slot-table.js";

type Step =
  | { readonly kind: "attach"; readonly rows: readonly number[] }
  | { readonly kind: "skip"; readonly count: number }
  | { readonly kind: "move"; readonly from: number; readonly to: number }
  | { readonly kind: "snapshot" | "store" };

const rowsMax = 200;
const row = fc.integer({ min: 0, max: rowsMax - 1 });
const steps: fc.Arbitrary<Step[]> = fc.array(
  fc.oneof(
    { weight: 2, arbitrary: fc.record({ kind: fc.constant("skip" as const), count: fc.integer({ min: 0, max: 90 }) }) },
    {
      weight: 5,
      arbitrary: fc.record({ kind: fc.constant("attach" as const), rows: fc.array(row, { maxLength: 40 }) }),
    },
    { weight: 4, arbitrary: fc.record({ kind: fc.constant("move" as const), from: row, to: row }) },
    { weight: 3, arbitrary: fc.record({ kind: fc.constantFrom("snapshot" as const, "store" as const) }) },
  ),
  { minLength: 1, maxLength: 60 },
);

/** The rows of the slots as a plain list, null for a dead one. */
class NaiveSlots {
  readonly rows: (number | null)[] = [];

  slotOf(wanted: number): number {
    return this.rows.indexOf(wanted);
  }

  attach(rows: readonly number[]): void {
    for (const each of rows) {
      this.#free(each);
      this.rows.push(each);
    }
  }

  move(from: number, to: number): void {
    const slot = this.slotOf(from);
    if (slot === -1) return;
    this.#free(to);
    this.rows[slot] = to;
  }

  #free(taken: number): void {
    const slot = this.slotOf(taken);
    if (slot !== -1) this.rows[slot] = null;
  }
}

function plain({ rows, count }: SlotSnapshot): (number | null)[] {
  return Array.from(rows.subarray(0, count), (each) => (each === noRow ? null : each));
}

function expectSame(table: SlotTable, model: NaiveSlots): void {
  const dead = model.rows.map((each) => each === null);
  expect(table.count).toBe(model.rows.length);
  expect(table.deadCount).toBe(dead.filter(Boolean).length);
  expect(plain(table.snapshot())).toEqual(model.rows);
  const numbers = Array.from({ length: rowsMax + 70 }, (_, each) => each);
  expect(numbers.map((each) => table.slotOf(each))).toEqual(numbers.map((each) => model.slotOf(each)));
  const bits = table.deadBits(table.count);
  expect(dead.map((_, slot) => ((bits[slot >>> 5]! >>> (slot & 31)) & 1) === 1)).toEqual(dead);
}

describe("a slot table", () => {
  test("says what a plain list would say, and its snapshots stay as they were", () => {
    const runs = fc.property(steps, (list) => {
      let table = new SlotTable();
      const model = new NaiveSlots();
      const snapshots: { readonly taken: SlotSnapshot; readonly rows: (number | null)[] }[] = [];
      for (const step of list) {
        const { version } = table;
        if (step.kind === "attach") {
          table.attach(Uint32Array.from(step.rows));
          model.attach(step.rows);
          expect(table.version).toBeGreaterThan(version);
        } else if (step.kind === "skip") {
          table.skip(step.count);
          for (let each = 0; each < step.count; each++) model.rows.push(null);
          expect(table.version).toBeGreaterThan(version);
        } else if (step.kind === "move") {
          // A row is never its own successor.
          if (step.from === step.to) continue;
          const isThere = model.slotOf(step.from) !== -1;
          table.move(step.from, step.to);
          model.move(step.from, step.to);
          expect(table.version > version).toBe(isThere);
        } else if (step.kind === "snapshot") {
          snapshots.push({ taken: table.snapshot(), rows: [...model.rows] });
        } else {
          table = SlotTable.fromBytes(table.toBytes(), table.count, rowsMax)!;
        }
        expectSame(table, model);
      }
      for (const { taken, rows } of snapshots) expect(plain(taken)).toEqual(rows);
    });
    fc.assert(runs, { numRuns: 60 });
  });

  test("tells its memory", () => {
    const table = new SlotTable();
    const before = table.memoryBytes();
    table.attach(Uint32Array.from({ length: 5000 }, (_, at) => at * 2));
    expect(table.memoryBytes()).toBeGreaterThanOrEqual(before + 5000 * 4 + 10_000 * 4 - 1000);
    expect(table.rowOf(4999)).toBe(9998);
  });
});

describe("bytes of a slot table", () => {
  const table = new SlotTable();
  table.attach(Uint32Array.of(5, 3, 9, 3));
  const bytes = table.toBytes();
  const changed = (slot: number, to: number): Uint8Array => {
    const other = bytes.slice();
    new DataView(other.buffer).setUint32(slot * 4, to, true);
    return other;
  };

  test("give it back, wherever they lie", () => {
    const offset = new Uint8Array(bytes.length + 3);
    offset.set(bytes, 3);
    for (const given of [bytes, offset.subarray(3)]) {
      const back = SlotTable.fromBytes(given, 4, 10)!;
      expect(plain(back.snapshot())).toEqual([5, null, 9, 3]);
      expect(back.deadCount).toBe(1);
      // The bytes are not the table's own.
      back.move(5, 6);
      expect(SlotTable.fromBytes(given, 4, 10)!.rowOf(0)).toBe(5);
    }
    expect(SlotTable.fromBytes(new SlotTable().toBytes(), 0, 0)!.count).toBe(0);
  });

  test.each<[string, Uint8Array | undefined, number, number]>([
    ["are missing", undefined, 0, 10],
    ["are too short", bytes.subarray(0, 12), 4, 10],
    ["are no whole number of slots", bytes.subarray(0, 15), 4, 10],
    ["are too long", bytes, 3, 10],
    ["name a row that is not there", bytes, 4, 9],
    ["name a row far beyond", changed(0, 0xffff_fffe), 4, 10],
    ["name a row twice", changed(1, 9), 4, 10],
  ])("are refused where they %s", (_, given, count, rowCount) => {
    expect(SlotTable.fromBytes(given, count, rowCount)).toBeNull();
  });

  test("of any kind are refused, or give a table in which each row has one slot at most", () => {
    const runs = fc.property(
      fc.array(fc.oneof(row, fc.constant(noRow), fc.nat())),
      fc.nat({ max: 300 }),
      (rows, count) => {
        const given = new Uint8Array(Uint32Array.from(rows).buffer);
        const found = SlotTable.fromBytes(given, rows.length, count);
        const live = rows.filter((each) => each !== noRow);
        const isSound = new Set(live).size === live.length && live.every((each) => each < count);
        expect(found !== null).toBe(isSound);
        live.forEach((each) => {
          if (found !== null) expect(found.rowOf(found.slotOf(each))).toBe(each);
        });
      },
    );
    fc.assert(runs, { numRuns: 300 });
  });
});
