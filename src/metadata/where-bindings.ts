/**
 * Which values do the parameters of a where text have?
 *
 * Every parameter in the text must be bound, to a value of the shape its place needs, and every value given must be
 * used: a misspelt name is an error, never a filter that silently lost a condition.
 */
import { LynseError } from "../errors.js";
import { checkLimit } from "../limits.js";
import type { WhereParams } from "../types.js";
import type { Literal } from "./where-node.js";

export class WhereBindings {
  readonly #params: WhereParams;
  readonly #used = new Set<string>();

  constructor(params: WhereParams) {
    if (typeof params !== "object" || params === null || Array.isArray(params)) {
      throw new LynseError("INVALID_ARGUMENT", "where: params must be an object such as { lang: 'en' }", {
        argument: "params",
      });
    }
    this.#params = params;
  }

  /** The value of a parameter that stands for one value. */
  literal(name: string): Literal {
    const value = this.#get(name);
    if (Array.isArray(value)) {
      throw mistyped(name, "an array", "one value; a list can only stand after IN, CONTAINS ANY or CONTAINS ALL");
    }
    return toLiteral(name, value);
  }

  /** The value of a parameter that stands for a text. */
  text(name: string): string {
    const value = this.literal(name);
    if (typeof value !== "string") throw mistyped(name, describe(value), "a text");
    return value;
  }

  /** The values of a parameter that stands for a list. */
  list(name: string): Literal[] {
    const value = this.#get(name);
    if (!Array.isArray(value)) throw mistyped(name, describe(value), "an array of values");
    checkLimit("whereInListMax", value.length, `where: the length of the list :${name}`);
    return Array.from(value, (member: unknown) => toLiteral(name, member));
  }

  /** Throws `INVALID_ARGUMENT` naming the values that no parameter asked for. */
  checkAllUsed(): void {
    const unused = Object.keys(this.#params).filter(
      (name) => !this.#used.has(name) && this.#params[name] !== undefined,
    );
    if (unused.length === 0) return;
    const names = unused.map((name) => `:${name}`).join(", ");
    throw new LynseError("INVALID_ARGUMENT", `where: params has values that the text does not use: ${names}`, {
      parameters: unused,
    });
  }

  #get(name: string): unknown {
    const value: unknown = Object.hasOwn(this.#params, name) ? this.#params[name] : undefined;
    if (value === undefined) {
      throw new LynseError("INVALID_ARGUMENT", `where: the parameter :${name} has no value; give params.${name}`, {
        parameter: name,
      });
    }
    this.#used.add(name);
    return value;
  }
}

function toLiteral(name: string, value: unknown): Literal {
  if (typeof value === "string" || typeof value === "boolean" || value === null) return value;
  // Adding zero turns -0, which prints as 0, into 0.
  if (typeof value === "number" && Number.isFinite(value)) return value + 0;
  if (value instanceof Date && Number.isFinite(value.getTime())) return value.toISOString();
  throw mistyped(name, describe(value), "a text, a finite number, a boolean, null or a valid Date");
}

function describe(value: unknown): string {
  if (value === null) return "null";
  if (Array.isArray(value)) return "an array";
  if (value instanceof Date) return "an invalid Date";
  if (typeof value === "number" && !Number.isFinite(value)) return String(value);
  return typeof value === "object" ? "an object" : `a ${typeof value}`;
}

function mistyped(name: string, got: string, expected: string): LynseError {
  return new LynseError("INVALID_ARGUMENT", `where: the parameter :${name} is ${got}, expected ${expected}`, {
    parameter: name,
    expected,
    got,
  });
}
