/**
 * How does memory take in what a commit writes?
 *
 * Vectors are staged beyond the visible rows while the log is written; once it is, rows and changes follow, and the
 * generation is published by whoever called.
 */
import type { VectorTable } from "../kernel/vector-table.js";
import type { AppendResult, Transaction } from "../storage/transaction.js";
import { TimeSlice } from "../time-slice.js";
import type { Generation } from "./generation.js";
import { decodeSparsePart } from "./sparse-rows.js";
import { appendStoredRows } from "./stored-rows.js";
import { appendVectorChunk } from "./stored-vectors.js";

/** True for one that changes nothing. */
export function isEmptyTransaction(transaction: Transaction): boolean {
  const { rows, superseded, deleted, restored, fieldVectors = [], sparse = [] } = transaction;
  return rows.length + superseded.length + deleted.length + restored.length + fieldVectors.length + sparse.length === 0;
}

/** Copies the transactions' vectors into memory beyond the visible ones, in time slices. */
export async function stageVectors(generation: Generation, transactions: readonly Transaction[]): Promise<void> {
  const slice = new TimeSlice();
  const stage = async (vectors: VectorTable | null, pieces: readonly Uint8Array[]): Promise<void> => {
    if (vectors === null) return;
    for (const bytes of pieces) {
      for (let done = 0; done < bytes.length; ) {
        done += appendVectorChunk(vectors, bytes.subarray(done));
        if (slice.isDue()) await slice.giveWay();
      }
    }
  };
  for (const { rows, fieldVectors = [] } of transactions) {
    for (const part of rows) await stage(generation.primary.table, part.vectorBytes);
    for (const { fieldNumber, vectorBytes } of fieldVectors) {
      await stage(generation.named[fieldNumber]!.field.table, vectorBytes);
    }
  }
}

/** What written transactions change in rows that are visible, and what hangs on rows. */
export function applyChanges(
  generation: Generation,
  transactions: readonly Transaction[],
  written: AppendResult,
): void {
  const { rows, named } = generation;
  for (const { fieldNumber, count, vectorsCrc } of written.fieldVectors) {
    named[fieldNumber]!.field.ranges.push(count, vectorsCrc);
  }
  for (const transaction of transactions) {
    for (const row of transaction.superseded) rows.markSuperseded(row);
    for (const row of transaction.deleted) rows.markDeleted(row);
    for (const row of transaction.restored) rows.markRestored(row);
    const { moved, fieldVectors = [], sparse = [] } = transaction;
    if (moved !== undefined) generation.moveAttached(moved.from, moved.to);
    for (const part of fieldVectors) named[part.fieldNumber]!.slots.attach(part.rows);
    for (const part of sparse) generation.setSparse(part.rows, decodeSparsePart(part));
  }
}

/** Appends the stored frames to the row table beyond the visible rows, in time slices. */
export async function appendRowTable(
  generation: Generation,
  transactions: readonly Transaction[],
  written: AppendResult,
): Promise<void> {
  const parts = transactions.flatMap(({ rows }) => rows);
  const slice = new TimeSlice();
  let part = 0;
  let used = 0;
  for (const frame of written.frames) {
    const { ids, rowCount } = parts[part]!;
    appendStoredRows(generation, frame, ids, used);
    used += frame.rowCount;
    if (used === rowCount) {
      part += 1;
      used = 0;
    }
    if (slice.isDue()) await slice.giveWay();
  }
}
