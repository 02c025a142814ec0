/**
 * What does one generation of a collection hold in memory?
 *
 * The row table, id index, metadata columns and vectors that belong to one set of files. A compaction makes a new
 * generation and retires this one; reads that began on it keep it pinned until they end. Only the commit queue changes
 * it; readers take `rowCount` and the live bits together, before they await anything.
 */
import { LynseError } from "../errors.js";
import { inlinePool, type KernelPool } from "../kernel/kernel-pool.js";
import { ColumnStore, type RowSource } from "../metadata/column-store.js";
import type { FilterSource } from "../query/row-filter.js";
import type { SparseIndex } from "../sparse/sparse-index.js";
import type { CheckedSparse } from "../sparse/sparse-vector.js";
import type { CollectionStore } from "../storage/collection-store.js";
import type { LogPosition } from "../storage/log-position.js";
import type { CollectionConfig } from "../storage/manifest.js";
import { VectorRanges } from "../storage/vector-ranges.js";
import type { Id } from "../types.js";
import type { CommittedRows } from "./committed-rows.js";
import { fieldDefinition, fieldDefinitions, primaryFieldName } from "./field-definition.js";
import { textToField } from "./field-text.js";
import { partsOfCheckpoint } from "./generation-checkpoint.js";
import { emptyParts, type GenerationParts } from "./generation-parts.js";
import { IdIndex } from "./id-index.js";
import type { MemoryBudget } from "./memory-budget.js";
import { otherBytes } from "./memory-usage.js";
import { NamedField, type NamedFieldParts } from "./named-field.js";
import { type Renumbering, rowsKeptBefore } from "./renumbering.js";
import { type Changes, replayAll, replayRows } from "./replay-into.js";
import { type Field, RowMetadata } from "./row-metadata.js";
import type { RowTable } from "./row-table.js";
import { RowText } from "./row-text.js";
import { SlotTable } from "./slot-table.js";
import { SparseField } from "./sparse-field.js";
import type { SparseRows } from "./sparse-rows.js";
import type { SparseView } from "./sparse-view.js";
import { type FieldSource, VectorField } from "./vector-field.js";

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
  readonly #metadata: RowMetadata;
  readonly #named: NamedField[] = [];
  readonly #sparse: SparseField;
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
    this.#metadata = new RowMetadata(parts.store, parts.rows);
    this.#sparse = new SparseField(parts.sparse);
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
    return this.#sparse.index;
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
    const replayed = await this.store.replay(this.position, replayAll(this, changes, sparse));
    this.position = replayed.position;
    await this.primary.load(replayed.rowCount);
    for (const { field } of this.named) await field.load(field.ranges.rowCount);
    for (const part of sparse) await part.read(this.store);
    for (const change of changes) change();
    this.publish(replayed.rowCount);
    for (const field of this.vectorFields) field.encode();
  }

  /** The sparse vectors as they are now, until it is released; null where no row ever had one. Taken while pinned. */
  sparseView(): SparseView | null {
    return this.#sparse.view();
  }

  /** What hangs on the rows `from` goes to the rows `to`. */
  moveAttached(from: Uint32Array, to: Uint32Array): void {
    for (let at = 0; at < from.length; at++) for (const { slots } of this.#named) slots.move(from[at]!, to[at]!);
    this.#sparse.move(from, to);
  }

  /** Replaces the sparse vectors of rows; an empty one is none. */
  setSparse(rows: Uint32Array, vectors: readonly CheckedSparse[]): void {
    this.#sparse.set(rows, vectors);
  }

  /** True where a named or a sparse vector hangs on the row. */
  hasAttached(row: number): boolean {
    return this.#sparse.has(row) || this.#named.some(({ slots }) => slots.slotOf(row) !== -1);
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
    return rowsKeptBefore(this.renumberings, numbering, row);
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

  /** Metadata text of a row. */
  fieldText(row: number): string {
    return this.#metadata.textOf(row);
  }

  /** Metadata of a row. */
  fieldOf(row: number): Field {
    return textToField(this.#metadata.textOf(row));
  }

  /** Metadata of some rows, in their order. */
  fieldsOf(rows: ArrayLike<number>): Promise<Field[]> {
    return this.#metadata.of(rows);
  }

  /** See `RowMetadata`. */
  readTexts(rows: readonly number[], visit: (at: number, text: string) => void): Promise<void> {
    return this.#metadata.readTexts(rows, visit);
  }

  /** See `TextRows`. */
  readFieldBytes(from: number, to: number, visit: (bytes: Uint8Array, ends: Uint32Array) => void): Promise<void> {
    return this.#metadata.readBytes(from, to, visit);
  }

  #rowSource(): RowSource {
    const generation = this;
    return {
      get rowCount() {
        return generation.rowCount;
      },
      idAt: (row) => generation.rows.idAt(row),
      readFields: (from, to) => generation.#metadata.readRange(from, to),
    };
  }

  /** Options of full text search. */
  get settings(): CollectionConfig["text"] {
    return this.store.config.text;
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
    this.#sparse.release();
    await this.store.close();
  }
}
