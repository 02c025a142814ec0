/**
 * Which metadata fields do the rows of a collection have?
 *
 * Reads the metadata of all live rows: names are not kept anywhere else for certain.
 */
import { collectFieldNames } from "../metadata/field-names.js";
import { resolveFilter, rowsOf } from "../query/row-filter.js";
import { textToField } from "./field-text.js";
import type { Generation } from "./generation.js";

/** Rows taken from the filter at once. */
const batchRows = 2048;

/** Dotted names of the metadata fields that live rows have, sorted. */
export async function listFieldNames(generation: Generation): Promise<string[]> {
  const names = new Set<string>();
  const filter = await resolveFilter(generation, { where: null, filterIds: null, signal: undefined });
  for (let from = 0; from < filter.rowCount; ) {
    const rows = rowsOf(filter, from, batchRows);
    if (rows.length === 0) break;
    await generation.readTexts(rows, (_, text) => collectFieldNames(textToField(text), names));
    from = rows.at(-1)! + 1;
  }
  return [...names].sort();
}
