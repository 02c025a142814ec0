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
import { SparseIndex } from "../sparse/sparse-index.js";
import { encodeSparse } from "../sparse/sparse-vector.js";
import type { AppendResult, FieldVectorsPart, RowsPart, SparsePart } from "../storage/transaction.js";
import { VectorRanges } from "../storage/vector-ranges.js";
import { yieldToEventLoop } from "../time-slice.js";
import type { Id } from "../types.js";
import { joined } from "./attached-vectors.js";
import type { Generation } from "./generation.js";
import { emptyParts, type GenerationParts } from "./generation-parts.js";
import type { MemoryBudget } from "./memory-budget.js";
import type { NamedFieldParts } from "./named-field.js";
import { RowTable } from "./row-table.js";
import { SlotTable } from "./slot-table.js";
import { decodeSparsePart } from "./sparse-rows.js";
import { appendStoredRows } from "./stored-rows.js";
import { appendVectorBytes, storedVectors } from "./stored-vectors.js";
import type { VectorField } from "./vector-field.js";

export interface CompactionOptions {
  /** Carry soft-deleted rows over, still restorable; otherwise they go too. */
  readonly keepDeleted: boolean;
  readonly pool: KernelPool;
  readonly budget: MemoryBudget | null;
  readonly signal: AbortSignal | undefined;
}

/** Compactions after which a query's cursor still finds its place. */
const renumberingsMax = 8;
/** Rows copied at once: bounds memory and the time between two looks at the signal. */
const batchRows = 2048;

/** What the next generation is made of, as far as it is written. */
interface NextParts {
  readonly rows: RowTable;
  readonly ranges: VectorRanges;
  /** Null where vectors are on disk alone. */
  readonly vectors: VectorTable | null;
  readonly named: readonly NamedFieldParts[];
  readonly sparse: SparseIndex | null;
}

/** Writes the next generation of `old` and swaps it in on disk; resolves to its parts. Where it fails, `old` goes on. */
export async function compactGeneration(old: Generation, options: CompactionOptions): Promise<GenerationParts> {
  const writer = await old.store.beginGeneration();
  const keptBits = new Uint32Array(Math.ceil(old.rowCount / 32));
  const next: NextParts = {
    rows: new RowTable(),
    ranges: new VectorRanges(),
    vectors: tableLike(old.primary),
    named: old.named.map(({ field }) => ({
      slots: new SlotTable(),
      ranges: new VectorRanges(),
      table: tableLike(field),
    })),
    sparse: old.sparse === null ? null : new SparseIndex(),
  };
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
      const attached = await copyAttached(old, kept, first);
      const rows = { rows: [part], superseded: [], deleted: deletedNext, restored: [] };
      const result = await writer.append([{ ...rows, fieldVectors: attached.fieldVectors, sparse: attached.sparse }]);
      let used = 0;
      for (const frame of result.frames) {
        appendStoredRows(next, frame, part.ids, used);
        used += frame.rowCount;
      }
      for (const row of deletedNext) next.rows.markDeleted(row);
      if (next.vectors !== null) appendVectorBytes(next.vectors, part.vectorBytes[0]!);
      takeAttached(next, attached, result);
      await yieldToEventLoop();
    }
    const store = await writer.finish();
    const renumberings = [...old.renumberings, { from: old.numbering, kept: keptBits }].slice(-renumberingsMax);
    const { position } = store;
    const parts = emptyParts(store, options.pool, options.budget);
    return { ...parts, ...next, position, renumberings };
  } catch (error) {
    next.vectors?.release();
    for (const { table: vectors } of next.named) vectors?.release();
    next.sparse?.release();
    await writer.abort();
    throw error;
  }
}

/** An empty table for the vectors of a field that are in memory. */
function tableLike({ table, coded }: VectorField): VectorTable | null {
  assert(table !== null, "a collection with rows has vectors");
  return coded === null ? new VectorTable(table) : null;
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
  const { field } = old.primary;
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

/** What hangs on rows, for the rows that take their places from `first` on. */
async function copyAttached(
  old: Generation,
  rows: readonly number[],
  first: number,
): Promise<{ readonly fieldVectors: readonly FieldVectorsPart[]; readonly sparse: readonly SparsePart[] }> {
  const fieldVectors: FieldVectorsPart[] = [];
  for (const { number: fieldNumber, slots, field } of old.named) {
    const having = rows.flatMap((row, at) => (slots.slotOf(row) === -1 ? [] : [at]));
    if (having.length === 0) continue;
    const data = await field.field!.readRows(having.map((at) => slots.slotOf(rows[at]!)));
    const next = Uint32Array.from(having, (at) => first + at);
    fieldVectors.push({ fieldNumber, rows: next, vectorBytes: [storedVectors(data, field.definition.dtype)] });
  }
  const having = rows.flatMap((row, at) => (old.sparse?.has(row) === true ? [at] : []));
  if (having.length === 0) return { fieldVectors, sparse: [] };
  const encoded = having.map((at) => encodeSparse(old.sparse!.get(rows[at]!)!));
  return { fieldVectors, sparse: [{ rows: Uint32Array.from(having, (at) => first + at), ...joined(encoded) }] };
}

/** Takes what was written of it into memory. */
function takeAttached(
  next: NextParts,
  attached: Awaited<ReturnType<typeof copyAttached>>,
  written: AppendResult,
): void {
  for (const { fieldNumber, count, vectorsCrc } of written.fieldVectors) {
    next.named[fieldNumber]!.ranges.push(count, vectorsCrc);
  }
  for (const { fieldNumber, rows, vectorBytes } of attached.fieldVectors) {
    const { slots, table } = next.named[fieldNumber]!;
    if (table !== null) for (const bytes of vectorBytes) appendVectorBytes(table, bytes);
    slots.attach(rows);
  }
  for (const part of attached.sparse) {
    decodeSparsePart(part).forEach((vector, at) => void next.sparse!.set(part.rows[at]!, vector));
  }
}
