/**
 * What of a log is committed, and what does it say?
 *
 * A batch counts when all its frames are intact and its last one is there. Batches that a later frame vouches for (its
 * `syncedBytes` lies behind them) were durable; the others may be torn, so their metadata and vectors are verified too,
 * and the first one that fails ends the log. A frame behind that end which vouches for it proves damage: `CORRUPT`.
 *
 * The file may grow while it is read (a reader beside the writer): before damage is reported, the place is read again.
 * The whole argument stands in docs/internals/file-format.md.
 */
import type { LynseError } from "../errors.js";
import { limits } from "../limits.js";
import { TimeSlice } from "../time-slice.js";
import { corruptFile, formatTooNew } from "./corrupt-file.js";
import { formatVersion } from "./file-header.js";
import type { GenerationFiles } from "./generation-files.js";
import { decodeFrameHeader, type FrameHeader, frameBytes, frameHeaderBytes, frameKinds } from "./log-frame.js";
import type { LogPosition } from "./log-position.js";
import { LogWindow } from "./log-window.js";
import { rangeCrc } from "./range-crc.js";
import type { ReplayedRows, ReplayVisitor } from "./replay-visitor.js";
import { decodeRowListSection } from "./row-list-section.js";
import { decodeRowsSection } from "./rows-section.js";
import { badField, verifyFields } from "./verify-fields.js";

/** Index bytes of batches that may wait for a later frame to vouch for them. */
const waitingBytesMax = 64 * 1024 * 1024;

/** Metadata or vectors of a frame up to this size are verified through a window. */
const smallBytesMax = 64 * 1024;

type Content =
  | { readonly kind: "rows"; readonly rows: ReplayedRows; readonly dim: number }
  | { readonly kind: "superseded" | "deleted" | "restored"; readonly list: Uint32Array };

interface Frame {
  readonly offset: number;
  readonly header: FrameHeader;
  readonly content: Content;
}

interface Batch {
  readonly frames: readonly Frame[];
  /** Bytes of the log before the next batch. */
  readonly end: number;
  readonly indexBytes: number;
}

const listKinds: Readonly<Record<number, "superseded" | "deleted" | "restored">> = {
  [frameKinds.superseded]: "superseded",
  [frameKinds.deleted]: "deleted",
  [frameKinds.restored]: "restored",
};

export class LogReplay {
  readonly #files: GenerationFiles;
  readonly #visitor: ReplayVisitor;
  readonly #slice = new TimeSlice();
  #position: LogPosition;
  /** Everything before this offset was durable once. */
  #vouchedBytes: number;
  /** End of the last batch that was vouched for when it was delivered. */
  #durable: LogPosition;
  #waiting: Batch[] = [];
  #waitingBytes = 0;
  /** Windows through which batches are verified; of the present scan. */
  #tail: { readonly log: LogWindow; readonly vectors: LogWindow | null } | null = null;

  /** Replays from a position; the log is known to have been durable up to `vouchedBytes`, which is not before it. */
  constructor(files: GenerationFiles, from: LogPosition, visitor: ReplayVisitor, vouchedBytes: number) {
    this.#files = files;
    this.#position = from;
    this.#durable = from;
    this.#vouchedBytes = vouchedBytes;
    this.#visitor = visitor;
  }

  /** A position up to which everything is known to have been durable; what lies behind may be only in a cache. */
  get durable(): LogPosition {
    return this.#durable;
  }

  /** Reads to the end of the committed log; resolves to that end. */
  async run(): Promise<LogPosition> {
    let suspect = -1;
    for (;;) {
      const size = await this.#files.log.size();
      const damage = await this.#scan(size);
      // A vouched log never ends early: its size was compared, so only damage ends it before.
      if (damage === null) return this.#position;
      const start = this.#position.bytes;
      const isVouchedFor = this.#vouchedBytes > start || (await this.#findVoucher(start));
      if (!isVouchedFor) return this.#position;
      if (suspect === start) throw damage;
      suspect = start;
    }
  }

