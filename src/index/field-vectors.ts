/**
 * Where are the vectors of a field?
 *
 * All in memory, in one table; or the rows below `firstRow` in files, where an index keeps them or memory is short, and only
 * the newer ones in the table. Immutable: a field whose vectors move gets another `FieldVectors`, and reads that began go on with
 * theirs.
 */
import type { CodeTable } from "../kernel/code-table.js";
import type { FetchedRows } from "../kernel/fetched-rows.js";
import { GatheredCodes } from "../kernel/gathered-codes.js";
import { inlinePool, type KernelPool } from "../kernel/kernel-pool.js";
import type { VectorTable } from "../kernel/vector-table.js";
import type { IndexRows } from "./vector-index.js";

/** Vectors whose codes are in memory, and which can be fetched one by one. */
export interface CodedVectors {
  readonly codes: CodeTable;
  /** The first of the given rows, which ascend, read and verified; its `release` must be called. */
  fetch(rows: Uint32Array): FetchedRows | Promise<FetchedRows>;
}

/** Vectors that are not in memory. */
export interface StoredVectors {
  /** Their codes; null where only an index knows something of them. */
  readonly coded: CodedVectors | null;
  /** Rows as float32, row-major, in the order asked for. */
  readRows(rows: ArrayLike<number>): Promise<Float32Array>;
  /** Copies the rows [from, to) into `target` as float32, row-major. */
  copyRows?(from: number, to: number, target: Float32Array): Promise<void>;
  /**
   * Reads the rows [from, to) in order, and a few around them, some thousands at a time: `visit` gets them in a table whose
   * row 0 is the field's row `first`. The table is used again after `visit`.
   */
  scan(from: number, to: number, visit: (first: number, table: VectorTable) => void | Promise<void>): Promise<void>;
}

export class FieldVectors {
  /** Rows from `firstRow` on, as rows from 0. */
  readonly table: VectorTable;
  /** Row of the field that is row 0 of the table. */
  readonly firstRow: number;
  /** Where the rows below `firstRow` are; null when there are none. */
  readonly stored: StoredVectors | null;
  /** Runs long scans. */
  readonly pool: KernelPool;
  /** Rows of the table that filters used again and again let through. */
  readonly gathered: GatheredCodes;

  constructor(table: VectorTable, pool: KernelPool = inlinePool, firstRow = 0, stored: StoredVectors | null = null) {
    this.table = table;
    this.pool = pool;
    this.firstRow = firstRow;
    this.stored = stored;
    this.gathered = new GatheredCodes(table);
  }

  get dim(): number {
    return this.table.dim;
  }

  /** Rows, those in files included. */
  get rowCount(): number {
    return this.firstRow + this.table.rowCount;
  }

  /** Rows as float32, row-major, in the order asked for; a promise only where a row is not in memory. */
  readRows(rows: ArrayLike<number>): Float32Array | Promise<Float32Array> {
    const { firstRow, stored, table, dim } = this;
    if (stored === null) return table.readRows(rows);
    const target = new Float32Array(rows.length * dim);
    const missing: number[] = [];
    for (let at = 0; at < rows.length; at++) {
      const row = rows[at]!;
      if (row < firstRow) missing.push(at);
      else table.copyRows(row - firstRow, row - firstRow + 1, target.subarray(at * dim, (at + 1) * dim));
    }
    if (missing.length === 0) return target;
    const below = missing.map((at) => rows[at]!);
    return stored.readRows(below).then((found) => {
      missing.forEach((at, i) => void target.set(found.subarray(i * dim, (i + 1) * dim), at * dim));
      return target;
    });
  }

  /** The first `rowCount` rows for an index to be made over. */
  rowsFor(rowCount: number): IndexRows {
    const { dim } = this;
    return {
      dim,
      rowCount,
      read: (from, to, target) => this.#copy(from, to, target),
    };
  }

  #copy(from: number, to: number, target: Float32Array): void | Promise<void> {
    const { firstRow, stored, table, dim } = this;
    if (from >= firstRow || stored === null) return table.copyRows(from - firstRow, to - firstRow, target);
    return this.#copyStored(from, Math.min(to, firstRow), target).then(() => {
      if (to <= firstRow) return;
      table.copyRows(0, to - firstRow, target.subarray((firstRow - from) * dim));
    });
  }

  async #copyStored(from: number, to: number, target: Float32Array): Promise<void> {
    const { dim } = this;
    const stored = this.stored!;
    if (stored.copyRows !== undefined) return stored.copyRows(from, to, target);
    await stored.scan(from, to, (first, table) => {
      const start = Math.max(from, first);
      const end = Math.min(to, first + table.rowCount);
      if (start < end) table.copyRows(start - first, end - first, target.subarray((start - from) * dim));
    });
  }
}
