/**
 * How does a handle outlive the engine of its collection?
 *
 * A collection that nobody uses may be closed while others are opened. Each call keeps the engine open until it has ended,
 * and opens it where it is closed; where it is open the call begins at once, as if there were nothing between. What a call
 * does is `LocalCollection`'s matter.
 */
import type { EmbedFunction } from "../../embed/embedder.js";
import type { CollectionEngine } from "../../engine/collection-engine.js";
import type { OpenCollection } from "../../engine/open-collection.js";
import { isLynseError } from "../../errors.js";
import type { Fields } from "../../types.js";
import type { Collection, InsertSession, Row } from "../collection.js";
import { scanInput } from "../input/scan-input.js";
import { FollowingCollection } from "./following-collection.js";
import { LocalCollection } from "./local-collection.js";

/** Arguments of a call of a collection. */
type Args<F extends Fields, name extends keyof Collection<F>> = Collection<F>[name] extends (
  ...args: infer args
) => unknown
  ? args
  : never;

/** What a call of a collection gives. */
type Result<F extends Fields, name extends keyof Collection<F>> = Collection<F>[name] extends (
  ...args: never[]
) => infer result
  ? result
  : never;

export class CollectionHandle<F extends Fields = Fields> implements Collection<F> {
  readonly #collection: OpenCollection;
  readonly #embed: EmbedFunction | null;
  /** Calls on the engine that the last call used. */
  #calls: LocalCollection<F> | null = null;
  #engine: CollectionEngine | null = null;

  constructor(collection: OpenCollection, embed: EmbedFunction | null = null) {
    this.#collection = collection;
    this.#embed = embed;
  }

  get name(): string {
    return this.#collection.name;
  }

  get databaseName(): string {
    return this.#collection.databaseName;
  }

