/** In which order do rows come out? */
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import type { JsonValue } from "../types.js";
import { Column } from "./column.js";
import type { FieldRecord } from "./field-path.js";
import { rowOrder } from "./row-order.js";

function ordered(path: string, fields: readonly FieldRecord[], direction: "asc" | "desc"): number[] {
  const column = new Column(path);
  for (const field of fields) column.append(field);
  return fields.map((_, row) => row).sort(rowOrder(column, direction));
}

describe("rows in the order of a path", () => {
  const values: JsonValue[] = [true, "b", 10, null, "\u{1f600}", -1, false, { x: 1 }, "\uff5e", [1], 10, "", -0.5];
  const fields = [...values.map((v) => ({ v })), {}];

  it("are numbers, texts by code point, false, true, and last what has none", () => {
    const asc = ordered("v", fields, "asc").map((row) => fields[row]!);
    expect(asc.map((field) => ("v" in field ? field.v : undefined))).toEqual([
      ...[-1, -0.5, 10, 10, "", "b", "\uff5e", "\u{1f600}", false, true],
      ...[null, { x: 1 }, [1], undefined],
    ]);
  });

  it("are the reverse when descending, but for what has none and for equal rows", () => {
    const desc = ordered("v", fields, "desc");
    expect(desc.map((row) => values[row])).toEqual([
      ...[true, false, "\u{1f600}", "\uff5e", "b", "", 10, 10, -0.5, -1],
      ...[null, { x: 1 }, [1], undefined],
    ]);
    expect(desc.slice(6, 8)).toEqual([2, 10]);
  });

  it("come last when a path through an array gives many values", () => {
    expect(ordered("i.v", [{ i: [{ v: 1 }] }, { i: { v: 5 } }], "asc")).toEqual([1, 0]);
  });

  it("are in a total order", () => {
    const value = fc.constantFrom<JsonValue>(0, 1, 2, "a", "b", "é", true, false, null, [1]);
    fc.assert(
      fc.property(
        fc.array(value, { maxLength: 12 }),
        fc.constantFrom<"asc" | "desc">("asc", "desc"),
        (some, direction) => {
          const column = new Column("v");
          for (const v of some) column.append({ v });
          const compare = rowOrder(column, direction);
          const rows = some.map((_, row) => row).sort(compare);
          for (let a = 0; a < rows.length; a += 1) {
            for (let b = 0; b < rows.length; b += 1) {
              expect(Math.sign(compare(rows[a]!, rows[b]!))).toBe(Math.sign(a - b));
            }
          }
        },
      ),
    );
  });
});
