/**
 * What are the scores of rows that were read from a file, and are they the rows that were written?
 *
 * Room for some rows of a `CodeTable` in its memory, as they are stored. Whoever reads fills `target`, then calls `accept`,
 * which compares each row with the checksum that was taken when it was encoded. Scores are the float64 scores of
 * `VectorTable`, to the bit. `release` must be called, once.
 */
import { assert } from "../errors.js";
import type { DenseMetric } from "../types.js";
import type { CodeTable } from "./code-table.js";
import { decodeFloat16 } from "./float16.js";
import { dtypeNumbers, metricNumbers } from "./kernel-module.js";
import type { Scratch, Segment } from "./segment.js";

/** Bytes of a block's header, at least. */
const headerBytes = 256;

export class FetchedRows {
  /** Their numbers, ascending. */
  readonly rows: Uint32Array;
  /** Where they go, unpadded, in their order. */
  readonly target: Uint8Array;
  readonly #table: CodeTable;
  readonly #segment: Segment;
  readonly #place: Scratch;
  readonly #unpadded: Scratch | null;

  constructor(table: CodeTable, segment: Segment, rows: Uint32Array) {
    this.rows = rows;
    this.#table = table;
    this.#segment = segment;
    const isPadded = table.rowStride !== table.bytesPerRow;
    this.#place = segment.acquireScratch(headerBytes + rows.length * table.rowStride);
    this.#unpadded = isPadded ? segment.acquireScratch(rows.length * table.bytesPerRow) : null;
    const address = this.#unpadded?.address ?? this.#rowsAt;
    this.target = new Uint8Array(segment.buffer, address, rows.length * table.bytesPerRow);
  }

  get #rowsAt(): number {
    return this.#place.address + headerBytes;
  }

  /** Takes what was read. Returns the number of the first row that is not as it was written; null when all are. */
  accept(): number | null {
    const { kernel } = this.#segment;
    const { blockRows, bytesPerRow, rowStride } = this.#table;
    const count = this.rows.length;
    if (this.#unpadded !== null) {
      kernel.spreadRows(this.#unpadded.address, this.#rowsAt, bytesPerRow, rowStride, count);
    }
    const scratch = this.#segment.acquireScratch(count * 8);
    const list = new Uint32Array(this.#segment.buffer, scratch.address, count * 2);
    for (let i = 0; i < count; i++) {
      const row = this.rows[i]!;
      list[2 * i] = this.#table.blockOf(row).address;
      list[2 * i + 1] = row % blockRows;
    }
    const bad = kernel.checkRows(this.#rowsAt, scratch.address, count) >>> 0;
    this.#segment.releaseScratch(scratch);
    return bad === count ? null : this.rows[bad]!;
  }

  /** Exact values as the metric counts them, in the order of the rows, written to `values` from `at` on. */
  scoreInto(metric: DenseMetric, query: Float32Array, values: Float64Array, at: number): void {
    const { dim, dtype } = this.#table;
    assert(query.length === dim, "the query has the table's dimension");
    const { kernel, buffer } = this.#segment;
    const count = this.rows.length;
    const stateBytes = kernel.stateBytes(dim, 1) >>> 0;
    const scratch = this.#segment.acquireScratch(stateBytes + 16 * count);
    const state = scratch.address;
    const list = state + stateBytes + 8 * count;
    const block = this.#place.address;
    kernel.initCodeBlock(block, dim, dtypeNumbers[dtype], count, 0, 0, this.#rowsAt);
    const entries = new Uint32Array(buffer, list, 2 * count);
    for (let i = 0; i < count; i++) {
      entries[2 * i] = block;
      entries[2 * i + 1] = i;
    }
    new Float32Array(buffer, kernel.queryPlace(state) >>> 0, dim).set(query);
    kernel.beginQuery(state, metricNumbers[metric], dim, 1, Number.NEGATIVE_INFINITY);
    kernel.scoreRows(state, list, count, state + stateBytes);
    values.set(new Float64Array(buffer, state + stateBytes, count), at);
    if (metric === "l2") for (let i = at; i < at + count; i++) values[i] = 0 - values[i]!;
    this.#segment.releaseScratch(scratch);
  }

  /** The rows as float32, row-major. */
  floats(): Float32Array {
    const { target } = this;
    const count = this.rows.length * this.#table.dim;
    const floats = new Float32Array(count);
    if (this.#table.dtype === "float32") floats.set(new Float32Array(target.buffer, target.byteOffset, count));
    else decodeFloat16(new Uint16Array(target.buffer, target.byteOffset, count), floats);
    return floats;
  }

  /** Gives the room back. */
  release(): void {
    if (this.#unpadded !== null) this.#segment.releaseScratch(this.#unpadded);
    this.#segment.releaseScratch(this.#place);
  }
}
