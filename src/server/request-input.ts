/**
 * Does a request fit its route's schemas?
 *
 * Schemas are compiled once. Members that are null where the schema has no null count as absent, as LynseDB's clients send
 * them; unknown members are left alone; texts of a query string become the numbers and booleans that the schema wants. What
 * does not fit is refused with the name of the member, what it must be and what it is.
 */
import type { TSchema } from "typebox";
import { Compile } from "typebox/compile";
import { describe } from "../engine/vector-input.js";
import { LynseError } from "../errors.js";

/** The parts of a JSON schema that are looked at. */
interface SchemaView {
  readonly type?: string;
  readonly const?: unknown;
  readonly enum?: readonly unknown[];
  readonly anyOf?: readonly SchemaView[];
  readonly properties?: Readonly<Record<string, SchemaView>>;
  readonly required?: readonly string[];
  readonly items?: SchemaView;
}

/** Takes null members away from a value, in place. */
type NullRemover = (value: unknown) => void;

/** Makes a function that checks values against a schema and throws `INVALID_ARGUMENT`; `part` begins its messages. */
export function inputChecker(schema: TSchema, part: "body" | "query"): (value: unknown) => unknown {
  const compiled = Compile(schema);
  const view = schema as SchemaView;
  const removeNulls = part === "body" ? nullRemover(view) : null;
  return (given) => {
    const value = part === "query" ? queryValues(given, view) : given;
    removeNulls?.(value);
    if (compiled.Check(value)) return value;
    throw misfit(compiled.Errors(value), value, view, part);
  };
}

/** Null for schemas without optional members. */
function nullRemover(schema: SchemaView): NullRemover | null {
  if (schema.items !== undefined) {
    const remove = nullRemover(schema.items);
    if (remove === null) return null;
    return (value) => {
      if (Array.isArray(value)) for (const item of value) remove(item);
    };
  }
  if (schema.properties === undefined) return null;
  const steps: { readonly name: string; readonly mayGo: boolean; readonly remove: NullRemover | null }[] = [];
  for (const [name, member] of Object.entries(schema.properties)) {
    const mayGo = !(schema.required?.includes(name) ?? false) && !admitsNull(member);
    const remove = nullRemover(member);
    if (mayGo || remove !== null) steps.push({ name, mayGo, remove });
  }
  if (steps.length === 0) return null;
  return (value) => {
    if (typeof value !== "object" || value === null) return;
    const object = value as Record<string, unknown>;
    for (const { name, mayGo, remove } of steps) {
      const member = object[name];
      if (member === null && mayGo) delete object[name];
      else if (member !== undefined && remove !== null) remove(member);
    }
  };
}

/** True when a schema has a place for null; one without constraints has. */
function admitsNull({ type, anyOf, const: constant, enum: values, ...rest }: SchemaView): boolean {
  if (anyOf !== undefined) return anyOf.some(admitsNull);
  if (values !== undefined) return values.includes(null);
  if (constant !== undefined) return constant === null;
  return type === undefined ? rest.properties === undefined : type === "null";
}

/** The members that the schema names: what else a query string calls a member, `__proto__` also, is left out. */
function queryValues(given: unknown, { properties = {} }: SchemaView): Record<string, unknown> {
  const values: Record<string, unknown> = {};
  for (const [name, text] of Object.entries(given as Record<string, unknown>)) {
    if (!Object.hasOwn(properties, name)) continue;
    values[name] = typeof text === "string" ? queryValue(text, properties[name]!) : text;
  }
  return values;
}

function queryValue(text: string, schema: SchemaView): unknown {
  const types = schema.anyOf?.map(({ type }) => type) ?? [schema.type];
  if (types.includes("integer") && /^[+-]?\d+$/.test(text)) return Number(text);
  if (types.includes("number") && text.trim() !== "" && Number.isFinite(Number(text))) return Number(text);
  if (types.includes("boolean") && (text === "true" || text === "false")) return text === "true";
  return text;
}

interface SchemaError {
  readonly keyword: string;
  readonly instancePath: string;
  readonly params: object;
  readonly message: string;
}

function misfit(errors: readonly SchemaError[], value: unknown, schema: SchemaView, part: string): LynseError {
  const [first] = errors;
  // Where several forms are allowed, the errors of each come before the one that says that none fits.
  const error = errors.find(({ keyword, instancePath }) => keyword === "anyOf" && instancePath === first?.instancePath);
  const { keyword, instancePath, params, message } = error ?? first!;
  const steps = instancePath
    .split("/")
    .slice(1)
    .map((step) => step.replaceAll("~1", "/").replaceAll("~0", "~"));
  const missing =
    keyword === "required" ? (params as { requiredProperties?: string[] }).requiredProperties?.[0] : undefined;
  const path = pathText(missing === undefined ? steps : [...steps, missing], value);
  const what = path === "" ? `the ${part === "body" ? "JSON body" : "query string"}` : path;
  if (missing !== undefined) {
    return new LynseError("INVALID_ARGUMENT", `${what} is missing from the ${part}`, { member: path });
  }
  const found = steps.reduce<unknown>((at, step) => (at as Record<string, unknown> | undefined)?.[step], value);
  const wanted = keyword === "anyOf" ? `must be ${expectation(schemaAt(schema, steps))}` : message;
  return new LynseError("INVALID_ARGUMENT", `${what} ${wanted}, got ${describe(found)}`, { member: path });
}

/** `vectors[0][1]` for the steps `vectors`, `0`, `1`. */
function pathText(steps: readonly string[], value: unknown): string {
  let text = "";
  let at: unknown = value;
  for (const step of steps) {
    text += Array.isArray(at) ? `[${step}]` : text === "" ? step : `.${step}`;
    at = (at as Record<string, unknown> | undefined)?.[step];
  }
  return text;
}

function schemaAt(schema: SchemaView, steps: readonly string[]): SchemaView {
  let at = schema;
  for (const step of steps) at = at.properties?.[step] ?? at.items ?? {};
  return at;
}

function expectation(schema: SchemaView): string {
  if (schema.anyOf !== undefined) return [...new Set(schema.anyOf.map(expectation))].join(" or ");
  if (schema.const !== undefined) return JSON.stringify(schema.const);
  if (schema.enum !== undefined) return schema.enum.map((value) => JSON.stringify(value)).join(" or ");
  return schema.type ?? "of another form";
}
