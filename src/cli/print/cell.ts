/**
 * How is a stored value shown in a table cell?
 *
 * Text as it is, lists by their elements, everything else as JSON; a missing value is an empty cell. Printing part of
 * the command line.
 */

/** Characters of the longest text that is worth formatting: the rest is cut off by any table. */
const cellLengthMax = 4000;

export function formatCell(value: unknown): string {
  if (value === undefined || value === null) return "";
  if (typeof value === "string") return value.slice(0, cellLengthMax);
  if (Array.isArray(value) && value.every((element) => typeof element !== "object")) {
    return value.slice(0, cellLengthMax).join(", ");
  }
  return JSON.stringify(value).slice(0, cellLengthMax);
}

/** A score or distance: six significant digits, aligned where the values are alike in size. */
export function formatScore(value: number): string {
  const size = Math.abs(value);
  if (value === 0 || (size >= 0.001 && size < 100)) return value.toFixed(4);
  return size >= 100 && size < 1e6 ? value.toFixed(2) : value.toExponential(3);
}

/** The value of a field: the literal name first, then a path into nested objects, as filters find it. */
export function fieldValue(field: object | null | undefined, name: string): unknown {
  let value: unknown = field;
  if (typeof value !== "object" || value === null) return undefined;
  if (Object.hasOwn(value, name)) return (value as Record<string, unknown>)[name];
  for (const key of name.split(".")) {
    if (typeof value !== "object" || value === null || !Object.hasOwn(value, key)) return undefined;
    value = (value as Record<string, unknown>)[key];
  }
  return value;
}
