/**
 * Which strings does a row's metadata hold, and where?
 *
 * Every string value at any depth, in the order of the document, with the dotted names of the members that lead to it;
 * a place in an array adds nothing to the path. A named field covers everything nested under it. The index takes in
 * the same strings. Part of the text layer.
 */
import type { JsonValue } from "../../types.js";

/** A string value and the path to it. */
export interface TextValue {
  /** Dotted member names: `"author.name"`. */
  readonly path: string;
  readonly text: string;
}

/** The strings of `field`: all of them, or those that `fields` name (`"a"` covers `"a.b"`). */
export function stringsOf(field: JsonValue, fields: readonly string[] | null): TextValue[] {
  const found: TextValue[] = [];
  const pending: { readonly path: string; readonly value: JsonValue }[] = [{ path: "", value: field }];
  for (let next = pending.pop(); next !== undefined; next = pending.pop()) {
    const { path, value } = next;
    if (typeof value === "string") {
      if (isCovered(path, fields)) found.push({ path, text: value });
    } else if (Array.isArray(value)) {
      for (let at = value.length - 1; at >= 0; at -= 1) pending.push({ path, value: value[at] });
    } else if (typeof value === "object" && value !== null) {
      for (const [name, member] of Object.entries(value).reverse()) {
        pending.push({ path: path === "" ? name : `${path}.${name}`, value: member });
      }
    }
  }
  return found;
}

function isCovered(path: string, fields: readonly string[] | null): boolean {
  if (fields === null) return true;
  return fields.some((name) => path === name || (path.startsWith(name) && path[name.length] === "."));
}
