/**
 * How does a row's metadata become text, and back?
 *
 * The door for metadata. What JSON cannot keep faithfully (NaN, Infinity, bigint, functions, symbols, class instances,
 * cycles) is refused with the id and the path; Dates become ISO-8601 text and `undefined` members are dropped. A row
 * without metadata is stored as empty text.
 */
import { LynseError } from "../errors.js";
import { checkLimit, limits } from "../limits.js";
import type { Fields, Id, JsonValue } from "../types.js";
import { describe } from "./vector-input.js";

/** JSON text of a row's metadata; `""` for none. */
export function fieldToText(field: Fields | null | undefined, id: Id): string {
  if (field === undefined || field === null) return "";
  if (typeof field !== "object" || !isPlain(field)) {
    refuse(id, "", field, "metadata must be a plain object");
  }
  const hasMembers = checkMembers(field as Record<string, unknown>, id);
  if (!hasMembers) return "";
  const text = JSON.stringify(field);
  if (text.length * 3 > limits.fieldBytesMax) {
    checkLimit(
      "fieldBytesMax",
      new TextEncoder().encode(text).length,
      `the metadata of id ${JSON.stringify(id)} in bytes`,
    );
  }
  return text;
}

const noFields: Readonly<Record<string, JsonValue>> = Object.freeze({});

/** The metadata of a stored text. */
export function textToField(text: string): Readonly<Record<string, JsonValue>> {
  return text === "" ? noFields : JSON.parse(text);
}

function isPlain(value: object): boolean {
  const prototype = Object.getPrototypeOf(value);
  return prototype === Object.prototype || prototype === null || isForeignPlain(prototype);
}

/** A plain object of another realm (a test runner's, a vm context's): its prototype has no prototype. */
function isForeignPlain(prototype: object): boolean {
  return Object.getPrototypeOf(prototype) === null && Object.hasOwn(prototype, "isPrototypeOf");
}

function isDate(value: object): value is Date {
  return value instanceof Date || Object.prototype.toString.call(value) === "[object Date]";
}

/** Checks the members of the top object; the common flat case stays in this loop. */
function checkMembers(field: Record<string, unknown>, id: Id): boolean {
  let hasMembers = false;
  for (const key in field) {
    if (!Object.hasOwn(field, key)) continue;
    const value = field[key];
    switch (typeof value) {
      case "string":
      case "boolean":
        hasMembers = true;
        break;
      case "number":
        hasMembers = true;
        // Infinity and NaN: the only numbers whose difference with themselves is not 0.
        if (value - value !== 0) refuse(id, key, value, "numbers must be finite");
        break;
      case "undefined":
        break;
      default:
        hasMembers = true;
        if (value !== null) checkNested(value, id, [key], [field]);
    }
  }
  return hasMembers;
}

/** Checks a nested value; depth is bounded by `limits.fieldDepthMax`, so recursion is too. */
function checkNested(value: unknown, id: Id, path: (string | number)[], ancestors: object[]): void {
  if (value === null || typeof value === "string" || typeof value === "boolean") return;
  if (typeof value === "number") {
    if (!Number.isFinite(value)) refuse(id, path, value, "numbers must be finite");
    return;
  }
  if (typeof value !== "object") refuse(id, path, value, "only JSON values and Dates can be stored");
  const object = value as object;
  if (isDate(object)) {
    if (Number.isNaN(object.getTime())) refuse(id, path, value, "the Date is invalid");
    return;
  }
  if (ancestors.includes(object)) refuse(id, path, value, "it contains itself (a cycle)");
  if (ancestors.length >= limits.fieldDepthMax) {
    checkLimit("fieldDepthMax", ancestors.length + 1, `the nesting of the metadata of id ${JSON.stringify(id)}`);
  }
  ancestors.push(object);
  if (Array.isArray(object)) {
    for (let i = 0; i < object.length; i++) {
      const element: unknown = object[i];
      if (typeof element === "string") continue;
      path.push(i);
      if (element === undefined) refuse(id, path, element, "an array cannot hold undefined; use null");
      checkNested(element, id, path, ancestors);
      path.pop();
    }
  } else {
    if (!isPlain(object)) refuse(id, path, value, "only plain objects, arrays, JSON values and Dates can be stored");
    for (const key of Object.keys(object)) {
      const member = (object as Record<string, unknown>)[key];
      if (member === undefined) continue;
      path.push(key);
      checkNested(member, id, path, ancestors);
      path.pop();
    }
  }
  ancestors.pop();
}

function refuse(id: Id, path: string | readonly (string | number)[], value: unknown, reason: string): never {
  const parts = typeof path === "string" ? (path === "" ? [] : [path]) : path;
  const where = parts.map((part) => (typeof part === "number" ? `[${part}]` : `.${part}`)).join("");
  throw new LynseError(
    "INVALID_ARGUMENT",
    `the metadata of id ${JSON.stringify(id)} has ${describe(value)} at field${where}: ${reason}`,
    { id, path: where.replace(/^\./, "") },
  );
}
