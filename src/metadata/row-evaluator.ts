/**
 * Is a filter TRUE, FALSE or unknown for one row?
 *
 * The language's semantics read straight from the tree, a row at a time: for rows that no column covers yet, and the
 * yardstick that the columns are tested against. Recursion is bounded by the parser's `limits.whereDepthMax`.
 */
import type { Id } from "../types.js";
import { FieldPath, type FieldRecord, ManyValues, type PathValue } from "./field-path.js";
import { applyOperand, comparePathValues, LeafTest, testMany } from "./leaf-test.js";
import type { LeafNode, LiteralNode, OperandNode, WhereNode } from "./where-node.js";

/** What a node needs prepared once for all rows; lives and dies with the node. */
const leafTests = new WeakMap<LeafNode, LeafTest>();
const fieldPaths = new WeakMap<OperandNode, FieldPath>();

/** The filter's value for a row: null is unknown. A row matches only on true. */
export function evaluateRow(node: WhereNode, id: Id, field: FieldRecord): boolean | null {
  switch (node.kind) {
    case "constant":
      return node.value;
    case "not": {
      const result = evaluateRow(node.operand, id, field);
      return result === null ? null : !result;
    }
    case "and":
      return evaluateAll(node.operands, false, id, field);
    case "or":
      return evaluateAll(node.operands, true, id, field);
    default:
      return evaluateLeaf(node, id, field);
  }
}

/** AND (`decisive` false) or OR (`decisive` true): one decisive operand decides, else one unknown one. */
function evaluateAll(operands: readonly WhereNode[], decisive: boolean, id: Id, field: FieldRecord): boolean | null {
  let isUnknown = false;
  for (const operand of operands) {
    const result = evaluateRow(operand, id, field);
    if (result === decisive) return decisive;
    if (result === null) isUnknown = true;
  }
  return isUnknown ? null : !decisive;
}

function evaluateLeaf(leaf: LeafNode, id: Id, field: FieldRecord): boolean | null {
  if (leaf.kind === "comparison" && leaf.right.kind !== "literal") {
    return comparePathValues(leaf.operator, operandValue(leaf.operand, id, field), operandValue(leaf.right, id, field));
  }
  let test = leafTests.get(leaf);
  if (test === undefined) {
    test = new LeafTest(leaf);
    leafTests.set(leaf, test);
  }
  const value = baseValue(leaf.operand, id, field);
  if (value instanceof ManyValues) return testMany(leaf, test, leaf.operand.kind, value);
  return test.test(applyOperand(leaf.operand.kind, value));
}

function operandValue(operand: OperandNode | LiteralNode, id: Id, field: FieldRecord): PathValue {
  if (operand.kind === "literal") return operand.value;
  const value = baseValue(operand, id, field);
  if (!(value instanceof ManyValues)) return applyOperand(operand.kind, value);
  return new ManyValues(value.values.map((one) => applyOperand(operand.kind, one)));
}

/** The value of the field or id that an operand reads, before LENGTH and LOWER. */
function baseValue(operand: OperandNode, id: Id, field: FieldRecord): PathValue {
  const base = operand.kind === "length" || operand.kind === "lower" ? operand.of : operand;
  if (base.kind === "id") return id;
  let path = fieldPaths.get(base);
  if (path === undefined) {
    path = new FieldPath(base.path);
    fieldPaths.set(base, path);
  }
  return path.read(field);
}
