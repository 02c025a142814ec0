/** Which names does a row have, and which one was probably meant? */
import { describe, expect, it } from "vitest";
import { collectFieldNames } from "./field-names.js";
import type { FieldRecord } from "./field-path.js";
import { nearestName } from "./nearest-name.js";
import { evaluateRow } from "./row-evaluator.js";
import { parseWhere } from "./where-parser.js";

function namesOf(field: FieldRecord): string[] {
  const names = new Set<string>();
  collectFieldNames(field, names);
  return [...names].sort();
}

describe("the names of a row", () => {
  it("are dotted for what is nested, through arrays of objects", () => {
    const field = {
      a: 1,
      n: null,
      doc: { lang: "en", meta: { x: [1] } },
      items: [{ price: 1 }, { tax: { rate: 2 } }, 5],
    };
    expect(namesOf(field)).toEqual(
      ["a", "n", "doc.lang", "doc.meta.x", "items", "items.price", "items.tax.rate"].sort(),
    );
  });

  it("keep keys with dots, and keys that objects have of themselves", () => {
    expect(namesOf(JSON.parse('{"a.b": 1, "__proto__": {"x": 1}, "constructor": 2}') as FieldRecord)).toEqual([
      "__proto__.x",
      "a.b",
      "constructor",
    ]);
  });

  it("count an empty object and an empty array", () => {
    expect(namesOf({ o: {}, a: [], deep: { o: {} } })).toEqual(["a", "deep.o", "o"]);
    expect(namesOf({})).toEqual([]);
  });

  it("each find something when filtered by", () => {
    const field = { a: 1, "x.y": { z: 2 }, doc: { lang: "en" }, items: [{ price: 1, "odd key": 2 }], e: {} };
    for (const name of namesOf(field)) {
      expect(evaluateRow(parseWhere(`"${name}" IS NOT NULL`), 1, field), name).toBe(true);
    }
  });

  it("end at the depth that metadata may have", () => {
    let field: FieldRecord = { end: 1 };
    for (let depth = 0; depth < 5_000; depth += 1) field = { a: field };
    expect(namesOf(field)).toHaveLength(1);
  });
});

describe("the nearest name", () => {
  const known = ["language", "tenant", "published", "rank", "doc.lang"];
  it.each([
    ["langauge", "language"],
    ["Tenant", "tenant"],
    ["tenent", "tenant"],
    ["doclang", "doc.lang"],
    ["rnk", "rank"],
    ["price", null],
    ["x", null],
  ])("to %s is %s", (name, nearest) => {
    expect(nearestName(name, known)).toBe(nearest);
  });

  it("is the first in alphabetical order among equals, and never from afar", () => {
    expect(nearestName("cat", ["hat", "bat", "rat"])).toBe("bat");
    expect(nearestName("x".repeat(200), ["x".repeat(200)])).toBe(null);
    expect(nearestName("a", [])).toBe(null);
  });
});
