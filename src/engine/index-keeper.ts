/**
 * Who builds the indexes of a collection's vector fields, and who keeps them current?
 *
 * Builds while the index before serves, lets indexes take in later rows in the background, builds them again where too much
 * of them was replaced, and saves them. What changes the configuration, and which index serves, has its turn in the commit
 * queue.
 */
import { isLynseError, LynseError } from "../errors.js";
import { familyOf } from "../index/index-families.js";
import { type IndexName, parseIndexName } from "../index/index-name.js";
import { checkIndexParameters } from "../index/index-parameters.js";
import type { IndexParameters } from "../index/vector-index.js";
import { indexPatch } from "./field-definition.js";
import type { WorkOptions } from "./field-index.js";
import type { Generation } from "./generation.js";
import { checkStoredVectors } from "./stored-contract.js";
import type { VectorField } from "./vector-field.js";

/** The collection that indexes are kept for. */
export interface IndexedCollection {
  readonly name: string;
  readonly isReadOnly: boolean;
  readonly isClosed: boolean;
  /** The generation that counts now. */
  present(): Generation;
  checkWritable(): void;
  /** Runs work in the commit queue's turn. */
  exclusive<T>(work: () => Promise<T>): Promise<T>;
  /** Makes committed rows durable. */
  syncRows(): Promise<void>;
}

/** Rows after the index that make it take them in; the share counts where the index keeps vectors in files. */
const extendRowsMin = 4096;
const extendShareStored = 0.05;
/** Rows taken in since the index was saved that make a checkpoint save it again: more than this many, and than this share. */
const saveRowsMin = 1024;
const saveShare = 0.02;
/** Share of replaced rows among the covered ones above which the index is built again. */
const rebuildShare = 0.3;
/** A file in the folder of an index. */
const indexFile = /\/index-[^/]+-\d{6}\/[^/]+$/;
/** Rows from which an index that a collection names by default is built by itself. */
const autoBuildRows = 10_000;

export class IndexKeeper {
  readonly #collection: IndexedCollection;
  /** Fields whose index is being kept up to date. */
  readonly #keeping = new Map<string, Promise<void>>();
  /** Why a field's index could not be kept up to date; nothing is tried again until it is built. */
  readonly #failures = new Map<string, LynseError>();

  constructor(collection: IndexedCollection) {
    this.#collection = collection;
  }

  /** Why a field's index could not be built or kept up to date in the background; null where it could. */
  failureOf(fieldName: string): LynseError | null {
    return this.#failures.get(fieldName) ?? null;
  }

  /**
   * Makes `name` the index of a field: builds it where it is more than the stored vectors, while the old one serves. Vectors
   * that are committed meanwhile are searched exactly.
   */
  async build(fieldName: string, name: IndexName, parameters: IndexParameters, options: WorkOptions): Promise<void> {
    for (;;) {
      this.#collection.checkWritable();
      const generation = this.#collection.present();
      try {
        return await generation.pin(() => this.#buildFor(generation, fieldName, name, parameters, options));
      } catch (error) {
        // A compaction renumbered the rows meanwhile.
        if (this.#collection.present() === generation || options.signal?.aborted === true) throw error;
      }
    }
  }

  async #buildFor(
    generation: Generation,
    fieldName: string,
    name: IndexName,
    parameters: IndexParameters,
    options: WorkOptions,
  ): Promise<void> {
    await checkStoredVectors(generation, fieldName, name, options.signal);
    if (familyOf(name) === null) return this.setFlat(fieldName, name.name);
    const field = generation.vectorField(fieldName);
    if (field.rowCount - field.supersededCount === 0 || generation.liveCount === 0) {
      const collection = JSON.stringify(this.#collection.name);
      const where = generation.namedField(fieldName) === null ? "" : ` in field ${JSON.stringify(fieldName)}`;
      const message = `index ${name.name} is built over rows, and collection ${collection} has none${where}; add rows first`;
      throw new LynseError("INDEX_EMPTY", message, { index: name.name });
    }
    await this.#build(generation, field, name, parameters, options);
    this.#failures.delete(fieldName);
  }

  async #build(
    generation: Generation,
    field: VectorField,
    name: IndexName,
    parameters: IndexParameters,
    options: WorkOptions,
  ): Promise<void> {
    const sync = (): Promise<void> => this.#collection.syncRows();
    await field.index.build(name, parameters, options, sync, (built) =>
      this.#collection.exclusive(async () => {
        this.#collection.checkWritable();
        if (this.#collection.present() !== generation) throw compactedMeanwhile();
        const vectors = await field.fieldFor(built.index);
        const { store } = generation;
        await store.updateConfig(indexPatch(store.config, field.name, name.name, parameters));
        field.setField(vectors);
        field.index.adopt(built);
      }),
    );
  }

