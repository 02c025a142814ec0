/**
 * Our own full text and hybrid search, through the public interface: `configureText` before the first row, then
 * `bm25Search` and `hybridSearch`.
 */
import type { Hits, RowBatch, RowFilter, StoreShape } from "../engine.js";
import { textField } from "../text-field.js";
import type { TextMaker, TextStore } from "../text-store.js";

interface View {
  readonly ids: ArrayLike<number>;
}

interface SearchOptions {
  readonly k: number;
  readonly textFields: readonly string[];
  readonly candidateLimit?: number;
  readonly where?: string;
  readonly params?: Readonly<Record<string, string>>;
}

/** A collection, as far as text is concerned. */
export interface LynseTextCollection {
  configureText(options: { readonly fields: readonly string[] }): Promise<unknown>;
  bm25Search(text: string, options: SearchOptions): Promise<View>;
  hybridSearch(query: { readonly vector: Float32Array; readonly text: string }, options: SearchOptions): Promise<View>;
  stats(): Promise<{ readonly memory: { readonly textBytes: number } }>;
}

/** A store for rows that the adapter for exact search makes. */
interface LynseTextRows {
  readonly collection: LynseTextCollection;
  insert(batch: RowBatch): Promise<void>;
  settle(): Promise<void>;
  close(): Promise<void>;
}

interface LynseTextCollections {
  create(directory: string, shape: StoreShape): Promise<LynseTextRows>;
  open(directory: string, shape: StoreShape): Promise<LynseTextRows>;
}

const textFields = [textField];

class LynseTextStore implements TextStore {
  readonly #rows: LynseTextRows;

  constructor(rows: LynseTextRows) {
    this.#rows = rows;
  }

  insert(batch: RowBatch): Promise<void> {
    return this.#rows.insert(batch);
  }

  /** Every commit leaves the index current, or the next search makes it so. */
  index(): void {}

  settle(): Promise<void> {
    return this.#rows.settle();
  }

  queryOf(words: readonly string[]): string {
    return words.join(" ");
  }

  async searchText(query: string, k: number): Promise<Hits> {
    return (await this.#rows.collection.bm25Search(query, { k, textFields })).ids;
  }

  async searchTextFiltered(query: string, k: number, filter: RowFilter): Promise<Hits> {
    const condition = { where: `${filter.field} = :value`, params: { value: filter.value } };
    return (await this.#rows.collection.bm25Search(query, { k, textFields, ...condition })).ids;
  }

  async searchHybrid(text: string, vector: Float32Array, k: number, candidates: number): Promise<Hits> {
    const options = { k, textFields, candidateLimit: candidates };
    return (await this.#rows.collection.hybridSearch({ vector, text }, options)).ids;
  }

  async indexBytes(): Promise<number> {
    return (await this.#rows.collection.stats()).memory.textBytes;
  }

  close(): Promise<void> {
    return this.#rows.close();
  }
}

export function lynseText(collections: LynseTextCollections): TextMaker {
  return {
    create: async (directory: string, shape: StoreShape): Promise<TextStore> => {
      const rows = await collections.create(directory, shape);
      await rows.collection.configureText({ fields: textFields });
      return new LynseTextStore(rows);
    },
    open: async (directory: string, shape: StoreShape): Promise<TextStore> =>
      new LynseTextStore(await collections.open(directory, shape)),
  };
}
