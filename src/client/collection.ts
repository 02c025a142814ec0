/**
 * What can be done with a collection?
 *
 * The contract that the embedded and the remote collection both implement. Everything is async but what is known
 * without I/O. Reads see committed rows only; a read that runs beside a commit sees all of it or nothing.
 */
import type { EmbedFunction } from "../embed/embedder.js";
import type { SparseVector } from "../sparse/sparse-vector.js";
import type { AnalyserOptions } from "../text/analysis/analyser-options.js";
import type { Dtype, Fields, Id, Matrix, Metric, Vector, WhereParams } from "../types.js";
import type { ResultView } from "./result-view.js";
import type {
  FacetResult,
  Facets,
  HybridOptions,
  HybridQuery,
  QueryOptions,
  RangeOptions,
  RecommendOptions,
  RecommendQuery,
  SearchOptions,
  SearchTarget,
  SparseSearchOptions,
  TextSearchOptions,
  Where,
} from "./search-options.js";

/** One row to insert: `[vector, id, field?]`, or an object that may bring vectors of named fields and a sparse one. */
export type Item<F extends Fields = Fields> =
  | readonly [vector: Vector, id: Id, field?: F]
  | {
      readonly vector: Vector;
      readonly id: Id;
      readonly field?: F;
      /** Vectors of named fields, by field. */
      readonly vectors?: Readonly<Record<string, Vector>>;
      readonly sparse?: SparseVector;
    };

/** A point of progress in a long call. */
export interface Progress {
  /** Rows done so far. */
  readonly done: number;
  /** Rows in all, when it is known beforehand. */
  readonly total?: number;
}

export interface BulkAddOptions {
  /** Rows that are checked and staged at once, between two chances for other work to run. Default 1000. */
  readonly batchSize?: number;
  /** Called after every batch. */
  readonly onProgress?: (progress: Progress) => void;
  /** Ends the call with `ABORTED`; nothing of it stays buffered. */
  readonly signal?: AbortSignal;
}

export interface AddOptions<F extends Fields = Fields> {
  /** Ids of the rows. Omitted: consecutive integers after the largest integer id, from 0 in an empty collection. */
  readonly ids?: readonly Id[] | Id;
  /** One vector a row. Omitted: made of the documents. */
  readonly vectors?: Matrix | Vector;
  /** Texts of the rows, kept in the metadata field `document`; embedded where no vectors are given. */
  readonly documents?: readonly string[] | string;
  /** Makes vectors of the documents. Default: the collection's embedder. */
  readonly embed?: EmbedFunction;
  /** Metadata of the rows, in the order of the vectors; a single object where a single row is added. */
  readonly fields?: readonly (F | null | undefined)[] | F;
  /** Called while documents are embedded. */
  readonly onProgress?: (progress: Progress) => void;
  /** Ends the call with `ABORTED` while documents are embedded; nothing is stored. */
  readonly signal?: AbortSignal;
}

export interface UpsertOptions<F extends Fields = Fields> {
  readonly ids: readonly Id[] | Id;
  readonly vectors: Matrix | Vector;
  /** Omitted, or `undefined` for a row: an existing row keeps its metadata. Given: it is replaced. */
  readonly fields?: readonly (F | null | undefined)[] | F;
}

/** Which rows: a list of ids, or a filter. */
export type Selection = readonly Id[] | Id | { readonly where: Where; readonly params?: WhereParams };

