/**
 * Which columns have the rows of a table, and what is in them?
 *
 * Metadata has any shape; a CSV or Parquet file has columns of one type each, known before the first row is written. So all
 * rows are looked at once before: a column is of the one type that all its values have, or JSON. A null is a missing
 * value there. Writer layer of the command line.
 */
import { LynseError } from "../../errors.js";
import type { Id, JsonValue } from "../../types.js";
import { type ColumnNames, checkFieldName } from "./jsonl-writer.js";
import type { OutputRow } from "./row-writer.js";

export type OutputType = "text" | "integer" | "number" | "boolean" | "json";

/** More columns are data that was taken for names. */
const columnsMax = 10_000;

export class ColumnSchema {
  readonly dim: number | null;
  /** Null while a column has nothing but nulls. */
  readonly #types = new Map<string, OutputType | null>();
  readonly #names: ColumnNames;
  #idType: "integer" | "text" | "json" | null = null;

  /** @param dim Length of the vectors; null where none are written. */
  constructor(names: ColumnNames, dim: number | null) {
    this.#names = names;
    this.dim = dim;
  }

  /** Columns of fields in the order in which they came up. */
  get columns(): readonly { readonly name: string; readonly type: OutputType }[] {
    return Array.from(this.#types, ([name, type]) => ({ name, type: type ?? "text" }));
  }

  /** True for the name of a column of fields. */
  has(name: string): boolean {
    return this.#types.has(name);
  }

  /** Names of ids and vectors. */
  get names(): ColumnNames {
    return this.#names;
  }

  get idType(): "integer" | "text" | "json" {
    return this.#idType ?? "integer";
  }

  /** Takes rows into account. */
  add(rows: readonly OutputRow[]): void {
    for (const { id, field } of rows) {
      this.#addId(id);
      for (const name of Object.keys(field)) this.#addValue(id, name, field[name] ?? null);
    }
  }

  #addId(id: Id): void {
    const type = typeof id === "number" ? "integer" : "text";
    this.#idType = this.#idType === null || this.#idType === type ? type : "json";
  }

  #addValue(id: Id, name: string, value: JsonValue): void {
    const known = this.#types.get(name);
    if (known === undefined) this.#checkNew(id, name);
    const type = value === null ? null : typeOf(value);
    if (known === undefined || known === null) this.#types.set(name, type);
    else if (type !== null && type !== known) this.#types.set(name, joined(known, type));
  }

  #checkNew(id: Id, name: string): void {
    checkFieldName(this.#names, id, name);
    if (this.#types.size >= columnsMax) throw tooMany(id, name);
  }
}

function typeOf(value: JsonValue): OutputType {
  if (typeof value === "string") return "text";
  if (typeof value === "boolean") return "boolean";
  if (typeof value === "number") return Number.isSafeInteger(value) ? "integer" : "number";
  return "json";
}

function joined(one: OutputType, other: OutputType): OutputType {
  const isNumeric = (type: OutputType): boolean => type === "integer" || type === "number";
  return isNumeric(one) && isNumeric(other) ? "number" : "json";
}

function tooMany(id: Id, name: string): LynseError {
  return new LynseError(
    "LIMIT_EXCEEDED",
    `row ${JSON.stringify(id)}: field ${JSON.stringify(name)} would be column ${columnsMax + 1}; name those that are ` +
      "wanted with --fields, or write JSON Lines",
    { limit: "columnsMax", max: columnsMax },
  );
}
