/**
 * What is known of each row without reading the log?
 *
 * Its id, where its metadata text lies, and whether it is live, soft-deleted (restorable) or superseded (replaced by an
 * upsert). Rows are appended in the order of their numbers and never change but for that state. Columns of typed
 * arrays, never an object a row. Derived from the log; saved in checkpoints.
 */
import { assert, LynseError } from "../errors.js";
import type { Id } from "../types.js";

const growthFactor = 1.5;
const rowsInitial = 64;

/** Where a row's metadata text lies in the log. */
export interface FieldPlace {
  readonly offset: number;
  readonly length: number;
  readonly crc: number;
}

export class RowTable {
  /** Numeric ids; NaN where the id is a string. */
  #ids = new Float64Array(rowsInitial);
  readonly #stringIds: string[] = [];
  #fieldOffsets = new Float64Array(rowsInitial);
  #fieldLengths = new Uint32Array(rowsInitial);
  #fieldCrcs = new Uint32Array(rowsInitial);
  #liveWords = new Uint32Array(rowsInitial / 32);
  #deletedWords = new Uint32Array(rowsInitial / 32);
  #isLiveShared = false;
  #stringIdBytes = 0;
  #rowCount = 0;
  #deletedCount = 0;
  #supersededCount = 0;
  #maxIntegerId = -1;
  #stateVersion = 0;

  /** Rows appended so far, committed or not. */
  get rowCount(): number {
    return this.#rowCount;
  }

  get deletedCount(): number {
    return this.#deletedCount;
  }

  get supersededCount(): number {
    return this.#supersededCount;
  }

  get deadCount(): number {
    return this.#deletedCount + this.#supersededCount;
  }

  /** Largest integer id of any row, dead ones included; -1 without one. */
  get maxIntegerId(): number {
    return this.#maxIntegerId;
  }

  /** Grows with every change of a row's state. */
  get stateVersion(): number {
    return this.#stateVersion;
  }