/** Writes that are buffered until a commit. */
export interface Writer<F extends Fields = Fields> {
  /** Buffers one row; `ID_EXISTS` when the id is taken. Resolves to the id. */
  addItem(vector: Vector, options: { readonly id: Id; readonly field?: F }): Promise<Id>;
  /** Buffers many rows from any iterable, all or none of them. Resolves to their ids. */
  bulkAddItems(items: Iterable<Item<F>> | AsyncIterable<Item<F>>, options?: BulkAddOptions): Promise<Id[]>;
  /** Buffers bare vectors under consecutive integer ids after the largest one. Resolves to their number. */
  bulkAddBinary(matrix: Matrix, options?: Pick<BulkAddOptions, "onProgress">): Promise<number>;
  /** Buffers a row, replacing the one with that id; `field` omitted keeps the metadata. Resolves to the id. */
  upsertItem(vector: Vector, options: { readonly id: Id; readonly field?: F }): Promise<Id>;
  /** As `upsertItem`, for many rows, all or none of them. Resolves to their ids. */
  upsertItems(items: Iterable<Item<F>> | AsyncIterable<Item<F>>, options?: BulkAddOptions): Promise<Id[]>;
  /**
   * Hangs vectors of a named field on rows that are there; one that a row has in it is replaced. `ID_NOT_FOUND` for an unknown
   * id: nothing is stored then. Committed when it resolves, in a session with the session.
   */
  addNamedVectors(field: string, vectors: Matrix | Vector, ids: readonly Id[] | Id): Promise<void>;
  /** The same for sparse vectors; an empty one takes away the one that a row has. */
  addSparseVectors(vectors: readonly SparseVector[] | SparseVector, ids: readonly Id[] | Id): Promise<void>;
}

/** The writes of one insert session: all are buffered, and committed together when the session's function succeeds. */
export interface InsertSession<F extends Fields = Fields> extends Writer<F> {
  add(options: AddOptions<F>): Promise<Id[]>;
  upsert(options: UpsertOptions<F>): Promise<Id[]>;
  /** Deletes committed rows and rows added earlier in this session. Resolves to their number. */
  delete(selection: Selection): Promise<number>;
}

export interface VectorFieldOptions {
  /** Length of the field's vectors, 1 to `limits.dimMax`. */
  readonly dim: number;
  /** How similarity is measured. Default: that of `index`, else `"ip"`. */
  readonly metric?: Metric;
  /** Index that is built by itself once there are rows enough. Default: none, exact search. */
  readonly index?: string;
  /** How components are stored. Default `"float32"`. */
  readonly dtype?: Dtype;
}

export interface VectorFieldInfo {
  /** `"default"` for the field that rows are added with. */
  readonly name: string;
  /** Null while no write has fixed the dimension of the default field. */
  readonly dim: number | null;
  readonly metric: Metric;
  readonly dtype: Dtype;
  /** Name of the index in use. */
  readonly index: string | null;
  /** Live rows that have a vector in the field. */
  readonly rows: number;
  /** State of the index in use. */
  readonly indexState: IndexState;
}

/** How the texts of a collection are searched; kept with it. */
export interface TextIndexOptions extends AnalyserOptions {
  /** Fields whose strings are indexed, with all that is nested in them. Default: every string. */
  readonly fields?: readonly string[] | null;
  /** Saturation of a word's frequency, from 0. Default 1.2. */
  readonly k1?: number;
  /** Weight of a text's length, 0 to 1. Default 0.75. */
  readonly b?: number;
}

/** A row as `get`-like calls and `scan` give it. */
export interface Row<F extends Fields = Fields> {
  readonly id: Id;
  readonly field: F;
  readonly vector?: Float32Array;
  /** Vectors of named fields, by field, where they were asked for and the row has any. */
  readonly vectors?: Readonly<Record<string, Float32Array>>;
  /** Where it was asked for and the row has one: features ascending. */
  readonly sparse?: { readonly indices: Uint32Array; readonly values: Float32Array };
}

export interface ScanOptions {
  readonly where?: Where;
  readonly params?: WhereParams;
  /** Rows read at once. Default 1000. */
  readonly batchSize?: number;
  /** Return vectors too. Default false. */
  readonly returnVectors?: boolean;
  /** Return vectors of named fields too, as `vectors`: with all three, a row is an item that can be added. Default false. */
  readonly returnNamedVectors?: boolean;
  /** Return sparse vectors too, as `sparse`. Default false. */
  readonly returnSparse?: boolean;
}

/**
 * How an index is built. Which parameters an index takes, with their defaults and ranges, stands in docs/indexes.md; one
 * that it does not take is refused by name.
 */
