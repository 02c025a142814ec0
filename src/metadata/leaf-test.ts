/**
 * Is a leaf of a filter TRUE, FALSE or unknown (null) for one value?
 *
 * The semantics of every operator on a single value, and nothing about rows or columns. Values are never coerced:
 * unlike types compare to unknown, and so does NULL. The value is the operand's, LENGTH and LOWER already applied;
 * undefined and null are both NULL.
 */
import type { JsonValue } from "../types.js";
import { isArray, ManyValues, type PathValue } from "./field-path.js";
import { LikePattern } from "./like-pattern.js";
import { compareText, countCharacters, includesText } from "./text-order.js";
import type { ComparisonOperator, LeafNode, Literal, OperandNode } from "./where-node.js";

type Value = JsonValue | undefined;

/** A leaf with what its literals need prepared once: sets and patterns. Not for comparisons between two fields. */
export class LeafTest {
  readonly #leaf: LeafNode;
  readonly #set: ReadonlySet<Value>;
  /** Types that the literals of an IN list have; `"object"` is null. */
  readonly #types: ReadonlySet<string>;
  readonly #pattern: LikePattern | null;

  constructor(leaf: LeafNode) {
    this.#leaf = leaf;
    this.#set = new Set(leaf.kind === "in" ? leaf.values : []);
    this.#types = new Set(leaf.kind === "in" ? leaf.values.map((value) => typeof value) : []);
    this.#pattern = leaf.kind === "like" ? new LikePattern(leaf.pattern, leaf.isCaseSensitive) : null;
  }

  test(value: Value): boolean | null {
    const leaf = this.#leaf;
    switch (leaf.kind) {
      case "comparison":
        return leaf.right.kind === "literal" ? compareValues(leaf.operator, value, leaf.right.value) : null;
      case "in":
        return this.#isIn(value);
      case "between":
        return and(compareValues(">=", value, leaf.low), compareValues("<=", value, leaf.high));
      case "like":
        return typeof value === "string" && this.#pattern !== null ? this.#pattern.matches(value) : null;
      case "isNull":
        return value === null || value === undefined;
      case "contains":
        return leaf.quantifier === "any" ? containsAny(value, leaf.values) : containsAll(value, leaf.values);
      case "flag":
        return typeof value === "boolean" ? value : null;
    }
  }

  #isIn(value: Value): boolean | null {
    if (!isScalar(value)) return null;
    if (this.#set.has(value)) return true;
    return this.#types.size === 1 && this.#types.has(typeof value) ? false : null;
  }
}

/** The literals that a leaf compares its operand with. */
export function literalsOf(leaf: LeafNode): readonly Literal[] {
  switch (leaf.kind) {
    case "comparison":
      return leaf.right.kind === "literal" ? [leaf.right.value] : [];
    case "between":
      return [leaf.low, leaf.high];
    case "like":
      return [leaf.pattern];
    case "in":
    case "contains":
      return leaf.values;
    default:
      return [];
  }
}

/** False where the leaf says the same of every number. */
export function looksAtNumbers(leaf: LeafNode): boolean {
  if (leaf.operand.kind === "length" || leaf.operand.kind === "lower") return false;
  return leaf.kind === "comparison" || leaf.kind === "in" || leaf.kind === "between";
}

/** False where the leaf says the same of every text. */
export function looksAtTexts(leaf: LeafNode): boolean {
  if (leaf.kind === "isNull" || leaf.kind === "flag") return false;
  return leaf.operand.kind === "length" || literalsOf(leaf).some((literal) => typeof literal === "string");
}

