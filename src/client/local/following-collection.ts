/**
 * How does a handle follow a writer in another process?
 *
 * Each read first takes up what was committed, before its arguments are looked at: a restore may have changed what they
 * must be. What a reader may not do is refused as ever.
 */
import type { EmbedFunction } from "../../embed/embedder.js";
import type { CollectionEngine } from "../../engine/collection-engine.js";
import { isLynseError } from "../../errors.js";
import type { Fields } from "../../types.js";
import type { Collection, Row } from "../collection.js";
import { LocalCollection } from "./local-collection.js";

/** Arguments of a call of a collection. */
type Args<F extends Fields, name extends keyof Collection<F>> = Collection<F>[name] extends (
  ...args: infer args
) => unknown
  ? args
  : never;

export class FollowingCollection<F extends Fields = Fields> extends LocalCollection<F> {
  readonly #engine: CollectionEngine;

  constructor(engine: CollectionEngine, embed: EmbedFunction | null = null) {
    super(engine, embed);
    this.#engine = engine;
  }

  override async listDeletedIds(...args: Args<F, "listDeletedIds">): ReturnType<Collection<F>["listDeletedIds"]> {
    await this.#engine.catchUp();
    return super.listDeletedIds(...args);
  }

  override async indexMode(...args: Args<F, "indexMode">): ReturnType<Collection<F>["indexMode"]> {
    await this.#engine.catchUp();
    return super.indexMode(...args);
  }

  override async listVectorFields(...args: Args<F, "listVectorFields">): ReturnType<Collection<F>["listVectorFields"]> {
    await this.#engine.catchUp();
    return super.listVectorFields(...args);
  }

  override async textOptions(...args: Args<F, "textOptions">): ReturnType<Collection<F>["textOptions"]> {
    await this.#engine.catchUp();
    return super.textOptions(...args);
  }

  override async search(...args: Args<F, "search">): ReturnType<Collection<F>["search"]> {
    await this.#engine.catchUp();
    return super.search(...args);
  }

  override async batchSearch(...args: Args<F, "batchSearch">): ReturnType<Collection<F>["batchSearch"]> {
    await this.#engine.catchUp();
    return super.batchSearch(...args);
  }

  override async searchRange(...args: Args<F, "searchRange">): ReturnType<Collection<F>["searchRange"]> {
    await this.#engine.catchUp();
    return super.searchRange(...args);
  }

  override async searchProfile(...args: Args<F, "searchProfile">): ReturnType<Collection<F>["searchProfile"]> {
    await this.#engine.catchUp();
    return super.searchProfile(...args);
  }

  override async searchSparse(...args: Args<F, "searchSparse">): ReturnType<Collection<F>["searchSparse"]> {
    await this.#engine.catchUp();
    return super.searchSparse(...args);
  }

  override async bm25Search(...args: Args<F, "bm25Search">): ReturnType<Collection<F>["bm25Search"]> {
    await this.#engine.catchUp();
    return super.bm25Search(...args);
  }

  override async textSearch(...args: Args<F, "textSearch">): ReturnType<Collection<F>["textSearch"]> {
    await this.#engine.catchUp();
    return super.textSearch(...args);
  }

  override async hybridSearch(...args: Args<F, "hybridSearch">): ReturnType<Collection<F>["hybridSearch"]> {
    await this.#engine.catchUp();
    return super.hybridSearch(...args);
  }

  override async recommend(...args: Args<F, "recommend">): ReturnType<Collection<F>["recommend"]> {
    await this.#engine.catchUp();
    return super.recommend(...args);
  }

  override async facets(...args: Args<F, "facets">): ReturnType<Collection<F>["facets"]> {
    await this.#engine.catchUp();
    return super.facets(...args);
  }

  override async query(...args: Args<F, "query">): ReturnType<Collection<F>["query"]> {
    await this.#engine.catchUp();
    return super.query(...args);
  }

  override async queryVectors(...args: Args<F, "queryVectors">): ReturnType<Collection<F>["queryVectors"]> {
    await this.#engine.catchUp();
    return super.queryVectors(...args);
  }

  override async get(...args: Args<F, "get">): ReturnType<Collection<F>["get"]> {
    await this.#engine.catchUp();
    return super.get(...args);
  }

  override async head(...args: Args<F, "head">): ReturnType<Collection<F>["head"]> {
    await this.#engine.catchUp();
    return super.head(...args);
  }

  override async tail(...args: Args<F, "tail">): ReturnType<Collection<F>["tail"]> {
    await this.#engine.catchUp();
    return super.tail(...args);
  }

  override async count(...args: Args<F, "count">): ReturnType<Collection<F>["count"]> {
    await this.#engine.catchUp();
    return super.count(...args);
  }

  override async shape(...args: Args<F, "shape">): ReturnType<Collection<F>["shape"]> {
    await this.#engine.catchUp();
    return super.shape(...args);
  }

  override async stats(...args: Args<F, "stats">): ReturnType<Collection<F>["stats"]> {
    await this.#engine.catchUp();
    return super.stats(...args);
  }

  override async maxId(...args: Args<F, "maxId">): ReturnType<Collection<F>["maxId"]> {
    await this.#engine.catchUp();
    return super.maxId(...args);
  }

  override async isIdExists(...args: Args<F, "isIdExists">): ReturnType<Collection<F>["isIdExists"]> {
    await this.#engine.catchUp();
    return super.isIdExists(...args);
  }

  override async listFields(...args: Args<F, "listFields">): ReturnType<Collection<F>["listFields"]> {
    await this.#engine.catchUp();
    return super.listFields(...args);
  }

  override async snapshotTo(...args: Args<F, "snapshotTo">): ReturnType<Collection<F>["snapshotTo"]> {
    await this.#engine.catchUp();
    return super.snapshotTo(...args);
  }

  override async exportTo(...args: Args<F, "exportTo">): ReturnType<Collection<F>["exportTo"]> {
    await this.#engine.catchUp();
    return super.exportTo(...args);
  }

  override async listBlobs(...args: Args<F, "listBlobs">): ReturnType<Collection<F>["listBlobs"]> {
    await this.#engine.catchUp();
    return super.listBlobs(...args);
  }

  override async readBlob(key: string): ReturnType<Collection<F>["readBlob"]> {
    return this.readBlobRange(key);
  }

  override async readBlobRange(...args: Args<F, "readBlobRange">): ReturnType<Collection<F>["readBlobRange"]> {
    for (;;) {
      await this.#engine.catchUp();
      const { generation } = this.#engine;
      const bytes = await super.readBlobRange(...args);
      // A restore takes the folder of the blobs away: none there may be one in the folder that counts now.
      if (bytes !== null) return bytes;
      await this.#engine.catchUp();
      if (this.#engine.generation === generation) return null;
    }
  }

  override scan(options?: Args<F, "scan">[0]): AsyncIterableIterator<Row<F>> {
    return this.#scanCurrent(super.scan(options));
  }

  /** What is scanned is chosen by the first step. */
  async *#scanCurrent(rows: AsyncIterableIterator<Row<F>>): AsyncGenerator<Row<F>, undefined> {
    await this.#engine.catchUp();
    yield* rows;
  }

  override async exists(): Promise<boolean> {
    try {
      await this.#engine.catchUp();
      return true;
    } catch (error) {
      if (isLynseError(error, "CLOSED")) return false;
      throw error;
    }
  }
}
