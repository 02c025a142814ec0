/**
 * Which names can a row's metadata be filtered by?
 *
 * Dotted paths of everything but objects, whose members stand for them (an empty object stands for itself). An array is
 * named, and so are the members of the objects in it. A key with dots in it is kept as it is.
 */
import { limits } from "../limits.js";
import type { JsonValue } from "../types.js";
import { type FieldRecord, isArray } from "./field-path.js";

/** Adds the names of one row to `into`. */
export function collectFieldNames(field: FieldRecord, into: Set<string>): void {
  for (const key of Object.keys(field)) collect(field[key], key, 1, into);
}

/** Recursion ends at the depth that metadata may have. */
function collect(value: JsonValue | undefined, name: string, depth: number, into: Set<string>): void {
  if (value === undefined) return;
  if (typeof value !== "object" || value === null || depth > limits.fieldDepthMax) {
    into.add(name);
    return;
  }
  if (isArray(value)) {
    into.add(name);
    for (const element of value) {
      if (typeof element === "object" && element !== null && !isArray(element)) {
        for (const key of Object.keys(element))
          collect((element as FieldRecord)[key], `${name}.${key}`, depth + 2, into);
      }
    }
    return;
  }
  const keys = Object.keys(value);
  if (keys.length === 0) into.add(name);
  for (const key of keys) collect((value as FieldRecord)[key], `${name}.${key}`, depth + 1, into);
}
