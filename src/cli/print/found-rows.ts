/**
 * How are the rows of a search shown, with what the search says about them?
 *
 * Beside id, score and fields: the group that a row stands in, its place in each list of a hybrid search, and the texts
 * where words were found. Printing part of the command line.
 */
import type { ResultRow, ResultView } from "../../index.js";
import type { Id } from "../../types.js";
import type { Terminal } from "../terminal.js";
import { formatCell } from "./cell.js";
import { type ExtraColumn, pickFields, printRowTable } from "./result-rows.js";

type Parts = NonNullable<ResultView["parts"]>[number];
type Highlights = NonNullable<ResultView["highlights"]>[number];
type GroupValue = NonNullable<ResultView["groups"]>[number]["value"];

/** A row found, with what is said about it. */
export interface FoundRow extends ResultRow {
  readonly group?: GroupValue;
  readonly parts?: Parts;
  readonly highlights?: Highlights;
}

interface FoundOptions {
  /** Fields to show; null for all. */
  readonly fields: readonly string[] | null;
  /** The field that rows are grouped by. */
  readonly groupBy: string | null;
}

const signals = ["vector", "text", "sparse"] as const;
const fragmentGap = " … ";

/**
 * The rows of a view in the order in which they are shown, without the row that was asked about, for `k` rows or
 * groups.
 */
export function foundRows(view: ResultView, without: Id | null, k: number): FoundRow[] {
  const rowAt = (position: number): FoundRow => ({
    ...(view.at(position) as ResultRow),
    ...(view.parts?.[position] === undefined ? {} : { parts: view.parts[position] }),
    ...(view.highlights?.[position] === undefined ? {} : { highlights: view.highlights[position] }),
  });
  if (view.groups === null) {
    return Array.from(view.ids, (_, position) => rowAt(position))
      .filter((row) => row.id !== without)
      .slice(0, k);
  }
  return view.groups
    .map(({ value, positions }) =>
      positions.map((position) => ({ ...rowAt(position), group: value })).filter((row) => row.id !== without),
    )
    .filter((rows) => rows.length > 0)
    .slice(0, k)
    .flat();
}

/** Prints rows as JSON lines, with `group`, `parts` and `highlights` where the search has them. */
export async function printFoundJson(
  terminal: Terminal,
  rows: readonly FoundRow[],
  { fields }: FoundOptions,
): Promise<void> {
  for (const row of rows) {
    const field = fields === null || row.field === undefined ? row.field : pickFields(row.field, fields);
    await terminal.print(JSON.stringify({ ...row, ...(field === undefined ? {} : { field }) }));
  }
}

/**
 * Prints rows as a table, with values where there is a metric; where words were found, their texts stand for the
 * fields, unless fields are chosen.
 */
export async function printFoundTable(
  terminal: Terminal,
  rows: readonly FoundRow[],
  { fields, groupBy, metric }: FoundOptions & { readonly metric: ResultView["metric"] | null },
): Promise<void> {
  const hasHighlights = rows.some((row) => row.highlights !== undefined);
  await printRowTable(terminal, rows, {
    fields: fields ?? (hasHighlights ? [] : null),
    valueTitle: metric === null ? null : isScore(metric) ? "score" : "distance",
    leading: groupBy === null ? [] : [groupColumn(groupBy, rows)],
    trailing: [...signalColumns(rows), ...(hasHighlights ? [highlightColumn(rows)] : [])],
  });
}

function isScore(metric: ResultView["metric"]): boolean {
  return metric === "ip" || metric === "cos" || metric === "bm25" || metric === "fusion";
}

/** The value of a group stands in its first row. */
function groupColumn(title: string, rows: readonly FoundRow[]): ExtraColumn {
  const cells = rows.map(({ group }, at) => (at > 0 && rows[at - 1]?.group === group ? "" : formatCell(group)));
  return { title, align: "left", cells };
}

/** The place of each row in the lists of a hybrid search. */
function signalColumns(rows: readonly FoundRow[]): ExtraColumn[] {
  return signals
    .filter((signal) => rows.some((row) => row.parts?.[signal] !== undefined))
    .map((signal) => ({
      title: `by ${signal}`,
      align: "right",
      cells: rows.map((row) => (row.parts?.[signal] === undefined ? "" : `#${row.parts[signal].rank}`)),
    }));
}

function highlightColumn(rows: readonly FoundRow[]): ExtraColumn {
  const cells = rows.map((row) =>
    (row.highlights ?? []).map(({ field, text }) => `${field}: ${text}`).join(fragmentGap),
  );
  return { title: "found in", align: "left", cells, canShrink: true };
}
