/**
 * How do rows become an aligned table that fits the terminal?
 *
 * Columns take what they need; where that is too much, the widest are made narrower, and where even that is not enough,
 * the last columns are left out and counted in `hidden`. Printing part of the command line.
 */
import { cutToWidth, oneLine, textWidth } from "./text-width.js";

export interface TableColumn {
  readonly title: string;
  readonly align: "left" | "right";
  /** False for a column that is never made narrower, as an id. Default true. */
  readonly canShrink?: boolean;
}

export interface TableStyle {
  /** Columns of the terminal; null where output goes elsewhere and nothing is cut. */
  readonly width: number | null;
  readonly hasColour: boolean;
  /** True when the user chose the columns: they are rather made narrow than left out. Default false. */
  readonly isChosen?: boolean;
}

export interface Table {
  readonly lines: readonly string[];
  /** Titles of the columns that found no place. */
  readonly hidden: readonly string[];
}

const gap = "  ";
/** A column is not made narrower than this, */
const columnWidthMin = 8;
/** and while others can be left out, not narrower than this: a few columns that can be read say more than many. */
const columnWidthGood = 20;
/** Columns that are shown in any case, narrow as they may be. */
const columnsMin = 3;
/** Widest cell where nothing limits the line. */
const cellWidthMax = 120;

export function formatTable(
  columns: readonly TableColumn[],
  rows: readonly (readonly string[])[],
  style: TableStyle,
): Table {
  const cells = rows.map((row) => columns.map((_, at) => oneLine(row[at] ?? "")));
  const widths = columns.map((column, at) => {
    const widest = cells.reduce((max, row) => Math.max(max, textWidth(row[at] ?? "")), textWidth(column.title));
    return column.canShrink === false ? widest : Math.min(widest, cellWidthMax);
  });
  const shown = style.width === null ? columns.length : fitColumns(columns, widths, style.width, style.isChosen);
  const bold = (text: string): string => (style.hasColour ? `\u001b[1m${text}\u001b[22m` : text);
  const line = (texts: readonly string[]): string =>
    columns
      .slice(0, shown)
      .map((column, at) => pad(texts[at] ?? "", widths[at] ?? 0, column.align))
      .join(gap)
      .trimEnd();
  const header = bold(line(columns.map((column) => column.title)));
  return { lines: [header, ...cells.map(line)], hidden: columns.slice(shown).map((column) => column.title) };
}

function pad(text: string, width: number, align: "left" | "right"): string {
  const cut = cutToWidth(text, width);
  const space = " ".repeat(Math.max(0, width - textWidth(cut)));
  return align === "left" ? cut + space : space + cut;
}

/** Makes `widths` fit into `width` columns; the number of columns that do. */
function fitColumns(columns: readonly TableColumn[], widths: number[], width: number, isChosen = false): number {
  for (let shown = columns.length; shown > 1; shown -= 1) {
    const candidate = widths.slice(0, shown);
    const widthMin = isChosen || shown <= columnsMin ? columnWidthMin : columnWidthGood;
    if (shrink(columns, candidate, width - gap.length * (shown - 1), widthMin)) {
      candidate.forEach((value, at) => {
        widths[at] = value;
      });
      return shown;
    }
  }
  widths[0] = Math.min(widths[0] ?? 0, width);
  return 1;
}

/** Takes a column at a time from the widest ones until the sum fits; false when the least widths are still too much. */
function shrink(columns: readonly TableColumn[], widths: number[], width: number, widthMin: number): boolean {
  let excess = widths.reduce((sum, value) => sum + value, 0) - width;
  while (excess > 0) {
    let widest = -1;
    widths.forEach((value, at) => {
      if (columns[at]?.canShrink === false || value <= widthMin) return;
      if (widest === -1 || value > (widths[widest] ?? 0)) widest = at;
    });
    if (widest === -1) return false;
    widths[widest] = (widths[widest] ?? 0) - 1;
    excess -= 1;
  }
  return true;
}
