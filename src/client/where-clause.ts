/**
 * How do values get into a filter without string concatenation?
 *
 * The `where` template tag turns its values into bound parameters: numbers, strings, booleans, null, Dates, and arrays
 * as IN lists. Clauses nest: a clause inside a template is put in parentheses.
 */
import { LynseError } from "../errors.js";
import type { WhereParams, WhereValue } from "../types.js";

/** A where text with the values of its parameters; made by the `where` tag. */
export interface WhereClause {
  readonly text: string;
  readonly params: WhereParams;
}

type TagValue = WhereValue | readonly WhereValue[] | WhereClause;

/**
 * Makes a filter from a template, binding each value as a parameter.
 *
 * @example
 * where`lang = ${lang} AND rank BETWEEN ${1} AND ${9} AND section IN ${["libs", "utils"]}`
 */
export function where(strings: TemplateStringsArray, ...values: readonly TagValue[]): WhereClause {
  const params: Record<string, WhereValue | readonly WhereValue[]> = {};
  let text = strings[0] ?? "";
  let next = 0;
  const bind = (value: WhereValue | readonly WhereValue[]): string => {
    next += 1;
    params[`p${next}`] = value;
    return `:p${next}`;
  };
  values.forEach((value, position) => {
    if (isWhereClause(value)) {
      text += `(${value.text.replace(/'(?:[^']|'')*'|"[^"]*"|`[^`]*`|:([A-Za-z_]\w*)/g, (match, name?: string) =>
        name === undefined ? match : bind(value.params[name] ?? null),
      )})`;
    } else if (value === undefined) {
      throw new LynseError("INVALID_ARGUMENT", `where: value ${position + 1} of the template is undefined; bind null`, {
        position,
      });
    } else {
      text += bind(value);
    }
    text += strings[position + 1] ?? "";
  });
  return { text, params };
}

/** True for what the `where` tag makes. */
export function isWhereClause(value: unknown): value is WhereClause {
  if (typeof value !== "object" || value === null || !("text" in value) || !("params" in value)) return false;
  return typeof value.text === "string" && typeof value.params === "object" && value.params !== null;
}
