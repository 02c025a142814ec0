/**
 * How is an id written on the command line, and shown?
 *
 * A whole number is a number id, anything else a text id; a text that could be taken for a number, or begins with a
 * quote, stands in double quotes, as in JSON. What is shown can be given back.
 */
import { LynseError } from "../errors.js";
import type { Id } from "../types.js";

const wholeNumber = /^(?:0|[1-9]\d*)$/;

export function parseId(text: string): Id {
  const trimmed = text.trim();
  if (wholeNumber.test(trimmed)) {
    const number = Number(trimmed);
    if (Number.isSafeInteger(number)) return number;
    throw invalidId(trimmed, "a number id is at most 9007199254740991; put it in double quotes if it is a text");
  }
  if (trimmed === "") throw invalidId(text, "an id is not empty");
  if (!trimmed.startsWith('"')) return trimmed;
  try {
    const value: unknown = JSON.parse(trimmed);
    if (typeof value === "string" && value !== "") return value;
  } catch {
    // Told below.
  }
  throw invalidId(trimmed, 'a text in double quotes is wanted, as "42"');
}

/** Ids separated by commas; a comma inside double quotes belongs to the id. */
export function parseIdList(text: string): Id[] {
  const parts = text.match(/\s*"(?:[^"\\]|\\.)*"\s*(?=,|$)|[^,]+/g) ?? [];
  if (parts.length === 0) throw invalidId(text, "at least one id is wanted");
  return parts.map(parseId);
}

export function formatId(id: Id): string {
  if (typeof id === "number") return String(id);
  return wholeNumber.test(id) || id.startsWith('"') || id !== id.trim() ? JSON.stringify(id) : id;
}

function invalidId(text: string, what: string): LynseError {
  return new LynseError("INVALID_ARGUMENT", `${JSON.stringify(text)} is no id: ${what}`, { got: text });
}
