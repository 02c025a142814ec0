/**
 * Which type has a CSV column, and what is a cell's value?
 *
 * CSV has only text. A column is a number or a boolean when every filled cell among the first rows is one; else it is
 * text, so that `007` and `1e400` stay what they are. The type holds for the whole file: a later cell that does not
 * fit is an error rather than a second type in one column. An empty cell is a missing value. Reader layer of the
 * command line.
 */
import type { ColumnType } from "./row-reader.js";

/** A number as JSON writes it: no leading zeros, no plus sign, no spaces. */
const numberPattern = /^-?(?:0|[1-9]\d*)(?:\.\d+)?(?:[eE][+-]?\d+)?$/;
const booleanPattern = /^(?:true|false)$/i;

/** True when the text is a number that a double holds: finite, and a whole one without loss. */
function isNumber(text: string): boolean {
  if (!numberPattern.test(text)) return false;
  const value = Number(text);
  return Number.isFinite(value) && (Number.isSafeInteger(value) || !/^-?\d+$/.test(text));
}

/** Types of `columnCount` columns, from the cells of some rows. */
export function inferColumnTypes(rows: readonly (readonly string[])[], columnCount: number): ColumnType[] {
  const types: ColumnType[] = [];
  for (let column = 0; column < columnCount; column += 1) {
    let filled = 0;
    let numbers = 0;
    let booleans = 0;
    for (const cells of rows) {
      const text = cells[column] ?? "";
      if (text === "") continue;
      filled += 1;
      if (isNumber(text)) numbers += 1;
      else if (booleanPattern.test(text)) booleans += 1;
    }
    types.push(filled === 0 ? "text" : numbers === filled ? "number" : booleans === filled ? "boolean" : "text");
  }
  return types;
}

/** The value of a filled cell, or undefined when the text is not of that type. */
export function typedValue(text: string, type: ColumnType): unknown {
  if (type === "text") return text;
  if (type === "number") return isNumber(text) ? Number(text) : undefined;
  if (type === "boolean") return booleanPattern.test(text) ? text.length === 4 : undefined;
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
