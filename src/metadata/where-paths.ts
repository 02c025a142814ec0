/**
 * Which metadata fields does a filter read?
 */
import type { LiteralNode, OperandNode, WhereNode } from "./where-node.js";

/** Paths by node: nodes are frozen, and a repeated filter is the same node again. */
const known = new WeakMap<WhereNode, readonly string[]>();

/** The distinct paths in order of first use. The row's own id is not among them. */
export function pathsOf(node: WhereNode): readonly string[] {
  const before = known.get(node);
  if (before !== undefined) return before;
  const paths = new Set<string>();
  collect(node, paths);
  const distinct = Object.freeze([...paths]);
  known.set(node, distinct);
  return distinct;
}

function collect(node: WhereNode, into: Set<string>): void {
  switch (node.kind) {
    case "and":
    case "or":
      for (const operand of node.operands) collect(operand, into);
      break;
    case "not":
      collect(node.operand, into);
      break;
    case "constant":
      break;
    case "comparison":
      collectOperand(node.operand, into);
      collectOperand(node.right, into);
      break;
    default:
      collectOperand(node.operand, into);
  }
}

function collectOperand(operand: OperandNode | LiteralNode, into: Set<string>): void {
  const base = operand.kind === "length" || operand.kind === "lower" ? operand.of : operand;
  if (base.kind === "field") into.add(base.path);
}
