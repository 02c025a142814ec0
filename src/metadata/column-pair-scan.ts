/**
 * In which rows does a comparison between two columns hold, or not hold?
 *
 * Numbers are compared in whole words and without branches; NaN, which stands for "no number", makes every comparison
 * false. Then the rows that have something else on both sides are looked at one at a time, if there are any.
 */
import { type Column, valueKind } from "./column.js";
import { comparePathValues } from "./leaf-test.js";
import { compareText } from "./text-order.js";
import type { ComparisonOperator } from "./where-node.js";

/** What must hold between two numbers for the operator to be false. */
const opposites: Readonly<Record<ComparisonOperator, ComparisonOperator>> = {
  "=": "!=",
  "!=": "=",
  "<": ">=",
  "<=": ">",
  ">": "<=",
  ">=": "<",
};

/** Sets the bit of every row from word `fromWord` to before word `toWord` in which the comparison is `wanted`. */
export function scanColumnPair(
  operator: ComparisonOperator,
  left: Column,
  right: Column,
  wanted: boolean,
  fromWord: number,
  toWord: number,
  words: Uint32Array,
): void {
  const holding = wanted ? operator : opposites[operator];
  if (left.numbers.length > 0 && right.numbers.length > 0) {
    scanNumberPairs(holding, left.numbers, right.numbers, fromWord, toWord, words);
  }
  const hasMany = left.kindRows[valueKind.many]! + right.kindRows[valueKind.many]! > 0;
  if (hasMany || (hasOtherScalars(left) && hasOtherScalars(right))) {
    scanOtherPairs(operator, left, right, wanted, fromWord, toWord, words);
  }
}

/** True when some row has a scalar that is no number. */
function hasOtherScalars({ kindRows }: Column): boolean {
  return kindRows[valueKind.text]! + kindRows[valueKind.false]! + kindRows[valueKind.true]! > 0;
}

function scanNumberPairs(
  operator: ComparisonOperator,
  left: Float64Array,
  right: Float64Array,
  fromWord: number,
  toWord: number,
  words: Uint32Array,
): void {
  switch (operator) {
    case "<":
      scanLess(left, right, fromWord, toWord, words);
      return;
    case ">":
      scanLess(right, left, fromWord, toWord, words);
      return;
    case "<=":
      scanLessOrEqual(left, right, fromWord, toWord, words);
      return;
    case ">=":
      scanLessOrEqual(right, left, fromWord, toWord, words);
      return;
    case "!=":
      scanLess(left, right, fromWord, toWord, words);
      scanLess(right, left, fromWord, toWord, words);
      return;
    case "=":
      scanEqual(left, right, fromWord, toWord, words);
  }
}

function scanLess(a: Float64Array, b: Float64Array, fromWord: number, toWord: number, words: Uint32Array): void {
  for (let at = fromWord; at < toWord; at += 1) {
    const base = at * 32;
    let word = 0;
    for (let bit = 0; bit < 32; bit += 1) word |= Number(a[base + bit]! < b[base + bit]!) << bit;
    words[at]! |= word;
  }
}

function scanLessOrEqual(a: Float64Array, b: Float64Array, fromWord: number, toWord: number, words: Uint32Array): void {
  for (let at = fromWord; at < toWord; at += 1) {
    const base = at * 32;
    let word = 0;
    for (let bit = 0; bit < 32; bit += 1) word |= Number(a[base + bit]! <= b[base + bit]!) << bit;
    words[at]! |= word;
  }
}

function scanEqual(a: Float64Array, b: Float64Array, fromWord: number, toWord: number, words: Uint32Array): void {
  for (let at = fromWord; at < toWord; at += 1) {
    const base = at * 32;
    let word = 0;
    for (let bit = 0; bit < 32; bit += 1) word |= Number(a[base + bit] === b[base + bit]) << bit;
    words[at]! |= word;
  }
}

function scanOtherPairs(
  operator: ComparisonOperator,
  left: Column,
  right: Column,
  wanted: boolean,
  fromWord: number,
  toWord: number,
  words: Uint32Array,
): void {
  for (let row = fromWord * 32; row < toWord * 32; row += 1) {
    const kindA = left.kinds[row]!;
    const kindB = right.kinds[row]!;
    if (kindA === valueKind.number && kindB === valueKind.number) continue;
    const result =
      kindA === valueKind.text && kindB === valueKind.text
        ? holds(operator, orderOfTexts(operator, left.texts.at(left.codes[row]!), right.texts.at(right.codes[row]!)))
        : comparePathValues(operator, left.valueAt(row), right.valueAt(row));
    if (result === wanted) words[row >>> 5]! |= 1 << (row & 31);
  }
}

/** Zero for equal texts; only order operators need more than that. */
function orderOfTexts(operator: ComparisonOperator, a: string, b: string): number {
  return operator === "=" || operator === "!=" ? Number(a !== b) : compareText(a, b);
}

function holds(operator: ComparisonOperator, order: number): boolean {
  switch (operator) {
    case "=":
      return order === 0;
    case "!=":
      return order !== 0;
    case "<":
      return order < 0;
    case "<=":
      return order <= 0;
    case ">":
      return order > 0;
    case ">=":
      return order >= 0;
  }
}
