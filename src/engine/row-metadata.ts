/**
 * How is the metadata of rows read?
 *
 * From the log, by each row's place in it, and verified against its checksum; nothing of it is kept in memory. Few rows are
 * read on the calling thread; many in spans of rows that lie together, with other work in between.
 */
import type { CollectionStore } from "../storage/collection-store.js";
import { TimeSlice } from "../time-slice.js";
import type { JsonValue } from "../types.js";
import { textToField } from "./field-text.js";
import type { RowTable } from "./row-table.js";

/** Rows, and bytes, read in one go: few reads, and little work before other work may run. */
const spanRowsMax = 2048;
const spanBytesMax = 512 * 1024;
/** Bytes that the text index takes in at once: a few milliseconds. */
const textBytesMax = 128 * 1024;

export type Field = Readonly<Record<string, JsonValue>>;

export class RowMetadata {
  readonly #store: CollectionStore;
  readonly #rows: RowTable;

  constructor(store: CollectionStore, rows: RowTable) {
    this.#store = store;
    this.#rows = rows;
  }

  /** Metadata of a row as JSON text; "" where it has none. */
  textOf(row: number): string {
    const { offset, length, crc } = this.#rows.fieldAt(row);
    return length === 0 ? "" : this.#store.readField(offset, length, crc);
  }

  /** Metadata of some rows, in their order. */
  async of(rows: ArrayLike<number>): Promise<Field[]> {
    const fields: Field[] = [];
    const slice = new TimeSlice();
    for (let i = 0; i < rows.length; i++) {
      fields.push(textToField(this.textOf(rows[i]!)));
      if ((i & 31) === 31 && slice.isDue()) await slice.giveWay();
    }
    return fields;
  }

  /** Metadata of the rows [from, to), read in long spans. */
  async readRange(from: number, to: number): Promise<Field[]> {
    const fields: Field[] = [];
    const rows = Array.from({ length: to - from }, (_, i) => from + i);
    await this.readTexts(rows, (_, text) => void fields.push(textToField(text)));
    return fields;
  }

  /**
   * Tells the metadata texts of rows in ascending order, with each row's position in the list; rows that lie together in
   * the log are read together.
   */
  async readTexts(rows: readonly number[], visit: (at: number, text: string) => void): Promise<void> {
    const slice = new TimeSlice();
    for (let from = 0; from < rows.length; ) {
      const { offset, lengths, crcs } = this.#spanOf((at) => rows[from + at], spanRowsMax, spanBytesMax);
      const first = from;
      await this.#store.readFieldSpan(offset, lengths, crcs, (index, text) => visit(first + index, text));
      from += lengths.length;
      if (slice.isDue()) await slice.giveWay();
    }
  }

  /**
   * Tells the metadata of the rows [from, to), in order, as UTF-8 JSON texts back to back with the end of each: some rows at
   * a time, and gives way in between.
   */
  async readBytes(from: number, to: number, visit: (bytes: Uint8Array, ends: Uint32Array) => void): Promise<void> {
    const slice = new TimeSlice();
    for (let row = from; row < to; ) {
      const start = row;
      const rowAt = (at: number): number | undefined => (start + at < to ? start + at : undefined);
      const { offset, lengths, crcs } = this.#spanOf(rowAt, spanRowsMax, textBytesMax);
      await this.#store.readFieldSpanBytes(offset, lengths, crcs, (bytes, first, end) => {
        const ends = new Uint32Array(end - first);
        let used = 0;
        for (let at = first; at < end; at++) {
          used += lengths[at]!;
          ends[at - first] = used;
        }
        visit(bytes, ends);
      });
      row += lengths.length;
      if (slice.isDue()) await slice.giveWay();
    }
  }

  /** The first of some rows whose texts lie one after the other in the log. */
  #spanOf(
    rowAt: (at: number) => number | undefined,
    rowsMax: number,
    bytesMax: number,
  ): { readonly offset: number; readonly lengths: Uint32Array; readonly crcs: Uint32Array } {
    const { offset } = this.#rows.fieldAt(rowAt(0)!);
    const lengths: number[] = [];
    const crcs: number[] = [];
    let end = offset;
    for (let at = 0; at < rowsMax; at++) {
      const row = rowAt(at);
      if (row === undefined) break;
      const place = this.#rows.fieldAt(row);
      if (place.offset !== end || (at > 0 && end - offset >= bytesMax)) break;
      lengths.push(place.length);
      crcs.push(place.crc);
      end += place.length;
    }
    return { offset, lengths: Uint32Array.from(lengths), crcs: Uint32Array.from(crcs) };
  }
}