  /** Delivers every committed batch in `[position, size)`; resolves to what ended the scan, null for the file's end. */
  async #scan(size: number): Promise<LynseError | null> {
    const { log, vectors } = this.#files;
    const window = new LogWindow(log, size);
    const vectorWindow = vectors === null ? null : new LogWindow(vectors.handle, await vectors.handle.size());
    this.#tail = { log: new LogWindow(log, size), vectors: vectorWindow };
    this.#waiting = [];
    this.#waitingBytes = 0;
    let frames: Frame[] = [];
    let indexBytes = 0;
    let batch = this.#position.batch + 1;
    let offset = this.#position.bytes;
    let damage: LynseError | null = null;
    while (offset < size) {
      const frame = await this.#readFrame(window, size, offset, batch, frames.length);
      if (frame === null) {
        damage = corruptFile(this.#files.logPath, offset, "no intact frame begins here");
        break;
      }
      frames.push(frame);
      indexBytes += frame.header.indexBytes;
      offset += frameBytes(frame.header);
      this.#vouchedBytes = Math.max(this.#vouchedBytes, frame.header.syncedBytes);
      if (!frame.header.isLast) continue;
      this.#waiting.push({ frames, end: offset, indexBytes });
      this.#waitingBytes += indexBytes;
      frames = [];
      indexBytes = 0;
      batch++;
      const torn = await this.#deliverWaiting(waitingBytesMax);
      if (torn !== null) return torn;
    }
    const torn = await this.#deliverWaiting(0);
    if (torn !== null) return torn;
    if (damage === null && frames.length > 0) {
      damage = corruptFile(this.#files.logPath, offset, "the file ends inside a batch");
    }
    return damage;
  }

  /** Delivers batches that are vouched for, and verifies others until at most `bytesMax` wait. */
  async #deliverWaiting(bytesMax: number): Promise<LynseError | null> {
    let at = 0;
    for (; at < this.#waiting.length; at++) {
      const batch = this.#waiting[at]!;
      if (batch.end > this.#vouchedBytes) {
        if (this.#waitingBytes <= bytesMax && bytesMax > 0) break;
        const torn = await this.#verify(batch);
        if (torn !== null) return torn;
      }
      this.#deliver(batch);
      this.#waitingBytes -= batch.indexBytes;
      if (this.#slice.isDue()) await this.#slice.giveWay();
    }
    this.#waiting.splice(0, at);
    return null;
  }

  async #readFrame(
    window: LogWindow,
    size: number,
    offset: number,
    batch: number,
    part: number,
  ): Promise<Frame | null> {
    const { fs, saltBytes, logPath } = this.#files;
    const head = await window.view(offset, frameHeaderBytes);
    const header = head === null ? null : decodeFrameHeader(fs, head, saltBytes);
    if (header === null || header.batch !== batch || header.part !== part || header.syncedBytes > offset) return null;
    const frameLimit = limits.frameBytesMax + frameHeaderBytes;
    if (header.indexBytes > frameLimit || header.blobBytes > frameLimit) return null;
    // The blob is not read here, but a frame that the file cuts short is not there.
    if (offset + frameBytes(header) > size) return null;
    const view = await window.view(offset + frameHeaderBytes, header.indexBytes);
    if (view === null || rangeCrc(fs, view) !== header.indexCrc) return null;
    const content = decodeContent(header, view.slice(), offset);
    if (typeof content === "string") throw corruptFile(logPath, offset, content);
    if (content === null) throw formatTooNew(logPath, formatVersion + 1, formatVersion);
    return { offset, header, content };
  }

  /** Verifies what the frames' own checksums leave out; null when the batch is whole. */
  async #verify(batch: Batch): Promise<LynseError | null> {
    const { fs, log, logPath, vectors } = this.#files;
    for (const { content, header } of batch.frames) {
      if (content.kind !== "rows") continue;
      const { firstRow, rowCount, fieldOffset, fieldLengths, fieldCrcs, vectorsCrc } = content.rows;
      // A tail of many small commits is read through windows, not with two system calls for each.
      const blob = header.blobBytes <= smallBytesMax ? await this.#tail!.log.view(fieldOffset, header.blobBytes) : null;
      const bad =
        blob === null
          ? await verifyFields(fs, log, fieldOffset, fieldLengths, fieldCrcs)
          : badField(fs, blob, fieldOffset, fieldLengths, fieldCrcs);
      if (bad !== null) return corruptFile(logPath, bad, "metadata does not match its checksum");
      if (vectors === null) continue;
      const bytes = rowCount * vectors.stride;
      const rows = bytes <= smallBytesMax ? await this.#tail!.vectors?.view(vectors.bytesOf(firstRow), bytes) : null;
      const crc = rows ? fs.crc32(rows) : await vectors.crcOf(firstRow, rowCount);
      if (crc === vectorsCrc) continue;
      const what = `the vectors of rows ${firstRow} to ${firstRow + rowCount - 1} do not match their checksum`;
      return corruptFile(vectors.path, vectors.bytesOf(firstRow), what);
    }
    return null;
  }

