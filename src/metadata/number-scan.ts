/**
 * Which rows' numbers make a leaf TRUE, or FALSE?
 *
 * Every comparison of a number with literals is one of a few tests: inside or outside a closed interval (an open bound
 * is the next double), or in a set. NaN stands for "no number" and passes none of them. `Number(comparison)` instead of
 * a branch keeps the loops at about a nanosecond a row whatever share of the rows passes.
 */
import { nextDouble } from "./next-double.js";
import type { ComparisonOperator, LeafNode } from "./where-node.js";

const { NEGATIVE_INFINITY, POSITIVE_INFINITY } = Number;

/** Lists up to this length are scanned once a value, longer ones through a table or a Set. */
const passesMax = 3;

/** Longest table of integers: it should stay in the processor's cache. */
const tableEntriesMax = 1 << 20;

export type NumberTest =
  | { readonly kind: "none" }
  | { readonly kind: "inside" | "outside"; readonly low: number; readonly high: number }
  | { readonly kind: "member" | "stranger"; readonly set: ReadonlySet<number> };

const none: NumberTest = Object.freeze({ kind: "none" });

/** The test that a number must pass for the leaf to be `wanted`. The leaf compares a field or the id with literals. */
export function numberTest(leaf: LeafNode, wanted: boolean): NumberTest {
  switch (leaf.kind) {
    case "comparison":
      if (leaf.right.kind !== "literal" || typeof leaf.right.value !== "number") return none;
      return comparisonTest(leaf.operator, leaf.right.value, wanted);
    case "between": {
      const low = typeof leaf.low === "number" ? leaf.low : null;
      const high = typeof leaf.high === "number" ? leaf.high : null;
      if (wanted) return low === null || high === null ? none : { kind: "inside", low, high };
      return { kind: "outside", low: low ?? NEGATIVE_INFINITY, high: high ?? POSITIVE_INFINITY };
    }
    case "in": {
      const numbers = leaf.values.filter((value) => typeof value === "number");
      if (wanted) return { kind: "member", set: new Set(numbers) };
      // An unlike value in the list leaves unknown what equals none of it.
      return numbers.length === leaf.values.length ? { kind: "stranger", set: new Set(numbers) } : none;
    }
    default:
      return none;
  }
}

function comparisonTest(operator: ComparisonOperator, value: number, wanted: boolean): NumberTest {
  switch (operator) {
    case "=":
      return { kind: wanted ? "inside" : "outside", low: value, high: value };
    case "!=":
      return { kind: wanted ? "outside" : "inside", low: value, high: value };
    case "<":
      return wanted ? below(nextDouble(value, -1)) : above(value);
    case "<=":
      return wanted ? below(value) : above(nextDouble(value, 1));
    case ">":
      return wanted ? above(nextDouble(value, 1)) : below(value);
    case ">=":
      return wanted ? above(value) : below(nextDouble(value, -1));
  }
}

const below = (high: number): NumberTest => ({ kind: "inside", low: NEGATIVE_INFINITY, high });
const above = (low: number): NumberTest => ({ kind: "inside", low, high: POSITIVE_INFINITY });

/** The test for one number. */
export function passesNumberTest(test: NumberTest, value: number): boolean {
  switch (test.kind) {
    case "none":
      return false;
    case "inside":
      return value >= test.low && value <= test.high;
    case "outside":
      return value < test.low || value > test.high;
    case "member":
      return test.set.has(value);
    case "stranger":
      return !test.set.has(value);
  }
}

/** Sets the bit of every row from word `fromWord` to before word `toWord` whose number passes. */
export function scanNumbers(
  test: NumberTest,
  numbers: Float64Array,
  fromWord: number,
  toWord: number,
  words: Uint32Array,
) {
  switch (test.kind) {
    case "none":
      return;
    case "inside":
      scanInside(numbers, test.low, test.high, fromWord, toWord, words);
      return;
    case "outside":
      scanOutside(numbers, test.low, test.high, fromWord, toWord, words);
      return;
    case "member":
      scanMembers(test.set, numbers, fromWord, toWord, words);
      return;
    case "stranger": {
      const members = new Uint32Array(toWord);
      const all = new Uint32Array(toWord);
      scanMembers(test.set, numbers, fromWord, toWord, members);
      scanInside(numbers, NEGATIVE_INFINITY, POSITIVE_INFINITY, fromWord, toWord, all);
      for (let at = fromWord; at < toWord; at += 1) words[at]! |= all[at]! & ~members[at]!;
    }
  }
}

function scanInside(
  numbers: Float64Array,
  low: number,
  high: number,
  fromWord: number,
  toWord: number,
  words: Uint32Array,
): void {
  for (let at = fromWord; at < toWord; at += 1) {
    const base = at * 32;
    let word = 0;
    for (let bit = 0; bit < 32; bit += 1) {
      const value = numbers[base + bit]!;
      word |= (Number(value >= low) & Number(value <= high)) << bit;
    }
    words[at]! |= word;
  }
}

function scanOutside(
  numbers: Float64Array,
  low: number,
  high: number,
  fromWord: number,
  toWord: number,
  words: Uint32Array,
): void {
  for (let at = fromWord; at < toWord; at += 1) {
    const base = at * 32;
    let word = 0;
    for (let bit = 0; bit < 32; bit += 1) {
      const value = numbers[base + bit]!;
      word |= (Number(value < low) | Number(value > high)) << bit;
    }
    words[at]! |= word;
  }
}

function scanMembers(
  set: ReadonlySet<number>,
  numbers: Float64Array,
  fromWord: number,
  toWord: number,
  words: Uint32Array,
): void {
  if (set.size <= passesMax) {
    for (const value of set) scanInside(numbers, value, value, fromWord, toWord, words);
    return;
  }
  const table = integerTable(set);
  if (table !== null) {
    scanTable(table, numbers, fromWord, toWord, words);
    return;
  }
  for (let at = fromWord; at < toWord; at += 1) {
    const base = at * 32;
    let word = 0;
    for (let bit = 0; bit < 32; bit += 1) word |= Number(set.has(numbers[base + bit]!)) << bit;
    words[at]! |= word;
  }
}

/** Which of the integers from `min` on are in a set. */
interface IntegerTable {
  readonly min: number;
  /** One for a member; the length is a power of two. */
  readonly isMember: Uint8Array;
}

/** A table in place of a set of integers that stand close together, or null. */
function integerTable(set: ReadonlySet<number>): IntegerTable | null {
  let min = POSITIVE_INFINITY;
  let max = NEGATIVE_INFINITY;
  for (const value of set) {
    if (!Number.isSafeInteger(value)) return null;
    if (value < min) min = value;
    if (value > max) max = value;
  }
  if (max - min >= tableEntriesMax) return null;
  const isMember = new Uint8Array(2 ** Math.ceil(Math.log2(max - min + 1)));
  for (const value of set) isMember[value - min] = 1;
  return { min, isMember };
}

function scanTable(
  { min, isMember }: IntegerTable,
  numbers: Float64Array,
  fromWord: number,
  toWord: number,
  words: Uint32Array,
): void {
  const mask = isMember.length - 1;
  for (let at = fromWord; at < toWord; at += 1) {
    const base = at * 32;
    let word = 0;
    for (let bit = 0; bit < 32; bit += 1) {
      const value = numbers[base + bit]!;
      // Only an integer within the table is found at its own entry; NaN, fractions and what is far off are not.
      const entry = (value - min) & mask;
      word |= (Number(entry + min === value) & isMember[entry]!) << bit;
    }
    words[at]! |= word;
  }
}
