/**
 * Which text stands for a tree?
 *
 * The canonical text: equal trees print alike, different ones differently, and parsing it gives the same tree again. It
 * is the key under which filters are cached.
 */
import { bareName, isReservedWord } from "./where-lexer.js";
import type { LeafNode, Literal, LiteralNode, OperandNode, WhereNode } from "./where-node.js";

export function printWhere(node: WhereNode): string {
  switch (node.kind) {
    case "constant":
      return node.value === null ? "NULL = NULL" : node.value ? "TRUE" : "FALSE";
    case "and":
      return node.operands
        .map((operand) => (operand.kind === "or" ? `(${printWhere(operand)})` : printWhere(operand)))
        .join(" AND ");
    case "or":
      return node.operands.map(printWhere).join(" OR ");
    case "not":
      return printNot(node.operand);
    default:
      return printLeaf(node, "");
  }
}

/** NOT goes into the operators that have a form for it, so that printing never nests deeper than what was parsed. */
function printNot(node: WhereNode): string {
  switch (node.kind) {
    case "in":
    case "between":
    case "like":
    case "contains":
    case "isNull":
      return printLeaf(node, "NOT ");
    case "and":
    case "or":
      return `NOT (${printWhere(node)})`;
    default:
      return `NOT ${printWhere(node)}`;
  }
}

function printLeaf(leaf: LeafNode, not: string): string {
  const operand = printOperand(leaf.operand);
  switch (leaf.kind) {
    case "comparison":
      return `${operand} ${leaf.operator} ${printOperand(leaf.right)}`;
    case "in":
      return `${operand} ${not}IN ${printList(leaf.values)}`;
    case "between":
      return `${operand} ${not}BETWEEN ${printLiteral(leaf.low)} AND ${printLiteral(leaf.high)}`;
    case "like":
      return `${operand} ${not}${leaf.isCaseSensitive ? "LIKE" : "ILIKE"} ${printLiteral(leaf.pattern)}`;
    case "isNull":
      return `${operand} IS ${not}NULL`;
    case "contains": {
      const first = leaf.values[0];
      if (leaf.values.length === 1 && first !== undefined) return `${operand} ${not}CONTAINS ${printLiteral(first)}`;
      return `${operand} ${not}CONTAINS ${leaf.quantifier.toUpperCase()} ${printList(leaf.values)}`;
    }
    case "flag":
      return operand;
  }
}

function printOperand(operand: OperandNode | LiteralNode): string {
  switch (operand.kind) {
    case "literal":
      return printLiteral(operand.value);
    case "id":
      return "id";
    case "field":
      return printPath(operand.path);
    case "length":
      return `LENGTH(${printOperand(operand.of)})`;
    case "lower":
      return `LOWER(${printOperand(operand.of)})`;
  }
}

function printPath(path: string): string {
  if (path === "id") return "field.id";
  const isBare = path !== "field.id" && !isReservedWord(path) && path.split(".").every(isBareName);
  return isBare ? path : `"${path.replaceAll('"', '""')}"`;
}

function isBareName(name: string): boolean {
  bareName.lastIndex = 0;
  return bareName.test(name) && bareName.lastIndex === name.length;
}

function printList(values: readonly Literal[]): string {
  return `(${values.map(printLiteral).join(", ")})`;
}

function printLiteral(value: Literal): string {
  if (typeof value === "string") return `'${value.replaceAll("'", "''")}'`;
  return value === null ? "NULL" : String(value).toUpperCase();
}
