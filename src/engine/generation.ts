/**
 * What does one generation of a collection hold in memory?
 *
 * The row table, id index, metadata columns and vectors that belong to one set of files. A compaction makes a new
 * generation and retires this one; reads that began on it keep it pinned until they end. Only the commit queue changes
 * it; readers take `rowCount` and the live bits together, before they await anything.
 */
import { LynseError } from "../errors.js";
import { inlinePool, type KernelPool } from "../kernel/kernel-pool.js";
import type { VectorTable } from "../kernel/vector-table.js";
import { ColumnStore, type RowSource } from "../metadata/column-store.js";
import { collectFieldNames } from "../metadata/field-names.js";
import { type FilterSource, resolveFilter, rowsOf } from "../query/row-filter.js";
import { SparseIndex } from "../sparse/sparse-index.js";
import type { CheckedSparse } from "../sparse/sparse-vector.js";
import type { CheckpointSection } from "../storage/checkpoint-file.js";
import type { CollectionStore } from "../storage/collection-store.js";
import type { LogPosition } from "../storage/log-position.js";
import type { CollectionConfig } from "../storage/manifest.js";
import type { ReplayVisitor } from "../storage/replay-visitor.js";
import { VectorRanges } from "../storage/vector-ranges.js";
import { TimeSlice } from "../time-slice.js";
import type { Id, JsonValue } from "../types.js";
import { fieldDefinition, fieldDefinitions, primaryFieldName } from "./field-definition.js";
import { textToField } from "./field-text.js";
import { IdIndex } from "./id-index.js";
import type { MemoryBudget } from "./memory-budget.js";
import { otherBytes } from "./memory-usage.js";
import { NamedField, type NamedFieldParts } from "./named-field.js";
import { RowTable } from "./row-table.js";
import { RowText } from "./row-text.js";
import { SlotTable } from "./slot-table.js";
import { SparseRows } from "./sparse-rows.js";
import { SparseView } from "./sparse-view.js";
import { appendStoredRows } from "./stored-rows.js";
import { type FieldSource, VectorField } from "./vector-field.js";
import type { CommittedRows } from "./write-buffer.js";

/** Rows, and bytes, of metadata read in one go: few reads, and little work before other work may run. */
const spanRowsMax = 2048;
const spanBytesMax = 512 * 1024;
/** Bytes of metadata that the text index takes in at once: a few milliseconds. */
const textBytesMax = 128 * 1024;

type Field = Readonly<Record<string, JsonValue>>;

