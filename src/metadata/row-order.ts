/**
 * In which order do rows stand by a column?
 *
 * Ascending: numbers, then texts by code point, then false, then true; descending the reverse. Rows without one such
 * value (missing, null, an object, an array, the many values of a path through an array) come last in both directions.
 * Equal rows stand in order of insertion in both.
 */
import { type Column, valueKind } from "./column.js";
import { compareText } from "./text-order.js";

/** Rank of each value kind; `unordered` ones come last. */
const ranks = new Uint8Array(8).fill(9);
ranks[valueKind.number] = 0;
ranks[valueKind.text] = 1;
ranks[valueKind.false] = 2;
ranks[valueKind.true] = 3;
const unordered = 9;

/** A comparator of row numbers. */
export function rowOrder(column: Column, direction: "asc" | "desc"): (a: number, b: number) => number {
  const sign = direction === "asc" ? 1 : -1;
  return (a, b) => {
    const rankA = ranks[column.kinds[a]!]!;
    const rankB = ranks[column.kinds[b]!]!;
    if (rankA !== rankB) return rankA === unordered || rankB === unordered ? rankA - rankB : (rankA - rankB) * sign;
    if (rankA === 0) {
      const order = column.numbers[a]! - column.numbers[b]!;
      if (order !== 0) return order * sign;
    } else if (rankA === 1 && column.codes[a] !== column.codes[b]) {
      return compareText(column.texts.at(column.codes[a]!), column.texts.at(column.codes[b]!)) * sign;
    }
    return a - b;
  };
}
