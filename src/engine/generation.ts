/**
 * What does one generation of a collection hold in memory?
 *
 * The row table, id index, metadata columns and vectors that belong to one set of files. A compaction makes a new
 * generation and retires this one; reads that began on it keep it pinned until they end. Only the commit queue changes
 * it; readers take `rowCount` and the live bits together, before they await anything.
 */
import { LynseError } from "../errors.js";
import { FieldVectors } from "../index/field-vectors.js";
import { familyOf } from "../index/index-families.js";
import { parseIndexName } from "../index/index-name.js";
import type { VectorIndex } from "../index/vector-index.js";
import { inlinePool, type KernelPool } from "../kernel/kernel-pool.js";
import { VectorTable } from "../kernel/vector-table.js";
import { ColumnStore, type RowSource } from "../metadata/column-store.js";
import { collectFieldNames } from "../metadata/field-names.js";
import { type FilterSource, resolveFilter, rowsOf } from "../query/row-filter.js";
import type { CollectionStore } from "../storage/collection-store.js";
import type { LogPosition } from "../storage/log-position.js";
import type { ReplayVisitor } from "../storage/replay-visitor.js";
import { VectorRanges } from "../storage/vector-ranges.js";
import { TimeSlice } from "../time-slice.js";
import type { Id, JsonValue } from "../types.js";
import { FieldIndex, type IndexedField } from "./field-index.js";
import { textToField } from "./field-text.js";
import { FileVectors } from "./file-vectors.js";
import { IdIndex } from "./id-index.js";
import { RowTable } from "./row-table.js";
import { appendStoredRows } from "./stored-rows.js";
import type { CommittedRows } from "./write-buffer.js";

/** Rows encoded between two looks at the clock. */
const encodeRows = 1024;

/** Rows, and bytes, of metadata read in one go: few reads, and little work before other work may run. */
const spanRowsMax = 2048;
const spanBytesMax = 512 * 1024;

type Field = Readonly<Record<string, JsonValue>>;

/** What a generation is made of. */
export interface GenerationParts {
  readonly store: CollectionStore;
  readonly pool: KernelPool;
  readonly rows: RowTable;
  readonly ranges: VectorRanges;
  readonly vectors: VectorTable | null;
  readonly columnBytes: Uint8Array | undefined;
  readonly position: LogPosition | null;
  /** Log position of the newest checkpoint, bytes. */
  readonly checkpointBytes: number;
  /** How the compactions that led here renumbered the rows; none for a generation that was opened. */
  readonly renumberings?: readonly Renumbering[];
}

/** What a compaction made of the row numbers of a generation. */
export interface Renumbering {
  /** Numbering before it. */
  readonly from: number;
  /** Bit r & 31 of word r >>> 5: it kept row r. */
  readonly kept: Uint32Array;
}

function emptyParts(store: CollectionStore, pool: KernelPool): GenerationParts {
  return {
    store,
    pool,
    rows: new RowTable(),
    ranges: new VectorRanges(),
    vectors: null,
    columnBytes: undefined,
    position: null,
    checkpointBytes: 0,
  };
}

async function partsOfCheckpoint(store: CollectionStore, pool: KernelPool): Promise<GenerationParts> {
  const checkpoint = await store.readCheckpoint();
  if (checkpoint === null) return emptyParts(store, pool);
  const { sections, position } = checkpoint;
  const rows = RowTable.deserialize(sections, position.rowCount);
  const ranges = VectorRanges.fromBytes(sections.get("vectors.ranges") ?? new Uint8Array(1));
  if (rows === null || ranges === null || ranges.rowCount !== position.rowCount) return emptyParts(store, pool);
  const columnBytes = sections.get("columns");
  return { store, pool, rows, ranges, vectors: null, columnBytes, position, checkpointBytes: position.bytes };
}

/**
 * Takes a log's rows into the table at once, and its changes of state into `changes`: they apply together with the rows
 * becoming visible, since reads that run meanwhile must not see them before.
 */
function replayInto(to: Pick<GenerationParts, "rows" | "ranges">, changes: (() => void)[]): ReplayVisitor {
  const { rows } = to;
  return {
    rows: (part) => appendStoredRows(to, part, part.ids),
    superseded: (numbers) => changes.push(() => numbers.forEach((row) => void rows.markSuperseded(row))),
    deleted: (numbers) => changes.push(() => numbers.forEach((row) => void rows.markDeleted(row))),
    restored: (numbers) => changes.push(() => numbers.forEach((row) => void rows.markRestored(row))),
    moved() {},
    fieldVectors() {},
    sparse() {},
  };
}