/** What a generation is made of. */
export interface GenerationParts {
  readonly store: CollectionStore;
  readonly pool: KernelPool;
  /** What the memory of all open collections has to fit into; null: nothing. */
  readonly budget: MemoryBudget | null;
  readonly rows: RowTable;
  readonly ranges: VectorRanges;
  readonly vectors: VectorTable | null;
  /** Named vector fields by number; those that are missing have no vectors. */
  readonly named: readonly NamedFieldParts[];
  readonly sparse: SparseIndex | null;
  /** Sections of the text index in the checkpoint. */
  readonly textSections: ReadonlyMap<string, Uint8Array> | null;
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

/** Parts of what has nothing yet. */
export function emptyParts(
  store: CollectionStore,
  pool: KernelPool,
  budget: MemoryBudget | null = null,
): GenerationParts {
  return {
    store,
    pool,
    budget,
    rows: new RowTable(),
    ranges: new VectorRanges(),
    vectors: null,
    named: [],
    sparse: null,
    textSections: null,
    columnBytes: undefined,
    position: null,
    checkpointBytes: 0,
  };
}

async function partsOfCheckpoint(
  store: CollectionStore,
  pool: KernelPool,
  budget: MemoryBudget | null,
): Promise<GenerationParts> {
  const empty = emptyParts(store, pool, budget);
  const checkpoint = await store.readCheckpoint();
  if (checkpoint === null) return empty;
  const { sections, position } = checkpoint;
  const rows = RowTable.deserialize(sections, position.rowCount);
  const ranges = VectorRanges.fromBytes(sections.get("vectors.ranges") ?? new Uint8Array(1));
  if (rows === null || ranges === null || ranges.rowCount !== position.rowCount) return empty;
  const attached = await attachedParts(sections, position);
  if (attached === null) return empty;
  const columnBytes = sections.get("columns");
  const textSections = sectionsOf(sections, "text");
  return { ...empty, rows, ranges, ...attached, textSections, columnBytes, position, checkpointBytes: position.bytes };
}

/** What hangs on the rows, as a checkpoint keeps it; null where it does not fit the position. */
async function attachedParts(
  sections: ReadonlyMap<string, Uint8Array>,
  { rowCount, slotCounts }: LogPosition,
): Promise<Pick<GenerationParts, "named" | "sparse"> | null> {
  const named: NamedFieldParts[] = [];
  for (const [number, count] of slotCounts.entries()) {
    const slots = SlotTable.fromBytes(sections.get(`field.${number}.slots`), count, rowCount);
    const ranges = VectorRanges.fromBytes(sections.get(`field.${number}.ranges`) ?? new Uint8Array(1));
    if (slots === null || ranges === null || ranges.rowCount !== count) return null;
    named.push({ slots, ranges, table: null });
  }
  const kept = sectionsOf(sections, "sparse");
  if (kept === null) return { named, sparse: null };
  const sparse = await SparseIndex.deserialize(Array.from(kept, ([name, bytes]) => ({ name, bytes })));
  return sparse === null ? null : { named, sparse };
}

/** The sections whose names begin with `prefix` and a dot, by the rest of their names; null where there are none. */
function sectionsOf(sections: ReadonlyMap<string, Uint8Array>, prefix: string): Map<string, Uint8Array> | null {
  const found = new Map<string, Uint8Array>();
  for (const [name, bytes] of sections)
    if (name.startsWith(`${prefix}.`)) found.set(name.slice(prefix.length + 1), bytes);
  return found.size === 0 ? null : found;
}

function prefixed(prefix: string, sections: readonly CheckpointSection[]): CheckpointSection[] {
  return sections.map(({ name, bytes }) => ({ name: `${prefix}.${name}`, bytes }));
}

/** Changes of state in the order of the log: they apply together with the rows becoming visible. */
type Changes = (() => void)[];

/**
 * Takes a log's rows into the table at once, and its changes of state into `changes`: reads that run meanwhile must not see
 * them before.
 */
function replayRows(to: Pick<GenerationParts, "rows" | "ranges">, changes: Changes): ReplayVisitor {
  const { rows } = to;
  return {
    rows: (part) => appendStoredRows(to, part, part.ids),
    superseded: (numbers) => changes.push(() => numbers.forEach((row) => void rows.markSuperseded(row))),
    deleted: (numbers) => changes.push(() => numbers.forEach((row) => void rows.markDeleted(row))),
    restored: (numbers) => changes.push(() => numbers.forEach((row) => void rows.markRestored(row))),
    moved: () => {},
    fieldVectors: () => {},
    sparse: () => {},
  };
}

export class Generation implements FilterSource, CommittedRows {
  readonly store: CollectionStore;
  readonly rows: RowTable;
  readonly ids: IdIndex;
  readonly columns: ColumnStore;
  readonly ranges: VectorRanges;
  /** The vectors that rows are added with. */
  readonly primary: VectorField;
  /** Text of the rows. */
  readonly text: RowText;
  readonly #pool: KernelPool;
  readonly #budget: MemoryBudget | null;
  readonly #leaveBudget: () => void;
  readonly #named: NamedField[] = [];
  #sparse: SparseIndex | null;
  readonly #sparseViews = new Set<SparseView>();
  position: LogPosition | null;
  /** Log position of the newest checkpoint, bytes. */
  checkpointBytes: number;
  #rowCount = 0;
  #version = 0;
  #pins = 0;
  #isRetired = false;
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
    this.#budget = parts.budget;
    this.#leaveBudget = this.#budget?.add({ memoryBytes: () => otherBytes(this).totalBytes }) ?? (() => {});
    this.#rowCount = parts.rows.rowCount;
    this.#sparse = parts.sparse;
    this.primary = new VectorField(this.#primarySource(), parts.ranges, parts.vectors, parts.pool, parts.budget);
    this.#addFields(parts.named);
    this.ids = new IdIndex(parts.rows);
    const source: RowSource = this.#rowSource();
    const { columnBytes } = parts;
    this.columns = (columnBytes && ColumnStore.deserialize(source, columnBytes)) ?? new ColumnStore(source);
    this.text = new RowText(this, parts.textSections);
  }

  #primarySource(): FieldSource {
    const { store, rows } = this;
    const rowCount = (): number => this.#rowCount;
    return {
      store,
      get definition() {
        return fieldDefinitions(store.config)[0]!;
      },
      get slotCount() {
        return rowCount();
      },
      get deadSlotCount() {
        return rows.supersededCount;
      },
      deadSlots: (count) => rows.supersededSnapshot(count),
      load: (from, to, ranges, taker) => store.loadVectors(from, to, ranges, taker),
      vectorFile: () => store.vectorFile(null),
    };
  }

