/**
 * How does a batch become durable?
 *
 * Vectors and frames are written past the committed end, at the same time, then the log and every vector file that was
 * written to are synced, at the same time. The order does not matter, because the frames carry the vectors' checksums.
 * `append` resolves only after all syncs.
 *
 * Invariants: nothing is appended after a sync failed, nor while bytes of a failed attempt may lie behind the end.
 */
import { assert, LynseError } from "../errors.js";
import { checkLimit } from "../limits.js";
import { TimeSlice } from "../time-slice.js";
import type { Durability } from "../types.js";
import { encodeBatch, type FrameVectors } from "./batch-encoder.js";
import type { FrameLimits } from "./batch-plan.js";
import { FileAppender } from "./file-appender.js";
import type { GenerationFiles } from "./generation-files.js";
import { addSlots, type LogPosition } from "./log-position.js";
import { settleAll } from "./settle-all.js";
import type { AppendResult, StoredFieldVectors, StoredRows, StoredSparse, Transaction } from "./transaction.js";
import type { VectorFile } from "./vector-file.js";

export class LogWriter {
  readonly #files: GenerationFiles;
  readonly #frameLimits: FrameLimits;
  #position: LogPosition;
  /** Bytes of the log known to be durable, with their vectors. */
  #syncedBytes: number;
  /** Vector files that were written to since the last sync. */
  readonly #unsynced = new Set<VectorFile>();
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
      checkCounts(start, transactions);
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
    const { batch, bytes: logBytes, rowCount, slotCounts } = this.#position;
    const log = new FileAppender(this.#files.log, logBytes);
    const vectorAppenders = new Map<VectorFile, FileAppender>();
    const start = { batch: batch + 1, logBytes, rowCount, slotCounts, syncedBytes: this.#syncedBytes };
    const frames: StoredRows[] = [];
    const fieldVectors: StoredFieldVectors[] = [];
    const sparse: StoredSparse[] = [];
    let position = this.#position;
    const slice = new TimeSlice();
    try {
      for (const frame of encodeBatch(this.#files, transactions, start, this.#frameLimits)) {
        position = { ...position, batch: batch + 1, bytes: position.bytes + frame.bytes.length };
        if (frame.rows !== undefined) {
          frames.push(frame.rows);
          position = { ...position, rowCount: position.rowCount + frame.rows.rowCount };
        }
        if (frame.fieldVectors !== undefined) {
          const { fieldNumber, count } = frame.fieldVectors;
          fieldVectors.push(frame.fieldVectors);
          position = { ...position, slotCounts: addSlots(position.slotCounts, fieldNumber, count) };
        }
        if (frame.sparse !== undefined) sparse.push(frame.sparse);
        await settleAll([log.add(frame.bytes), this.#addVectors(vectorAppenders, frame.vectors)]);
        if (slice.isDue()) await slice.giveWay();
      }
      await settleAll([log.flush(), ...Array.from(vectorAppenders.values(), (appender) => appender.flush())]);
    } catch (error) {
      await this.#takeBack(error);
      throw error;
    }
    return { frames, fieldVectors, sparse, position };
  }

  async #addVectors(appenders: Map<VectorFile, FileAppender>, vectors: FrameVectors | undefined): Promise<void> {
    if (vectors === undefined) return;
    const { file, first, pieces } = vectors;
    let appender = appenders.get(file);
    if (appender === undefined) {
      appender = new FileAppender(file.handle, file.bytesOf(first));
      appenders.set(file, appender);
      this.#unsynced.add(file);
    }
    for (const piece of pieces) await appender.add(piece);
  }

  /** Removes what a failed write left behind the end, durably; when that fails as well, nothing is written any more. */
  async #takeBack(reason: unknown): Promise<void> {
    try {
      await this.#files.log.truncate(this.#position.bytes);
      for (const { file, count } of this.#files.vectorCounts(this.#position)) {
        if (this.#unsynced.has(file)) await file.handle.truncate(file.bytesOf(count));
      }
      await this.#syncFiles(this.#position.bytes);
    } catch {
      this.#poison ??= asLynseError(reason);
    }
  }

  /** A sync that failed is never tried again: the system may have dropped the bytes and would report success. */
  async #syncFiles(bytes: number): Promise<void> {
    try {
      await settleAll([this.#files.log.sync(), ...Array.from(this.#unsynced, (file) => file.handle.sync())]);
      this.#unsynced.clear();
      this.#syncedBytes = bytes;
    } catch (error) {
      this.#poison = asLynseError(error);
      throw error;
    }
  }
}

/** Refuses more rows, or more slots of a field, than numbers can count. */
function checkCounts({ rowCount, slotCounts }: LogPosition, transactions: readonly Transaction[]): void {
  let rows = rowCount;
  let slots = slotCounts;
  for (const transaction of transactions) {
    for (const part of transaction.rows) rows += part.rowCount;
    for (const part of transaction.fieldVectors ?? []) slots = addSlots(slots, part.fieldNumber, part.rows.length);
  }
  checkLimit("rowsMax", rows, "the number of rows ever written");
  for (const count of slots) checkLimit("rowsMax", count, "the number of vectors ever written to a field");
}

function asLynseError(error: unknown): LynseError {
  return error instanceof LynseError ? error : new LynseError("INTERNAL", String(error), {}, error);
}
