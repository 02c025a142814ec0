/**
 * What does an engine's process do about indexes?
 *
 * Builds or opens the store of one variant and searches it at one effort at a time. Part of the child program; its
 * clocks run here. Rows and queries of a binary variant are the signs of the components, 1 for positive.
 */
import type { CorpusFiles } from "./corpus.js";
import type { LoadedEngine, RowBatch, RowFilter, StoreShape } from "./engine.js";
import type { BuildFigures, IndexedStoreRequest, MemoryFigures, OpenFigures, Round } from "./engine-requests.js";
import { filterField } from "./filter-field.js";
import type { IndexedStore, IndexHits, IndexMaker, IndexVariant } from "./index-variant.js";
import { rowBatches } from "./row-batches.js";
import { signBits } from "./sign-bits.js";

/** Passes over the queries go on until they have taken this long, */
const steadyMs = 150;
/** at most so many of them. */
const passesMax = 20;
/** The first searches of a process go on for so long before any counts: code is compiled while it runs. */
const firstWarmUpMs = 500;
const firstK = 10;

export class IndexSession {
  readonly #maker: IndexMaker;
  readonly #variant: IndexVariant;
  #store: IndexedStore | null = null;
  #isWarm = false;
  readonly #queries: readonly Float32Array[];

  constructor(engine: LoadedEngine, variant: IndexVariant, queries: readonly Float32Array[]) {
    if (engine.indexes === null) throw new Error("the engine has no indexes");
    this.#maker = engine.indexes;
    this.#variant = variant;
    this.#queries = variant.isBinary ? queries.map(signBits) : queries;
  }

  async build(request: IndexedStoreRequest, memoryNow: () => MemoryFigures): Promise<BuildFigures> {
    const { directory, files, batchRows } = request;
    const store =
      batchRows === null ? await this.#reopen(directory, files) : await this.#fill(directory, files, batchRows);
    this.#store = store;
    const startedAt = performance.now();
    await store.build();
    return { buildMs: performance.now() - startedAt, memory: memoryNow() };
  }

  async #fill(directory: string, files: CorpusFiles, batchRows: number): Promise<IndexedStore> {
    const store = await this.#maker.create(this.#variant.id, directory, shapeOf(files));
    for await (const batch of rowBatches(files, batchRows)) await store.insert(this.#asStored(batch));
    return store;
  }

  #asStored(batch: RowBatch): RowBatch {
    return this.#variant.isBinary ? { ...batch, vectors: signBits(batch.vectors) } : batch;
  }

  async #reopen(directory: string, files: CorpusFiles): Promise<IndexedStore> {
    if (this.#maker.open === undefined) throw new Error("the engine keeps no index that could be opened");
    return await this.#maker.open(this.#variant.id, directory, shapeOf(files));
  }

  async open({ directory, files }: IndexedStoreRequest): Promise<OpenFigures> {
    const startedAt = performance.now();
    const store = await this.#reopen(directory, files);
    this.#store = store;
    const openedAt = performance.now();
    await store.search(this.#queries[0]!, firstK, this.#variant.efforts[0]!);
    return { openMs: openedAt - startedAt, firstQueryMs: performance.now() - openedAt };
  }

  /** A warm-up pass over all queries, whose results are returned, then timed passes; every single time is kept. */
  async sweep(k: number, effort: number, filter: RowFilter | null): Promise<Round> {
    const store = this.#opened();
    if (!this.#isWarm) {
      const end = performance.now() + firstWarmUpMs;
      while (performance.now() < end) await this.#pass(store, k, effort, filter, () => {});
      this.#isWarm = true;
    }
    const found: IndexHits[] = [];
    await this.#pass(store, k, effort, filter, (_took, hits) => found.push(hits));
    const times: number[] = [];
    const startedAt = performance.now();
    for (let pass = 0; pass < passesMax; pass += 1) {
      await this.#pass(store, k, effort, filter, (took) => times.push(took));
      if (performance.now() - startedAt >= steadyMs) break;
    }
    const hits = found.map((one) => Float64Array.from(one as ArrayLike<number | bigint>, Number));
    return { ms: Float64Array.from(times), hits };
  }

  /** All queries once. A store that answers at once is not made to wait for a promise's turn. */
  async #pass(
    store: IndexedStore,
    k: number,
    effort: number,
    filter: RowFilter | null,
    take: (tookMs: number, hits: IndexHits) => void,
  ): Promise<void> {
    for (const query of this.#queries) {
      const startedAt = performance.now();
      const answer = filter === null ? store.search(query, k, effort) : store.searchFiltered(query, k, effort, filter);
      const hits = answer instanceof Promise ? await answer : answer;
      take(performance.now() - startedAt, hits);
    }
  }

  #opened(): IndexedStore {
    if (this.#store === null) throw new Error("no indexed store is open");
    return this.#store;
  }

  async close(): Promise<void> {
    await this.#opened().close();
    this.#store = null;
  }
}

function shapeOf(files: CorpusFiles): StoreShape {
  return { dim: files.dim, rowsMax: files.rowCount, columns: files.columns, filterField };
}