  #deliver(batch: Batch): void {
    const { logPath, vectors, generation } = this.#files;
    let { rowCount } = this.#position;
    // Everything is checked before the visitor hears of anything: a batch is taken whole or not at all.
    for (const { content, offset } of batch.frames) {
      if (content.kind === "rows") {
        if (content.rows.firstRow !== rowCount) throw corruptFile(logPath, offset, "row numbers do not follow");
        if (content.dim !== vectors?.dim) throw corruptFile(logPath, offset, "the rows have another dimension");
        rowCount += content.rows.rowCount;
      } else if (content.list.some((row) => row >= rowCount)) {
        throw corruptFile(logPath, offset, "a row number is beyond the rows written");
      }
    }
    for (const { content } of batch.frames) {
      if (content.kind === "rows") this.#visitor.rows(content.rows);
      else this.#visitor[content.kind](content.list);
    }
    this.#position = { ...this.#position, generation, bytes: batch.end, rowCount, batch: this.#position.batch + 1 };
    if (batch.end <= this.#vouchedBytes) this.#durable = this.#position;
  }

  /** True when an intact frame behind `start` says that the bytes at `start` were durable. */
  async #findVoucher(start: number): Promise<boolean> {
    const { fs, log, saltBytes } = this.#files;
    const size = await log.size();
    const window = new LogWindow(log, size);
    const salt = new DataView(saltBytes.buffer);
    const low = salt.getUint32(0, true);
    const high = salt.getUint32(4, true);
    const stepBytes = 64 * 1024;
    for (let at = start; at + frameHeaderBytes <= size; at += stepBytes) {
      const view = await window.view(at, Math.min(stepBytes + frameHeaderBytes, size - at));
      if (view === null) return false;
      const data = new DataView(view.buffer, view.byteOffset, view.length);
      const lastStart = Math.min(stepBytes - 8, view.length - frameHeaderBytes);
      for (let inner = 0; inner <= lastStart; inner += 8) {
        if (data.getUint32(inner, true) !== low || data.getUint32(inner + 4, true) !== high) continue;
        const header = decodeFrameHeader(fs, view.subarray(inner, inner + frameHeaderBytes), saltBytes);
        if (header !== null && header.syncedBytes > start) return true;
      }
      if (this.#slice.isDue()) await this.#slice.giveWay();
    }
    return false;
  }
}

/** What a frame says; a text when it contradicts itself, null when its kind is unknown. */
function decodeContent(header: FrameHeader, index: Uint8Array, offset: number): Content | string | null {
  if (header.kind === frameKinds.rows) {
    const section = decodeRowsSection(index, header.blobBytes);
    if (typeof section === "string") return section;
    const { dim, ...rows } = section;
    const fieldOffset = offset + frameHeaderBytes + header.indexBytes;
    return { kind: "rows", dim, rows: { ...rows, fieldOffset } };
  }
  const kind = listKinds[header.kind];
  if (kind === undefined) return null;
  const list = decodeRowListSection(index);
  return list === null ? "the list of rows cannot be read" : { kind, list };
}
