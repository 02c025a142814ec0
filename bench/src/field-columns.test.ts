/**
 * Do columns get the narrowest type that all their values fit?
 */
import { expect, test } from "vitest";
import { columnsOf } from "./field-columns.js";

test("each column has the type of all its values; mixed and nested ones are JSON", () => {
  const rows = [
    { title: "a", size: 1, share: 1, tags: [], flag: true, mixed: 1, nested: { a: 1 }, sparse: null },
    { title: "b", size: 2, share: 0.5, tags: ["x"], flag: false, mixed: "1", nested: null, sparse: "late" },
  ];
  expect(columnsOf(rows)).toEqual([
    { name: "title", type: "string" },
    { name: "size", type: "integer" },
    { name: "share", type: "number" },
    { name: "tags", type: "strings" },
    { name: "flag", type: "boolean" },
    { name: "mixed", type: "json" },
    { name: "nested", type: "json" },
    { name: "sparse", type: "string" },
  ]);
});
