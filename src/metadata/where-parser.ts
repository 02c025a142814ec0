/**
 * Which tree does a where text mean?
 *
 * Recursive descent over the grammar of docs/where.md, one token ahead. Precedence is NOT, AND, OR. What is constant is
 * folded here, so that every leaf of the tree reads a field; a literal on the left of a comparison changes sides.
 * Nesting is counted, so the recursion is bounded; the text's size and IN lists are limited too. Any text gives a tree,
 * or
 * `WHERE_SYNTAX`, `LIMIT_EXCEEDED` or (for its parameters) `INVALID_ARGUMENT`.
 */
import { LynseError } from "../errors.js";
import { checkLimit, limits } from "../limits.js";
import type { WhereParams } from "../types.js";
import { FieldPath } from "./field-path.js";
import { applyOperand, compareValues, LeafTest } from "./leaf-test.js";
import { WhereBindings } from "./where-bindings.js";
import { type Token, WhereLexer } from "./where-lexer.js";
import {
  type ComparisonOperator,
  combine,
  type FieldNode,
  type IdNode,
  type LeafNode,
  type Literal,
  type LiteralNode,
  negate,
  type OperandNode,
  type WhereNode,
  whereNode,
} from "./where-node.js";
import { whereSyntaxError } from "./where-syntax-error.js";

const comparisons: ReadonlyMap<string, ComparisonOperator> = new Map([
  ["=", "="],
  ["==", "="],
  ["!=", "!="],
  ["<>", "!="],
  ["<", "<"],
  ["<=", "<="],
  [">", ">"],
  [">=", ">="],
]);

const mirrored: Readonly<Record<ComparisonOperator, ComparisonOperator>> = {
  "=": "=",
  "!=": "!=",
  "<": ">",
  "<=": ">=",
  ">": "<",
  ">=": "<=",
};

/** Parses a filter and binds its parameters. Throws `WHERE_SYNTAX`, `LIMIT_EXCEEDED` or `INVALID_ARGUMENT`. */
export function parseWhere(text: string, params: WhereParams = {}): WhereNode {
  if (typeof text !== "string") {
    throw new LynseError("INVALID_ARGUMENT", `where: expected a text, got ${typeof text}`, { argument: "where" });
  }
  const bytes = text.length * 3 <= limits.whereBytesMax ? text.length : new TextEncoder().encode(text).length;
  checkLimit("whereBytesMax", bytes, "where: the size of the text in bytes");
  const bindings = new WhereBindings(params);
  const node = new WhereParser(text, bindings).parse();
  bindings.checkAllUsed();
  return node;
}

class WhereParser {
  readonly #text: string;
  readonly #bindings: WhereBindings;
  readonly #lexer: WhereLexer;
  #token: Token;
  #depth = 0;
  /** True when the predicate just read was a bare field, after which an operator could have stood. */
  #endedInField = false;

  constructor(text: string, bindings: WhereBindings) {
    this.#text = text;
    this.#bindings = bindings;
    this.#lexer = new WhereLexer(text);
    this.#token = this.#lexer.next();
  }

