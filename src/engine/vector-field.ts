/**
 * What does one generation hold of a vector field?
 *
 * Its vectors (in memory, partly in the files of an index, or on disk with their codes in memory), their checksums, and its
 * index. Vectors have slots, in order of insertion; in the primary field a vector's slot is its row. Only the commit queue
 * changes it.
 */
import { FieldVectors } from "../index/field-vectors.js";
import { familyOf } from "../index/index-families.js";
import { parseIndexName } from "../index/index-name.js";
import type { VectorIndex } from "../index/vector-index.js";
import type { KernelPool } from "../kernel/kernel-pool.js";
import { VectorTable } from "../kernel/vector-table.js";
import type { CollectionStore } from "../storage/collection-store.js";
import type { VectorFile, VectorTaker } from "../storage/vector-file.js";
import type { VectorRanges } from "../storage/vector-ranges.js";
import { TimeSlice } from "../time-slice.js";
import { CodedFileVectors } from "./coded-file-vectors.js";
import type { FieldDefinition } from "./field-definition.js";
import { FieldIndex, type IndexedField } from "./field-index.js";
import { FileVectors } from "./file-vectors.js";
import type { MemoryBudget, MemoryHolder } from "./memory-budget.js";

/** Vectors encoded between two looks at the clock. */
const encodeRows = 1024;
/** Bytes of vectors in memory, beside those on disk, that are moved there together, at least. */
const spillBytes = 8 << 20;
/** The same as a share of the vectors on disk, so that moving them stays rare. */
const spillShare = 1 / 64;

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
  /** The file of the vectors, for reading single ones. */
  vectorFile(): VectorFile;
}

/** Runs a step between two commits. */
export type RunExclusive = <T>(work: () => Promise<T>) => Promise<T>;

export class VectorField implements IndexedField, MemoryHolder {
  readonly ranges: VectorRanges;
  readonly index: FieldIndex;
  readonly #source: FieldSource;
  readonly #pool: KernelPool;
  #field: FieldVectors | null = null;
  #isIndexMissing = false;
  #isRetired = false;
  #encoding: Promise<void> | null = null;
  readonly #budget: MemoryBudget | null;
  /** Its memory is counted no more. */
  readonly leaveBudget: () => void;
  /** Bytes that will be held when what is being read has been read. */
  #expectedBytes = 0;
  #spilling: Promise<boolean> | null = null;

  constructor(
    source: FieldSource,
    ranges: VectorRanges,
    table: VectorTable | null,
    pool: KernelPool,
    budget: MemoryBudget | null,
  ) {
    this.#source = source;
    this.#pool = pool;
    this.#budget = budget;
    this.leaveBudget = budget?.add(this) ?? (() => {});
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
    if (field === null || field.rowCount >= slotCount) return;
    if (field.rowCount === 0 && !this.#fits(slotCount)) {
      this.#field = await this.#onDisk(slotCount);
    } else {
      await this.#loadInto(field.table, field.rowCount, slotCount);
      // Only a read-only client comes here: nobody else changes the field meanwhile.
      if (this.isSpillDue) await this.spill((work) => work(), slotCount);
    }
    this.#expectedBytes = 0;
  }

