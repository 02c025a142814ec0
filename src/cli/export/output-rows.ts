/**
 * Which rows are exported, and what of them?
 *
 * The live rows that match, a batch at a time, with the fields that are wanted. Every reading is of one state of the
 * collection. Export part of the command line.
 */
import type { Collection } from "../../index.js";
import type { JsonValue, WhereParams } from "../../types.js";
import { setValue } from "../readers/set-value.js";
import type { OutputRow } from "../writers/row-writer.js";

export interface RowSelection {
  readonly where?: string;
  readonly params?: WhereParams;
  /** Null: all. */
  readonly fields: readonly string[] | null;
  readonly vectors: boolean;
  /** Vectors of named fields, and sparse ones, too. */
  readonly attached: boolean;
}

/** Rows handed out at once. */
const batchRows = 2000;

export async function* outputRows(
  collection: Collection,
  selection: RowSelection,
  signal: AbortSignal,
): AsyncGenerator<readonly OutputRow[]> {
  const { where, params, fields, vectors, attached } = selection;
  let batch: OutputRow[] = [];
  const rows = collection.scan({
    ...(where === undefined ? {} : { where }),
    ...(params === undefined ? {} : { params }),
    batchSize: batchRows,
    returnVectors: vectors,
    // Servers before these options know nothing of them.
    ...(attached ? { returnNamedVectors: true, returnSparse: true } : {}),
  });
  for await (const row of rows) {
    const field = row.field as OutputRow["field"];
    batch.push({ ...row, field: fields === null ? field : chosen(field, fields) });
    if (batch.length < batchRows) continue;
    signal.throwIfAborted();
    yield batch;
    batch = [];
  }
  if (batch.length > 0) yield batch;
}

function chosen(field: OutputRow["field"], names: readonly string[]): OutputRow["field"] {
  const kept: Record<string, JsonValue> = {};
  for (const name of names) if (Object.hasOwn(field, name)) setValue(kept, name, field[name]);
  return kept;
}