  /** Takes up named fields that the configuration has and this has not yet. */
  #addFields(parts: readonly NamedFieldParts[] = []): void {
    const count = this.store.config.vectorFields?.length ?? 0;
    for (let number = this.#named.length; number < count; number++) {
      const empty = { slots: new SlotTable(), ranges: new VectorRanges(), table: null };
      this.#named.push(new NamedField(this.store, number, parts[number] ?? empty, this.#pool, this.#budget));
    }
  }

  /** Named vector fields by number. */
  get named(): readonly NamedField[] {
    this.#addFields();
    return this.#named;
  }

  /** A field by its name; null for the primary one. */
  namedField(name: string): NamedField | null {
    const { name: known } = fieldDefinition(this.store.config, name);
    return known === primaryFieldName ? null : this.named.find((field) => field.name === known)!;
  }

  /** The vectors of a field. */
  vectorField(name: string): VectorField {
    return this.namedField(name)?.field ?? this.primary;
  }

  /** All vector fields, the primary one first. */
  get vectorFields(): VectorField[] {
    return [this.primary, ...this.named.map(({ field }) => field)];
  }

  /** Sparse vectors of the rows; null where no row ever had one. */
  get sparse(): SparseIndex | null {
    return this.#sparse;
  }

  #sparseIndex(): SparseIndex {
    this.#sparse ??= new SparseIndex();
    return this.#sparse;
  }

  /** Loads a generation: newest checkpoint, then the log after it, then the vectors. */
  static async open(store: CollectionStore, pool: KernelPool, budget: MemoryBudget | null = null): Promise<Generation> {
    const generation = new Generation(await partsOfCheckpoint(store, pool, budget));
    try {
      await generation.follow();
    } catch (error) {
      generation.#leaveBudget();
      for (const field of generation.vectorFields) field.leaveBudget();
      throw error;
    }
    return generation;
  }

  /** A generation whose parts are in memory, but for vectors that stay on disk; its store is closed where that fails. */
  static async loaded(parts: GenerationParts): Promise<Generation> {
    const generation = new Generation(parts);
    try {
      for (const field of generation.vectorFields) await field.load(field.rowCount);
    } catch (error) {
      await generation.retire();
      throw error;
    }
    return generation;
  }

  /** Live rows of a read-only store, counted without its vectors; the store is closed. */
  static async countRows(store: CollectionStore): Promise<number> {
    try {
      const parts = await partsOfCheckpoint(store, inlinePool, null);
      const changes: (() => void)[] = [];
      await store.replay(parts.position, replayRows(parts, changes));
      for (const change of changes) change();
      return parts.rows.rowCount - parts.rows.deadCount;
    } finally {
      await store.close();
    }
  }

  /** The generation of a store just created. */
  static empty(store: CollectionStore, pool: KernelPool, budget: MemoryBudget | null = null): Generation {
    const generation = Generation.of({ ...emptyParts(store, pool, budget), position: store.position });
    generation.primary.expectIndex();
    return generation;
  }

  /** A generation whose parts are in memory already. */
  static of(parts: GenerationParts): Generation {
    return new Generation(parts);
  }

  /** Takes in what the log holds beyond the present position, and the vectors that belong to it. */
  async follow(): Promise<void> {
    const changes: Changes = [];
    const sparse: SparseRows[] = [];
    const replayed = await this.store.replay(this.position, this.#replayInto(changes, sparse));
    this.position = replayed.position;
    await this.primary.load(replayed.rowCount);
    for (const { field } of this.named) await field.load(field.ranges.rowCount);
    for (const part of sparse) await part.read(this.store);
    for (const change of changes) change();
    this.publish(replayed.rowCount);
    for (const field of this.vectorFields) field.encode();
  }

  #replayInto(changes: Changes, sparse: SparseRows[]): ReplayVisitor {
    return {
      ...replayRows(this, changes),
      moved: (from, to) => changes.push(() => this.moveAttached(from, to)),
      fieldVectors: (part) => {
        const field = this.named[part.fieldNumber]!;
        field.field.ranges.push(part.count, part.vectorsCrc);
        changes.push(() => field.slots.attach(part.rows));
      },
      sparse: (part) => {
        const stored = new SparseRows(part);
        sparse.push(stored);
        changes.push(() => this.setSparse(stored.rows, stored.vectors));
      },
    };
  }

  /** The sparse vectors as they are now, until it is released; null where no row ever had one. Taken while pinned. */
  sparseView(): SparseView | null {
    if (this.#sparse === null) return null;
    const view = new SparseView(this.#sparse, (released) => void this.#sparseViews.delete(released));
    this.#sparseViews.add(view);
    return view;
  }

  #keepSparse(rows: Uint32Array): void {
    for (const view of this.#sparseViews) for (const row of rows) view.keep(row);
  }

  /** What hangs on the rows `from` goes to the rows `to`. */
  moveAttached(from: Uint32Array, to: Uint32Array): void {
    this.#keepSparse(from);
    for (let at = 0; at < from.length; at++) {
      for (const { slots } of this.#named) slots.move(from[at]!, to[at]!);
      this.#sparse?.move(from[at]!, to[at]!);
    }
  }

  /** Replaces the sparse vectors of rows; an empty one is none. */
  setSparse(rows: Uint32Array, vectors: readonly CheckedSparse[]): void {
    if (rows.length === 0) return;
    this.#keepSparse(rows);
    const index = this.#sparseIndex();
    for (let at = 0; at < rows.length; at++) index.set(rows[at]!, vectors[at]!);
  }

  /** True where a named or a sparse vector hangs on the row. */
  hasAttached(row: number): boolean {
    return this.#sparse?.has(row) === true || this.#named.some(({ slots }) => slots.slotOf(row) !== -1);
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

  /** Vectors of some rows in their order, of a field that all of them have. */
  async vectorsOf(rows: readonly number[]): Promise<Float32Array[]> {
    return this.primary.readVectors(rows);
  }

  get rowCount(): number {
    return this.#rowCount;
  }

  get version(): number {
    return this.#version;
  }

  /** Names that the metadata of the rows is known to have. */
  get fieldNames(): ReadonlySet<string> {
    return this.columns.names;
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

  /** Metadata of a row. */
  fieldOf(row: number): Field {
    return textToField(this.fieldText(row));
  }

  /** Metadata of some rows, in their order. */
  async fieldsOf(rows: ArrayLike<number>): Promise<Field[]> {
    const fields: Field[] = [];
    const slice = new TimeSlice();
    for (let i = 0; i < rows.length; i++) {
      fields.push(this.fieldOf(rows[i]!));
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

  /** Options of full text search. */
  get settings(): CollectionConfig["text"] {
    return this.store.config.text;
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
      await this.store.readFieldSpan(offset, lengths, crcs, (index, text) => visit(first + index, text));
      from += lengths.length;
      if (slice.isDue()) await slice.giveWay();
    }
  }

  /** See `TextRows`. */
  async readFieldBytes(from: number, to: number, visit: (bytes: Uint8Array, ends: Uint32Array) => void): Promise<void> {
    const slice = new TimeSlice();
    for (let row = from; row < to; ) {
      const start = row;
      const rowAt = (at: number): number | undefined => (start + at < to ? start + at : undefined);
      const { offset, lengths, crcs } = this.#spanOf(rowAt, spanRowsMax, textBytesMax);
      await this.store.readFieldSpanBytes(offset, lengths, crcs, (bytes, first, end) => {
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
    const { offset } = this.rows.fieldAt(rowAt(0)!);
    const lengths: number[] = [];
    const crcs: number[] = [];
    let end = offset;
    for (let at = 0; at < rowsMax; at++) {
      const row = rowAt(at);
      if (row === undefined) break;
      const place = this.rows.fieldAt(row);
      if (place.offset !== end || (at > 0 && end - offset >= bytesMax)) break;
      lengths.push(place.length);
      crcs.push(place.crc);
      end += place.length;
    }
    return { offset, lengths: Uint32Array.from(lengths), crcs: Uint32Array.from(crcs) };
  }

  /** Dotted names of the metadata fields that live rows have, sorted. */
  async listFieldNames(): Promise<string[]> {
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
  checkpointSections(): CheckpointSection[] {
    return [
      ...this.rows.serialize(this.#rowCount),
      { name: "vectors.ranges", bytes: this.ranges.toBytes() },
      { name: "columns", bytes: this.columns.serialize() },
      ...this.named.flatMap(({ number, slots, field }) => [
        { name: `field.${number}.slots`, bytes: slots.toBytes() },
        { name: `field.${number}.ranges`, bytes: field.ranges.toBytes() },
      ]),
      ...prefixed("sparse", this.#sparse?.serialize() ?? []),
      ...prefixed("text", this.text.serialize()),
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
    for (const field of this.vectorFields) field.retire();
    await this.#releaseIfDone();
  }

  async #releaseIfDone(): Promise<void> {
    if (!this.#isRetired || this.#pins > 0) return;
    for (const field of this.vectorFields) await field.release();
    this.#leaveBudget();
    this.text.release();
    this.#sparse?.release();
    this.#sparse = null;
    await this.store.close();
  }
}

/** Set bits among the first `length`. */
function countBits(words: Uint32Array, length: number): number {
  let count = 0;
  for (let row = 0; row < Math.min(length, words.length * 32); row++) count += (words[row >>> 5]! >>> (row & 31)) & 1;
  return count;
}