  /** True when the first `slotCount` vectors may be in memory; their room is kept until they are. */
  #fits(slotCount: number): boolean {
    const { dim, dtype } = this.definition;
    const bytes = dim! * (dtype === "float16" ? 2 : 4);
    const codeBytes = Math.ceil(dim! / 16) * 16 + 32;
    const isRoomThere = this.#budget === null || this.#budget.hasRoomFor(slotCount * (bytes + codeBytes));
    this.#expectedBytes = slotCount * (isRoomThere ? bytes + codeBytes : codeBytes);
    return isRoomThere;
  }

  /** The first `slotCount` vectors on disk, with their codes in memory. */
  async #onDisk(slotCount: number): Promise<FieldVectors> {
    const { dim, dtype } = this.definition;
    const shape = { dim: dim!, dtype };
    const coded = new CodedFileVectors(this.#source, this.ranges, shape);
    await coded.takeFromFile(slotCount);
    return new FieldVectors(new VectorTable(shape), this.#pool, slotCount, coded);
  }

  /** Vectors on disk whose codes are in memory. */
  get coded(): CodedFileVectors | null {
    const stored = this.#field?.stored ?? null;
    return stored instanceof CodedFileVectors ? stored : null;
  }

  /** Bytes of vectors that `spill` would take out of memory. */
  get spillableBytes(): number {
    const { field } = this;
    if (field === null || (field.stored !== null && field.stored.coded === null)) return 0;
    return field.table.rowCount * field.table.bytesPerRow;
  }

  /** True when vectors are on disk and enough newer ones are not. */
  get isSpillDue(): boolean {
    const { coded } = this;
    if (coded === null) return false;
    return this.spillableBytes > Math.max(spillBytes, coded.codes.rowCount * coded.codes.bytesPerRow * spillShare);
  }

  /**
   * Takes the vectors out of memory, but for their codes. Searches and commits go on meanwhile; `exclusive` is given the
   * last step. Resolves to false where something else changed the field first.
   */
  spill(exclusive: RunExclusive, slotCount: number = this.rowCount): Promise<boolean> {
    this.#spilling ??= this.#spill(exclusive, slotCount).finally(() => {
      this.#spilling = null;
    });
    return this.#spilling;
  }

  async #spill(exclusive: RunExclusive, slotCount: number): Promise<boolean> {
    const { field } = this;
    if (field === null || this.spillableBytes === 0) return false;
    const { dim, dtype } = field.table;
    const coded = this.coded ?? new CodedFileVectors(this.#source, this.ranges, { dim, dtype });
    await coded.takeFromTable(field.table, field.firstRow, slotCount, () => this.#isRetired);
    return exclusive(async () => {
      if (this.#field !== field || this.#isRetired) return false;
      const firstRow = coded.codes.rowCount;
      const rest = new VectorTable({ dim, dtype });
      for (let row = firstRow; row < field.rowCount; ) {
        const place = rest.beginAppend(field.rowCount - row);
        const count = field.table.copyStored(row - field.firstRow, row - field.firstRow + place.rows, place.target);
        rest.finishAppend(count);
        row += count;
      }
      this.#field = new FieldVectors(rest, this.#pool, firstRow, coded);
      field.gathered.release();
      return true;
    });
  }

  /** Bytes of vectors, codes, copies of rows, and of the index; what searches work with comes and goes beside it. */
  memoryBytes(): number {
    const { field } = this;
    const indexBytes = this.index.index?.memoryBytes() ?? 0;
    if (field === null) return indexBytes;
    const { vectorBytes, codeBytes } = field.table.memory();
    const codedBytes = field.stored?.coded?.codes.memory().codeBytes ?? 0;
    const held = vectorBytes + codeBytes + codedBytes + field.gathered.memoryBytes();
    return Math.max(this.#expectedBytes, held) + indexBytes;
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
    if (field.stored === null || field.stored.coded !== null) return field;
    if (!this.#fits(this.rowCount)) return this.#onDisk(this.rowCount);
    const next = new FieldVectors(new VectorTable(field.table), this.#pool);
    await this.#loadInto(next.table, 0, this.rowCount);
    return next;
  }

  /** Takes up what `fieldFor` gave, in the same turn as the index that it was made for. */
  setField(field: FieldVectors | null): void {
    this.#field = field;
    this.#expectedBytes = 0;
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
    await this.#spilling?.catch(() => false);
    this.leaveBudget();
    await this.index.close();
    this.coded?.codes.release();
    this.#field?.gathered.release();
    this.#field?.table.release();
    this.#field = null;
  }
}