  parse(): WhereNode {
    if (this.#isAt("end")) {
      throw this.#expected("an expression such as lang = 'en'", "leave where out to match every row");
    }
    const node = this.#or();
    if (!this.#isAt("end")) throw this.#expected(this.#continuation("the end of the text"));
    return node;
  }

  #or(): WhereNode {
    const operands = [this.#and()];
    while (this.#takeKeyword("OR")) operands.push(this.#and());
    return combine("or", operands);
  }

  #and(): WhereNode {
    const operands = [this.#not()];
    while (this.#takeKeyword("AND")) operands.push(this.#not());
    return combine("and", operands);
  }

  #not(): WhereNode {
    if (!this.#takeKeyword("NOT")) return this.#predicate();
    return this.#nested(() => negate(this.#not()));
  }

  #predicate(): WhereNode {
    this.#endedInField = false;
    if (this.#takeSymbol("(")) {
      return this.#nested(() => {
        const node = this.#or();
        if (!this.#takeSymbol(")")) throw this.#expected(this.#continuation('")"'));
        this.#endedInField = false;
        return node;
      });
    }
    const start = this.#token;
    const operand = this.#operand('a field, a value, NOT or "("');
    const node = this.#suffix(operand);
    return node ?? this.#bare(operand, start);
  }

  /** What follows an operand, or null when nothing that makes a predicate does. */
  #suffix(operand: OperandNode | LiteralNode): WhereNode | null {
    const operator = this.#token.kind === "symbol" ? comparisons.get(this.#token.value) : undefined;
    if (operator !== undefined) {
      this.#advance();
      return comparison(operand, operator, this.#operand("a value or a field"));
    }
    if (this.#takeKeyword("IS")) {
      const isNegated = this.#takeKeyword("NOT");
      if (!this.#takeKeyword("NULL")) throw this.#expected(isNegated ? "NULL" : "NULL or NOT NULL");
      const node = leafOf(operand, (of) => ({ kind: "isNull", operand: of }));
      return isNegated ? negate(node) : node;
    }
    const isNegated = this.#takeKeyword("NOT");
    const node = this.#operatorWord(operand);
    if (node === null) {
      if (isNegated) throw this.#expected("IN, BETWEEN, LIKE, ILIKE or CONTAINS after NOT");
      return null;
    }
    return isNegated ? negate(node) : node;
  }

  #operatorWord(operand: OperandNode | LiteralNode): WhereNode | null {
    if (this.#takeKeyword("IN")) {
      const values = this.#list();
      if (values.length === 0) return whereNode({ kind: "constant", value: false });
      return leafOf(operand, (of) => ({ kind: "in", operand: of, values }));
    }
    if (this.#takeKeyword("BETWEEN")) {
      const low = this.#literal("a value");
      if (!this.#takeKeyword("AND")) throw this.#expected("AND and the upper value of BETWEEN");
      const high = this.#literal("a value");
      return leafOf(operand, (of) => ({ kind: "between", operand: of, low, high }));
    }
    const isCaseSensitive = this.#takeKeyword("LIKE");
    if (isCaseSensitive || this.#takeKeyword("ILIKE")) {
      const pattern = this.#pattern();
      return leafOf(operand, (of) => ({ kind: "like", operand: of, pattern, isCaseSensitive }));
    }
    return this.#takeKeyword("CONTAINS") ? this.#contains(operand) : null;
  }

  #contains(operand: OperandNode | LiteralNode): WhereNode {
    const quantifier = this.#takeWord("ALL") ? "all" : this.#takeWord("ANY") ? "any" : null;
    const values = quantifier === null ? Object.freeze([this.#literal("a value, ANY or ALL")]) : this.#list();
    if (values.length === 0) return whereNode({ kind: "constant", value: quantifier === "all" });
    // ALL of one value is ANY of it; one form keeps equal filters equal.
    const form = values.length === 1 ? "any" : (quantifier ?? "any");
    return leafOf(operand, (of) => ({ kind: "contains", operand: of, quantifier: form, values }));
  }

  /** A predicate without an operator: TRUE, FALSE or a field that holds a boolean. */
  #bare(operand: OperandNode | LiteralNode, start: Token): WhereNode {
    if (operand.kind === "literal" && start.kind === "keyword" && operand.value !== null) {
      return whereNode({ kind: "constant", value: operand.value === true });
    }
    if (operand.kind === "field") {
      this.#endedInField = true;
      return whereNode({ kind: "flag", operand });
    }
    if (operand.kind === "literal") {
      throw this.#expected("an operator such as =, IN or LIKE", `${start.raw.slice(0, 40)} alone is not a condition`);
    }
    throw this.#expected("an operator such as =, IN or LIKE", `${start.value} alone is not true or false`);
  }

  #operand(expected: string): OperandNode | LiteralNode {
    if (this.#token.kind !== "name") return whereNode({ kind: "literal", value: this.#literal(expected) });
    const name = this.#token;
    this.#advance();
    if (!name.isQuoted && this.#isAt("symbol", "(")) return this.#call(name);
    return this.#field(name);
  }

  #call(name: Token): OperandNode | LiteralNode {
    const word = name.value.toUpperCase();
    if (word !== "LENGTH" && word !== "LOWER") {
      throw whereSyntaxError(this.#text, {
        position: name.start,
        got: `${name.raw}(`,
        expected: "LENGTH( or LOWER(, the only functions",
      });
    }
    this.#advance();
    const node = this.#nested(() => {
      if (word === "LENGTH") {
        if (this.#token.kind !== "name") throw this.#expected("a field");
        const field = this.#token;
        this.#advance();
        return whereNode({ kind: "length", of: this.#field(field) });
      }
      return lower(this.#operand("a field or a text"));
    });
    if (!this.#takeSymbol(")")) throw this.#expected('")"');
    return node;
  }

  #field(name: Token): FieldNode | IdNode {
    if (name.value === "id") return whereNode({ kind: "id" });
    const path = name.value === "field.id" && !name.isQuoted ? "id" : name.value;
    // Refuses a path of too many names before any row is read.
    new FieldPath(path);
    return whereNode({ kind: "field", path });
  }

  /** `(literal, …)` or a parameter that is bound to an array. */
  #list(): readonly Literal[] {
    if (this.#token.kind === "parameter") {
      const name = this.#token.value;
      this.#advance();
      return Object.freeze(this.#bindings.list(name));
    }
    if (!this.#takeSymbol("(")) throw this.#expected('"(" and a list of values, or a parameter such as :list');
    const values: Literal[] = [];
    do {
      values.push(this.#literal("a value"));
      checkLimit("whereInListMax", values.length, "where: the length of a list");
    } while (this.#takeSymbol(","));
    if (!this.#takeSymbol(")")) throw this.#expected('"," or ")"');
    return Object.freeze(values);
  }

  #pattern(): string {
    const token = this.#token;
    if (token.kind !== "text" && token.kind !== "parameter") throw this.#expected("a pattern in single quotes");
    this.#advance();
    return token.kind === "text" ? token.value : this.#bindings.text(token.value);
  }

  #literal(expected: string): Literal {
    const token = this.#token;
    let value: Literal;
    if (token.kind === "text") value = token.value;
    // Adding zero turns -0, which prints as 0, into 0.
    else if (token.kind === "number") value = Number(token.value) + 0;
    else if (token.kind === "parameter") value = this.#bindings.literal(token.value);
    else if (token.kind === "keyword" && token.value === "NULL") value = null;
    else if (token.kind === "keyword" && token.value === "TRUE") value = true;
    else if (token.kind === "keyword" && token.value === "FALSE") value = false;
    else throw this.#expected(expected, this.#literalHint());
    this.#advance();
    return value;
  }

  #literalHint(): string | undefined {
    const { kind, raw } = this.#token;
    if (kind === "keyword") return `${raw} is a keyword; a field of that name takes double quotes: "${raw}"`;
    if (kind !== "name") return undefined;
    return raw.startsWith('"')
      ? "double quotes make a field name; text takes single quotes"
      : "text takes single quotes";
  }

  #nested<T>(read: () => T): T {
    this.#depth += 1;
    checkLimit("whereDepthMax", this.#depth, "where: the nesting of the text");
    const result = read();
    this.#depth -= 1;
    return result;
  }

  #advance(): void {
    this.#token = this.#lexer.next();
  }

  #isAt(kind: Token["kind"], value?: string): boolean {
    return this.#token.kind === kind && (value === undefined || this.#token.value === value);
  }

  #takeKeyword(word: string): boolean {
    const isThere = this.#isAt("keyword", word);
    if (isThere) this.#advance();
    return isThere;
  }

  /** Takes a word that is a keyword only in this place. */
  #takeWord(word: string): boolean {
    const { kind, value, isQuoted } = this.#token;
    const isThere = kind === "name" && !isQuoted && value.toUpperCase() === word;
    if (isThere) this.#advance();
    return isThere;
  }

