/**
 * Which rows does a query give, in which order, and where does its next page begin?
 *
 * Without an order rows come as they were inserted. A page ends with a cursor only when rows are left.
 */

import { textToField } from "../../engine/field-text.js";
import type { Generation } from "../../engine/generation.js";
import { LynseError } from "../../errors.js";
import { FieldPath } from "../../metadata/field-path.js";
import { compareText } from "../../metadata/text-order.js";
import type { FacetResult } from "../../query/facet-counts.js";
import { compareOrderValues, type OrderValue, orderValueOf } from "../../query/order-value.js";
import { decodeCursor, encodeCursor } from "../../query/query-cursor.js";
import { type RowFilter, resolveFilter, rowsOf } from "../../query/row-filter.js";
import type { QueryInput } from "../input/read-options.js";
import type { ResultGroup } from "../search-options.js";
import { countFacets, groupQuery } from "./ranked-search.js";

export interface QueryPage {
  readonly rows: readonly number[];
  readonly cursor: string | null;
  readonly groups: readonly ResultGroup[] | null;
  readonly facets: FacetResult | null;
}

type Order = NonNullable<QueryInput["orderBy"]>;

/** Where a page begins: after the rows before `boundary`, or of those ordered alike. */
interface PageStart {
  readonly boundary: number;
  /** What the last row given out was ordered by. */
  readonly value: OrderValue;
}

const nothing: QueryPage = { rows: [], cursor: null, groups: null, facets: null };

export async function runQuery(generation: Generation, input: QueryInput): Promise<QueryPage> {
  const { where, filterIds, limit, facets, grouping } = input;
  if (where === null && filterIds === null && limit === null) {
    return facets.length === 0 && grouping === null ? nothing : allRows(generation, input);
  }
  return allRows(generation, input);
}

async function allRows(generation: Generation, input: QueryInput): Promise<QueryPage> {
  const filter = await resolveFilter(generation, input);
  const { facets, grouping, limit, signal } = input;
  const reach = { rowCount: filter.rowCount, signal };
  const counts = facets.length === 0 ? null : await countFacets(generation, facets, filter.mask, reach);
  if (grouping === null) return { ...(await page(generation, filter, input)), groups: null, facets: counts };
  const { rows } = await page(generation, filter, { ...input, limit: null });
  const grouped = await groupQuery(generation, rows, limit ?? filter.count, grouping, reach);
  return { ...grouped, cursor: null, facets: counts };
}

/** One page of the rows of a filter. */
async function page(
  generation: Generation,
  filter: RowFilter,
  input: QueryInput,
): Promise<Pick<QueryPage, "rows" | "cursor">> {
  const { limit, orderBy } = input;
  const start = input.cursor === null ? null : pageStart(generation, input.cursor, input);
  const wanted = limit ?? filter.count;
  let rows: number[];
  if (orderBy === null) {
    rows = rowsOf(filter, start === null ? 0 : start.boundary, wanted + 1);
  } else {
    const compare = await rowComparator(generation, filter, orderBy, input.signal);
    rows = rowsOf(filter).sort(compare);
    const first = start === null ? 0 : firstAfter(rows, start, orderBy, generation);
    rows = rows.slice(first, first + wanted + 1);
  }
  const isLast = rows.length <= wanted;
  if (!isLast) rows.length = wanted;
  const last = rows.at(-1);
  if (isLast || last === undefined) return { rows, cursor: null };
  const position = { generation: generation.numbering, row: last, id: generation.rows.idAt(last) };
  const value = orderBy === null ? {} : { value: valueReader(generation, orderBy)(last) };
  return { rows, cursor: encodeCursor({ ...position, ...value }, input.fingerprint) };
}

/** Position of the first of the ordered rows that comes after a page's end. */
function firstAfter(rows: readonly number[], start: PageStart, order: Order, generation: Generation): number {
  const readValue = valueReader(generation, order);
  let low = 0;
  let high = rows.length;
  while (low < high) {
    const middle = (low + high) >>> 1;
    const row = rows[middle]!;
    const side = compareOrderValues(readValue(row), start.value, order.direction);
    if (side > 0 || (side === 0 && row >= start.boundary)) high = middle;
    else low = middle + 1;
  }
  return low;
}

/** Reads what single rows are ordered by. */
function valueReader(generation: Generation, { field }: Order): (row: number) => OrderValue {
  if (field === "id") return (row) => generation.rows.idAt(row);
  const path = new FieldPath(field === "field.id" ? "id" : field);
  return (row) => orderValueOf(textToField(generation.fieldText(row)), path);
}

/** As in a where text, `id` is the row's own id and `field.id` the metadata of that name. */
async function rowComparator(
  generation: Generation,
  filter: RowFilter,
  { field, direction }: Order,
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

/** Where the page after a cursor begins, in this generation's row numbers. */
function pageStart(generation: Generation, cursor: string, input: QueryInput): PageStart {
  const position = decodeCursor(cursor, input.fingerprint);
  const boundary = generation.rowsBefore(position.generation, position.row + 1);
  const isSame = position.generation === generation.numbering && position.row < generation.rowCount;
  const { orderBy } = input;
  const carried = orderBy !== null && isSame ? valueReader(generation, orderBy)(position.row) : position.value;
  const value = orderBy === null ? null : carried;
  if (boundary !== null && value !== undefined) return { boundary, value };
  throw new LynseError(
    "INVALID_ARGUMENT",
    `the cursor stands on id ${JSON.stringify(position.id)}, whose place a compaction has changed; begin the query again`,
    { id: position.id },
  );
}
