/**
 * For which rows is a filter TRUE?
 *
 * NOT is pushed down to the leaves: in Kleene's logic NOT (a AND b) is NOT a OR NOT b, so every node is asked for the
 * rows where it is TRUE or for those where it is FALSE, and what is unknown is in neither. That is one set a node where
 * (TRUE, FALSE) pairs would be two. Leaves are cached by text and side; rows never change, so a cached set is extended
 * by scanning the rows that came since, and cut for a reader of an older snapshot.
 */
import { assert } from "../errors.js";
import type { Id } from "../types.js";
import { Bitset } from "./bitset.js";
import { BitsetCache, type Matches } from "./bitset-cache.js";
import type { Column } from "./column.js";
import { scanColumnPair } from "./column-pair-scan.js";
import { scanColumn } from "./column-scan.js";
import { ManyValues, type PathValue } from "./field-path.js";
import { applyOperand, comparePathValues, LeafTest } from "./leaf-test.js";
import { numberTest, passesNumberTest } from "./number-scan.js";
import type { ComparisonNode, LeafNode, LiteralNode, OperandNode, WhereNode } from "./where-node.js";
import { printWhere } from "./where-printer.js";

/** What filters are evaluated over. */
export interface FilterRows {
  idAt(row: number): Id;
  /** The column of a path; it has every row that is asked about. */
  columnOf(path: string): Column;
}

export class FilterEvaluator {
  readonly #rows: FilterRows;
  readonly #cache = new BitsetCache();

  constructor(rows: FilterRows) {
    this.#rows = rows;
  }

  /** The rows below `rowCount` for which `node` is TRUE. The same set as before while nothing was appended. */
  evaluate(node: WhereNode, rowCount: number): Matches {
    const { leaf, wanted } = leafOf(node, true);
    if (leaf !== null) return this.#leaf(leaf, wanted, rowCount);
    const key = printed(node);
    const cached = this.#cache.get(key);
    if (cached?.bits.length === rowCount) return cached;
    const found = this.#matches(node, true, rowCount);
    if (cached === undefined || cached.bits.length < rowCount) this.#cache.set(key, found);
    return found;
  }

  /** The count of a filter whose rows are known already, or null. */
  knownCount(node: WhereNode, rowCount: number): number | null {
    const { leaf, wanted } = leafOf(node, true);
    const cached = this.#cache.get(leaf === null ? printed(node) : leafKey(leaf, wanted));
    return cached?.bits.length === rowCount ? cached.count : null;
  }

  memoryBytes(): number {
    return this.#cache.memoryBytes();
  }

