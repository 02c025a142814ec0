/**
 * What is an id? The door for ids: non-negative safe integers and non-empty strings.
 */
import { LynseError } from "../errors.js";
import { checkLimit, limits } from "../limits.js";
import type { Id } from "../types.js";
import { describe } from "./vector-input.js";

/** The value as an id; `INVALID_ARGUMENT` for anything else. */
export function checkId(value: unknown): Id {
  if (typeof value === "number") {
    if (Number.isSafeInteger(value) && value >= 0) return value === 0 ? 0 : value;
  } else if (typeof value === "string" && value.length > 0) {
    if (value.length * 3 > limits.idBytesMax) {
      checkLimit(
        "idBytesMax",
        new TextEncoder().encode(value).length,
        `the length of id "${value.slice(0, 40)}…" in bytes`,
      );
    }
    if (!value.isWellFormed()) {
      throw new LynseError("INVALID_ARGUMENT", `the id ${JSON.stringify(value)} is no well-formed Unicode text`);
    }
    return value;
  }
  throw new LynseError(
    "INVALID_ARGUMENT",
    `an id must be a non-negative safe integer or a non-empty string, got ${describe(value)}`,
    { got: typeof value === "number" ? value : String(value) },
  );
}

/** One id or several, as a checked list. */
export function checkIds(value: unknown): readonly Id[] {
  if (typeof value === "number" || typeof value === "string") return [checkId(value)];
  // Array.from also visits holes, which map would leave in place unchecked.
  if (Array.isArray(value)) return Array.from(value, checkId);
  if (ArrayBuffer.isView(value) && !(value instanceof DataView)) {
    return Array.from(value as unknown as ArrayLike<unknown>, checkId);
  }
  throw new LynseError("INVALID_ARGUMENT", `ids must be an id or an array of ids, got ${describe(value)}`);
}
