/**
 * What is a filter once it is parsed?
 *
 * Frozen records told apart by `kind`. The factories normalise, so that equal filters become equal trees: AND and OR
 * are flat, NOT of NOT is gone, and every leaf reads at least one field (the parser folds what is constant). A leaf is
 * what a single field's values decide; the nodes above it are Kleene's three-valued logic.
 *
 * Bottom of the metadata layer; imports nothing.
 */

export type Literal = string | number | boolean | null;

export type ComparisonOperator = "=" | "!=" | "<" | "<=" | ">" | ">=";

/** A metadata field by its dotted path. */
export interface FieldNode {
  readonly kind: "field";
  readonly path: string;
}

/** The row's own id. */
export interface IdNode {
  readonly kind: "id";
}

/** Characters of a text, elements of an array; NULL of anything else. */
export interface LengthNode {
  readonly kind: "length";
  readonly of: FieldNode | IdNode;
}

/** A text in lower case; NULL of anything else. */
export interface LowerNode {
  readonly kind: "lower";
  readonly of: FieldNode | IdNode;
}

export interface LiteralNode {
  readonly kind: "literal";
  readonly value: Literal;
}

/** What a leaf reads of a row. */
export type OperandNode = FieldNode | IdNode | LengthNode | LowerNode;

export interface ComparisonNode {
  readonly kind: "comparison";
  readonly operand: OperandNode;
  readonly operator: ComparisonOperator;
  readonly right: OperandNode | LiteralNode;
}

/** `values` is never empty. */
export interface InNode {
  readonly kind: "in";
  readonly operand: OperandNode;
  readonly values: readonly Literal[];
}

export interface BetweenNode {
  readonly kind: "between";
  readonly operand: OperandNode;
  readonly low: Literal;
  readonly high: Literal;
}

export interface LikeNode {
  readonly kind: "like";
  readonly operand: OperandNode;
  readonly pattern: string;
  readonly isCaseSensitive: boolean;
}

export interface IsNullNode {
  readonly kind: "isNull";
  readonly operand: OperandNode;
}

/** `values` is never empty; a plain CONTAINS is `"any"` of one value. */
export interface ContainsNode {
  readonly kind: "contains";
  readonly operand: OperandNode;
  readonly quantifier: "any" | "all";
  readonly values: readonly Literal[];
}

/** A bare field: TRUE and FALSE as the field says, unknown for anything but a boolean. */
export interface FlagNode {
  readonly kind: "flag";
  readonly operand: FieldNode;
}

/** TRUE, FALSE, or null for unknown. */
export interface ConstantNode {
  readonly kind: "constant";
  readonly value: boolean | null;
}

export interface NotNode {
  readonly kind: "not";
  readonly operand: WhereNode;
}

/** Two operands or more. */
export interface AndNode {
  readonly kind: "and";
  readonly operands: readonly WhereNode[];
}

/** Two operands or more. */
export interface OrNode {
  readonly kind: "or";
  readonly operands: readonly WhereNode[];
}

export type LeafNode = ComparisonNode | InNode | BetweenNode | LikeNode | IsNullNode | ContainsNode | FlagNode;

/** A parsed filter. */
export type WhereNode = LeafNode | ConstantNode | NotNode | AndNode | OrNode;

/** Freezes a node; its type is inferred from where it is used. */
export function whereNode<N extends WhereNode | OperandNode | LiteralNode>(node: N): N {
  return Object.freeze(node);
}

/** NOT in three-valued logic; constants and double negation are folded. */
export function negate(operand: WhereNode): WhereNode {
  if (operand.kind === "not") return operand.operand;
  if (operand.kind === "constant") {
    return whereNode({ kind: "constant", value: operand.value === null ? null : !operand.value });
  }
  return whereNode({ kind: "not", operand });
}

/** AND or OR of one operand or more, flattened. */
export function combine(kind: "and" | "or", operands: readonly WhereNode[]): WhereNode {
  const first = operands[0];
  if (operands.length === 1 && first !== undefined) return first;
  const flat = operands.flatMap((operand) => (operand.kind === kind ? operand.operands : [operand]));
  return whereNode({ kind, operands: Object.freeze(flat) });
}