export interface BuildIndexOptions {
  /** Vector field to index. Default `"default"`, the primary one. */
  readonly fieldName?: string;
  /** HNSW: links of a row on the upper levels, twice as many on the lowest. Default 16. */
  readonly m?: number;
  /** HNSW: rows kept in view while a row is inserted. Default 200. */
  readonly efConstruction?: number;
  /** HNSW: rows kept in view by a search without `nprobe`. Default 64. */
  readonly efSearch?: number;
  /** IVF, SPANN: clusters. Default 0: about 4·√rows. */
  readonly nClusters?: number;
  /** IVF, SPANN: clusters that a search without `nprobe` looks at. Default 0: automatic. */
  readonly nprobe?: number;
  /** SPANN: lists that a row near a border stands in, at most. Default 4. */
  readonly replicaCount?: number;
  /** DISKANN: links of a row. Default 64. */
  readonly maxDegree?: number;
  /** DISKANN: rows kept in view by a build, and by a search without `nprobe`. Default 100. */
  readonly searchListSize?: number;
  /** DISKANN: how much longer than necessary links may be, at least 1. Default 1.2. */
  readonly alpha?: number;
  /** DISKANN: blocks read at the same time. Default 4. */
  readonly beamWidth?: number;
  /** Compressed indexes: candidates scored exactly, in multiples of `k`. Default 0: automatic. */
  readonly oversample?: number;
  /** Threads that build. Default 0: all of the client's; 1: the same index every time. */
  readonly threads?: number;
  /** Seed of everything random. Default 42. */
  readonly seed?: number;
  /** Called while the index is built, with rows done and rows in all. */
  readonly onProgress?: (progress: Progress) => void;
  /** Ends the build with `ABORTED`; the index before it goes on serving. */
  readonly signal?: AbortSignal;
}

/** How a search was run, as `searchProfile` reports it. Times are microseconds. */
export interface SearchPlan {
  /**
   * `"exact"`: every live row; `"exact-filtered"`: only the rows that match; `"index"`, `"index-filtered"`: candidates of
   * the index, scored exactly; `"empty"`: nothing could match.
   */
  readonly plan: "exact" | "exact-filtered" | "index" | "index-filtered" | "empty";
  /** What the index did, e.g. `"walk"` or `"probe"`; null where it was not asked. */
  readonly strategy: string | null;
  /** Rows that the index proposed. */
  readonly candidates: number;
  /** Rows newer than the index, which were searched exactly beside it. */
  readonly tailRows: number;
  /** True where the index found fewer rows than match, and an exact scan followed. */
  readonly fellBack: boolean;
  /** First pass: `"int8"` codes with certified bounds, `"float"` rows, or `"none"` where every row was scored exactly. */
  readonly firstPass: "int8" | "float" | "none";
  readonly index: string;
  readonly metric: Metric;
  /** Live rows in the snapshot that was searched. */
  readonly rows: number;
  /** Estimated rows that match the filter; `rows` without a filter. */
  readonly matchesEstimated: number;
  /** Rows that matched the filter; `rows` without a filter. */
  readonly matches: number;
  /** Rows looked at in the first pass. */
  readonly rowsScored: number;
  /** Rows scored in float64: candidates, and rows whose bounds left them open. */
  readonly rowsRescored: number;
  readonly resultCount: number;
  /** Field names of the filter that no row has, each with the nearest name that rows do have. */
  readonly unknownFields: readonly { readonly name: string; readonly nearest: string | null }[];
  readonly filterUs: number;
  readonly searchUs: number;
  readonly fetchUs: number;
  readonly totalUs: number;
}

/** How far a vector field's index is. */
export interface IndexState {
  /**
   * `"flat"`: the stored rows themselves; `"ready"`; `"building"`: searches are exact, or use the index before; `"missing"`:
   * not built yet, searches are exact; `"failed"`: it could not be built or kept up to date in the background.
   */
  readonly state: "flat" | "ready" | "building" | "missing" | "failed";
  readonly parameters: Readonly<Record<string, number>> | null;
  /** Rows that it covers. */
  readonly rows: number;
  /** Newer rows, searched exactly until they are taken in. */
  readonly tailRows: number;
  /** Rows done of the build under way; null without one. */
  readonly progress: Progress | null;
  /** Why it failed. */
  readonly failure: string | null;
}

