/**
 * What does an engine's process do about sparse vectors?
 *
 * Fills a store and searches it. Part of the child program; its clocks run here.
 */
import { setImmediate as nextTurn } from "node:timers/promises";
import type { LoadedEngine } from "./engine.js";
import type { Round, SparseIngestFigures } from "./engine-requests.js";
import { readSparseRows, type SparseData } from "./sparse-data.js";
import type { SparseMaker, SparseRow, SparseStore } from "./sparse-store.js";
import { timedRound, warmUp } from "./timed-round.js";

export class SparseSession {
  readonly #maker: SparseMaker;
  #store: SparseStore | null = null;
  #queries: readonly SparseRow[] = [];
  #isWarm = false;

  constructor(engine: LoadedEngine) {
    if (engine.sparse === undefined) throw new Error("the engine has no sparse vectors");
    this.#maker = engine.sparse;
  }

  async ingest(directory: string, data: SparseData, batchRows: number): Promise<SparseIngestFigures> {
    const rows = readSparseRows(data.rows);
    this.#queries = readSparseRows(data.queries);
    const store = await this.#maker.create(directory, rows.length);
    this.#store = store;
    let insertMs = 0;
    for (let firstId = 0; firstId < rows.length; firstId += batchRows) {
      const batch = rows.slice(firstId, firstId + batchRows);
      const startedAt = performance.now();
      await store.insert(firstId, batch);
      insertMs += performance.now() - startedAt;
      await nextTurn();
    }
    const settledAt = performance.now();
    await store.settle();
    return { rows: rows.length, insertMs, settleMs: performance.now() - settledAt };
  }

  /** All queries, one at a time. */
  async search(k: number): Promise<Round> {
    const store = this.#opened();
    const searches = this.#queries.map((query) => store.search(query, k));
    if (!this.#isWarm) await warmUp(searches);
    this.#isWarm = true;
    return timedRound(searches);
  }

  async close(): Promise<void> {
    await this.#opened().close();
    this.#store = null;
  }

  #opened(): SparseStore {
    if (this.#store === null) throw new Error("no store of sparse vectors is open");
    return this.#store;
  }
}
