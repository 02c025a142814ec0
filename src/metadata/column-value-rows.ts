/**
 * Which rows have one of these values, or any but these?
 *
 * Single values as `column-row-values` names them. Texts and numbers of lists are looked up by code, so a row costs no
 * more than its elements.
 */
import { type Column, elementTag, valueKind } from "./column.js";
import type { SingleValue } from "./column-row-values.js";

/** Rows as a mask: bit r & 31 of word r >>> 5. */
export interface ValueRows {
  readonly mask: Uint32Array<ArrayBuffer>;
  readonly count: number;
}

/**
 * Of the first `rowCount` rows in `mask` (null: all), those that have at least one value which is in `values` (`isIn`)
 * or at least one which is not (`!isIn`). Rows without a value are never among them.
 */
export function rowsWithValues(
  column: Column,
  values: ReadonlySet<SingleValue>,
  isIn: boolean,
  mask: Uint32Array | null,
  rowCount: number,
): ValueRows {
  const test = new ValueTest(column, values, isIn);
  const found = new Uint32Array(Math.ceil(rowCount / 32));
  let count = 0;
  for (let at = 0; at < found.length; at += 1) {
    const given = mask === null ? 0xffff_ffff : mask[at]!;
    const end = Math.min(32, rowCount - at * 32);
    let word = 0;
    for (let bit = 0; bit < end && given !== 0; bit += 1) {
      if (((given >>> bit) & 1) === 0 || !test.isTrueOf(at * 32 + bit)) continue;
      word |= 1 << bit;
      count += 1;
    }
    found[at] = word;
  }
  return { mask: found, count };
}

class ValueTest {
  readonly #column: Column;
  readonly #kinds: Uint8Array;
  readonly #codes: Uint32Array;
  readonly #values: ReadonlySet<SingleValue>;
  readonly #isIn: boolean;
  /** 1 a code whose value passes. */
  readonly #texts: Uint8Array;
  readonly #elementNumbers: Uint8Array;
  /** In the order of the list constants: null, false, true, an object. */
  readonly #constants: Uint8Array;

  constructor(column: Column, values: ReadonlySet<SingleValue>, isIn: boolean) {
    this.#column = column;
    this.#kinds = column.kinds;
    this.#codes = column.codes;
    this.#values = values;
    this.#isIn = isIn;
    const others = isIn ? 0 : 1;
    this.#texts = new Uint8Array(column.texts.size + 1).fill(others);
    this.#elementNumbers = new Uint8Array(column.elementNumbers.size + 1).fill(others);
    for (const value of values) {
      // Code 0 is that of values which no row has; nothing is looked up there.
      if (typeof value === "string") this.#texts[column.texts.codeOf(value)] = 1 - others;
      else if (typeof value === "number") this.#elementNumbers[column.elementNumbers.codeOf(value)] = 1 - others;
    }
    this.#constants = Uint8Array.of(0, Number(values.has(false) === isIn), Number(values.has(true) === isIn), 0);
  }

  isTrueOf(row: number): boolean {
    switch (this.#kinds[row]) {
      case valueKind.text:
        return this.#texts[this.#codes[row]!] === 1;
      case valueKind.number:
        return this.#values.has(this.#column.numbers[row]!) === this.#isIn;
      case valueKind.false:
        return this.#constants[1] === 1;
      case valueKind.true:
        return this.#constants[2] === 1;
      case valueKind.array:
      case valueKind.many:
        return this.#isTrueOfList(this.#column.lists[row]!);
      default:
        return false;
    }
  }

  /** Lists are nested once at most. */
  #isTrueOfList(list: number): boolean {
    const { listEnds, elements } = this.#column;
    const end = listEnds.values[list]!;
    for (let at = listEnds.values[list - 1]!; at < end; at += 1) {
      const code = elements.values[at]!;
      const index = code >>> 2;
      const tag = code & 3;
      if (tag === elementTag.text) {
        if (this.#texts[index] === 1) return true;
      } else if (tag === elementTag.number) {
        if (this.#elementNumbers[index] === 1) return true;
      } else if (tag === elementTag.list) {
        if (this.#isTrueOfList(index)) return true;
      } else if (this.#constants[index] === 1) {
        return true;
      }
    }
    return false;
  }
}