/** Sizes and state of a collection. Byte counts are exact for disk and for every structure named under memory. */
export interface CollectionStats {
  readonly rows: number;
  /** Soft-deleted rows, restorable until `compact`. */
  readonly deleted: number;
  /** Rows that were replaced by an upsert and wait for `compact`. */
  readonly superseded: number;
  readonly dim: number | null;
  readonly dtype: Dtype;
  readonly metric: Metric;
  readonly index: string | null;
  /** State of the index in use. */
  readonly indexState: IndexState;
  /** Named vector fields. */
  readonly vectorFields: readonly VectorFieldInfo[];
  /** Rows that have a sparse vector, also those that wait for `compact`. */
  readonly sparseRows: number;
  /** The text index: rows that it covers, in memory or in the last checkpoint; null where there is none yet. */
  readonly textRows: number | null;
  /** What makes the vectors of documents. */
  readonly embedder: { readonly name: string; readonly dim: number } | null;
  readonly description: string | null;
  /** Index that the collection was created for: it gives the metric while there is none in use. */
  readonly defaultIndex: string | null;
  /** When the collection was created, ISO 8601. */
  readonly createdAt: string;
  readonly maxId: number;
  readonly generation: number;
  readonly disk: {
    readonly logBytes: number;
    readonly vectorBytes: number;
    readonly derivedBytes: number;
    readonly indexBytes: number;
    readonly totalBytes: number;
    /** Bytes that `compact` would give back, estimated from the share of dead rows. */
    readonly reclaimableBytes: number;
  };
  readonly memory: {
    readonly vectorBytes: number;
    readonly codeBytes: number;
    readonly idBytes: number;
    readonly rowTableBytes: number;
    readonly columnBytes: number;
    readonly indexBytes: number;
    /** Float vectors that are on disk alone, their codes in memory, because the memory budget has no room: their bytes. */
    readonly onDiskBytes: number;
    /** Copies of the rows that filters in frequent use let through, at most 64 MiB. */
    readonly filterBytes: number;
    /** The text index. */
    readonly textBytes: number;
    /** Sparse vectors and their postings. */
    readonly sparseBytes: number;
    readonly totalBytes: number;
  };
}

/** What a snapshot, a restore, an export or an import has copied. */
export interface CopyResult {
  /** Live rows. */
  readonly rows: number;
  readonly bytes: number;
}

export interface SnapshotOptions {
  /**
   * Copy every byte. Default false: files of a collection on the same volume get second names, which takes no time and no
   * space; they share their bytes with the collection, so only a copy elsewhere helps when the disk fails.
   */
  readonly copy?: boolean;
  /** Ends the call with `ABORTED`; nothing of the snapshot stays. */
  readonly signal?: AbortSignal;
}

export interface RestoreOptions {
  /** Replace what has the name, at once, when all of the snapshot is verified. Default false: `TARGET_EXISTS`. */
  readonly overwrite?: boolean;
  /** Ends the call with `ABORTED`; what is there stays as it is. */
  readonly signal?: AbortSignal;
}

export interface ExportOptions {
  /** Export the blobs too. Default true. */
  readonly blobs?: boolean;
  /** Called with the rows that are written so far, soft-deleted ones included. */
  readonly onProgress?: (progress: Progress) => void;
  /** Ends the call with `ABORTED`; nothing of the export stays. */
  readonly signal?: AbortSignal;
}

export interface ImportOptions {
  /** Replace what has the name, at once, when all of the export is verified. Default false: `TARGET_EXISTS`. */
  readonly overwrite?: boolean;
  /** Called with the rows that are read so far, soft-deleted ones included. */
  readonly onProgress?: (progress: Progress) => void;
  /** Ends the call with `ABORTED`; what is there stays as it is. */
  readonly signal?: AbortSignal;
}

/** A part of a blob. */
export interface BlobRange {
  /** First byte. Default 0. */
  readonly offset?: number;
  /** Number of bytes; fewer come where the blob ends before. Default: to the end. */
  readonly length?: number;
}

/** A blob, without its content. */
export interface BlobInfo {
  readonly key: string;
  readonly bytes: number;
}

/** A collection of rows: an id, a dense vector and metadata each. `F` types the metadata in every call. */
export interface Collection<F extends Fields = Fields> extends Writer<F> {
  readonly name: string;
  readonly databaseName: string;

