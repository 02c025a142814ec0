/**
 * How are vectors read that are not in memory?
 *
 * Single rows from the index that keeps them; all of them, in order, from the collection's vector file, verified, a few
 * thousand rows at a time. Rows in a damaged block of the index are read from that file, too.
 */
import { assert, isLynseError } from "../errors.js";
import type { StoredVectors } from "../index/field-vectors.js";
import type { VectorIndex } from "../index/vector-index.js";
import { VectorTable } from "../kernel/vector-table.js";
import type { VectorRanges } from "../storage/vector-ranges.js";
import type { Dtype } from "../types.js";
import type { FieldSource } from "./vector-field.js";

/** Rows that are in memory at once, where the ranges of their checksums allow it. */
const chunkRows = 8192;

interface VectorShape {
  readonly dim: number;
  readonly dtype: Dtype;
}

/** Rows to be visited, and by whom; see `StoredVectors.scan`. */
interface ScanVisit {
  readonly from: number;
  readonly to: number;
  readonly visit: (first: number, table: VectorTable) => void | Promise<void>;
}

/** Reads rows from the collection's vector file, in order and verified. `reused`: a table that nobody uses. */
export async function scanFile(
  source: Pick<FieldSource, "load">,
  ranges: VectorRanges,
  shape: VectorShape,
  { from, to, visit }: ScanVisit,
  reused: VectorTable | null = null,
): Promise<VectorTable | null> {
  if (from >= to) return reused;
  const table = reused ?? new VectorTable({ dim: shape.dim, dtype: shape.dtype });
  for (let range = ranges.indexOf(from); range < ranges.count; ) {
    const first = range === 0 ? 0 : ranges.endOf(range - 1);
    if (first >= to) break;
    let end = ranges.endOf(range++);
    while (range < ranges.count && end < to && ranges.endOf(range) - first <= chunkRows) end = ranges.endOf(range++);
    table.truncate(0);
    await source.load(first, end, ranges, {
      next: (rows) => table.beginAppend(rows),
      done: (rows) => table.finishAppend(rows, true),
    });
    await visit(first, table);
  }
  return table;
}

export class FileVectors implements StoredVectors {
  readonly coded = null;
  readonly #source: Pick<FieldSource, "load">;
  readonly #ranges: VectorRanges;
  readonly #shape: VectorShape;
  readonly #index: VectorIndex;
  /** The table of the scan before; null while one runs. */
  #table: VectorTable | null = null;

  constructor(source: Pick<FieldSource, "load">, ranges: VectorRanges, shape: VectorShape, index: VectorIndex) {
    this.#source = source;
    this.#ranges = ranges;
    this.#shape = shape;
    this.#index = index;
  }

  async readRows(rows: ArrayLike<number>): Promise<Float32Array> {
    try {
      return await this.#index.readRows!(rows);
    } catch (error) {
      // A block of the index is damaged: the vectors are in the collection's own file, too.
      if (!isLynseError(error, "CORRUPT")) throw error;
      return this.#readFromFile(rows);
    }
  }

  /** Each range of a checksum that holds wanted rows is read whole. */
  async #readFromFile(rows: ArrayLike<number>): Promise<Float32Array> {
    const { dim } = this.#shape;
    const found = new Float32Array(rows.length * dim);
    const order = Uint32Array.from({ length: rows.length }, (_, at) => at).sort((a, b) => rows[a]! - rows[b]!);
    let next = 0;
    const take = (first: number, table: VectorTable): void => {
      for (; next < order.length && rows[order[next]!]! < first + table.rowCount; next++) {
        const at = order[next]!;
        found.set(table.readRows([rows[at]! - first]), at * dim);
      }
    };
    while (next < order.length) {
      const row = rows[order[next]!]!;
      const before = next;
      await this.scan(row, row + 1, take);
      assert(next > before, "a row is in the range that was read for it");
    }
    return found;
  }

  async scan(
    from: number,
    to: number,
    visit: (first: number, table: VectorTable) => void | Promise<void>,
  ): Promise<void> {
    const reused = this.#table;
    this.#table = null;
    this.#table = await scanFile(this.#source, this.#ranges, this.#shape, { from, to, visit }, reused);
  }
}