/** Compares two values; unknown unless both are numbers, both texts or both booleans (false before true). */
export function compareValues(operator: ComparisonOperator, a: Value, b: Value): boolean | null {
  if (!isScalar(a) || typeof a !== typeof b) return null;
  if (operator === "=") return a === b;
  if (operator === "!=") return a !== b;
  const order = compareScalars(a, b as string | number | boolean);
  switch (operator) {
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

/** What an operand has for a value of its field: LENGTH and LOWER are NULL where they have no meaning. */
export function applyOperand(kind: OperandNode["kind"], value: Value): Value {
  if (kind === "lower") return typeof value === "string" ? value.toLowerCase() : undefined;
  if (kind !== "length") return value;
  if (typeof value === "string") return countCharacters(value);
  return isArray(value) ? value.length : undefined;
}

/**
 * A leaf over the many values of a path: TRUE when it is for any, else unknown when it is for any, else FALSE. IS NULL
 * asks for all: many values are NULL when none of them is anything else.
 */
export function testMany(leaf: LeafNode, test: LeafTest, kind: OperandNode["kind"], many: ManyValues): boolean | null {
  if (leaf.kind === "isNull") return many.values.every((value) => test.test(applyOperand(kind, value)) === true);
  let isUnknown = false;
  for (const value of many.values) {
    const result = test.test(applyOperand(kind, value));
    if (result === true) return true;
    if (result === null) isUnknown = true;
  }
  return isUnknown ? null : false;
}

/**
 * A comparison between two operands, each of one value or many: TRUE when it is for any pair, else unknown when it is
 * for any pair, else FALSE. Takes time in the sum of both lengths: a pair of extremes decides each operator.
 */
export function comparePathValues(operator: ComparisonOperator, a: PathValue, b: PathValue): boolean | null {
  if (!(a instanceof ManyValues) && !(b instanceof ManyValues)) return compareValues(operator, a, b);
  const left = a instanceof ManyValues ? a.values : [a];
  const right = b instanceof ManyValues ? b.values : [b];
  for (const type of ["number", "string", "boolean"]) {
    if (isTrueForAnyPair(operator, left, right, type)) return true;
  }
  const type = typeof left[0];
  const areAlike = isScalar(left[0]) && left.every(isOf(type)) && right.every(isOf(type));
  return areAlike ? false : null;
}

function isTrueForAnyPair(
  operator: ComparisonOperator,
  left: readonly Value[],
  right: readonly Value[],
  type: string,
): boolean {
  const a = left.filter(isOf(type)) as (string | number | boolean)[];
  const b = right.filter(isOf(type)) as (string | number | boolean)[];
  if (a.length === 0 || b.length === 0) return false;
  switch (operator) {
    case "=": {
      const inLeft = new Set(a);
      return b.some((value) => inLeft.has(value));
    }
    case "!=":
      return a.some((value) => value !== b[0]) || b.some((value) => value !== a[0]);
    case "<":
    case "<=":
      return compareValues(operator, extreme(a, -1), extreme(b, 1)) === true;
    case ">":
    case ">=":
      return compareValues(operator, extreme(a, 1), extreme(b, -1)) === true;
  }
}

/** The least (`sign` -1) or greatest (`sign` 1) of some values of one type. */
function extreme(values: readonly (string | number | boolean)[], sign: number): Value {
  let best = values[0];
  for (const value of values) if (best !== undefined && compareScalars(value, best) * sign > 0) best = value;
  return best;
}

function compareScalars(a: string | number | boolean, b: string | number | boolean): number {
  return typeof a === "string" ? compareText(a, b as string) : Number(a) - Number(b);
}

/** Lists of literals above this length look up an array's elements in a set. */
const scannedLiteralsMax = 8;

function containsAny(value: Value, literals: readonly Literal[]): boolean | null {
  if (isArray(value) && literals.length > scannedLiteralsMax) return containsOfMany(value, literals, "any");
  let isUnknown = false;
  for (const literal of literals) {
    const result = contains(value, literal);
    if (result === true) return true;
    if (result === null) isUnknown = true;
  }
  return isUnknown ? null : false;
}

function containsAll(value: Value, literals: readonly Literal[]): boolean | null {
  if (isArray(value) && literals.length > scannedLiteralsMax) return containsOfMany(value, literals, "all");
  let isUnknown = false;
  for (const literal of literals) {
    const result = contains(value, literal);
    if (result === false) return false;
    if (result === null) isUnknown = true;
  }
  return isUnknown ? null : true;
}

/** The same as asking for each literal, in time linear in both. */
function containsOfMany(
  array: readonly JsonValue[],
  literals: readonly Literal[],
  quantifier: "any" | "all",
): boolean | null {
  const elements = new Set(array);
  const isIn = (literal: Literal): boolean => literal === null || elements.has(literal);
  const isAll = quantifier === "all";
  if (isAll ? !literals.every(isIn) : literals.some((literal) => literal !== null && elements.has(literal)))
    return !isAll;
  return literals.includes(null) ? null : isAll;
}

/** Membership in an array is two-valued: an element of another type is simply not the literal. */
function contains(value: Value, literal: Literal): boolean | null {
  if (literal === null) return null;
  if (typeof value === "string") return typeof literal === "string" ? includesText(value, literal) : null;
  // strict equality, so that -0 is 0
  return isArray(value) ? value.some((element) => element === literal) : null;
}

function and(a: boolean | null, b: boolean | null): boolean | null {
  if (a === false || b === false) return false;
  return a === null || b === null ? null : true;
}

function isScalar(value: Value): value is string | number | boolean {
  return typeof value === "string" || typeof value === "number" || typeof value === "boolean";
}

function isOf(type: string): (value: Value) => boolean {
  return (value) => typeof value === type;
}