  #takeSymbol(symbol: string): boolean {
    const isThere = this.#isAt("symbol", symbol);
    if (isThere) this.#advance();
    return isThere;
  }

  #continuation(close: string): string {
    return this.#endedInField ? `an operator such as =, IN or LIKE, or AND, OR or ${close}` : `AND, OR or ${close}`;
  }

  #expected(expected: string, hint?: string): LynseError {
    const { kind, raw, start } = this.#token;
    const shown = raw.length > 40 ? `${raw.slice(0, 40)}…` : raw;
    const got = kind === "end" ? "the end of the text" : kind === "keyword" ? `the keyword ${shown}` : shown;
    return whereSyntaxError(this.#text, { position: start, got, expected, hint });
  }
}

function lower(operand: OperandNode | LiteralNode): OperandNode | LiteralNode {
  if (operand.kind === "lower") return operand;
  if (operand.kind === "field" || operand.kind === "id") return whereNode({ kind: "lower", of: operand });
  const value = operand.kind === "literal" && typeof operand.value === "string" ? operand.value.toLowerCase() : null;
  return whereNode({ kind: "literal", value });
}

function comparison(
  left: OperandNode | LiteralNode,
  operator: ComparisonOperator,
  right: OperandNode | LiteralNode,
): WhereNode {
  if (left.kind !== "literal") return whereNode({ kind: "comparison", operand: left, operator, right });
  if (right.kind !== "literal") {
    return whereNode({ kind: "comparison", operand: right, operator: mirrored[operator], right: left });
  }
  return whereNode({ kind: "constant", value: compareValues(operator, left.value, right.value) });
}

/** The leaf over an operand; over a literal it is a constant, found by asking the leaf itself. */
function leafOf(operand: OperandNode | LiteralNode, make: (operand: OperandNode) => LeafNode): WhereNode {
  if (operand.kind !== "literal") return whereNode(make(operand));
  const value = new LeafTest(make({ kind: "id" })).test(applyOperand("id", operand.value));
  return whereNode({ kind: "constant", value });
}