  /** Makes room for `rows` more rows. */
  reserve(rows: number): void {
    const needed = this.#rowCount + rows;
    if (needed <= this.#ids.length) return;
    const capacity = Math.ceil(Math.max(needed, this.#ids.length * growthFactor) / 32) * 32;
    this.#ids = grown(this.#ids, new Float64Array(capacity));
    this.#fieldOffsets = grown(this.#fieldOffsets, new Float64Array(capacity));
    this.#fieldLengths = grown(this.#fieldLengths, new Uint32Array(capacity));
    this.#fieldCrcs = grown(this.#fieldCrcs, new Uint32Array(capacity));
    this.#liveWords = grown(this.#liveWords, new Uint32Array(capacity / 32));
    this.#deletedWords = grown(this.#deletedWords, new Uint32Array(capacity / 32));
    this.#isLiveShared = false;
  }

  /** Appends a live row. `reserve` ran before. */
  append(id: Id, fieldOffset: number, fieldLength: number, fieldCrc: number): void {
    const row = this.#rowCount;
    if (typeof id === "number") {
      this.#ids[row] = id;
      if (id > this.#maxIntegerId) this.#maxIntegerId = id;
    } else {
      this.#ids[row] = Number.NaN;
      this.#stringIds[row] = id;
      this.#stringIdBytes += id.length * 2 + 16;
    }
    this.#fieldOffsets[row] = fieldOffset;
    this.#fieldLengths[row] = fieldLength;
    this.#fieldCrcs[row] = fieldCrc;
    // Beyond every snapshot's row count, so a shared word may change here.
    this.#liveWords[row >>> 5]! |= 1 << (row & 31);
    this.#rowCount = row + 1;
  }

  /** Forgets rows from the end: those of a commit that failed. */
  truncate(rowCount: number): void {
    for (let row = rowCount; row < this.#rowCount; row++) {
      this.#liveWords[row >>> 5]! &= ~(1 << (row & 31));
      const text = this.#stringIds[row];
      if (text !== undefined) this.#stringIdBytes -= text.length * 2 + 16;
    }
    if (this.#stringIds.length > rowCount) this.#stringIds.length = rowCount;
    this.#rowCount = rowCount;
    this.#maxIntegerId = -1;
    for (let row = 0; row < rowCount; row++) {
      const id = this.#ids[row]!;
      if (id > this.#maxIntegerId) this.#maxIntegerId = id;
    }
  }

  idAt(row: number): Id {
    const id = this.#ids[row]!;
    return Number.isNaN(id) ? this.#stringIds[row]! : id;
  }

  fieldAt(row: number): FieldPlace {
    return {
      offset: this.#fieldOffsets[row]!,
      length: this.#fieldLengths[row]!,
      crc: this.#fieldCrcs[row]!,
    };
  }

  isLive(row: number): boolean {
    return (this.#liveWords[row >>> 5]! & (1 << (row & 31))) !== 0;
  }

  isDeleted(row: number): boolean {
    return (this.#deletedWords[row >>> 5]! & (1 << (row & 31))) !== 0;
  }

  /** Soft-deletes a live row. */
  markDeleted(row: number): void {
    assert(this.isLive(row), `row ${row} is live before it is deleted`);
    this.#setLive(row, false);
    this.#deletedWords[row >>> 5]! |= 1 << (row & 31);
    this.#deletedCount += 1;
  }

  /** Brings a soft-deleted row back. */
  markRestored(row: number): void {
    assert(this.isDeleted(row), `row ${row} is deleted before it is restored`);
    this.#deletedWords[row >>> 5]! &= ~(1 << (row & 31));
    this.#deletedCount -= 1;
    this.#setLive(row, true);
  }

  /** Marks a row as replaced, whether it was live or soft-deleted; it cannot come back. */
  markSuperseded(row: number): void {
    if (this.isDeleted(row)) {
      this.#deletedWords[row >>> 5]! &= ~(1 << (row & 31));
      this.#deletedCount -= 1;
      this.#stateVersion += 1;
    } else {
      assert(this.isLive(row), `row ${row} is live or deleted before it is superseded`);
      this.#setLive(row, false);
    }
    this.#supersededCount += 1;
  }

  #setLive(row: number, isLive: boolean): void {
    if (this.#isLiveShared) {
      this.#liveWords = this.#liveWords.slice();
      this.#isLiveShared = false;
    }
    const bit = 1 << (row & 31);
    if (isLive) this.#liveWords[row >>> 5]! |= bit;
    else this.#liveWords[row >>> 5]! &= ~bit;
    this.#stateVersion += 1;
  }

  /**
   * A snapshot of the live rows, one bit a row; later changes of rows below the present row count go to a copy. Bits at
   * and above the reader's own row count mean nothing.
   */
  liveSnapshot(): Uint32Array {
    this.#isLiveShared = true;
    return this.#liveWords;
  }

  /** The rows below `rowCount` that were replaced and cannot come back, one bit a row; a copy. */
  supersededSnapshot(rowCount: number): Uint32Array {
    const words = new Uint32Array(Math.ceil(rowCount / 32));
    for (let i = 0; i < words.length; i++) words[i] = ~(this.#liveWords[i]! | this.#deletedWords[i]!);
    if ((rowCount & 31) !== 0) words[words.length - 1]! &= (1 << (rowCount & 31)) - 1;
    return words;
  }

  /** Bytes of the columns that hold ids. */
  idBytes(): number {
    return this.#ids.byteLength + this.#stringIdBytes;
  }

  /** Bytes of all other columns. */
  placeBytes(): number {
    return (
      this.#fieldOffsets.byteLength +
      this.#fieldLengths.byteLength +
      this.#fieldCrcs.byteLength +
      this.#liveWords.byteLength +
      this.#deletedWords.byteLength
    );
  }

  /** The table's first `rowCount` rows for a checkpoint: sections by name, copied. */
  serialize(rowCount: number): { name: string; bytes: Uint8Array }[] {
    const words = Math.ceil(rowCount / 32);
    const strings: [number, string][] = [];
    this.#stringIds.forEach((text, row) => {
      if (row < rowCount) strings.push([row, text]);
    });
    const counts = new Float64Array([rowCount, this.#deletedCount, this.#supersededCount]);
    return [
      { name: "rows.counts", bytes: bytesOf(counts) },
      { name: "rows.ids", bytes: bytesOf(this.#ids.slice(0, rowCount)) },
      { name: "rows.stringIds", bytes: encodeStrings(strings) },
      { name: "rows.fieldOffsets", bytes: bytesOf(this.#fieldOffsets.slice(0, rowCount)) },
      { name: "rows.fieldLengths", bytes: bytesOf(this.#fieldLengths.slice(0, rowCount)) },
      { name: "rows.fieldCrcs", bytes: bytesOf(this.#fieldCrcs.slice(0, rowCount)) },
      { name: "rows.live", bytes: bytesOf(this.#liveWords.slice(0, words)) },
      { name: "rows.deleted", bytes: bytesOf(this.#deletedWords.slice(0, words)) },
    ];
  }

  /** The table of a checkpoint; null when its sections do not fit together. */
  static deserialize(sections: ReadonlyMap<string, Uint8Array>, rowCount: number): RowTable | null {
    const counts = floats(sections.get("rows.counts"), 3);
    const ids = floats(sections.get("rows.ids"), rowCount);
    const offsets = floats(sections.get("rows.fieldOffsets"), rowCount);
    const lengths = words(sections.get("rows.fieldLengths"), rowCount);
    const crcs = words(sections.get("rows.fieldCrcs"), rowCount);
    const live = words(sections.get("rows.live"), Math.ceil(rowCount / 32));
    const deleted = words(sections.get("rows.deleted"), Math.ceil(rowCount / 32));
    const strings = decodeStrings(sections.get("rows.stringIds"));
    if (!counts || !ids || !offsets || !lengths || !crcs || !live || !deleted || !strings || counts[0] !== rowCount) {
      return null;
    }
    const table = new RowTable();
    table.#ids = ids;
    table.#fieldOffsets = offsets;
    table.#fieldLengths = lengths;
    table.#fieldCrcs = crcs;
    table.#liveWords = live;
    table.#deletedWords = deleted;
    table.#rowCount = rowCount;
    table.#deletedCount = counts[1]!;
    table.#supersededCount = counts[2]!;
    for (const [row, text] of strings) {
      if (row >= rowCount || !Number.isNaN(ids[row]!)) return null;
      table.#stringIds[row] = text;
      table.#stringIdBytes += text.length * 2 + 16;
    }
    for (let row = 0; row < rowCount; row++) {
      const id = ids[row]!;
      if (id > table.#maxIntegerId) table.#maxIntegerId = id;
      else if (Number.isNaN(id) && table.#stringIds[row] === undefined) return null;
    }
    return table;
  }
}

function grown<A extends Float64Array | Uint32Array>(from: A, to: A): A {
  to.set(from as never);
  return to;
}

function bytesOf(array: Float64Array | Uint32Array): Uint8Array {
  return new Uint8Array(array.buffer, array.byteOffset, array.byteLength);
}

function floats(bytes: Uint8Array | undefined, length: number): Float64Array<ArrayBuffer> | null {
  if (bytes === undefined || bytes.length !== length * 8) return null;
  return new Float64Array(new Uint8Array(bytes).buffer);
}

function words(bytes: Uint8Array | undefined, length: number): Uint32Array<ArrayBuffer> | null {
  if (bytes === undefined || bytes.length !== length * 4) return null;
  return new Uint32Array(new Uint8Array(bytes).buffer);
}

/** Strings by row as u32 row, u32 length, UTF-8 each. */
function encodeStrings(strings: readonly (readonly [number, string])[]): Uint8Array {
  const encoder = new TextEncoder();
  const texts = strings.map(([, text]) => encoder.encode(text));
  const bytes = new Uint8Array(texts.reduce((sum, text) => sum + text.length + 8, 0));
  const view = new DataView(bytes.buffer);
  let at = 0;
  texts.forEach((text, i) => {
    view.setUint32(at, strings[i]![0], true);
    view.setUint32(at + 4, text.length, true);
    bytes.set(text, at + 8);
    at += 8 + text.length;
  });
  return bytes;
}

function decodeStrings(bytes: Uint8Array | undefined): [number, string][] | null {
  if (bytes === undefined) return null;
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const decoder = new TextDecoder();
  const strings: [number, string][] = [];
  let at = 0;
  while (at < bytes.length) {
    if (at + 8 > bytes.length) return null;
    const end = at + 8 + view.getUint32(at + 4, true);
    if (end > bytes.length) return null;
    strings.push([view.getUint32(at, true), decoder.decode(bytes.subarray(at + 8, end))]);
    at = end;
  }
  return strings;
}

/** Throws `LIMIT_EXCEEDED` when `rows` more rows do not fit a collection. */
export function checkRowsMax(rowCount: number, rows: number, rowsMax: number): void {
  if (rowCount + rows <= rowsMax) return;
  throw new LynseError(
    "LIMIT_EXCEEDED",
    `the collection would have ${rowCount + rows} rows, above rowsMax = ${rowsMax}`,
    {
      limit: "rowsMax",
      max: rowsMax,
    },
  );
}
