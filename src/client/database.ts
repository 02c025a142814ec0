/**
 * What can be done with a database?
 *
 * A named group of collections; the contract of the embedded and the remote database.
 */
import type { EmbedFunction } from "../embed/embedder.js";
import type { LynseError } from "../errors.js";
import type { Dtype, Fields } from "../types.js";
import type {
  Collection,
  CopyResult,
  ExportOptions,
  ImportOptions,
  RestoreOptions,
  SnapshotOptions,
  TextIndexOptions,
} from "./collection.js";

export interface CollectionOptions {
  /** Length of the vectors, 1 to `limits.dimMax`. Omitted: taken from the first write. */
  readonly dim?: number;
  /** How vector components are stored. Default `"float32"`; `"float16"` halves memory and disk. */
  readonly dtype?: Dtype;
  readonly description?: string;
  /** Index of a new collection; null for none (exact inner product). Default `"FLAT-IP"`. */
  readonly defaultIndex?: string | null;
  /** Drop an existing collection first. Default false. */
  readonly dropIfExists?: boolean;
  /** How texts of a new collection are searched; kept with it. `configureText` changes it later. */
  readonly text?: TextIndexOptions;
  /** Makes vectors of documents, for this handle; the name that an embedder gives itself is kept with the collection. */
  readonly embed?: EmbedFunction;
}

/** How an existing collection is opened. */
export interface OpenOptions {
  /** Makes vectors of documents, for this handle. */
  readonly embed?: EmbedFunction;
}

export interface CollectionDescription {
  readonly name: string;
  /** Live rows; 0 when the collection cannot be read. */
  readonly rows: number;
  readonly dim: number | null;
  readonly dtype: Dtype;
  readonly index: string | null;
  readonly description: string | null;
  /** Why the collection cannot be read (`CORRUPT`, `FORMAT_TOO_NEW`); null for an intact one. The others are usable. */
  readonly error: LynseError | null;
}

export interface Database {
  readonly name: string;
  /** Opens a collection, creating it where it is missing. An existing one with another dim or dtype: `COLLECTION_EXISTS`. */
  requireCollection<F extends Fields = Fields>(name: string, options?: CollectionOptions): Promise<Collection<F>>;
  /** Opens a collection; `COLLECTION_NOT_FOUND` where it is missing. */
  getCollection<F extends Fields = Fields>(name: string, options?: OpenOptions): Promise<Collection<F>>;
  hasCollection(name: string): Promise<boolean>;
  /** Removes a collection and its files; resolves also where it is missing. */
  dropCollection(name: string): Promise<void>;
  /** Names of the collections, sorted. */
  listCollections(): Promise<readonly string[]>;
  /** Alias of `listCollections`. */
  showCollections(): Promise<readonly string[]>;
  /** All collections with their sizes; none is kept open for it. */
  describeCollections(): Promise<CollectionDescription[]>;
  /** Alias of `describeCollections`. */
  showCollectionsDetails(): Promise<CollectionDescription[]>;
  updateCollectionDescription(name: string, text: string): Promise<void>;
  /** As `snapshotTo` of the collection. */
  snapshotCollection(name: string, path: string, options?: SnapshotOptions): Promise<CopyResult>;
  /**
   * Makes a collection of the snapshot at `path`, under any name. All of it is copied and verified before anything that is
   * there is touched: `CORRUPT` names the file that is wrong. With `overwrite` the collection of that name is replaced at
   * once; handles, and readers in other processes, go on with what was restored, writes that were not committed are refused.
   */
  restoreCollection(name: string, path: string, options?: RestoreOptions): Promise<CopyResult>;
  /** As `exportTo` of the collection. */
  exportCollection(name: string, path: string, options?: ExportOptions): Promise<CopyResult>;
  /**
   * Makes a collection of the export at `path`, by this package or by LynseDB, under any name. All of it is read and checked
   * before anything that is there is touched: errors name file and line. Its indexes are built again, in the background. With
   * `overwrite` the collection of that name is replaced as by `restoreCollection`. Its ids keep their types.
   */
  importCollection(name: string, path: string, options?: ImportOptions): Promise<CopyResult>;
  /** Takes a snapshot of all collections as they are at one moment; otherwise as for a collection. */
  snapshot(path: string, options?: SnapshotOptions): Promise<CopyResult>;
  /** As `restoreDatabase` of the client, under this name. */
  restore(path: string, options?: RestoreOptions): Promise<CopyResult>;
  /** Removes the database with all its collections. */
  drop(): Promise<void>;
  exists(): Promise<boolean>;
}
