/**
 * How is a collection rewritten without its dead rows?
 *
 * Copies the rows worth keeping, in their order, from the files of one generation into a fresh one, and swaps the
 * manifest. A crash at any point leaves the old generation or the new one.
 */
import { assert } from "../errors.js";
import type { KernelPool } from "../kernel/kernel-pool.js";
import { VectorTable } from "../kernel/vector-table.js";
import { throwIfAborted } from "../query/exact-search.js";
import type { RowsPart } from "../storage/transaction.js";
import { VectorRanges } from "../storage/vector-ranges.js";
import { yieldToEventLoop } from "../time-slice.js";
import type { Id } from "../types.js";
import { Generation } from "./generation.js";
import { RowTable } from "./row-table.js";
import { appendStoredRows } from "./stored-rows.js";
import { appendVectorBytes, storedVectors } from "./stored-vectors.js";

export interface CompactionOptions {
  /** Carry soft-deleted rows over, still restorable; otherwise they go too. */
  readonly keepDeleted: boolean;
  readonly pool: KernelPool;
  readonly signal: AbortSignal | undefined;
}

/** Compactions after which a query's cursor still finds its place. */
const renumberingsMax = 8;
/** Rows copied at once: bounds memory and the time between two looks at the signal. */
const batchRows = 2048;

/** Writes the next generation of `old`, swaps it in on disk, and gives it loaded. */
export async function compactGeneration(old: Generation, options: CompactionOptions): Promise<Generation> {
  const { vectors } = old;
  assert(vectors !== null, "a collection with rows has vectors");
  const writer = await old.store.beginGeneration();
  const keptBits = new Uint32Array(Math.ceil(old.rowCount / 32));
  const next = { rows: new RowTable(), ranges: new VectorRanges(), vectors: new VectorTable(vectors) };
  try {
    for (let from = 0; from < old.rowCount; from += batchRows) {
      throwIfAborted(options.signal);
      const to = Math.min(old.rowCount, from + batchRows);
      const { kept, deleted } = keptRows(old, from, to, options.keepDeleted);
      if (kept.length === 0) continue;
      for (const row of kept) keptBits[row >>> 5]! |= 1 << (row & 31);
      const part = await copyRows(old, kept);
      const first = next.rows.rowCount;
      const deletedNext = deleted.map((at) => first + at);
      const result = await writer.append([{ rows: [part], superseded: [], deleted: deletedNext, restored: [] }]);
      let used = 0;
      for (const frame of result.frames) {
        appendStoredRows(next, frame, part.ids, used);
        used += frame.rowCount;
      }
      for (const row of deletedNext) next.rows.markDeleted(row);
      appendVectorBytes(next.vectors, part.vectorBytes[0]!);
      await yieldToEventLoop();
    }
    const store = await writer.finish();
    const renumberings = [...old.renumberings, { from: old.numbering, kept: keptBits }].slice(-renumberingsMax);
    const { position } = store;
    return Generation.of({
      ...next,
      store,
      pool: options.pool,
      position,
      checkpointBytes: 0,
      columnBytes: undefined,
      renumberings,
    });
  } catch (error) {
    next.vectors.release();
    await writer.abort();
    throw error;
  }
}

/** Rows of [from, to) worth keeping, and which of them (by position) are soft-deleted. */
function keptRows(
  old: Generation,
  from: number,
  to: number,
  keepDeleted: boolean,
): { readonly kept: number[]; readonly deleted: number[] } {
  const kept: number[] = [];
  const deleted: number[] = [];
  for (let row = from; row < to; row++) {
    const isKeptDeleted = keepDeleted && old.isDeleted(row);
    if (isKeptDeleted) deleted.push(kept.length);
    if (isKeptDeleted || old.isLive(row)) kept.push(row);
  }
  return { kept, deleted };
}

async function copyRows(old: Generation, rows: readonly number[]): Promise<RowsPart & { readonly ids: readonly Id[] }> {
  const { field } = old;
  assert(field !== null, "a collection with rows has vectors");
  const encoder = new TextEncoder();
  const texts: Uint8Array[] = [];
  const fieldEnds = new Uint32Array(rows.length);
  let end = 0;
  await old.readTexts(rows, (at, text) => {
    const bytes = encoder.encode(text);
    texts.push(bytes);
    end += bytes.length;
    fieldEnds[at] = end;
  });
  const fieldBytes = new Uint8Array(end);
  texts.forEach((text, at) => void fieldBytes.set(text, fieldEnds[at]! - text.length));
  const ids = rows.map((row) => old.rows.idAt(row));
  const { dtype } = old.store.config;
  return {
    rowCount: rows.length,
    ids,
    fieldBytes,
    fieldEnds,
    vectorBytes: [storedVectors(await field.readRows(rows), dtype)],
  };
}