  /**
   * Runs `write` with a session, and commits everything it buffered as one atomic, durable transaction when it
   * resolves. When it throws, all of it is discarded and the same error is thrown on. Resolves to what `write` returned.
   */
  insertSession<T>(write: (session: InsertSession<F>) => Promise<T> | T): Promise<T>;
  /** Adds rows and commits (with everything buffered before): durable when it resolves. Resolves to the ids. */
  add(options: AddOptions<F>): Promise<Id[]>;
  /** Inserts or replaces rows and commits. Resolves to the ids. */
  upsert(options: UpsertOptions<F>): Promise<Id[]>;
  /** Soft-deletes rows and commits; unknown ids are ignored. Resolves to the number of rows deleted. */
  delete(selection: Selection): Promise<number>;
  /** Brings soft-deleted rows back and commits; ids that are not soft-deleted are ignored. Resolves to their number. */
  restore(ids: readonly Id[] | Id): Promise<number>;
  /** Ids of the soft-deleted rows, in order of insertion. */
  listDeletedIds(): Promise<Id[]>;
  /** Rewrites the collection without deleted and replaced rows. Resolves to the number of rows removed. */
  compact(options?: { readonly signal?: AbortSignal }): Promise<number>;
  /** Resolves when everything buffered is committed: on disk, and visible to searches. */
  commit(): Promise<void>;
  /** The same as `commit`. */
  flush(): Promise<void>;
  /** Commits, and persists derived state so that the next open is fast. */
  checkpoint(): Promise<void>;
  /** Commits, checkpoints and releases everything. The collection can be opened again through its database. */
  close(): Promise<void>;
  /** In a read-only client: takes up what the writing process has committed since. Elsewhere: does nothing. */
  refresh(): Promise<void>;

  /**
   * Builds an index over the committed rows, e.g. `"HNSW-COS"` (see docs/indexes.md); the metric of later searches is the
   * index's. Runs on other threads while searches go on with the old index; rows added later are found at once, and taken
   * in by themselves. `UNSUPPORTED_INDEX`, `INDEX_EMPTY` without rows, `INVALID_VECTOR` where a row does not fit the metric.
   */
  buildIndex(mode: string, options?: BuildIndexOptions): Promise<void>;
  /** Forgets the index: searches are exact, with the metric of the collection's default index. */
  removeIndex(options?: { readonly fieldName?: string }): Promise<void>;
  /** Name of the index, or null. */
  indexMode(options?: { readonly fieldName?: string }): Promise<string | null>;

  /**
   * Adds a named vector field, whose vectors rows may have beside their own. The same again changes nothing; another one of
   * that name is refused.
   */
  createVectorField(name: string, options: VectorFieldOptions): Promise<void>;
  /** All vector fields, the default one first. */
  listVectorFields(): Promise<VectorFieldInfo[]>;
  /** Changes how texts are searched; the text index is made anew where it has to be. Omitted options have their defaults. */
  configureText(options: TextIndexOptions): Promise<void>;
  /** How texts are searched now, every option with its value. */
  textOptions(): Promise<Required<TextIndexOptions>>;

  /** The `k` nearest live rows. */
  search(target: SearchTarget, options?: SearchOptions<F>): Promise<ResultView<F>>;
  /**
   * `search` for many query vectors, in their order, on one snapshot; cheaper than one by one. A batch that is more than a
   * server takes at once (`max_batch_vectors`, or 500,000 rows of answers) is sent in parts, each on a snapshot of its own.
   */
  batchSearch(vectors: Matrix, options?: SearchOptions<F>): Promise<ResultView<F>[]>;
  /** All live rows within a score or distance. */
  searchRange(vector: Vector, options: RangeOptions): Promise<ResultView<F>>;
  /** `search`, with an account of how it was done. */
  searchProfile(vector: Vector, options?: SearchOptions<F>): Promise<{ items: ResultView<F>; profile: SearchPlan }>;
  /**
   * The rows whose sparse vectors have the largest inner products with this one. Rows that share no feature with it, or whose
   * products add up to exactly 0, never.
   */
  searchSparse(sparse: SparseVector, options?: SparseSearchOptions<F>): Promise<ResultView<F>>;
  /**
   * The rows whose texts are most relevant to these words, by BM25: exact. `"a phrase"` in quotes, `-word` for rows without
   * it, `word*` for every word with that beginning. `INVALID_ARGUMENT` where no word is left to look for.
   */
  bm25Search(text: string, options?: TextSearchOptions<F>): Promise<ResultView<F>>;
  /** Alias of `bm25Search`. */
  textSearch(text: string, options?: TextSearchOptions<F>): Promise<ResultView<F>>;
  /** The best rows by several signals together: a vector, a text, a sparse vector. One filter holds for all of them. */
  hybridSearch(query: HybridQuery, options?: HybridOptions<F>): Promise<ResultView<F>>;
  /** `search` for rows like some and unlike others; the examples themselves do not come back. */
  recommend(query: RecommendQuery, options?: RecommendOptions<F>): Promise<ResultView<F>>;
  /** How many live rows that match have each value of some fields, most frequent first. */
  facets(fields: Facets, options?: { readonly where?: Where; readonly params?: WhereParams }): Promise<FacetResult>;

