/**
 * How does a batch become durable?
 *
 * Vectors and frames are written past the committed end, at the same time, then both files are synced, at the same
 * time. The order does not matter, because the frames carry the vectors' checksums. `append` resolves only after both
 * syncs.
 *
 * Invariants: nothing is appended after a sync failed, nor while bytes of a failed attempt may lie behind the end.
 */
import { assert, LynseError } from "../errors.js";
import { checkLimit } from "../limits.js";
import type { Durability } from "../types.js";
import { encodeBatch, type FrameLimits } from "./batch-encoder.js";
import { FileAppender } from "./file-appender.js";
import type { GenerationFiles } from "./generation-files.js";
import type { LogPosition } from "./log-position.js";
import { settleAll } from "./settle-all.js";
import type { AppendResult, StoredRows, Transaction } from "./transaction.js";

export class LogWriter {
  readonly #files: GenerationFiles;
  readonly #frameLimits: FrameLimits;
  #position: LogPosition;
  /** Bytes of the log known to be durable, with their vectors. */
  #syncedBytes: number;
  #isAppending = false;
  #poison: LynseError | null = null;

  /** Writes after `position`, up to which everything is durable. */
  constructor(files: GenerationFiles, position: LogPosition, frameLimits: FrameLimits) {
    this.#files = files;
    this.#position = position;
    this.#syncedBytes = position.bytes;
    this.#frameLimits = frameLimits;
  }

  /** End of the last batch that was appended. */
  get position(): LogPosition {
    return this.#position;
  }

  /** Why nothing can be appended any more; null while it can. */
  get poison(): LynseError | null {
    return this.#poison;
  }

  /** Appends transactions as one batch: all of them are committed, or none. */
  async append(transactions: readonly Transaction[], durability: Durability): Promise<AppendResult> {
    this.#assertUsable();
    this.#isAppending = true;
    try {
      const start = this.#position;
      checkLimit("rowsMax", start.rowCount + countRows(transactions), "the number of rows ever written");
      const written = await this.#write(transactions);
      if (written.position.bytes === start.bytes) return written;
      if (durability === "fsync") await this.#syncFiles(written.position.bytes);
      this.#position = written.position;
      return written;
    } finally {
      this.#isAppending = false;
    }
  }

  /** Makes everything appended durable. */
  async sync(): Promise<void> {
    this.#assertUsable();
    if (this.#syncedBytes < this.#position.bytes) await this.#syncFiles(this.#position.bytes);
  }

  #assertUsable(): void {
    assert(!this.#isAppending, "appends do not overlap");
    if (this.#poison === null) return;
    const { code, message, details } = this.#poison;
    const text = `nothing more can be written after an earlier failure (${message}); reading goes on, reopen to write`;
    throw new LynseError(code, text, details, this.#poison);
  }

  async #write(transactions: readonly Transaction[]): Promise<AppendResult> {
    const { log, vectors } = this.#files;
    const { batch, bytes: logBytes, rowCount } = this.#position;
    const logAppender = new FileAppender(log, logBytes);
    const vectorAppender = vectors === null ? null : new FileAppender(vectors.handle, vectors.bytesOf(rowCount));
    const start = { batch: batch + 1, logBytes, rowCount, syncedBytes: this.#syncedBytes };
    const frames: StoredRows[] = [];
    let end = logBytes;
    let rows = rowCount;
    try {
      for (const frame of encodeBatch(this.#files, transactions, start, this.#frameLimits)) {
        end += frame.bytes.length;
        if (frame.stored !== null) {
          frames.push(frame.stored);
          rows += frame.stored.rowCount;
        }
        const addVectors = async (): Promise<void> => {
          for (const piece of frame.vectors) await vectorAppender?.add(piece);
        };
        await settleAll([logAppender.add(frame.bytes), addVectors()]);
      }
      await settleAll([logAppender.flush(), vectorAppender?.flush() ?? Promise.resolve()]);
    } catch (error) {
      await this.#takeBack(error);
      throw error;
    }
    const isEmpty = end === logBytes;
    const position = { ...this.#position, bytes: end, rowCount: rows, batch: isEmpty ? batch : batch + 1 };
    return { frames, fieldVectors: [], sparse: [], position };
  }

  /** Removes what a failed write left behind the end, durably; when that fails as well, nothing is written any more. */
  async #takeBack(reason: unknown): Promise<void> {
    const { log, vectors } = this.#files;
    try {
      await log.truncate(this.#position.bytes);
      await vectors?.handle.truncate(vectors.bytesOf(this.#position.rowCount));
      await this.#syncFiles(this.#position.bytes);
    } catch {
      this.#poison ??= asLynseError(reason);
    }
  }

  /** A sync that failed is never tried again: the system may have dropped the bytes and would report success. */
  async #syncFiles(bytes: number): Promise<void> {
    const { log, vectors } = this.#files;
    try {
      await settleAll([log.sync(), vectors?.handle.sync() ?? Promise.resolve()]);
      this.#syncedBytes = bytes;
    } catch (error) {
      this.#poison = asLynseError(error);
      throw error;
    }
  }
}

function countRows(transactions: readonly Transaction[]): number {
  let count = 0;
  for (const transaction of transactions) for (const part of transaction.rows) count += part.rowCount;
  return count;
}

function asLynseError(error: unknown): LynseError {
  return error instanceof LynseError ? error : new LynseError("INTERNAL", String(error), {}, error);
}
