/**
 * What does one generation hold of a vector field?
 *
 * Its vectors (in memory, or partly in the files of an index), their checksums, and its index. Vectors have slots, in order
 * of insertion; in the primary field a vector's slot is its row. Only the commit queue changes it.
 */
import { FieldVectors } from "../index/field-vectors.js";
import { familyOf } from "../index/index-families.js";
import { parseIndexName } from "../index/index-name.js";
import type { VectorIndex } from "../index/vector-index.js";
import type { KernelPool } from "../kernel/kernel-pool.js";
import { VectorTable } from "../kernel/vector-table.js";
import type { CollectionStore } from "../storage/collection-store.js";
import type { VectorTaker } from "../storage/vector-file.js";
import type { VectorRanges } from "../storage/vector-ranges.js";
import { TimeSlice } from "../time-slice.js";
import type { FieldDefinition } from "./field-definition.js";
import { FieldIndex, type IndexedField } from "./field-index.js";
import { FileVectors } from "./file-vectors.js";

/** Vectors encoded between two looks at the clock. */
const encodeRows = 1024;

/** What a field's vectors belong to. */
export interface FieldSource {
  readonly store: CollectionStore;
  readonly definition: FieldDefinition;
  /** Slots that reads may see. */
  readonly slotCount: number;
  /** Slots whose vectors can never be returned any more, one bit each. */
  deadSlots(slotCount: number): Uint32Array;
  readonly deadSlotCount: number;
  /** Reads stored vectors; see `CollectionStore.loadVectors`. */
  load(from: number, to: number, ranges: VectorRanges, taker: VectorTaker): Promise<void>;
}

export class VectorField implements IndexedField {
  readonly ranges: VectorRanges;
  readonly index: FieldIndex;
  readonly #source: FieldSource;
  readonly #pool: KernelPool;
  #field: FieldVectors | null = null;
  #isIndexMissing = false;
  #isRetired = false;
  #encoding: Promise<void> | null = null;

  constructor(source: FieldSource, ranges: VectorRanges, table: VectorTable | null, pool: KernelPool) {
    this.#source = source;
    this.#pool = pool;
    this.ranges = ranges;
    if (table !== null) this.#field = new FieldVectors(table, pool);
    this.index = new FieldIndex(this, pool);
    this.fixDim();
  }

  get name(): string {
    return this.#source.definition.name;
  }

  get store(): CollectionStore {
    return this.#source.store;
  }

  get definition(): FieldDefinition {
    return this.#source.definition;
  }

  get rowCount(): number {
    return this.#source.slotCount;
  }

  supersededSnapshot(slotCount: number): Uint32Array {
    return this.#source.deadSlots(slotCount);
  }

  get supersededCount(): number {
    return this.#source.deadSlotCount;
  }

  /** Null while no write has fixed the dimension. */
  get field(): FieldVectors | null {
    return this.#field;
  }

  /** The vectors in memory: all, or those after the ones that an index keeps in files. */
  get table(): VectorTable | null {
    return this.#field?.table ?? null;
  }

  /** Makes room for vectors once their dimension is known. */
  fixDim(): void {
    const { dim, dtype } = this.definition;
    if (dim !== null) this.#field ??= new FieldVectors(new VectorTable({ dim, dtype }), this.#pool);
  }

  /** Takes up the index on disk, then the vectors that it does not keep. */
  async load(slotCount: number): Promise<void> {
    this.fixDim();
    await this.#loadIndex(slotCount);
    const { field } = this;
    if (field !== null && field.rowCount < slotCount) await this.#loadInto(field.table, field.rowCount, slotCount);
  }

  async #loadIndex(slotCount: number): Promise<void> {
    if (this.index.index !== null) return;
    this.#isIndexMissing = !(await this.index.load(slotCount));
    const loaded = this.index.index as VectorIndex | null;
    // Nothing was loaded yet that the index keeps in its files.
    if (loaded?.storesVectors && this.table?.rowCount === 0) this.#field = this.#fieldAfter(loaded);
  }

  async #loadInto(vectors: VectorTable, from: number, to: number): Promise<void> {
    await this.#source.load(from, to, this.ranges, {
      next: (rows) => vectors.beginAppend(rows),
      ahead: (rows) => vectors.beginAppendAhead(rows),
      done: (rows) => vectors.finishAppend(rows, true),
    });
  }

  /** The vectors where an index keeps the first ones in files: an empty table for those after them. */
  #fieldAfter(index: VectorIndex): FieldVectors {
    const { ranges, definition } = this;
    const shape = { dim: definition.dim!, dtype: definition.dtype };
    // Vectors are loaded from the beginning of a range.
    const range = index.rowCount >= ranges.rowCount ? ranges.count : ranges.indexOf(index.rowCount);
    const first = range === 0 ? 0 : ranges.endOf(range - 1);
    const stored = new FileVectors(this.#source, ranges, shape, index);
    return new FieldVectors(new VectorTable(shape), this.#pool, first, stored);
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
      await this.#loadInto(next.table, next.firstRow, this.rowCount);
      return next;
    }
    if (field.stored === null) return field;
    const next = new FieldVectors(new VectorTable(field.table), this.#pool);
    await this.#loadInto(next.table, 0, this.rowCount);
    return next;
  }

  /** Takes up what `fieldFor` gave, in the same turn as the index that it was made for. */
  setField(field: FieldVectors | null): void {
    this.#field = field;
    this.encode();
  }

  /** Derives the codes of loaded vectors in the background; searches do without them meanwhile. */
  encode(): void {
    this.#encoding ??= this.#encodeInSlices().finally(() => {
      this.#encoding = null;
    });
  }

  async #encodeInSlices(): Promise<void> {
    const slice = new TimeSlice();
    // What waits for this open, a first search above all, comes before.
    await slice.giveWay();
    while (this.table !== null && !this.#isRetired && !this.table.encodePending(encodeRows)) {
      if (slice.isDue()) await slice.giveWay();
    }
  }

  /** After a compaction: the index that the configuration names has to be built for the new slots. */
  expectIndex(): void {
    const { index } = this.definition;
    this.#isIndexMissing = index !== null && familyOf(parseIndexName(index)) !== null;
  }

  /** True where the configuration names an index that could not be loaded and is not built yet. */
  get isIndexMissing(): boolean {
    return this.#isIndexMissing && this.index.index === null;
  }

  /** Forgets vectors that were taken into memory beyond `slotCount`. */
  truncate(slotCount: number): void {
    if (this.#field !== null) this.#field.table.truncate(slotCount - this.#field.firstRow);
  }

  /** Vectors of some slots, in their order. */
  async readVectors(slots: readonly number[]): Promise<Float32Array[]> {
    const { field } = this;
    if (field === null) return [];
    const held = this.index.hold();
    const data = await (async () => field.readRows(slots))().finally(() => held?.release());
    return slots.map((_, at) => data.slice(at * field.dim, (at + 1) * field.dim));
  }

  /** Nothing long is begun any more; `release` follows. */
  retire(): void {
    this.#isRetired = true;
    this.index.cancel();
  }

  /** Gives memory back. */
  async release(): Promise<void> {
    await this.#encoding;
    await this.index.close();
    this.#field?.gathered.release();
    this.#field?.table.release();
    this.#field = null;
  }
}
