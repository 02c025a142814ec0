/**
 * How are rows found shown: as a table for people, or as JSON lines for programs?
 *
 * Printing part of the command line.
 */
import type { ResultRow } from "../../index.js";
import { formatId } from "../id-text.js";
import type { Terminal } from "../terminal.js";
import { fieldValue, formatCell, formatScore } from "./cell.js";
import { formatTable, type TableColumn } from "./table.js";

/** A column that is no field. */
export interface ExtraColumn extends TableColumn {
  /** One a row. */
  readonly cells: readonly string[];
}

export interface RowsOptions {
  /** Fields to show; null for all. */
  readonly fields: readonly string[] | null;
  /** Title of the value column; null where rows have no value. */
  readonly valueTitle: "score" | "distance" | null;
  /** Columns ahead of the id. */
  readonly leading?: readonly ExtraColumn[];
  /** Columns between the value and the fields. */
  readonly trailing?: readonly ExtraColumn[];
}

/** Prints rows as JSON lines: `id`, `distance` where rows are ranked, and `field`. */
export async function printJsonRows(
  terminal: Terminal,
  rows: Iterable<ResultRow>,
  fields: readonly string[] | null,
): Promise<void> {
  for (const row of rows) {
    const field = fields === null || row.field === undefined ? row.field : pickFields(row.field, fields);
    const vector = row.vector === undefined ? {} : { vector: Array.from(row.vector) };
    await terminal.print(JSON.stringify({ ...row, ...(field === undefined ? {} : { field }), ...vector }));
  }
}

/** Prints rows as a table as wide as the terminal. */
export async function printRowTable(
  terminal: Terminal,
  rows: readonly ResultRow[],
  options: RowsOptions,
): Promise<void> {
  const { leading = [], trailing = [] } = options;
  const shown = new Set(leading.map((column) => column.title));
  const names = options.fields ?? fieldNames(rows).filter((name) => !shown.has(name));
  const id = { title: "id", align: isNumeric(rows.map((row) => row.id)), canShrink: false } as const;
  const columns: TableColumn[] = [...leading, id];
  if (options.valueTitle !== null) columns.push({ title: options.valueTitle, align: "right", canShrink: false });
  columns.push(...trailing);
  for (const name of names) {
    columns.push({ title: name, align: isNumeric(rows.map((row) => fieldValue(row.field, name))) });
  }
  const cells = rows.map((row, at) => [
    ...leading.map((column) => column.cells[at] ?? ""),
    formatId(row.id),
    ...(options.valueTitle === null ? [] : [formatScore(row.distance ?? 0)]),
    ...trailing.map((column) => column.cells[at] ?? ""),
    ...names.map((name) => formatCell(fieldValue(row.field, name))),
  ]);
  const table = formatTable(columns, cells, {
    width: terminal.tableWidth,
    hasColour: terminal.hasColour,
    isChosen: options.fields !== null,
  });
  for (const line of table.lines) await terminal.print(line);
  if (table.hidden.length > 0) {
    const advice =
      options.fields === null ? "choose with --fields, or --json for everything" : "--json shows everything";
    terminal.write(`not shown: ${table.hidden.join(", ")} (${advice})\n`);
  }
}

function fieldNames(rows: readonly ResultRow[]): string[] {
  const names = new Set<string>();
  for (const row of rows) for (const name of Object.keys(row.field ?? {})) names.add(name);
  return [...names];
}

function isNumeric(values: readonly unknown[]): "left" | "right" {
  const present = values.filter((value) => value !== undefined && value !== null);
  return present.length > 0 && present.every((value) => typeof value === "number") ? "right" : "left";
}

/** The fields with these names. */
export function pickFields(field: object, names: readonly string[]): Record<string, unknown> {
  const entries = names.map((name) => [name, fieldValue(field, name)] as const);
  return Object.fromEntries(entries.filter(([, value]) => value !== undefined));
}
