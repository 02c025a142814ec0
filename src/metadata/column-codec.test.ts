/** Does a column come back as it was, and does no other run of bytes come back as a column? */
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { TimeSlice } from "../time-slice.js";
import { Column, valueKind } from "./column.js";
import { readColumns, restoreColumn, storeColumn, writeColumns } from "./column-codec.js";
import type { FieldRecord } from "./field-path.js";
import { ManyValues } from "./field-path.js";

const fields: FieldRecord[] = [
  { v: 1 },
  { v: "text" },
  { v: "\ud83d lone" },
  { v: true },
  { v: false },
  { v: null },
  {},
  { v: { x: 1 } },
  { v: [] },
  { v: [1, "text", null, true, {}, [2], 2.5] },
  { v: [{ x: 1 }] },
  { v: -0 },
];
const many: FieldRecord[] = [{ v: [{ x: 5 }, {}, { x: ["a", 1] }, { x: { y: 1 } }] }, { v: [{ x: "a" }, { x: null }] }];

function columnOf(path: string, rows: readonly FieldRecord[]): Column {
  const column = new Column(path);
  for (const field of rows) column.append(field);
  return column;
}

const values = (column: Column): unknown[] =>
  Array.from({ length: column.length }, (_, row) => {
    const value = column.valueAt(row);
    return value instanceof ManyValues ? { many: value.values } : value;
  });

function written(): Uint8Array {
  const columns = [columnOf("v", fields), columnOf("v.x", [...fields, ...many]), columnOf("empty", [])];
  return writeColumns({ columns: columns.map(storeColumn), names: ["v", "v.x"], namedRows: 7 });
}

describe("stored columns", () => {
  it("come back with every value and statistic", async () => {
    const read = readColumns(written());
    expect(read?.names).toEqual(["v", "v.x"]);
    expect(read?.namedRows).toBe(7);
    expect(read?.columns.map(({ path }) => path)).toEqual(["v", "v.x", "empty"]);
    const [v, vx, empty] = await Promise.all(read!.columns.map((stored) => restoreColumn(stored, new TimeSlice())));
    expect(values(v!)).toEqual(values(columnOf("v", fields)));
    expect(values(vx!)).toEqual(values(columnOf("v.x", [...fields, ...many])));
    expect(empty?.length).toBe(0);
    const original = columnOf("v", fields);
    expect(v!.kindRows).toEqual(original.kindRows);
    expect(v!.numberStatistics.values()).toEqual(original.numberStatistics.values());
    expect(v!.textRows.values[v!.texts.codeOf("text")]).toBe(1);
    expect(v!.textElements.values[v!.texts.codeOf("text")]).toBe(1);
  });

  it("take further rows when they are back", async () => {
    const stored = readColumns(written())!.columns[1]!;
    const column = (await restoreColumn(stored, new TimeSlice()))!;
    for (const field of [...many, ...fields]) column.append(field);
    expect(values(column)).toEqual(values(columnOf("v.x", [...fields, ...many, ...many, ...fields])));
  });

  it("come back from bytes at any offset, and from Node's buffers", async () => {
    const bytes = written();
    const shifted = Buffer.alloc(bytes.length + 3);
    shifted.set(bytes, 3);
    const read = readColumns(shifted.subarray(3));
    expect(values((await restoreColumn(read!.columns[0]!, new TimeSlice()))!)).toEqual(values(columnOf("v", fields)));
  });

  it("of many texts come back in several pieces", async () => {
    const rows = Array.from({ length: 30_000 }, (_, at) => ({ v: `a text of some length, number ${at}` }));
    const column = columnOf("v", rows);
    const bytes = writeColumns({ columns: [storeColumn(column)], names: [], namedRows: 0 });
    const back = (await restoreColumn(readColumns(bytes)!.columns[0]!, new TimeSlice()))!;
    expect(values(back)).toEqual(values(column));
  });

  it("of another version, and no bytes at all, are refused", () => {
    const bytes = written();
    bytes[4] = 2;
    expect(readColumns(bytes)).toBe(null);
    expect(readColumns(new Uint8Array(0))).toBe(null);
    expect(readColumns(written().subarray(0, -8))).toBe(null);
  });
});

