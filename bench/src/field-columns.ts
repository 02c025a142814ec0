/**
 * Which columns do the rows have, for engines that want a schema first?
 *
 * A column's type is what all its values are; mixed or nested values become JSON text.
 */
import type { FieldColumn, RowFields } from "./engine.js";

type ColumnType = FieldColumn["type"];

function typeOf(value: unknown): ColumnType {
  if (typeof value === "string") return "string";
  if (typeof value === "boolean") return "boolean";
  if (typeof value === "number") return Number.isInteger(value) ? "integer" : "number";
  if (Array.isArray(value) && value.every((item) => typeof item === "string")) return "strings";
  return "json";
}

function widen(known: ColumnType | undefined, seen: ColumnType): ColumnType {
  if (known === undefined || known === seen) return seen;
  const areNumbers = [known, seen].every((type) => type === "integer" || type === "number");
  return areNumbers ? "number" : "json";
}

/** The columns of all rows, in the order in which they first appear. */
export function columnsOf(rows: readonly RowFields[]): FieldColumn[] {
  const types = new Map<string, ColumnType>();
  for (const row of rows) {
    for (const [name, value] of Object.entries(row)) {
      if (value !== null) types.set(name, widen(types.get(name), typeOf(value)));
    }
  }
  return [...types].map(([name, type]) => ({ name, type }));
}
