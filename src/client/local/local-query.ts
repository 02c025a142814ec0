/**
 * Which rows does a query give, in which order, and where does its next page begin?
 *
 * Without an order rows come as they were inserted. A page ends with a cursor only when rows are left.
 */
import type { Generation } from "../../engine/generation.js";
import { LynseError } from "../../errors.js";
import { compareText } from "../../metadata/text-order.js";
import { decodeCursor, encodeCursor } from "../../query/query-cursor.js";
import { type RowFilter, resolveFilter, rowsOf } from "../../query/row-filter.js";
import type { QueryInput } from "./read-options.js";

export interface QueryPage {
  readonly rows: readonly number[];
  readonly cursor: string | null;
}

export async function runQuery(generation: Generation, input: QueryInput): Promise<QueryPage> {
  const { where, filterIds, limit, orderBy } = input;
  if (where === null && filterIds === null && limit === null) return { rows: [], cursor: null };
  const filter = await resolveFilter(generation, input);
  const after = input.cursor === null ? null : await cursorRow(generation, input.cursor, input.fingerprint);
  const wanted = limit ?? filter.count;
  let rows: number[];
  if (orderBy === null) {
    rows = rowsOf(filter, after === null ? 0 : after + 1, wanted + 1);
  } else {
    rows = await orderedRows(generation, filter, orderBy, after, input.signal);
    rows.length = Math.min(rows.length, wanted + 1);
  }
  const isLast = rows.length <= wanted;
  if (!isLast) rows.length = wanted;
  const last = rows.at(-1);
  if (isLast || last === undefined) return { rows, cursor: null };
  const position = { generation: generation.numbering, row: last, id: generation.rows.idAt(last) };
  return { rows, cursor: encodeCursor(position, input.fingerprint) };
}

async function orderedRows(
  generation: Generation,
  filter: RowFilter,
  orderBy: NonNullable<QueryInput["orderBy"]>,
  after: number | null,
  signal: AbortSignal | undefined,
): Promise<number[]> {
  const compare = await rowComparator(generation, filter, orderBy, signal);
  const rows = rowsOf(filter);
  const rest = after === null ? rows : rows.filter((row) => compare(row, after) > 0);
  return rest.sort(compare);
}

/** As in a where text, `id` is the row's own id and `field.id` the metadata of that name. */
async function rowComparator(
  generation: Generation,
  filter: RowFilter,
  { field, direction }: NonNullable<QueryInput["orderBy"]>,
  signal: AbortSignal | undefined,
): Promise<(a: number, b: number) => number> {
  if (field === "id") return idOrder(generation, direction);
  const path = field === "field.id" ? "id" : field;
  await generation.columns.ensure([path], filter.rowCount, signal);
  return generation.columns.compareRows(path, direction);
}

/** Ascending: numbers, then texts by code point; the rows of one id in order of insertion. */
function idOrder({ rows }: Generation, direction: "asc" | "desc"): (a: number, b: number) => number {
  const sign = direction === "asc" ? 1 : -1;
  return (a, b) => {
    const one = rows.idAt(a);
    const other = rows.idAt(b);
    if (typeof one === "number") return typeof other === "number" ? (one - other) * sign || a - b : -sign;
    return typeof other === "number" ? sign : compareText(one, other) * sign || a - b;
  };
}

/** Row that a cursor stands on, in this generation's numbers. */
async function cursorRow(generation: Generation, cursor: string, fingerprint: string): Promise<number> {
  const position = decodeCursor(cursor, fingerprint);
  if (position.generation === generation.numbering && position.row < generation.rowCount) return position.row;
  await generation.prepareFind();
  const row = generation.find(position.id);
  if (row >= 0) return row;
  throw new LynseError(
    "INVALID_ARGUMENT",
    `the cursor stands on id ${JSON.stringify(position.id)}, which a compaction has removed; begin the query again`,
    { id: position.id },
  );
}
