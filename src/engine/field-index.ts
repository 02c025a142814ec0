/**
 * What becomes of a field's index over time?
 *
 * Owns the index of one vector field in one generation: loads it, builds a new one while the old one serves, lets it take in
 * later rows, keeps it on disk, and replaces it. Searches hold the index that they use; one that was replaced goes when the
 * last of them has ended. Long work runs one at a time; its owner calls nothing here from inside the commit queue but
 * `adopt` and `drop`.
 */
import { assert, isLynseError, LynseError } from "../errors.js";
import type { FieldVectors } from "../index/field-vectors.js";
import { familyOf } from "../index/index-families.js";
import { type IndexName, parseIndexName } from "../index/index-name.js";
import { checkIndexParameters } from "../index/index-parameters.js";
import type { BuildContext, IndexParameters, VectorIndex } from "../index/vector-index.js";
import type { KernelPool } from "../kernel/kernel-pool.js";
import type { CollectionStore } from "../storage/collection-store.js";
import type { IndexPlace } from "../storage/index-folders.js";
import type { FieldDefinition } from "./field-definition.js";

/** The field that an index belongs to. */
export interface IndexedField {
  readonly name: string;
  readonly store: CollectionStore;
  readonly definition: FieldDefinition;
  readonly rowCount: number;
  readonly field: FieldVectors | null;
  /** Rows that were replaced and can never be returned. */
  supersededSnapshot(rowCount: number): Uint32Array;
  readonly supersededCount: number;
}

/** Makes committed rows durable, in the commit queue's turn. */
export type SyncRows = () => Promise<void>;

export interface WorkOptions {
  readonly signal: AbortSignal | undefined;
  readonly onProgress: (done: number, total: number) => void;
}

/** An index and who uses it. */
export interface HeldIndex {
  readonly index: VectorIndex;
  /** Called once, when the search has ended. */
  release(): void;
}

/** A finished build that does not serve yet. */
export interface BuiltIndex {
  readonly index: VectorIndex;
  readonly place: IndexPlace;
  readonly headBytes: number;
}

/** Rows that a build lets wait for the extension after it. */
const catchUpRows = 4096;

class Served {
  readonly index: VectorIndex;
  readonly place: IndexPlace;
  headBytes: number;
  /** Rows covered by what is on disk. */
  savedRows: number;
  #users = 0;
  #onFree: (() => void) | null = null;

  constructor({ index, place, headBytes }: BuiltIndex) {
    this.index = index;
    this.place = place;
    this.headBytes = headBytes;
    this.savedRows = index.rowCount;
  }

  hold(): HeldIndex {
    this.#users += 1;
    return this;
  }

