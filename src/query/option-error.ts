/**
 * What does the refusal of an option of a ranking step say?
 *
 * Which option, what it takes and what came. The one place where these texts are made, so that all of them read alike.
 */
import { LynseError } from "../errors.js";

const shownCharacters = 40;

/** An `INVALID_ARGUMENT` for the option called `name`. */
export function optionError(name: string, expected: string, got: unknown): LynseError {
  return new LynseError("INVALID_ARGUMENT", `${name} must be ${expected}, got ${shownValue(got)}`, { option: name });
}

/** A value of any type in a few words. */
export function shownValue(value: unknown): string {
  if (value === null || value === undefined) return String(value);
  if (typeof value === "string") return `the text ${JSON.stringify(value.slice(0, shownCharacters))}`;
  if (Array.isArray(value)) return `an array of ${value.length}`;
  if (ArrayBuffer.isView(value)) return `a ${value.constructor.name}`;
  if (typeof value === "object") return `an object with ${keysOf(value)}`;
  return typeof value === "function" ? "a function" : `the ${typeof value} ${String(value)}`;
}

function keysOf(value: object): string {
  const keys = Object.keys(value);
  if (keys.length === 0) return `no members (${value.constructor?.name ?? "no class"})`;
  const shown = keys.slice(0, 4).map((key) => key.slice(0, shownCharacters));
  return `the members ${shown.join(", ")}${keys.length > shown.length ? ", …" : ""}`;
}
