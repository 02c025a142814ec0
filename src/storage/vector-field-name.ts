/**
 * Which names may a named vector field have?
 *
 * A name is part of the names of a file and of folders, on every platform: letters, digits, `_` and `-`. Names that differ
 * in case alone would be one file on some systems, so only one of them can be taken. `default` is the field every
 * collection has.
 */
import { LynseError } from "../errors.js";

const defaultName = "default";

/** True for a text that can be the name of a named vector field. */
export function isVectorFieldName(name: unknown): name is string {
  return typeof name === "string" && /^[A-Za-z0-9_-]{1,128}$/.test(name) && name.toLowerCase() !== defaultName;
}

/** Throws `INVALID_ARGUMENT` unless `name` can be the name of a new field beside those called `taken`. */
export function checkVectorFieldName(name: unknown, taken: readonly string[]): asserts name is string {
  const got = typeof name === "string" ? JSON.stringify(name) : typeof name;
  if (!isVectorFieldName(name)) {
    throw new LynseError(
      "INVALID_ARGUMENT",
      `the name of a vector field is 1 to 128 of A-Z, a-z, 0-9, '_' and '-', and not "default", got ${got}`,
      { got },
    );
  }
  const same = taken.find((other) => other.toLowerCase() === name.toLowerCase());
  if (same === undefined) return;
  throw new LynseError(
    "INVALID_ARGUMENT",
    `there is a vector field ${JSON.stringify(same)} already, and ${got} differs from it at most in case; choose another`,
    { name, taken: same },
  );
}
