/**
 * Where does a value stand in the order of a query?
 *
 * The order of `metadata/row-order`, for values outside of columns: numbers, texts by code point, false, true; descending
 * the reverse; null stands for a row without such a value, which comes last in both directions.
 */
import type { FieldPath, FieldRecord } from "../metadata/field-path.js";
import { compareText } from "../metadata/text-order.js";

/** A value that rows are ordered by; null where a row has none. */
export type OrderValue = number | string | boolean | null;

/** The value that a row with this metadata is ordered by. */
export function orderValueOf(field: FieldRecord, path: FieldPath): OrderValue {
  const value = path.read(field);
  return typeof value === "number" || typeof value === "string" || typeof value === "boolean" ? value : null;
}

/** Negative when `a` comes first, 0 when only the order of insertion decides. */
export function compareOrderValues(a: OrderValue, b: OrderValue, direction: "asc" | "desc"): number {
  if (a === null || b === null) return (a === null ? 1 : 0) - (b === null ? 1 : 0);
  const sign = direction === "asc" ? 1 : -1;
  if (typeof a === "number" && typeof b === "number") return Math.sign(a - b) * sign;
  if (typeof a === "string" && typeof b === "string") return compareText(a, b) * sign;
  return (rankOf(a) - rankOf(b)) * sign;
}

function rankOf(value: number | string | boolean): number {
  if (typeof value === "number") return 0;
  if (typeof value === "string") return 1;
  return value ? 3 : 2;
}
