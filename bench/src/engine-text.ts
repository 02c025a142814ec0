/**
 * What does an engine's process do about full text?
 *
 * Fills a store with a text index or opens one, and searches it by words, by words under the filter, and by words and
 * a vector. Part of the child program; its clocks run here.
 */
import { setImmediate as nextTurn } from "node:timers/promises";
import type { CorpusFiles } from "./corpus.js";
import type { LoadedEngine, RowBatch, RowFilter, StoreShape } from "./engine.js";
import type { Round, TextIngestFigures, TextSearchKind, TextStoreRequest } from "./engine-requests.js";
import { filterField } from "./filter-field.js";
import { rowBatches } from "./row-batches.js";
import { textField } from "./text-field.js";
import type { TextQuery } from "./text-queries.js";
import type { TextMaker, TextStore } from "./text-store.js";
import { type ReadySearch, timedRound, warmUp } from "./timed-round.js";
import { wordsOf } from "./words-of.js";

const finalK = 10;

export class TextSession {
  readonly #maker: TextMaker;
  #store: TextStore | null = null;
  #queries: readonly TextQuery[] = [];
  readonly #warm = new Set<TextSearchKind>();

  constructor(engine: LoadedEngine) {
    if (engine.text === undefined) throw new Error("the engine has no full text search");
    this.#maker = engine.text;
  }

  /** Inserts all rows, then makes sure that the text index knows them: a search for the text of the last one. */
  async ingest(directory: string, files: CorpusFiles, batchRows: number): Promise<TextIngestFigures> {
    const store = await this.#maker.create(directory, shapeOf(files));
    const batchMs: number[] = [];
    let lastWords: readonly string[] = [];
    for await (const batch of rowBatches(files, batchRows)) {
      const startedAt = performance.now();
      await store.insert(batch);
      batchMs.push(performance.now() - startedAt);
      lastWords = lastWordsOf(batch) ?? lastWords;
      await nextTurn();
    }
    const lastQuery = store.queryOf(lastWords);
    const insertedAt = performance.now();
    await store.index();
    const lastHits = await store.searchText(lastQuery, finalK);
    const indexMs = performance.now() - insertedAt;
    const settledAt = performance.now();
    await store.settle();
    const settleMs = performance.now() - settledAt;
    await store.close();
    return { rows: files.rowCount, batchMs, indexMs, settleMs, lastWords, lastHits: Float64Array.from(lastHits) };
  }

  async open({ directory, files, queries }: TextStoreRequest): Promise<void> {
    this.#store = await this.#maker.open(directory, shapeOf(files));
    this.#queries = queries;
  }

  /** All queries of a kind, one at a time. */
  async search(
    kind: TextSearchKind,
    k: number,
    candidates: number,
    vectors: readonly Float32Array[],
    filter: RowFilter,
  ): Promise<Round> {
    const store = this.#opened();
    const searches = this.#queries.map(({ words, row }): ReadySearch => {
      const query = store.queryOf(words);
      const vector = vectors[row]!;
      if (kind === "text") return () => store.searchText(query, k);
      if (kind === "text-filtered") return () => store.searchTextFiltered(query, k, filter);
      return () => store.searchHybrid(query, vector, k, candidates);
    });
    if (!this.#warm.has(kind)) await warmUp(searches);
    this.#warm.add(kind);
    return timedRound(searches);
  }

  /** Memory of the text index, bytes; null where the engine doesn't tell. */
  async indexBytes(): Promise<number | null> {
    return (await this.#opened().indexBytes?.()) ?? null;
  }

  async close(): Promise<void> {
    await this.#opened().close();
    this.#store = null;
  }

  #opened(): TextStore {
    if (this.#store === null) throw new Error("no store with a text index is open");
    return this.#store;
  }
}

/** The words of the last row of the batch that has any. */
function lastWordsOf(batch: RowBatch): readonly string[] | undefined {
  for (let row = batch.count - 1; row >= 0; row -= 1) {
    const text = batch.fields[row]![textField];
    const words = typeof text === "string" ? [...new Set(wordsOf(text))] : [];
    if (words.length > 0) return words;
  }
  return undefined;
}

function shapeOf(files: CorpusFiles): StoreShape {
  return { dim: files.dim, rowsMax: files.rowCount, columns: files.columns, filterField };
}
