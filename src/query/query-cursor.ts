/**
 * Where does the next page of a query begin?
 *
 * A cursor names the last row given out, by row number and id, with a fingerprint of the query; in an ordered query also
 * by the value it was ordered by, so that it stands where it stood when a compaction has removed the row. Opaque to
 * callers.
 */
import { LynseError } from "../errors.js";
import type { Id } from "../types.js";
import type { OrderValue } from "./order-value.js";

export interface CursorPosition {
  readonly generation: number;
  readonly row: number;
  readonly id: Id;
  /** What an ordered query ordered the row by; absent in other queries, and for a text too long to carry along. */
  readonly value?: OrderValue;
}

/** Characters of a text that a cursor carries. */
const valueLengthMax = 1024;

/** FNV-1a, 32 bits: enough to notice that a cursor belongs to another query. */
function fingerprint(query: string): number {
  let hash = 0x811c_9dc5;
  for (let i = 0; i < query.length; i++) hash = Math.imul(hash ^ query.charCodeAt(i), 0x0100_0193);
  return hash >>> 0;
}

/** The cursor after a row; `query` is any text that tells this query from others. */
export function encodeCursor(position: CursorPosition, query: string): string {
  const { generation, row, id, value } = position;
  const isCarried = value !== undefined && (typeof value !== "string" || value.length <= valueLengthMax);
  const text = JSON.stringify([1, fingerprint(query), generation, row, id, ...(isCarried ? [value] : [])]);
  const bytes = new TextEncoder().encode(text);
  return btoa(String.fromCharCode(...bytes))
    .replaceAll("+", "-")
    .replaceAll("/", "_")
    .replaceAll("=", "");
}

/** The position of a cursor; `INVALID_ARGUMENT` for one that is damaged or of another query. */
export function decodeCursor(cursor: string, query: string): CursorPosition {
  const [version, print, generation, row, id, value] = parse(cursor);
  const isWhole =
    version === 1 &&
    typeof print === "number" &&
    Number.isSafeInteger(generation) &&
    Number.isSafeInteger(row) &&
    (typeof id === "string" || Number.isSafeInteger(id)) &&
    (value === null || typeof value !== "object");
  if (!isWhole) {
    throw new LynseError("INVALID_ARGUMENT", "the cursor is damaged; pass one exactly as a result view gave it");
  }
  if (print !== fingerprint(query)) {
    throw new LynseError(
      "INVALID_ARGUMENT",
      "the cursor belongs to another query; where, params, filterIds and orderBy must stay the same from page to page",
    );
  }
  const position = { generation: generation as number, row: row as number, id: id as Id };
  return value === undefined ? position : { ...position, value: value as OrderValue };
}

function parse(cursor: string): readonly unknown[] {
  try {
    const binary = atob(cursor.replaceAll("-", "+").replaceAll("_", "/"));
    const parsed: unknown = JSON.parse(new TextDecoder().decode(Uint8Array.from(binary, (c) => c.charCodeAt(0))));
    return Array.isArray(parsed) ? parsed : [];
  } catch {
    return [];
  }
}
