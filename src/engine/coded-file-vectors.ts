/**
 * How does a field do with the codes of its vectors in memory, and the vectors in their file?
 *
 * Codes are derived from vectors as they are read or written, in order. A single row is read from the collection's vector
 * file by its place and verified by the checksum that the codes keep of it; all of them, in order, as every scan of the file
 * does. The codes only grow; fields that were made for fewer rows go on beside it.
 */
import type { CodedVectors, StoredVectors } from "../index/field-vectors.js";
import { CodeTable } from "../kernel/code-table.js";
import type { FetchedRows } from "../kernel/fetched-rows.js";
import type { VectorTable } from "../kernel/vector-table.js";
import { corruptFile } from "../storage/corrupt-file.js";
import type { VectorRanges } from "../storage/vector-ranges.js";
import { readRowsAt } from "../storage/vector-row-reader.js";
import { TimeSlice } from "../time-slice.js";
import type { Dtype } from "../types.js";
import { scanFile } from "./file-vectors.js";
import type { FieldSource } from "./vector-field.js";

/** Rows whose codes are derived between two looks at the clock: about a millisecond at 128 components. */
const codedComponents = 1 << 17;

export class CodedFileVectors implements StoredVectors, CodedVectors {
  readonly codes: CodeTable;
  readonly #source: FieldSource;
  readonly #ranges: VectorRanges;

  constructor(source: FieldSource, ranges: VectorRanges, shape: { readonly dim: number; readonly dtype: Dtype }) {
    this.#source = source;
    this.#ranges = ranges;
    this.codes = new CodeTable(shape);
  }

  get coded(): this {
    return this;
  }

  /** Derives the codes of the rows in the file up to `to`; every range is verified. */
  async takeFromFile(to: number): Promise<void> {
    const { codes } = this;
    if (codes.rowCount >= to) return;
    const slice = new TimeSlice();
    const most = this.#rowsTogether;
    await this.#source.load(codes.rowCount, to, this.#ranges, {
      next: (rows) => codes.beginAppend(Math.min(rows, most)),
      done: (rows) => codes.finishAppend(rows),
    });
    if (slice.isDue()) await slice.giveWay();
  }

  /** Derives the codes of rows in memory: those of `table`, whose row 0 is row `first`, up to row `to`. Slow, but giving way. */
  async takeFromTable(table: VectorTable, first: number, to: number, isOver: () => boolean): Promise<void> {
    const { codes } = this;
    const slice = new TimeSlice();
    while (codes.rowCount < to && !isOver()) {
      const from = codes.rowCount - first;
      codes.appendTable(table, from, Math.min(to - first, from + this.#rowsTogether));
      if (slice.isDue()) await slice.giveWay();
    }
  }

  get #rowsTogether(): number {
    return Math.max(64, Math.floor(codedComponents / this.codes.dim));
  }

  fetch(rows: Uint32Array): FetchedRows | Promise<FetchedRows> {
    const fetched = this.codes.beginFetch(rows);
    let reading: void | Promise<void>;
    try {
      reading = readRowsAt(this.#source.vectorFile(), fetched.rows, fetched.target);
    } catch (error) {
      fetched.release();
      throw error;
    }
    if (reading === undefined) return this.#accepted(fetched);
    return reading.then(
      () => this.#accepted(fetched),
      (error: unknown) => {
        fetched.release();
        throw error;
      },
    );
  }

  /** Gives the rows on, or back. */
  #accepted(fetched: FetchedRows): FetchedRows {
    const bad = fetched.accept();
    if (bad === null) return fetched;
    fetched.release();
    const file = this.#source.vectorFile();
    throw corruptFile(file.path, file.bytesOf(bad), `vector ${bad} is not the one that was written`);
  }

  async readRows(rows: ArrayLike<number>): Promise<Float32Array> {
    const { dim } = this.codes;
    const target = new Float32Array(rows.length * dim);
    const order = Uint32Array.from(rows, (_, at) => at).sort((a, b) => rows[a]! - rows[b]!);
    const ascending = order.map((at) => rows[at]!);
    for (let done = 0; done < order.length; ) {
      const fetched = await this.fetch(ascending.subarray(done));
      const floats = fetched.floats();
      fetched.release();
      for (let i = 0; i < fetched.rows.length; i++) {
        target.set(floats.subarray(i * dim, (i + 1) * dim), order[done + i]! * dim);
      }
      done += fetched.rows.length;
    }
    return target;
  }

  async copyRows(from: number, to: number, target: Float32Array): Promise<void> {
    const rows = Uint32Array.from({ length: to - from }, (_, i) => from + i);
    for (let done = 0; done < rows.length; ) {
      const fetched = await this.fetch(rows.subarray(done));
      target.set(fetched.floats(), done * this.codes.dim);
      done += fetched.rows.length;
      fetched.release();
    }
  }

  async scan(
    from: number,
    to: number,
    visit: (first: number, table: VectorTable) => void | Promise<void>,
  ): Promise<void> {
    (await scanFile(this.#source, this.#ranges, this.codes, { from, to, visit }))?.release();
  }
}
