/**
 * How are vectors read that an index keeps in its own files?
 *
 * What the owner of an index that stores vectors asks for beside approximate searches: rows by number, all allowed rows
 * in bounded pieces, and the exact best rows, which goes through the file without keeping it in memory.
 */
import type { IndexCandidates, IndexSearch } from "./vector-index.js";

export interface ChunkOptions {
  /** Rows to visit: bit r & 31 of word r >>> 5. Null: all that the index has. */
  readonly mask: Uint32Array | null;
  readonly signal: AbortSignal | undefined;
}

export interface DiskRows {
  /**
   * Reads every allowed row once, some thousands at a time. `rows` ascend within a call, not from one to the next;
   * `vectors` are row-major and used again after `visit`.
   */
  forEachChunk(
    visit: (rows: Uint32Array, vectors: Float32Array) => void | Promise<void>,
    options: ChunkOptions,
  ): Promise<void>;
  /** Rows as float32, row-major, in the order asked for. */
  readRows(rows: ArrayLike<number>): Promise<Float32Array>;
  /** The exact best rows; of equal values the older row. Reads all blocks, some MiB at a time. */
  scanExact(request: IndexSearch): Promise<IndexCandidates>;
}