export class Generation implements FilterSource, CommittedRows, IndexedField {
  readonly store: CollectionStore;
  readonly rows: RowTable;
  readonly ids: IdIndex;
  readonly columns: ColumnStore;
  readonly ranges: VectorRanges;
  /** The index of the vectors. */
  readonly index: FieldIndex;
  readonly #pool: KernelPool;
  #field: FieldVectors | null = null;
  #isIndexMissing = false;
  position: LogPosition | null;
  /** Log position of the newest checkpoint, bytes. */
  checkpointBytes: number;
  #rowCount = 0;
  #version = 0;
  #pins = 0;
  #isRetired = false;
  #encoding: Promise<void> | null = null;
  /** Oldest first. */
  readonly renumberings: readonly Renumbering[];

  private constructor(parts: GenerationParts) {
    this.renumberings = parts.renumberings ?? [];
    this.store = parts.store;
    this.rows = parts.rows;
    this.ranges = parts.ranges;
    this.position = parts.position;
    this.checkpointBytes = parts.checkpointBytes;
    this.#pool = parts.pool;
    if (parts.vectors !== null) this.#field = new FieldVectors(parts.vectors, parts.pool);
    this.index = new FieldIndex(this, parts.pool);
    this.#rowCount = parts.rows.rowCount;
    this.ids = new IdIndex(parts.rows);
    const source: RowSource = this.#rowSource();
    const { columnBytes } = parts;
    this.columns = (columnBytes && ColumnStore.deserialize(source, columnBytes)) ?? new ColumnStore(source);
    if (parts.store.config.dim !== null) this.fixDim(parts.store.config.dim);
  }

  /** Loads a generation: newest checkpoint, then the log after it, then the vectors. */
  static async open(store: CollectionStore, pool: KernelPool): Promise<Generation> {
    const generation = new Generation(await partsOfCheckpoint(store, pool));
    await generation.follow();
    return generation;
  }

  /** Live rows of a read-only store, counted without its vectors; the store is closed. */
  static async countRows(store: CollectionStore): Promise<number> {
    try {
      const parts = await partsOfCheckpoint(store, inlinePool);
      const changes: (() => void)[] = [];
      await store.replay(parts.position, replayInto(parts, changes));
      for (const change of changes) change();
      return parts.rows.rowCount - parts.rows.deadCount;
    } finally {
      await store.close();
    }
  }

  /** The generation of a store just created. */
  static empty(store: CollectionStore, pool: KernelPool): Generation {
    const generation = Generation.of({ ...emptyParts(store, pool), position: store.position });
    generation.expectIndex();
    return generation;
  }

  /** A generation whose parts are in memory already. */
  static of(parts: GenerationParts): Generation {
    return new Generation(parts);
  }

  /** Takes in what the log holds beyond the present position, and the vectors that belong to it. */
  async follow(): Promise<void> {
    const changes: (() => void)[] = [];
    const replayed = await this.store.replay(this.position, replayInto(this, changes));
    this.position = replayed.position;
    if (this.store.config.dim !== null) this.fixDim(this.store.config.dim);
    await this.#loadIndex(replayed.rowCount);
    await this.#loadVectors(replayed.rowCount);
    for (const change of changes) change();
    this.publish(replayed.rowCount);
    this.#encode();
  }