describe("damaged columns", () => {
  /** Asks for everything that a scan would: leaves no array if the column is sound. */
  function readAll(column: Column): void {
    expect(values(column)).toHaveLength(column.length);
    expect([...column.kindRows].reduce((sum, rows) => sum + rows, 0)).toBe(column.length);
    for (let row = 0; row < column.length; row += 1) {
      const kind = column.kinds[row]!;
      expect(kind).toBeLessThan(8);
      if (kind === valueKind.text) expect(typeof column.valueAt(row)).toBe("string");
      if (kind === valueKind.number) expect(Number.isFinite(column.valueAt(row))).toBe(true);
    }
  }

  it("are refused, or are columns", async () => {
    const whole = written();
    let refused = 0;
    const damage = fc.array(fc.tuple(fc.nat({ max: whole.length - 1 }), fc.nat({ max: 255 })), {
      minLength: 1,
      maxLength: 4,
    });
    await fc.assert(
      fc.asyncProperty(damage, fc.option(fc.nat({ max: whole.length })), async (changes, cut) => {
        const bytes = Uint8Array.from(whole);
        for (const [at, value] of changes) bytes[at] = value;
        const read = readColumns(cut === null ? bytes : bytes.subarray(0, cut));
        if (read === null) refused += 1;
        for (const stored of read?.columns ?? []) {
          const column = await restoreColumn(stored, new TimeSlice());
          if (column === null) refused += 1;
          else readAll(column);
        }
      }),
      { numRuns: 3000 },
    );
    expect(refused).toBeGreaterThan(1000);
  });

  it("with lists in a circle, codes of no text or elements of nothing are refused", async () => {
    const stored = readColumns(written())!.columns[1]!;
    const change = async (section: number, make: (values: Uint32Array) => void): Promise<Column | null> => {
      const sections = stored.sections.map((bytes) => new Uint8Array(bytes));
      make(new Uint32Array(sections[section]!.buffer));
      return restoreColumn({ ...stored, sections }, new TimeSlice());
    };
    expect(await change(7, () => {})).not.toBe(null);
    const v = readColumns(written())!.columns[0]!;
    const withNumbers = (numbers: Float64Array): Promise<Column | null> => {
      const sections = v.sections.map((bytes, at) => (at === 1 ? new Uint8Array(numbers.buffer) : bytes));
      return restoreColumn({ ...v, sections }, new TimeSlice());
    };
    expect(await withNumbers(Float64Array.of(1, 2.5))).not.toBe(null);
    expect(await withNumbers(Float64Array.of(1, 1))).toBe(null);
    expect(await withNumbers(Float64Array.of(1, Number.NaN))).toBe(null);
    const lists = columnOf("v.x", [...fields, ...many]).lists;
    const last = Math.max(...lists);
    expect(await change(7, (elements) => elements.fill((last << 2) | 3))).toBe(null);
    expect(await change(7, (elements) => elements.fill((99 << 2) | 1))).toBe(null);
    expect(await change(7, (elements) => elements.fill(1))).toBe(null);
    expect(await change(6, (ends) => ends.fill(9999, 1))).toBe(null);
    expect(await change(6, (ends) => ends.fill(0))).toBe(null);
    expect(await change(5, (rows) => rows.fill(1))).toBe(null);
    const setLast = (rows: Uint32Array): void => {
      rows[rows.findLastIndex((list) => list > 0)] = last + 1;
    };
    expect(await change(5, setLast)).toBe(null);
    const codes = v.sections.map((bytes) => new Uint8Array(bytes));
    new Uint32Array(codes[4]!.buffer)[1] = 99;
    expect(await restoreColumn({ ...v, sections: codes }, new TimeSlice())).toBe(null);
  });
});