  #matches(node: WhereNode, wanted: boolean, rowCount: number): Matches {
    switch (node.kind) {
      case "constant": {
        const bits = new Bitset(rowCount);
        return node.value === wanted ? { bits: bits.not(), count: rowCount } : { bits, count: 0 };
      }
      case "not":
        return this.#matches(node.operand, !wanted, rowCount);
      case "and":
      case "or":
        return this.#combine(node.operands, (node.kind === "and") === wanted, wanted, rowCount);
      default:
        return this.#leaf(node, wanted, rowCount);
    }
  }

  /** The rows in all (`isAll`) or any of the operands' sets. */
  #combine(operands: readonly WhereNode[], isAll: boolean, wanted: boolean, rowCount: number): Matches {
    let bits: Bitset | null = null;
    for (const operand of operands) {
      const next = this.#matches(operand, wanted, rowCount);
      if (isAll && next.count === 0) return next;
      if (bits === null) bits = next.bits.copy();
      else if (isAll) bits.and(next.bits);
      else bits.or(next.bits);
      if (isAll && bits.isEmpty()) break;
    }
    assert(bits !== null, "AND and OR have operands");
    return { bits, count: bits.count() };
  }

  #leaf(leaf: LeafNode, wanted: boolean, rowCount: number): Matches {
    const key = leafKey(leaf, wanted);
    const cached = this.#cache.get(key);
    if (cached !== undefined && cached.bits.length >= rowCount) {
      if (cached.bits.length === rowCount) return cached;
      const cut = cached.bits.copy(rowCount);
      return { bits: cut, count: cut.count() };
    }
    const fromWord = (cached?.bits.length ?? 0) >>> 5;
    const toWord = Math.ceil(rowCount / 32);
    const words = new Uint32Array(toWord);
    if (cached !== undefined) words.set(cached.bits.words.subarray(0, fromWord));
    this.#scan(leaf, wanted, fromWord, toWord, rowCount, words);
    const bits = Bitset.fromWords(words, rowCount);
    const found = { bits, count: bits.count() };
    this.#cache.set(key, found);
    return found;
  }

  /** Sets the bits of the rows of the words; those at and beyond `rowCount` may be set too. */
  #scan(leaf: LeafNode, wanted: boolean, fromWord: number, toWord: number, rowCount: number, words: Uint32Array): void {
    if (leaf.kind === "comparison" && leaf.right.kind !== "literal") {
      const { operand, right } = leaf;
      if (operand.kind === "field" && right.kind === "field") {
        const columns = [this.#rows.columnOf(operand.path), this.#rows.columnOf(right.path)] as const;
        scanColumnPair(leaf.operator, ...columns, wanted, fromWord, toWord, words);
      } else {
        this.#scanPairs(leaf, right, wanted, fromWord, rowCount, words);
      }
      return;
    }
    const base = baseOf(leaf.operand);
    if (base.kind === "id") {
      this.#scanIds(leaf, wanted, fromWord, rowCount, words);
      return;
    }
    scanColumn(leaf, wanted, this.#rows.columnOf(base.path), fromWord, toWord, words);
  }

  #scanIds(leaf: LeafNode, wanted: boolean, fromWord: number, rowCount: number, words: Uint32Array): void {
    const rows = this.#rows;
    const test = new LeafTest(leaf);
    const kind = leaf.operand.kind;
    const isComparing = leaf.kind === "comparison" || leaf.kind === "in" || leaf.kind === "between";
    const ofNumber = kind === "id" && isComparing ? numberTest(leaf, wanted) : null;
    for (let row = fromWord * 32; row < rowCount; row += 1) {
      const id = rows.idAt(row);
      const isHit =
        ofNumber !== null && typeof id === "number"
          ? passesNumberTest(ofNumber, id)
          : test.test(applyOperand(kind, id)) === wanted;
      if (isHit) words[row >>> 5]! |= 1 << (row & 31);
    }
  }

  /** A comparison between two operands of a row, one of them the id or a function: a row at a time. */
  #scanPairs(
    leaf: ComparisonNode,
    right: OperandNode,
    wanted: boolean,
    fromWord: number,
    rowCount: number,
    words: Uint32Array,
  ): void {
    const left = this.#reader(leaf.operand);
    const readRight = this.#reader(right);
    for (let row = fromWord * 32; row < rowCount; row += 1) {
      const isHit = comparePathValues(leaf.operator, left(row), readRight(row)) === wanted;
      if (isHit) words[row >>> 5]! |= 1 << (row & 31);
    }
  }

  #reader(operand: OperandNode | LiteralNode): (row: number) => PathValue {
    if (operand.kind === "literal") return () => operand.value;
    const base = baseOf(operand);
    const { kind } = operand;
    if (base.kind === "id") {
      const rows = this.#rows;
      return (row) => applyOperand(kind, rows.idAt(row));
    }
    const column = this.#rows.columnOf(base.path);
    return (row) => {
      const value = column.valueAt(row);
      if (!(value instanceof ManyValues)) return applyOperand(kind, value);
      return kind === "field" ? value : new ManyValues(value.values.map((one) => applyOperand(kind, one)));
    };
  }
}

function baseOf(operand: OperandNode): Extract<OperandNode, { readonly kind: "field" | "id" }> {
  return operand.kind === "length" || operand.kind === "lower" ? operand.of : operand;
}

/** The leaf that a filter is, under as many NOTs as there are; null for anything else. */
function leafOf(node: WhereNode, wanted: boolean): { readonly leaf: LeafNode | null; readonly wanted: boolean } {
  if (node.kind === "not") return leafOf(node.operand, !wanted);
  if (node.kind === "and" || node.kind === "or" || node.kind === "constant") return { leaf: null, wanted };
  return { leaf: node, wanted };
}

function leafKey(leaf: LeafNode, wanted: boolean): string {
  const keys = wanted ? wantedKeys : unwantedKeys;
  let key = keys.get(leaf);
  if (key === undefined) keys.set(leaf, (key = `${wanted ? "+" : "-"}${printWhere(leaf)}`));
  return key;
}

/** Keys by node: nodes are frozen, and a repeated filter is the same node again. */
const printedKeys = new WeakMap<WhereNode, string>();
const wantedKeys = new WeakMap<WhereNode, string>();
const unwantedKeys = new WeakMap<WhereNode, string>();

function printed(node: WhereNode): string {
  let key = printedKeys.get(node);
  if (key === undefined) printedKeys.set(node, (key = printWhere(node)));
  return key;
}