  /** Searches of a field are exact from now on, by the metric of that index (null: of the declared one). */
  async setFlat(fieldName: string, name: string | null): Promise<void> {
    this.#collection.checkWritable();
    const present = this.#collection.present();
    const change = async (): Promise<void> => {
      this.#collection.checkWritable();
      const { store } = this.#collection.present();
      const field = this.#collection.present().vectorField(fieldName);
      const vectors = await field.fieldFor(null);
      await store.updateConfig(indexPatch(store.config, fieldName, name, null));
      field.setField(vectors);
      field.index.drop();
    };
    const { index } = present.vectorField(fieldName);
    await present.pin(() => index.between(() => this.#collection.exclusive(change)));
    this.#failures.delete(fieldName);
  }

  /**
   * After a read that failed: true where it met a damaged file of an index, so that it can be made again. That index serves
   * no more; the vectors are read from where they are stored, and it is built anew.
   */
  async dropDamaged(generation: Generation, error: unknown): Promise<boolean> {
    if (!isLynseError(error, "CORRUPT")) return false;
    const path = String(error.details["file"]);
    if (!indexFile.test(path)) return false;
    const field = generation.vectorFields.find(({ index }) => index.keepsFile(path));
    // Another read that met it was first.
    if (field === undefined || generation !== this.#collection.present()) return true;
    const drop = async (): Promise<void> => {
      if (!field.index.keepsFile(path) || this.#collection.isClosed) return;
      field.setField(await field.fieldFor(null));
      field.index.drop();
      field.expectIndex();
    };
    await generation.pin(() => field.index.between(() => this.#collection.exclusive(drop)));
    this.keepSoon();
    return true;
  }

  /** After a change: indexes that are missing, have fallen behind or hold too many replaced rows are mended. */
  keepSoon(): void {
    if (this.#collection.isReadOnly || this.#collection.isClosed) return;
    const generation = this.#collection.present();
    for (const field of generation.vectorFields) this.#keepFieldSoon(generation, field);
  }

  #keepFieldSoon(generation: Generation, field: VectorField): void {
    const { name } = field;
    if (this.#keeping.has(name) || !this.#isWorkDue(generation, field)) return;
    let isDropped = false;
    const keeping = this.#keep(generation, field)
      .catch(async (error: unknown) => {
        isDropped = await this.dropDamaged(generation, error);
        if (isDropped) return;
        // Searches are exact without it.
        const isPresent = generation === this.#collection.present() && !this.#collection.isClosed;
        if (isPresent) this.#failures.set(name, asLynseError(error));
      })
      .finally(() => {
        this.#keeping.delete(name);
        if (isDropped) this.keepSoon();
      });
    this.#keeping.set(name, keeping);
  }

  #isWorkDue(generation: Generation, field: VectorField): boolean {
    if (field.index.isWorking || this.#failures.has(field.name)) return false;
    const { index } = field.index;
    if (index === null) return isBuildDue(generation, field);
    const tail = field.rowCount - index.rowCount;
    const limit = index.storesVectors ? Math.max(extendRowsMin, index.rowCount * extendShareStored) : extendRowsMin;
    return tail > limit || field.supersededCount - index.leftOut > index.rowCount * rebuildShare;
  }

  async #keep(generation: Generation, field: VectorField): Promise<void> {
    const options = { signal: undefined, onProgress: () => {} };
    const { index } = field.index;
    const replaced = index === null ? 0 : field.supersededCount - index.leftOut;
    await generation.pin(async () => {
      if (index === null || replaced > index.rowCount * rebuildShare) {
        const name = parseIndexName(field.definition.index!);
        const parameters = checkIndexParameters(name, field.definition.indexParameters ?? {});
        await this.#build(generation, field, name, parameters, options);
      } else if (await field.index.extend(options)) {
        if (!index.storesVectors) return;
        await this.#collection.exclusive(async () => {
          // Another one may have taken its place while this waited for its turn.
          if (field.index.index === index) field.setField(await field.fieldFor(index));
        });
      }
    });
  }

  /** Keeps on disk what the indexes have taken in, where it is enough to pay. */
  async save(): Promise<void> {
    for (const { index: kept } of this.#collection.present().vectorFields) {
      const { index, unsavedRows } = kept;
      if (index === null || unsavedRows < Math.max(saveRowsMin, index.rowCount * saveShare)) continue;
      await kept.save(() => this.#collection.syncRows());
    }
  }

  /** True while an index is built or extended. */
  get isWorking(): boolean {
    return this.#collection.present().vectorFields.some(({ index }) => index.isWorking);
  }

  /** Resolves when no work on an index is under way. */
  async idle(): Promise<void> {
    for (const { index } of this.#collection.present().vectorFields) await index.idle();
  }

  /** Ends what is under way for good; what is saved stays. */
  async end(): Promise<void> {
    for (const { index } of this.#collection.present().vectorFields) index.cancel();
    await this.idle();
    await Promise.all(this.#keeping.values());
  }
}

function isBuildDue(generation: Generation, field: VectorField): boolean {
  if (!field.isIndexMissing || generation.liveCount === 0) return false;
  const rows = field.rowCount - field.supersededCount;
  if (rows === 0) return false;
  // One that was built before is built again; one that is only named by default, when it pays.
  return field.definition.indexParameters !== null || Math.min(rows, generation.liveCount) >= autoBuildRows;
}

function compactedMeanwhile(): LynseError {
  return new LynseError("ABORTED", "the collection was compacted while the index was built");
}

function asLynseError(error: unknown): LynseError {
  return isLynseError(error) ? error : new LynseError("INTERNAL", `the index failed: ${String(error)}`, {}, error);
}
