/**
 * How does a caller's filter become an expression?
 *
 * Takes where text with its parameters, or a clause of the `where` tag, and keeps the last parsed ones: a server asks
 * the same few filters over and over.
 */
import { describe } from "../../engine/vector-input.js";
import { LynseError } from "../../errors.js";
import type { WhereNode } from "../../metadata/where-node.js";
import { parseWhere } from "../../metadata/where-parser.js";
import type { WhereParams } from "../../types.js";
import { isWhereClause } from "../where-clause.js";

const cacheEntriesMax = 64;
/** Texts with long parameter lists are not worth their place. */
const cacheKeyMax = 4096;
/** Parsed texts are values: sharing them across clients shares no state. */
const parsed = new Map<string, WhereNode>();

/** The expression of a filter, null for none. */
export function whereNode(where: unknown, params: unknown): WhereNode | null {
  if (where === undefined || where === null) {
    if (params !== undefined) throw new LynseError("INVALID_ARGUMENT", "params were given without a where");
    return null;
  }
  if (isWhereClause(where)) {
    if (params !== undefined) {
      throw new LynseError("INVALID_ARGUMENT", "a where`…` clause brings its own values; leave params out");
    }
    return parse(where.text, where.params);
  }
  if (typeof where !== "string") {
    throw new LynseError("INVALID_ARGUMENT", `where must be a text or a where\`…\` clause, got ${describe(where)}`);
  }
  if (params !== undefined && (typeof params !== "object" || params === null || Array.isArray(params))) {
    throw new LynseError("INVALID_ARGUMENT", `params must be an object of values by name, got ${describe(params)}`);
  }
  return parse(where, params as WhereParams | undefined);
}

function parse(text: string, params: WhereParams | undefined): WhereNode {
  if (params !== undefined && Object.keys(params).length > 0) return parseWhere(text, params);
  const known = parsed.get(text);
  if (known !== undefined) return known;
  const node = parseWhere(text);
  if (text.length > cacheKeyMax) return node;
  if (parsed.size >= cacheEntriesMax) parsed.delete(parsed.keys().next().value ?? "");
  parsed.set(text, node);
  return node;
}
