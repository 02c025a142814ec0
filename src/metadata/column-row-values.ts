/**
 * Which single values does a row have in a column?
 *
 * Numbers, texts, true and false: the value itself, those of an array, and, where the path goes through an array, those
 * of each of its elements. Each once. Null, objects and arrays inside an array are no single values.
 */
import { type Column, elementTag, valueKind } from "./column.js";

/** A value that rows can be counted and grouped by. */
export type SingleValue = string | number | boolean;

const none: readonly SingleValue[] = Object.freeze([]);

/** The distinct single values of a row, in the row's order. */
export function rowValues(column: Column, row: number): readonly SingleValue[] {
  switch (column.kinds[row]) {
    case valueKind.number:
      return [column.numbers[row]!];
    case valueKind.text:
      return [column.texts.at(column.codes[row]!)];
    case valueKind.false:
      return [false];
    case valueKind.true:
      return [true];
    case valueKind.array:
    case valueKind.many: {
      const values = new Set<SingleValue>();
      addList(column, column.lists[row]!, values);
      return [...values];
    }
    default:
      return none;
  }
}

/** Lists are nested once at most: the arrays among the values of a path through an array. */
function addList(column: Column, list: number, values: Set<SingleValue>): void {
  const end = column.listEnds.values[list]!;
  for (let at = column.listEnds.values[list - 1]!; at < end; at += 1) {
    const code = column.elements.values[at]!;
    const index = code >>> 2;
    switch (code & 3) {
      case elementTag.text:
        values.add(column.texts.at(index));
        break;
      case elementTag.number:
        values.add(column.elementNumbers.at(index));
        break;
      case elementTag.list:
        addList(column, index, values);
        break;
      default:
        // The constants are null, false, true and an object.
        if (index === 1 || index === 2) values.add(index === 2);
    }
  }
}
