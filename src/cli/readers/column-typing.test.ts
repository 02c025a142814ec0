import { expect, test } from "vitest";
import { inferColumnTypes, typedValue } from "./column-typing.js";

test("a column is a number or a boolean only when every filled cell is one", () => {
  const rows = [
    ["1", "true", "007", "1", "", "9007199254740993", "-2.5e3", "true"],
    ["-2.5", "FALSE", "12", "x", "", "1", "0", "1"],
    ["", "", "", "", "", "", "", ""],
  ];
  expect(inferColumnTypes(rows, 8)).toEqual(["number", "boolean", "text", "text", "text", "text", "number", "text"]);
});

test.each([
  ["12", "number", 12],
  ["1e999", "number", undefined],
  ["NaN", "number", undefined],
  [" 1", "number", undefined],
  ["True", "boolean", true],
  ["yes", "boolean", undefined],
  ["007", "text", "007"],
  ['["a"]', "json", ["a"]],
  ["[", "json", undefined],
] as const)("%j as %s is %j", (text, type, value) => {
  expect(typedValue(text, type)).toEqual(value);
});