  #encode(): void {
    this.#encoding ??= this.#encodeInSlices().finally(() => {
      this.#encoding = null;
    });
  }

  /** Derives the codes of loaded vectors while searches, which do without them meanwhile, are served already. */
  async #encodeInSlices(): Promise<void> {
    const slice = new TimeSlice();
    // What waits for this open, a first search above all, comes before.
    await slice.giveWay();
    while (this.vectors !== null && !this.#isRetired && !this.vectors.encodePending(encodeRows)) {
      if (slice.isDue()) await slice.giveWay();
    }
  }

  async #loadIndex(rowCount: number): Promise<void> {
    if (this.index.index !== null) return;
    this.#isIndexMissing = !(await this.index.load(rowCount));
    const loaded = this.index.index as VectorIndex | null;
    // Nothing was loaded yet that the index keeps in its files.
    if (loaded?.storesVectors && this.vectors?.rowCount === 0) this.#field = this.#fieldAfter(loaded);
  }

  async #loadVectors(rowCount: number): Promise<void> {
    const { field } = this;
    if (field === null || field.rowCount >= rowCount) return;
    await this.#loadInto(field.table, field.rowCount, rowCount);
  }

  async #loadInto(vectors: VectorTable, from: number, to: number): Promise<void> {
    await this.store.loadVectors(from, to, this.ranges, {
      next: (rows) => vectors.beginAppend(rows),
      ahead: (rows) => vectors.beginAppendAhead(rows),
      done: (rows) => vectors.finishAppend(rows, true),
    });
  }

  /** The vectors of a field whose first rows an index keeps in files: an empty table for those after them. */
  #fieldAfter(index: VectorIndex): FieldVectors {
    const { ranges, store } = this;
    const dim = store.config.dim!;
    // Vectors are loaded from the beginning of a range.
    const range = index.rowCount >= ranges.rowCount ? ranges.count : ranges.indexOf(index.rowCount);
    const firstRow = range === 0 ? 0 : ranges.endOf(range - 1);
    const table = new VectorTable({ dim, dtype: store.config.dtype });
    return new FieldVectors(table, this.#pool, firstRow, new FileVectors(store, ranges, dim, index));
  }

  /**
   * The vectors as they are to lie with `index` serving: only what it does not keep in files in memory, or all of them. The
   * present ones where nothing changes. No commit may run from here to `setField`; reads may.
   */
  async fieldFor(index: VectorIndex | null): Promise<FieldVectors | null> {
    const { field } = this;
    if (field === null) return null;
    if (index?.storesVectors) {
      const next = this.#fieldAfter(index);
      await this.#loadInto(next.table, next.firstRow, this.#rowCount);
      return next;
    }
    if (field.stored === null) return field;
    const next = new FieldVectors(new VectorTable(field.table), this.#pool);
    await this.#loadInto(next.table, 0, this.#rowCount);
    return next;
  }

  /** Takes up what `fieldFor` gave, in the same turn as the index that it was made for. */
  setField(field: FieldVectors | null): void {
    this.#field = field;
    this.#encode();
  }

  /** After a compaction: the index that the configuration names has to be built for the new row numbers. */
  expectIndex(): void {
    const { index } = this.store.config;
    this.#isIndexMissing = index !== null && familyOf(parseIndexName(index)) !== null;
  }

  /** True where the configuration names an index that could not be loaded and is not built yet. */
  get isIndexMissing(): boolean {
    return this.#isIndexMissing && this.index.index === null;
  }

  /** Makes rows below `rowCount` visible to reads that begin from now on. */
  publish(rowCount: number): void {
    this.#rowCount = rowCount;
    this.#version += 1;
  }

  /** Continues the count of an earlier generation, so that buffers staged before it are checked again. */
  carryVersion(version: number): void {
    this.#version = version + 1;
  }

  fixDim(dim: number): void {
    this.#field ??= new FieldVectors(new VectorTable({ dim, dtype: this.store.config.dtype }), this.#pool);
  }

  /** Null while no write has fixed the dimension. */
  get field(): FieldVectors | null {
    return this.#field;
  }

  /** The vectors in memory: of all rows, or of those after the ones that an index keeps in files. */
  get vectors(): VectorTable | null {
    return this.#field?.table ?? null;
  }

  /** Forgets vectors that were taken into memory beyond `rowCount`. */
  truncateVectors(rowCount: number): void {
    if (this.#field !== null) this.#field.table.truncate(rowCount - this.#field.firstRow);
  }

  /** Vectors of some rows, in their order. */
  async vectorsOf(rows: readonly number[]): Promise<Float32Array[]> {
    const { field } = this;
    if (field === null) return [];
    const held = this.index.hold();
    const data = await (async () => field.readRows(rows))().finally(() => held?.release());
    return rows.map((_, at) => data.slice(at * field.dim, (at + 1) * field.dim));
  }

  supersededSnapshot(rowCount: number): Uint32Array {
    return this.rows.supersededSnapshot(rowCount);
  }

  get supersededCount(): number {
    return this.rows.supersededCount;
  }

  get rowCount(): number {
    return this.#rowCount;
  }

  get version(): number {
    return this.#version;
  }

  /** Tells the row numbers of this generation from those of another. */
  get numbering(): number {
    return this.store.generation;
  }

  /**
   * Number of rows here that stood before `row` of the generation with that numbering; null when the compactions between
   * are not known any more.
   */
  rowsBefore(numbering: number, row: number): number | null {
    if (numbering === this.numbering) return Math.min(row, this.#rowCount);
    const first = this.renumberings.findIndex(({ from }) => from === numbering);
    if (first === -1) return null;
    let before = row;
    for (const { kept } of this.renumberings.slice(first)) before = countBits(kept, before);
    return before;
  }

  get deadCount(): number {
    return this.rows.deadCount;
  }

  get liveCount(): number {
    return this.#rowCount - this.rows.deadCount;
  }

  get stateVersion(): number {
    return this.rows.stateVersion;
  }

  liveSnapshot(): Uint32Array {
    return this.rows.liveSnapshot();
  }

  find(id: Id): number {
    this.ids.ensureNow(this.#rowCount);
    return this.ids.find(id);
  }

  prepareFind(): Promise<void> {
    return this.ids.ensure(this.#rowCount);
  }

  isLive(row: number): boolean {
    return this.rows.isLive(row);
  }

  isDeleted(row: number): boolean {
    return this.rows.isDeleted(row);
  }

  fieldText(row: number): string {
    const { offset, length, crc } = this.rows.fieldAt(row);
    return length === 0 ? "" : this.store.readField(offset, length, crc);
  }

  /** Metadata of some rows, in their order. */
  async fieldsOf(rows: ArrayLike<number>): Promise<Field[]> {
    const fields: Field[] = [];
    const slice = new TimeSlice();
    for (let i = 0; i < rows.length; i++) {
      fields.push(textToField(this.fieldText(rows[i]!)));
      if ((i & 31) === 31 && slice.isDue()) await slice.giveWay();
    }
    return fields;
  }

  #rowSource(): RowSource {
    const generation = this;
    return {
      get rowCount() {
        return generation.rowCount;
      },
      idAt: (row) => generation.rows.idAt(row),
      readFields: (from, to) => generation.readFieldRange(from, to),
    };
  }

  /** Metadata of the rows [from, to), read from the log in long spans. */
  async readFieldRange(from: number, to: number): Promise<Field[]> {
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
      const { offset } = this.rows.fieldAt(rows[from]!);
      const lengths: number[] = [];
      const crcs: number[] = [];
      let end = offset;
      for (let at = from; at < rows.length && lengths.length < spanRowsMax; at++) {
        const place = this.rows.fieldAt(rows[at]!);
        if (place.offset !== end || (at > from && end - offset >= spanBytesMax)) break;
        lengths.push(place.length);
        crcs.push(place.crc);
        end += place.length;
      }
      const first = from;
      const span = [Uint32Array.from(lengths), Uint32Array.from(crcs)] as const;
      await this.store.readFieldSpan(offset, ...span, (index, text) => visit(first + index, text));
      from += lengths.length;
      if (slice.isDue()) await slice.giveWay();
    }
  }

  /** Dotted names of the metadata fields that live rows have, sorted. */
  async fieldNames(): Promise<string[]> {
    const names = new Set<string>();
    const filter = await resolveFilter(this, { where: null, filterIds: null, signal: undefined });
    for (let from = 0; from < filter.rowCount; ) {
      const rows = rowsOf(filter, from, spanRowsMax);
      if (rows.length === 0) break;
      await this.readTexts(rows, (_, text) => collectFieldNames(textToField(text), names));
      from = rows.at(-1)! + 1;
    }
    return [...names].sort();
  }

  /** Sections of a checkpoint of the committed state. */
  checkpointSections(): { name: string; bytes: Uint8Array }[] {
    return [
      ...this.rows.serialize(this.#rowCount),
      { name: "vectors.ranges", bytes: this.ranges.toBytes() },
      { name: "columns", bytes: this.columns.serialize() },
    ];
  }

  /** Runs a read on this generation, which stays open until the read has ended. */
  async pin<T>(read: () => Promise<T>): Promise<T> {
    const release = this.hold();
    try {
      return await read();
    } finally {
      await release();
    }
  }

  /** Keeps this generation open until what it returns is called. */
  hold(): () => Promise<void> {
    if (this.#isRetired) throw new LynseError("CLOSED", "the collection was closed");
    this.#pins += 1;
    return async () => {
      this.#pins -= 1;
      await this.#releaseIfDone();
    };
  }

  /** No read begins here any more; files and memory are released when the last one has ended. */
  async retire(): Promise<void> {
    this.#isRetired = true;
    this.index.cancel();
    await this.#releaseIfDone();
  }

  async #releaseIfDone(): Promise<void> {
    if (!this.#isRetired || this.#pins > 0) return;
    await this.#encoding;
    await this.index.close();
    this.#field?.gathered.release();
    this.#field?.table.release();
    this.#field = null;
    await this.store.close();
  }
}

/** Set bits among the first `length`. */
function countBits(words: Uint32Array, length: number): number {
  let count = 0;
  for (let row = 0; row < Math.min(length, words.length * 32); row++) count += (words[row >>> 5]! >>> (row & 31)) & 1;
  return count;
}
