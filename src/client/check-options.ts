/**
 * Are an options object and its members what the call takes?
 *
 * Unknown names are refused at run time with the nearest known one, so that a misspelt option never passes in silence.
 */

import { describe } from "../engine/vector-input.js";
import { LynseError } from "../errors.js";
import { limits } from "../limits.js";
import { throwIfAborted } from "../query/exact-search.js";

/** Refuses anything but a plain options object with known names (undefined: the caller checks them). */
export function checkOptions(options: unknown, known: readonly string[] | undefined, call: string): void {
  if (options === undefined) return;
  if (typeof options !== "object" || options === null || Array.isArray(options)) {
    throw new LynseError("INVALID_ARGUMENT", `${call} takes an options object, got ${describe(options)}`);
  }
  if (known === undefined) return;
  for (const name of Object.keys(options)) {
    if (known.includes(name)) continue;
    const nearest = known.find((other) => other.toLowerCase() === name.toLowerCase().replaceAll("_", ""));
    const hint = nearest === undefined ? `it takes ${known.join(", ")}` : `did you mean ${nearest}?`;
    throw new LynseError("INVALID_ARGUMENT", `${call} has no option "${name}"; ${hint}`, { option: name, known });
  }
}

/** An integer option within a range. */
export function checkInteger(value: unknown, name: string, min: number, max: number): number {
  if (typeof value === "number" && Number.isInteger(value) && value >= min && value <= max) return value;
  if (typeof value === "number" && Number.isInteger(value) && value > max && name === "k") {
    throw new LynseError("LIMIT_EXCEEDED", `k is ${value}, above the limit kMax = ${limits.kMax}`, {
      limit: "kMax",
      max,
      got: value,
    });
  }
  throw new LynseError("INVALID_ARGUMENT", `${name} must be an integer from ${min} to ${max}, got ${describe(value)}`, {
    option: name,
  });
}

export function checkBoolean(value: unknown, name: string): boolean {
  if (typeof value === "boolean") return value;
  throw new LynseError("INVALID_ARGUMENT", `${name} must be true or false, got ${describe(value)}`, { option: name });
}

/** A finite number option. */
export function checkNumber(value: unknown, name: string): number {
  if (typeof value === "number" && Number.isFinite(value)) return value;
  throw new LynseError("INVALID_ARGUMENT", `${name} must be a finite number, got ${describe(value)}`, { option: name });
}

export function checkText(value: unknown, name: string): string {
  if (typeof value === "string") return value;
  throw new LynseError("INVALID_ARGUMENT", `${name} must be a string, got ${describe(value)}`, { option: name });
}

/** An AbortSignal option; throws `ABORTED` at once when it fired already. */
export function checkSignal(value: unknown): AbortSignal | undefined {
  if (value === undefined) return undefined;
  if (typeof value !== "object" || value === null || !("aborted" in value)) {
    throw new LynseError("INVALID_ARGUMENT", `signal must be an AbortSignal, got ${describe(value)}`, {
      option: "signal",
    });
  }
  throwIfAborted(value as AbortSignal);
  return value as AbortSignal;
}

/** A callback option. */
export function checkFunction<T>(value: T | undefined, name: string): T | undefined {
  if (value === undefined || typeof value === "function") return value;
  throw new LynseError("INVALID_ARGUMENT", `${name} must be a function, got ${describe(value)}`, { option: name });
}
