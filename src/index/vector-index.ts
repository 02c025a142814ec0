/**
 * What is an index over the vectors of a field?
 *
 * The contract of every index that is more than the stored rows themselves. An index covers the rows [0, `rowCount`) of one
 * generation, dead ones included, and proposes rows; it never decides alone: rows beyond it are searched exactly by its
 * owner, candidates without values are scored exactly by its owner, and the owner falls back to the exact scan where
 * fewer rows came back than match.
 *
 * One writer at a time (`extend`, `serialize` and `release` never overlap, their owner sees to it); searches run beside
 * `extend`, also where it works on other threads.
 */
import type { KernelPool } from "../kernel/kernel-pool.js";
import type { FileSystem } from "../storage/file-system.js";
import type { IndexName } from "./index-name.js";

/** The rows that an index is made over: [0, `rowCount`) of a field. */
export interface IndexRows {
  readonly dim: number;
  readonly rowCount: number;
  /** Copies the rows [from, to) into `target`, row-major float32. A promise where they come from a file. */
  read(from: number, to: number, target: Float32Array): void | Promise<void>;
}

/** A folder of an index's own, for the files of those that live on disk. */
export interface IndexFolder {
  readonly fs: FileSystem;
  readonly path: string;
}

/** Parameters of an index by name, all of them, defaults filled in. */
export type IndexParameters = Readonly<Record<string, number>>;

/** What a build or an extension works with. */
export interface BuildContext {
  readonly pool: KernelPool;
  /** Bit r & 31 of word r >>> 5: row r can never be returned again and may be left out. Null: none. */
  readonly dead: Uint32Array | null;
  readonly folder: IndexFolder;
  readonly signal: AbortSignal | undefined;
  /** Rows done so far, of `total`; monotonic. */
  readonly onProgress: (done: number, total: number) => void;
}

export interface IndexSearch {
  /** `dim` finite components. */
  readonly query: Float32Array;
  /** Rows wanted, at least 1, at most `maskCount`. */
  readonly k: number;
  /** Rows that may be returned: bit r & 31 of word r >>> 5; covers the index's rows at least. Null: all rows. */
  readonly mask: Uint32Array | null;
  /** Rows of the snapshot that may be returned. */
  readonly maskCount: number;
  /** Rows of the snapshot: rows from here on are not returned, though the index may have them already. */
  readonly rowCount: number;
  /** The family's search knob (ef, clusters, list size); null: its default. */
  readonly nprobe: number | null;
  readonly signal: AbortSignal | undefined;
}

export interface IndexCandidates {
  /** Distinct rows that the mask allows, best first by the index's own estimate. At least `k` unless it found fewer. */
  readonly rows: Uint32Array;
  /** Their exact values as the metric counts them; null: the owner scores them exactly. */
  readonly values: Float64Array | null;
  /** Rows whose codes or vectors were looked at. */
  readonly rowsScored: number;
  /** How it went, for explanations: `"walk"`, `"filtered-walk"`, `"probe"`, `"scan"`, `"beam"`… */
  readonly plan: string;
}

/** A named part of an index's persisted state, in one or more pieces. */
export interface IndexSection {
  readonly name: string;
  readonly bytes: Uint8Array | readonly Uint8Array[];
}

export interface VectorIndex {
  readonly name: IndexName;
  readonly parameters: IndexParameters;
  /** Rows covered: [0, rowCount). */
  readonly rowCount: number;
  /** Covered rows that were left out because they were dead at the time; they are never returned. */
  readonly leftOut: number;
  /** True where the index reads vectors from its own files, so that the field's vectors need not be in memory. */
  readonly storesVectors: boolean;
  /**
   * Rows that an unfiltered search of this effort looks at, roughly: the planner compares it with the rows that an exact
   * scan would look at. `rowCount` for indexes that look at every row's code.
   */
  expectedVisits(k: number, nprobe: number | null): number;
  /** The same under a filter that this share of the rows matches; where it is not just the inverse of the share. */
  filteredVisits?(k: number, nprobe: number | null, selectivity: number): number;
  /** Candidates for a query. Synchronous where everything is in memory. */
  search(request: IndexSearch): IndexCandidates | Promise<IndexCandidates>;
  /**
   * The same for several queries, row-major, on the threads of a pool; the mask stays as it is meanwhile. For indexes in
   * memory whose searches are long enough to gain by it.
   */
  searchBatch?(
    queries: Float32Array,
    request: Omit<IndexSearch, "query">,
    pool: KernelPool,
  ): Promise<IndexCandidates[]>;
  /** Rows as float32, row-major; only where `storesVectors`. */
  readRows?(rows: ArrayLike<number>): Promise<Float32Array>;
  /** Covers the rows up to `rows.rowCount` too. A failure or an abort leaves the index as good as it was. */
  extend(rows: IndexRows, context: BuildContext): Promise<void>;
  /** State to persist beside the files in the index's folder; views into its memory, valid until the next `extend`. */
  serialize(): Promise<readonly IndexSection[]> | readonly IndexSection[];
  /** Bytes in memory. */
  memoryBytes(): number;
  /** Bytes in files of its own folder, without the sections. */
  diskBytes(): number;
  /** Gives memory and files back. Searches under way have ended. */
  release(): void | Promise<void>;
}

/** How the indexes of a family come to be. */
export interface IndexFamily {
  /** Builds an index over `rows`; nothing is left behind when it fails or is aborted, but files in the folder. */
  build(name: IndexName, parameters: IndexParameters, rows: IndexRows, context: BuildContext): Promise<VectorIndex>;
  /** The index that `serialize` kept; null where the sections make no sense. Bytes were checked for damage before. */
  load(
    name: IndexName,
    parameters: IndexParameters,
    sections: ReadonlyMap<string, Uint8Array>,
    context: { readonly dim: number; readonly folder: IndexFolder },
  ): Promise<VectorIndex | null>;
}