  /** Rows by filter or ids, without a vector. With none of `where`, `filterIds` and `limit`: an empty view. */
  query(options?: QueryOptions): Promise<ResultView<F>>;
  /** As `query`, with vectors. */
  queryVectors(options?: QueryOptions): Promise<ResultView<F>>;
  /** Rows by id, in the order asked for; `ID_NOT_FOUND` names the first that is missing. Vectors included. */
  get(ids: readonly Id[] | Id): Promise<ResultView<F>>;
  /** The first `n` rows in order of insertion, with vectors. Default 5. */
  head(n?: number): Promise<ResultView<F>>;
  /** The last `n` rows in order of insertion, with vectors. Default 5. */
  tail(n?: number): Promise<ResultView<F>>;
  /** Number of live rows, of those that match where a filter is given. */
  count(options?: { readonly where?: Where; readonly params?: WhereParams }): Promise<number>;
  /** All live rows that match, in order of insertion, from one snapshot, a batch in memory at a time. */
  scan(options?: ScanOptions): AsyncIterableIterator<Row<F>>;

  /** `[live rows, dim]`; dim is 0 while nothing fixed it. */
  shape(): Promise<[rows: number, dim: number]>;
  stats(): Promise<CollectionStats>;
  /** Largest integer id among live rows, -1 without one. */
  maxId(): Promise<number>;
  isIdExists(id: Id): Promise<boolean>;
  /** Names of the metadata fields that live rows have, dotted for nested ones, sorted. */
  listFields(): Promise<string[]>;
  exists(): Promise<boolean>;
  updateDescription(text: string): Promise<void>;
  /**
   * Takes a snapshot of everything that is committed: rows, deleted ones included, vectors of all fields, indexes, blobs.
   * Reading and writing go on. `path` is a folder that does not exist yet (`TARGET_EXISTS`), of the server where there is one.
   */
  snapshotTo(path: string, options?: SnapshotOptions): Promise<CopyResult>;
  /**
   * Writes everything that is committed to a folder of files that other programs can read, LynseDB among them: rows, deleted
   * ones included, vectors of all fields, blobs, settings, and how indexes are built, not the indexes themselves. Reading and
   * writing go on. `path` does not exist yet (`TARGET_EXISTS`); it is the server's where there is one, which tells no progress.
   */
  exportTo(path: string, options?: ExportOptions): Promise<CopyResult>;

  /**
   * Keeps bytes under a key, beside the rows: a picture that rows speak of, a model's settings. Replaces what the key has.
   * Durable and visible when it resolves; no part of any session or transaction. Keys are texts of 1 to 1024 bytes in UTF-8,
   * blobs at most 512 MiB.
   */
  writeBlob(key: string, bytes: ArrayBuffer | ArrayBufferView): Promise<void>;
  /** The bytes of a key; null where it has none. The caller's own. */
  readBlob(key: string): Promise<Uint8Array<ArrayBuffer> | null>;
  /**
   * A part of the bytes of a key, without reading the rest; null where it has none. `INVALID_ARGUMENT` where `offset` is
   * behind the end; nothing, where it is the end.
   */
  readBlobRange(key: string, range?: BlobRange): Promise<Uint8Array<ArrayBuffer> | null>;
  /** Removes what a key has, durably; false where it has nothing. */
  deleteBlob(key: string): Promise<boolean>;
  /** Keys that begin with `prefix` (default: all), with the sizes of their blobs, sorted by code units. */
  listBlobs(options?: { readonly prefix?: string }): Promise<BlobInfo[]>;
}