  #use<T>(call: (calls: LocalCollection<F>) => Promise<T>): Promise<T> {
    return this.#collection.use((engine) => call(this.#callsOn(engine)));
  }

  #callsOn(engine: CollectionEngine): LocalCollection<F> {
    if (this.#calls !== null && this.#engine === engine) return this.#calls;
    const Calls = engine.isFollowing ? FollowingCollection : LocalCollection;
    this.#engine = engine;
    this.#calls = new Calls<F>(engine, this.#embed);
    return this.#calls;
  }

  close(): Promise<void> {
    return this.#collection.close();
  }

  async exists(): Promise<boolean> {
    try {
      return await this.#use((calls) => calls.exists());
    } catch (error) {
      if (isLynseError(error, "CLOSED")) return !this.#collection.isDropped;
      throw error;
    }
  }

  insertSession<T>(write: (session: InsertSession<F>) => Promise<T> | T): Promise<T> {
    return this.#use((calls) => calls.insertSession(write));
  }

  scan(...[options]: Args<F, "scan">): AsyncIterableIterator<Row<F>> {
    // What is wrong with the options is told at once.
    scanInput(options);
    return this.#scan(options);
  }

  /** An iterator that has begun keeps the engine open until it ends, or its `return` is called. */
  async *#scan(options: Args<F, "scan">[0]): AsyncGenerator<Row<F>, undefined> {
    const { engine, release } = await this.#collection.hold();
    try {
      yield* this.#callsOn(engine).scan(options);
    } finally {
      release();
    }
  }

  // Writes.

  addItem(...args: Args<F, "addItem">): Result<F, "addItem"> {
    return this.#use((calls) => calls.addItem(...args));
  }

  bulkAddItems(...args: Args<F, "bulkAddItems">): Result<F, "bulkAddItems"> {
    return this.#use((calls) => calls.bulkAddItems(...args));
  }

  bulkAddBinary(...args: Args<F, "bulkAddBinary">): Result<F, "bulkAddBinary"> {
    return this.#use((calls) => calls.bulkAddBinary(...args));
  }

  upsertItem(...args: Args<F, "upsertItem">): Result<F, "upsertItem"> {
    return this.#use((calls) => calls.upsertItem(...args));
  }

  upsertItems(...args: Args<F, "upsertItems">): Result<F, "upsertItems"> {
    return this.#use((calls) => calls.upsertItems(...args));
  }

  add(...args: Args<F, "add">): Result<F, "add"> {
    return this.#use((calls) => calls.add(...args));
  }

  upsert(...args: Args<F, "upsert">): Result<F, "upsert"> {
    return this.#use((calls) => calls.upsert(...args));
  }

  addNamedVectors(...args: Args<F, "addNamedVectors">): Result<F, "addNamedVectors"> {
    return this.#use((calls) => calls.addNamedVectors(...args));
  }

  addSparseVectors(...args: Args<F, "addSparseVectors">): Result<F, "addSparseVectors"> {
    return this.#use((calls) => calls.addSparseVectors(...args));
  }

  delete(...args: Args<F, "delete">): Result<F, "delete"> {
    return this.#use((calls) => calls.delete(...args));
  }

  restore(...args: Args<F, "restore">): Result<F, "restore"> {
    return this.#use((calls) => calls.restore(...args));
  }

  listDeletedIds(...args: Args<F, "listDeletedIds">): Result<F, "listDeletedIds"> {
    return this.#use((calls) => calls.listDeletedIds(...args));
  }

  compact(...args: Args<F, "compact">): Result<F, "compact"> {
    return this.#use((calls) => calls.compact(...args));
  }

  commit(...args: Args<F, "commit">): Result<F, "commit"> {
    return this.#use((calls) => calls.commit(...args));
  }

  flush(...args: Args<F, "flush">): Result<F, "flush"> {
    return this.#use((calls) => calls.flush(...args));
  }

  checkpoint(...args: Args<F, "checkpoint">): Result<F, "checkpoint"> {
    return this.#use((calls) => calls.checkpoint(...args));
  }

  refresh(...args: Args<F, "refresh">): Result<F, "refresh"> {
    return this.#use((calls) => calls.refresh(...args));
  }

  // Indexes, vector fields and texts.

  buildIndex(...args: Args<F, "buildIndex">): Result<F, "buildIndex"> {
    return this.#use((calls) => calls.buildIndex(...args));
  }

  removeIndex(...args: Args<F, "removeIndex">): Result<F, "removeIndex"> {
    return this.#use((calls) => calls.removeIndex(...args));
  }

  indexMode(...args: Args<F, "indexMode">): Result<F, "indexMode"> {
    return this.#use((calls) => calls.indexMode(...args));
  }

  createVectorField(...args: Args<F, "createVectorField">): Result<F, "createVectorField"> {
    return this.#use((calls) => calls.createVectorField(...args));
  }

  listVectorFields(...args: Args<F, "listVectorFields">): Result<F, "listVectorFields"> {
    return this.#use((calls) => calls.listVectorFields(...args));
  }

  configureText(...args: Args<F, "configureText">): Result<F, "configureText"> {
    return this.#use((calls) => calls.configureText(...args));
  }

  textOptions(...args: Args<F, "textOptions">): Result<F, "textOptions"> {
    return this.#use((calls) => calls.textOptions(...args));
  }

  // Searches.

  search(...args: Args<F, "search">): Result<F, "search"> {
    return this.#use((calls) => calls.search(...args));
  }

  batchSearch(...args: Args<F, "batchSearch">): Result<F, "batchSearch"> {
    return this.#use((calls) => calls.batchSearch(...args));
  }

  searchRange(...args: Args<F, "searchRange">): Result<F, "searchRange"> {
    return this.#use((calls) => calls.searchRange(...args));
  }

  searchProfile(...args: Args<F, "searchProfile">): Result<F, "searchProfile"> {
    return this.#use((calls) => calls.searchProfile(...args));
  }

  searchSparse(...args: Args<F, "searchSparse">): Result<F, "searchSparse"> {
    return this.#use((calls) => calls.searchSparse(...args));
  }

  bm25Search(...args: Args<F, "bm25Search">): Result<F, "bm25Search"> {
    return this.#use((calls) => calls.bm25Search(...args));
  }

  textSearch(...args: Args<F, "textSearch">): Result<F, "textSearch"> {
    return this.#use((calls) => calls.textSearch(...args));
  }

  hybridSearch(...args: Args<F, "hybridSearch">): Result<F, "hybridSearch"> {
    return this.#use((calls) => calls.hybridSearch(...args));
  }

  recommend(...args: Args<F, "recommend">): Result<F, "recommend"> {
    return this.#use((calls) => calls.recommend(...args));
  }

  facets(...args: Args<F, "facets">): Result<F, "facets"> {
    return this.#use((calls) => calls.facets(...args));
  }

  // Queries and inspection.

  query(...args: Args<F, "query">): Result<F, "query"> {
    return this.#use((calls) => calls.query(...args));
  }

  queryVectors(...args: Args<F, "queryVectors">): Result<F, "queryVectors"> {
    return this.#use((calls) => calls.queryVectors(...args));
  }

  get(...args: Args<F, "get">): Result<F, "get"> {
    return this.#use((calls) => calls.get(...args));
  }

  head(...args: Args<F, "head">): Result<F, "head"> {
    return this.#use((calls) => calls.head(...args));
  }

  tail(...args: Args<F, "tail">): Result<F, "tail"> {
    return this.#use((calls) => calls.tail(...args));
  }

  count(...args: Args<F, "count">): Result<F, "count"> {
    return this.#use((calls) => calls.count(...args));
  }

  shape(...args: Args<F, "shape">): Result<F, "shape"> {
    return this.#use((calls) => calls.shape(...args));
  }

  stats(...args: Args<F, "stats">): Result<F, "stats"> {
    return this.#use((calls) => calls.stats(...args));
  }

  maxId(...args: Args<F, "maxId">): Result<F, "maxId"> {
    return this.#use((calls) => calls.maxId(...args));
  }

  isIdExists(...args: Args<F, "isIdExists">): Result<F, "isIdExists"> {
    return this.#use((calls) => calls.isIdExists(...args));
  }

  listFields(...args: Args<F, "listFields">): Result<F, "listFields"> {
    return this.#use((calls) => calls.listFields(...args));
  }

  updateDescription(...args: Args<F, "updateDescription">): Result<F, "updateDescription"> {
    return this.#use((calls) => calls.updateDescription(...args));
  }

  snapshotTo(...args: Args<F, "snapshotTo">): Result<F, "snapshotTo"> {
    return this.#use((calls) => calls.snapshotTo(...args));
  }

  exportTo(...args: Args<F, "exportTo">): Result<F, "exportTo"> {
    return this.#use((calls) => calls.exportTo(...args));
  }

  // Blobs.

  writeBlob(...args: Args<F, "writeBlob">): Result<F, "writeBlob"> {
    return this.#use((calls) => calls.writeBlob(...args));
  }

  readBlob(...args: Args<F, "readBlob">): Result<F, "readBlob"> {
    return this.#use((calls) => calls.readBlob(...args));
  }

  readBlobRange(...args: Args<F, "readBlobRange">): Result<F, "readBlobRange"> {
    return this.#use((calls) => calls.readBlobRange(...args));
  }

  deleteBlob(...args: Args<F, "deleteBlob">): Result<F, "deleteBlob"> {
    return this.#use((calls) => calls.deleteBlob(...args));
  }

  listBlobs(...args: Args<F, "listBlobs">): Result<F, "listBlobs"> {
    return this.#use((calls) => calls.listBlobs(...args));
  }
}
