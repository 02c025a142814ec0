/**
 * How do the vectors that hang on rows get into a staged collection?
 *
 * After the rows, a batch at a time. Each must name a row of the export, which has no other vector in the same field.
 */
import { joined } from "../engine/attached-vectors.js";
import { LynseError } from "../errors.js";
import { limits } from "../limits.js";
import { decodeSparse } from "../sparse/sparse-vector.js";
import type { Transaction } from "../storage/transaction.js";
import { TimeSlice } from "../time-slice.js";
import type { Metric } from "../types.js";
import type { ExportedField, ExportedSparse } from "./export-manifest.js";
import type { ExportRun } from "./export-rows.js";
import { checkVectorBytes, type OpenFile } from "./exported-rows.js";
import type { FileSource } from "./file-source.js";
import type { ImportedRows } from "./import-rows.js";
import { checkStoredVectors } from "./stored-vector-check.js";
import { damagedExport, refusedVector } from "./transfer-error.js";

type Append = (transaction: Transaction) => Promise<void>;

const batchVectors = 4096;
const batchBytes = 8 << 20;
const nothing = { rows: [], superseded: [], deleted: [], restored: [] } as const;

/** Takes the vectors of a named field. */
export async function importField(
  field: ExportedField,
  fieldNumber: number,
  rows: ImportedRows,
  open: OpenFile,
  append: Append,
  run: ExportRun,
): Promise<void> {
  const { dim, dtype, metric } = field.config;
  const vectors = await open(field.vectorsFile);
  const numbers = await open(field.rowsFile).catch(async (error: unknown) => {
    await vectors.close();
    throw error;
  });
  try {
    checkVectorBytes(vectors, field.count, dim, dtype);
    const stride = dim * (dtype === "float16" ? 2 : 4);
    if (numbers.byteLength !== field.count * 4) {
      throw damagedExport(numbers.path, `the file has ${numbers.byteLength} bytes, ${field.count * 4} are wanted`);
    }
    const seen = new SeenRows(rows, numbers.path);
    const batch = Math.max(1, Math.min(batchVectors, Math.floor(batchBytes / stride)));
    const slice = new TimeSlice();
    for (let from = 0; from < field.count; from += batch) {
      run.check();
      const count = Math.min(batch, field.count - from);
      const named = new Uint32Array(count);
      await numbers.read(new Uint8Array(named.buffer));
      named.forEach((row, at) => void seen.add(row, from + at));
      const bytes = new Uint8Array(count * stride);
      await vectors.read(bytes);
      checkStoredVectors(
        bytes,
        { dim, dtype, metric: metric as Metric },
        (at) => !rows.isDeleted(named[at]!),
        (at, cause) => refusedVector(vectors.path, from + at, cause),
      );
      await append({ ...nothing, fieldVectors: [{ fieldNumber, rows: named, vectorBytes: [bytes] }] });
      if (slice.isDue()) await slice.giveWay();
    }
    vectors.finish();
    numbers.finish();
  } finally {
    await vectors.close();
    await numbers.close();
  }
}

/** Takes the sparse vectors. */
export async function importSparse(
  sparse: ExportedSparse,
  rows: ImportedRows,
  open: OpenFile,
  append: Append,
  run: ExportRun,
): Promise<void> {
  const source = await open(sparse.file);
  try {
    const seen = new SeenRows(rows, source.path);
    const slice = new TimeSlice();
    let named: number[] = [];
    let encoded: Uint8Array[] = [];
    let bytes = 0;
    for (let at = 0; at < sparse.count; at++) {
      const { row, vector } = await readSparse(source, at);
      seen.add(row, at);
      named.push(row);
      encoded.push(vector);
      bytes += vector.length;
      if (named.length < batchVectors && bytes < batchBytes && at + 1 < sparse.count) continue;
      run.check();
      await append({ ...nothing, sparse: [{ rows: Uint32Array.from(named), ...joined(encoded) }] });
      named = [];
      encoded = [];
      bytes = 0;
      if (slice.isDue()) await slice.giveWay();
    }
    source.finish();
  } finally {
    await source.close();
  }
}

async function readSparse(source: FileSource, at: number): Promise<{ row: number; vector: Uint8Array }> {
  const head = new Uint8Array(8);
  await source.read(head);
  const view = new DataView(head.buffer);
  const count = view.getUint32(4, true);
  const refuse = (what: string): unknown =>
    refusedVector(source.path, at, new LynseError("INVALID_VECTOR", `the sparse vector ${what}`));
  if (count === 0 || count > limits.sparseValuesMax) throw refuse(`has ${count} weights`);
  const vector = new Uint8Array(4 + count * 8);
  vector.set(head.subarray(4), 0);
  await source.read(vector.subarray(4));
  if (decodeSparse(vector) === null) throw refuse("has weights that are not finite, or features not in order");
  return { row: view.getUint32(0, true), vector };
}

/** Rows that vectors were for so far. */
class SeenRows {
  readonly #rows: ImportedRows;
  readonly #path: string;
  readonly #words: Uint32Array;

  constructor(rows: ImportedRows, path: string) {
    this.#rows = rows;
    this.#path = path;
    this.#words = new Uint32Array(Math.ceil(rows.count / 32));
  }

  add(row: number, position: number): void {
    const { count } = this.#rows;
    if (row >= count) throw damagedExport(this.#path, `vector ${position + 1} is for row ${row} of ${count}`);
    const bit = 1 << (row & 31);
    if ((this.#words[row >>> 5]! & bit) !== 0) throw damagedExport(this.#path, `row ${row} has two vectors`);
    this.#words[row >>> 5]! |= bit;
  }
}
