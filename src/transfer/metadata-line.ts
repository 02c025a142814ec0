/**
 * Which row does a line of metadata tell of?
 *
 * `{"id":0,"external_id":"a","field":{…}}`, members in any order. Everything in it goes through the doors that a caller's
 * rows go through.
 */
import { fieldToText } from "../engine/field-text.js";
import { checkId } from "../engine/id-input.js";
import { LynseError } from "../errors.js";
import type { Fields, Id } from "../types.js";

export interface MetadataLine {
  /** Number of the row in the export. */
  readonly number: unknown;
  readonly id: Id;
  /** The row's JSON as it is stored; empty for none. */
  readonly text: string;
}

const decoder = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });

/** The row of a line; throws a `LynseError` that says what is wrong with it. */
export function parseMetadataLine(bytes: Uint8Array): MetadataLine {
  let value: unknown;
  try {
    value = JSON.parse(decoder.decode(bytes));
  } catch (error) {
    const reason = error instanceof Error ? error.message.slice(0, 100) : String(error);
    throw new LynseError("INVALID_ARGUMENT", `the line is no JSON in UTF-8 (${reason})`);
  }
  if (typeof value !== "object" || value === null || Array.isArray(value)) {
    throw new LynseError("INVALID_ARGUMENT", 'a JSON object as {"id":0,"external_id":"a","field":{}} is wanted');
  }
  const { id: number, external_id: given, field } = value as { id?: unknown; external_id?: unknown; field?: unknown };
  const id = checkId(given === undefined ? number : given);
  return { number, id, text: fieldToText(field as Fields | null | undefined, id) };
}
