/**
 * How are counts of values shown?
 *
 * A table of two columns for each field: its values, most frequent first, and the rows that have them. Printing part of
 * the command line.
 */
import type { ResultView } from "../../index.js";
import type { Terminal } from "../terminal.js";
import { formatCell } from "./cell.js";
import { formatCount } from "./quantity.js";
import { formatTable } from "./table.js";

export async function printFacets(terminal: Terminal, facets: NonNullable<ResultView["facets"]>): Promise<void> {
  for (const [field, counts] of Object.entries(facets)) {
    await terminal.print("");
    if (counts.length === 0) {
      await terminal.print(`${field}: no row that matches has a value`);
      continue;
    }
    const columns = [
      { title: field, align: "left" },
      { title: "rows", align: "right", canShrink: false },
    ] as const;
    const cells = counts.map(({ value, count }) => [formatCell(value), formatCount(count)]);
    const style = { width: terminal.tableWidth, hasColour: terminal.hasColour };
    for (const line of formatTable(columns, cells, style).lines) await terminal.print(line);
  }
}
