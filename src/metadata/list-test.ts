/**
 * Is a leaf TRUE, FALSE or unknown for the list of a row?
 *
 * Works on element codes, without making the values: membership compares codes, and what a leaf says of an element is
 * found once for each distinct text.
 */
import { type Column, elementConstants, elementTag, valueKind } from "./column.js";
import { applyOperand, type LeafTest, literalsOf } from "./leaf-test.js";
import type { LeafNode } from "./where-node.js";

/** Lists of literals above this length are looked up in a set. */
const scannedCodesMax = 8;

const unasked = 0;
const isTrue = 1;
const isFalse = 2;
const isUnknown = 3;

export class ListTest {
  readonly #leaf: LeafNode;
  readonly #test: LeafTest;
  readonly #column: Column;
  /** What the leaf says of any array, where it does not look inside. */
  readonly #ofArray: boolean | null;
  /** Codes of the literals of a CONTAINS; -1 for one that no list has. Null literals are left out. */
  readonly #codes: readonly number[];
  readonly #codeSet: ReadonlySet<number> | null;
  readonly #hasNullLiteral: boolean;
  /** What the leaf says of each element constant. */
  readonly #ofConstants: readonly (boolean | null)[];
  /** What the leaf says of each text code, as far as it was asked. */
  readonly #ofTexts: Uint8Array;

  constructor(leaf: LeafNode, test: LeafTest, column: Column) {
    const kind = leaf.operand.kind;
    this.#leaf = leaf;
    this.#test = test;
    this.#column = column;
    this.#ofArray = test.test(kind === "lower" ? undefined : []);
    const literals = leaf.kind === "contains" ? literalsOf(leaf) : [];
    this.#hasNullLiteral = literals.includes(null);
    this.#codes = literals.filter((value) => value !== null).map((value) => column.elementCodeOf(value));
    this.#codeSet = this.#codes.length > scannedCodesMax ? new Set(this.#codes) : null;
    this.#ofConstants = elementConstants.map((value) => test.test(applyOperand(kind, value)));
    this.#ofTexts = new Uint8Array(column.kindRows[valueKind.many] === 0 ? 0 : column.texts.size + 1);
  }

  /** The leaf's value for a row whose kind is array or many. */
  testRow(row: number): boolean | null {
    const list = this.#column.lists[row]!;
    return this.#column.kinds[row] === valueKind.array ? this.#testArray(list) : this.#testMany(list);
  }

  #testArray(list: number): boolean | null {
    const ends = this.#column.listEnds.values;
    const from = ends[list - 1]!;
    const to = ends[list]!;
    if (this.#leaf.operand.kind === "length") return this.#test.test(to - from);
    if (this.#leaf.kind !== "contains" || this.#leaf.operand.kind === "lower") return this.#ofArray;
    return this.#leaf.quantifier === "any" ? this.#containsAny(from, to) : this.#containsAll(from, to);
  }

  #containsAny(from: number, to: number): boolean | null {
    const elements = this.#column.elements.values;
    const set = this.#codeSet;
    if (set !== null) {
      for (let at = from; at < to; at += 1) if (set.has(elements[at]!)) return true;
    } else {
      const codes = this.#codes;
      for (let at = from; at < to; at += 1) {
        const element = elements[at]!;
        for (let code = 0; code < codes.length; code += 1) if (codes[code] === element) return true;
      }
    }
    return this.#hasNullLiteral ? null : false;
  }

  #containsAll(from: number, to: number): boolean | null {
    const elements = this.#column.elements.values;
    const has = this.#codeSet === null ? null : new Set(elements.subarray(from, to));
    for (const code of this.#codes) {
      let isThere = has?.has(code) ?? false;
      if (has === null) for (let at = from; at < to && !isThere; at += 1) isThere = elements[at] === code;
      if (!isThere) return false;
    }
    return this.#hasNullLiteral ? null : true;
  }

  #testMany(list: number): boolean | null {
    const ends = this.#column.listEnds.values;
    const to = ends[list]!;
    const needsAll = this.#leaf.kind === "isNull";
    let sawUnknown = false;
    for (let at = ends[list - 1]!; at < to; at += 1) {
      const result = this.#testElement(this.#column.elements.values[at]!);
      if (needsAll) {
        if (result !== true) return false;
      } else if (result === true) {
        return true;
      } else if (result === null) {
        sawUnknown = true;
      }
    }
    if (needsAll) return true;
    return sawUnknown ? null : false;
  }

  #testElement(code: number): boolean | null {
    const index = code >>> 2;
    switch (code & 3) {
      case elementTag.text:
        return this.#testText(index);
      case elementTag.number:
        return this.#test.test(applyOperand(this.#leaf.operand.kind, this.#column.elementNumbers.at(index)));
      case elementTag.list:
        return this.#testArray(index);
      default:
        return this.#ofConstants[index] ?? null;
    }
  }

  #testText(code: number): boolean | null {
    let state = this.#ofTexts[code]!;
    if (state === unasked) {
      const result = this.#test.test(applyOperand(this.#leaf.operand.kind, this.#column.texts.at(code)));
      state = result === null ? isUnknown : result ? isTrue : isFalse;
      this.#ofTexts[code] = state;
    }
    return state === isUnknown ? null : state === isTrue;
  }
}