  release(): void {
    this.#users -= 1;
    if (this.#users === 0) this.#onFree?.();
  }

  /** Resolves when nobody uses it any more. */
  async unused(): Promise<void> {
    if (this.#users > 0) await new Promise<void>((resolve) => (this.#onFree = resolve));
  }
}

export class FieldIndex {
  readonly #source: IndexedField;
  readonly #pool: KernelPool;
  #served: Served | null = null;
  /** Long work under way, and what waits for it. */
  #work: Promise<unknown> = Promise.resolve();
  #working = 0;
  /** Set while an index is built: done rows and all rows. */
  #progress: { readonly name: string; done: number; total: number } | null = null;
  readonly #closing = new AbortController();
  /** Indexes replaced, until they are gone. */
  readonly #leaving = new Set<Promise<void>>();

  constructor(source: IndexedField, pool: KernelPool) {
    this.#source = source;
    this.#pool = pool;
  }

  /** The index that serves; null when there is none. */
  get index(): VectorIndex | null {
    return this.#served?.index ?? null;
  }

  /** The build under way. */
  get progress(): { readonly name: string; readonly done: number; readonly total: number } | null {
    return this.#progress;
  }

  get isWorking(): boolean {
    return this.#working > 0;
  }

  /** Bytes of the index's files. */
  get diskBytes(): number {
    return this.#served === null ? 0 : this.#served.headBytes + this.#served.index.diskBytes();
  }

  /** Rows covered in memory that are not covered by what is on disk. */
  get unsavedRows(): number {
    return this.#served === null ? 0 : this.#served.index.rowCount - this.#served.savedRows;
  }

  /** Number of the folder that serves; 0 for none. */
  get placeNumber(): number {
    return this.#served?.place.number ?? 0;
  }

  /** Whether the index that serves keeps this file. */
  keepsFile(path: string): boolean {
    return this.#served !== null && path.startsWith(`${this.#served.place.path}/`);
  }

  /** The index for one search; its `release` must be called when the search has ended. */
  hold(): HeldIndex | null {
    return this.#served?.hold() ?? null;
  }

  /**
   * Takes up the index on disk where it is the one that the configuration names and covers no more than `rowCount` rows.
   * Resolves to false where it has to be built again.
   */
  async load(rowCount: number): Promise<boolean> {
    const isThere = await this.#load(rowCount);
    const { store } = this.#source;
    // What a crash, damage or another index left.
    if (!store.isReadOnly) await store.indexes.removeOthers(this.#source.name, this.#served?.place ?? null);
    return isThere;
  }

  async #load(rowCount: number): Promise<boolean> {
    const { store } = this.#source;
    const { index: wanted, dim } = this.#source.definition;
    const name = wanted === null ? null : parseIndexName(wanted);
    const family = name === null ? null : familyOf(name);
    if (family === null || name === null || dim === null) return true;
    const stored = await store.indexes.load(this.#source.name, name.name);
    if (stored === null) return false;
    const parameters = parametersOf(name, stored.description.parameters);
    if (parameters === null) return false;
    const index = await family.load(name, parameters, stored.sections, { dim, folder: stored.place });
    if (index === null) return false;
    if (index.rowCount > rowCount) {
      await index.release();
      return false;
    }
    this.#served = new Served({ index, place: stored.place, headBytes: stored.fileBytes });
    return true;
  }

  /** Runs long work after what is under way. */
  async #exclusive<T>(work: () => Promise<T>): Promise<T> {
    this.#working += 1;
    const turn = this.#work.then(work, work);
    this.#work = turn.catch(() => {});
    try {
      return await turn;
    } finally {
      this.#working -= 1;
    }
  }

  /**
   * Builds an index over the rows that are there and hands it, saved, to `finish`, which makes it serve (`adopt`). The
   * folder is removed again where anything fails.
   */
  async build(
    name: IndexName,
    parameters: IndexParameters,
    options: WorkOptions,
    sync: SyncRows,
    finish: (built: BuiltIndex) => Promise<void>,
  ): Promise<void> {
    await this.#exclusive(async () => {
      const { store } = this.#source;
      const family = familyOf(name);
      assert(family !== null, "a flat index without codes is not built");
      this.#checkOpen(options.signal);
      const place = await store.indexes.create(this.#source.name);
      let index: VectorIndex | null = null;
      try {
        const { field, rowCount } = this.#source;
        assert(field !== null, "an index is built over rows");
        this.#progress = { name: name.name, done: 0, total: rowCount };
        const context = this.#context(place, options);
        index = await family.build(name, parameters, field.rowsFor(rowCount), context);
        while (this.#source.rowCount - index.rowCount > catchUpRows) {
          await index.extend(this.#source.field!.rowsFor(this.#source.rowCount), this.#context(place, options));
        }
        this.#checkOpen(options.signal);
        await finish({ index, place, headBytes: await this.#save(index, place, sync) });
      } catch (error) {
        await index?.release();
        await store.indexes.remove(place).catch(ignoreWriteFailure);
        throw error;
      } finally {
        this.#progress = null;
      }
    });
  }

  #context(place: IndexPlace, { signal, onProgress }: WorkOptions): BuildContext {
    const closing = this.#closing.signal;
    let best = 0;
    return {
      pool: this.#pool,
      dead: this.#source.supersededCount === 0 ? null : this.#source.supersededSnapshot(this.#source.rowCount),
      folder: place,
      signal: signal === undefined ? closing : AbortSignal.any([signal, closing]),
      onProgress: (done, total) => {
        // Threads tell of their parts in any order.
        if (done / total <= best) return;
        best = done / total;
        if (this.#progress !== null) this.#progress = { name: this.#progress.name, done, total };
        onProgress(done, total);
      },
    };
  }

  async #save(index: VectorIndex, place: IndexPlace, sync: SyncRows): Promise<number> {
    const { store } = this.#source;
    const sections = await index.serialize();
    // What it covers must not be lost where it is not.
    await sync();
    return store.indexes.save(place, { name: index.name.name, parameters: index.parameters }, sections);
  }

  /** Makes a built index serve. The one before goes with its files. */
  adopt(built: BuiltIndex): void {
    this.#leave();
    this.#served = new Served(built);
  }

  /** No index serves any more. */
  drop(): void {
    this.#leave();
    this.#served = null;
  }

  #leave(): void {
    const old = this.#served;
    if (old === null) return;
    const leaving = (async () => {
      await old.unused();
      await old.index.release();
      const { isReadOnly, indexes } = this.#source.store;
      if (!isReadOnly) await indexes.remove(old.place).catch(ignoreWriteFailure);
    })().finally(() => this.#leaving.delete(leaving));
    this.#leaving.add(leaving);
  }

  /** Lets the index take in the rows after it. Resolves to false where none serves. */
  async extend(options: WorkOptions): Promise<boolean> {
    return this.#exclusive(async () => {
      const served = this.#served;
      const { field, rowCount } = this.#source;
      if (served === null || field === null || this.#closing.signal.aborted) return false;
      if (served.index.rowCount < rowCount) {
        await served.index.extend(field.rowsFor(rowCount), this.#context(served.place, options));
      }
      return true;
    });
  }

  /** Keeps on disk what the index has taken in since it was saved. */
  async save(sync: SyncRows): Promise<void> {
    await this.#exclusive(async () => {
      const served = this.#served;
      if (served === null || served.savedRows === served.index.rowCount) return;
      const { rowCount } = served.index;
      served.headBytes = await this.#save(served.index, served.place, sync);
      served.savedRows = rowCount;
    });
  }

  /** Runs `work` while no build, extension or save runs. */
  between<T>(work: () => Promise<T>): Promise<T> {
    return this.#exclusive(work);
  }

  /** Resolves when nothing of it is under way. */
  async idle(): Promise<void> {
    while (this.#working > 0) await this.#work;
  }

  /** Ends builds and extensions; what is saved stays. */
  cancel(): void {
    this.#closing.abort(new LynseError("CLOSED", "the collection was closed"));
  }

  /** Gives memory back. Nothing is begun afterwards. */
  async close(): Promise<void> {
    this.cancel();
    await this.#work;
    await Promise.all(this.#leaving);
    const served = this.#served;
    this.#served = null;
    await served?.unused();
    await served?.index.release();
  }

  #checkOpen(signal: AbortSignal | undefined): void {
    if (signal?.aborted === true) {
      throw new LynseError("ABORTED", "the call was ended by its AbortSignal", {}, signal.reason);
    }
    if (this.#closing.signal.aborted) throw new LynseError("CLOSED", "the collection was closed or dropped");
  }
}

/** Parameters as a head keeps them; null where they are not those of the index. */
function parametersOf(name: IndexName, kept: Readonly<Record<string, unknown>>): IndexParameters | null {
  try {
    return checkIndexParameters(name, kept);
  } catch (error) {
    if (isLynseError(error, "INVALID_ARGUMENT")) return null;
    throw error;
  }
}

/** A folder that could not be removed is removed by the next writable open. */
function ignoreWriteFailure(error: unknown): void {
  if (isLynseError(error, "INTERNAL")) throw error;
}
