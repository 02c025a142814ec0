/**
 * How does what a repair keeps become a generation of its own?
 *
 * Rows in their order, each with what hangs on it, appended to new files beside the damaged ones; nothing counts before the
 * manifest names it. Memory for a few thousand rows at a time.
 */
import { defaultFrameLimits } from "../../storage/batch-plan.js";
import type { FileHandle, FileSystem } from "../../storage/file-system.js";
import { GenerationFiles } from "../../storage/generation-files.js";
import type { StoredVectors } from "../../storage/inspect/stored-files.js";
import { startOfLog } from "../../storage/log-position.js";
import { LogWriter } from "../../storage/log-writer.js";
import type { Manifest } from "../../storage/manifest.js";
import type { FieldVectorsPart, RowsPart, SparsePart, Transaction } from "../../storage/transaction.js";
import type { Id } from "../../types.js";
import { joined } from "../attached-vectors.js";
import { fates, type LossPlan } from "./loss-plan.js";
import type { Mends } from "./mend-vectors.js";
import type { Salvage } from "./salvage.js";

const batchRows = 2048;

/** Writes the files of `manifest`, durably; they are closed again. */
export async function rewriteGeneration(
  fs: FileSystem,
  folder: string,
  manifest: Manifest,
  salvage: Salvage,
  plan: LossPlan,
  signal: AbortSignal | undefined,
): Promise<void> {
  const files = await GenerationFiles.create(fs, folder, manifest);
  try {
    const writer = new LogWriter(files, startOfLog(manifest.generation), defaultFrameLimits);
    let first = 0;
    for (const rows of batchesOf(plan)) {
      signal?.throwIfAborted();
      await writer.append([await transactionOf(salvage, plan, rows, first)], "os");
      first += rows.length;
    }
    await writer.sync();
  } finally {
    await files.close();
  }
}

function* batchesOf({ fates: all }: LossPlan): Generator<number[]> {
  let rows: number[] = [];
  for (let row = 0; row < all.length; row++) {
    if (all[row] === fates.gone) continue;
    rows.push(row);
    if (rows.length < batchRows) continue;
    yield rows;
    rows = [];
  }
  if (rows.length > 0) yield rows;
}

async function transactionOf(
  salvage: Salvage,
  plan: LossPlan,
  rows: readonly number[],
  first: number,
): Promise<Transaction> {
  const deleted = rows.flatMap((row, at) => (plan.fates[row] === fates.deleted ? [first + at] : []));
  return {
    rows: [await rowsPart(salvage, plan, rows)],
    superseded: [],
    deleted,
    restored: [],
    fieldVectors: await fieldParts(salvage, plan, rows, first),
    sparse: await sparseParts(salvage, plan, rows, first),
  };
}

async function rowsPart(salvage: Salvage, plan: LossPlan, rows: readonly number[]): Promise<RowsPart> {
  const { ledger, files } = salvage;
  const ids: Id[] = rows.map((row) => ledger.rows.idOf(row));
  const texts: Uint8Array[] = [];
  for (const row of rows) {
    const text = plan.badMetadata.has(row) ? null : await salvage.metadataOf(row);
    texts.push(text === null ? new Uint8Array(0) : text.slice());
  }
  const { bytes: fieldBytes, ends: fieldEnds } = joined(texts);
  return {
    rowCount: rows.length,
    ids,
    fieldBytes,
    fieldEnds,
    vectorBytes: [await vectorsOf(files.vectors!, rows, salvage.mends.get(-1))],
  };
}

async function fieldParts(
  salvage: Salvage,
  plan: LossPlan,
  rows: readonly number[],
  first: number,
): Promise<FieldVectorsPart[]> {
  const { ledger, files } = salvage;
  const parts: FieldVectorsPart[] = [];
  for (const [fieldNumber, { slots }] of ledger.fields.entries()) {
    const owners: number[] = [];
    const own: number[] = [];
    for (const [at, row] of rows.entries()) {
      const bearer = salvage.bearerOf(row, (other) => slots.slotOf(other) !== -1);
      const slot = bearer === -1 ? -1 : slots.slotOf(bearer);
      if (slot === -1 || plan.badSlots[fieldNumber]!.has(slot)) continue;
      owners.push(first + at);
      own.push(slot);
    }
    if (own.length === 0) continue;
    const vectorBytes = [await vectorsOf(files.fields[fieldNumber]!, own, salvage.mends.get(fieldNumber))];
    parts.push({ fieldNumber, rows: Uint32Array.from(owners), vectorBytes });
  }
  return parts;
}

async function sparseParts(
  salvage: Salvage,
  plan: LossPlan,
  rows: readonly number[],
  first: number,
): Promise<SparsePart[]> {
  const owners: number[] = [];
  const texts: Uint8Array[] = [];
  if (salvage.sparse.size === 0) return [];
  for (const [at, row] of rows.entries()) {
    const bearer = salvage.bearerOf(row, (other) => salvage.sparse.has(other));
    if (bearer === -1 || plan.badSparse.has(row)) continue;
    const text = await salvage.sparseOf(bearer);
    if (text === null) continue;
    owners.push(first + at);
    texts.push(text.slice());
  }
  return owners.length === 0 ? [] : [{ rows: Uint32Array.from(owners), ...joined(texts) }];
}

/** Vectors by number, as they are stored; those that lie together are read together. */
async function vectorsOf(
  { handle, stride }: StoredVectors,
  numbers: readonly number[],
  mends: Mends | undefined,
): Promise<Uint8Array> {
  const bytes = new Uint8Array(numbers.length * stride);
  for (let from = 0; from < numbers.length; ) {
    let to = from + 1;
    while (to < numbers.length && numbers[to] === numbers[to - 1]! + 1) to++;
    await (handle as FileHandle).read(bytes.subarray(from * stride, to * stride), 64 + numbers[from]! * stride);
    from = to;
  }
  for (let at = 0; mends !== undefined && at < numbers.length; at++) {
    const place = mends.get(numbers[at]!);
    if (place !== undefined) bytes[at * stride + place.byte]! ^= place.mask;
  }
  return bytes;
}
