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
import { decodeFrameContent, type FrameContent } from "./frame-content.js";
import type { GenerationFiles } from "./generation-files.js";
import { decodeFrameHeader, type FrameHeader, frameBytes, frameHeaderBytes } from "./log-frame.js";
import { addSlots, type LogPosition } from "./log-position.js";
import { LogWindow } from "./log-window.js";
import { rangeCrc } from "./range-crc.js";
import type { ReplayVisitor } from "./replay-visitor.js";
import type { VectorFile } from "./vector-file.js";
import { badField, verifyFields } from "./verify-fields.js";

/** Index bytes of batches that may wait for a later frame to vouch for them. */
const waitingBytesMax = 64 * 1024 * 1024;

/** Metadata or vectors of a frame up to this size are verified through a window. */
const smallBytesMax = 64 * 1024;

interface Frame {
  readonly offset: number;
  readonly header: FrameHeader;
  readonly content: FrameContent;
}

interface Batch {
  readonly frames: readonly Frame[];
  /** Bytes of the log before the next batch. */
  readonly end: number;
  readonly indexBytes: number;
}

/** What a replay begins with. */
export interface ReplayStart {
  readonly from: LogPosition;
  /** The log is known to have been durable up to here, which is not before `from`. */
  readonly vouchedBytes: number;
  /**
   * Called when the log speaks of vectors that the configuration does not know yet: takes up the present one. Resolves
   * to false when another generation was swapped in, so that this log can be followed no further.
   */
  readonly takeUpConfig: () => Promise<boolean>;
  /** Verify metadata and vectors of every batch, vouched for or not. Default false. */
  readonly verifiesAll?: boolean;
}

export class LogReplay {
  readonly #files: GenerationFiles;
  readonly #visitor: ReplayVisitor;
  readonly #takeUpConfig: () => Promise<boolean>;
  readonly #verifiesAll: boolean;
  readonly #slice = new TimeSlice();
  #position: LogPosition;
  /** Everything before this offset was durable once. */
  #vouchedBytes: number;
  /** End of the last batch that was vouched for when it was delivered. */
  #durable: LogPosition;
  #waiting: Batch[] = [];
  #waitingBytes = 0;
  /** Windows through which batches are verified; of the present scan. */
  #tail: { readonly log: LogWindow; readonly vectors: Map<VectorFile, LogWindow> } | null = null;

  constructor(files: GenerationFiles, visitor: ReplayVisitor, start: ReplayStart) {
    const { from, vouchedBytes, takeUpConfig, verifiesAll = false } = start;
    this.#verifiesAll = verifiesAll;
    this.#files = files;
    this.#position = from;
    this.#durable = from;
    this.#vouchedBytes = vouchedBytes;
    this.#takeUpConfig = takeUpConfig;
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
    const { log } = this.#files;
    const window = new LogWindow(log, size);
    this.#tail = { log: new LogWindow(log, size), vectors: new Map() };
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
      if (this.#isBeyondConfig(frame.content) && !(await this.#takeUpConfig())) {
        frames = [];
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
      if (this.#verifiesAll || batch.end > this.#vouchedBytes) {
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

  #isBeyondConfig(content: FrameContent): boolean {
    if (content.kind === "rows") return this.#files.vectors === null;
    return content.kind === "fieldVectors" && this.#files.fields[content.part.fieldNumber] === undefined;
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
    const content = decodeFrameContent(header, view.slice(), offset);
    if (typeof content === "string") throw corruptFile(logPath, offset, content);
    if (content === null) throw formatTooNew(logPath, formatVersion + 1, formatVersion);
    return { offset, header, content };
  }

  /** Verifies what the frames' own checksums leave out; null when the batch is whole. */
  async #verify(batch: Batch): Promise<LynseError | null> {
    for (const { content, header } of batch.frames) {
      let bad: LynseError | null = null;
      if (content.kind === "rows") {
        const { firstRow, rowCount, fieldOffset, fieldLengths, fieldCrcs, vectorsCrc } = content.rows;
        bad =
          (await this.#verifyBlob(header, fieldOffset, fieldLengths, fieldCrcs, "metadata")) ??
          (await this.#verifyVectors(this.#files.vectors, firstRow, rowCount, vectorsCrc));
      } else if (content.kind === "fieldVectors") {
        const { fieldNumber, firstSlot, count, vectorsCrc } = content.part;
        bad = await this.#verifyVectors(this.#files.fields[fieldNumber], firstSlot, count, vectorsCrc);
      } else if (content.kind === "sparse") {
        const { offset, lengths, crcs } = content.part;
        bad = await this.#verifyBlob(header, offset, lengths, crcs, "a sparse vector");
      }
      if (bad !== null) return bad;
    }
    return null;
  }

  async #verifyBlob(
    header: FrameHeader,
    offset: number,
    lengths: Uint32Array,
    crcs: Uint32Array,
    what: string,
  ): Promise<LynseError | null> {
    const { fs, log, logPath } = this.#files;
    // A tail of many small commits is read through windows, not with two system calls for each.
    const blob = header.blobBytes <= smallBytesMax ? await this.#tail!.log.view(offset, header.blobBytes) : null;
    const bad =
      blob === null ? await verifyFields(fs, log, offset, lengths, crcs) : badField(fs, blob, offset, lengths, crcs);
    return bad === null ? null : corruptFile(logPath, bad, `${what} does not match its checksum`);
  }

  /** A file that is not known is for the delivery to complain of. */
  async #verifyVectors(
    file: VectorFile | null | undefined,
    first: number,
    count: number,
    vectorsCrc: number,
  ): Promise<LynseError | null> {
    if (file === null || file === undefined) return null;
    const bytes = count * file.stride;
    const vectors = bytes <= smallBytesMax ? await (await this.#windowOf(file)).view(file.bytesOf(first), bytes) : null;
    const crc = vectors === null ? await file.crcOf(first, count) : this.#files.fs.crc32(vectors);
    if (crc === vectorsCrc) return null;
    const what = `vectors ${first} to ${first + count - 1} do not match their checksum`;
    return corruptFile(file.path, file.bytesOf(first), what);
  }

  async #windowOf(file: VectorFile): Promise<LogWindow> {
    const { vectors } = this.#tail!;
    let window = vectors.get(file);
    if (window === undefined) {
      window = new LogWindow(file.handle, await file.handle.size());
      vectors.set(file, window);
    }
    return window;
  }

  #deliver(batch: Batch): void {
    let after = this.#position;
    // Everything is checked before the visitor hears of anything: a batch is taken whole or not at all.
    for (const { content, offset } of batch.frames) {
      const bad = this.#objection(content, after);
      if (bad !== null) throw corruptFile(this.#files.logPath, offset, bad);
      if (content.kind === "rows") after = { ...after, rowCount: after.rowCount + content.rows.rowCount };
      if (content.kind === "fieldVectors") {
        const { fieldNumber, count } = content.part;
        after = { ...after, slotCounts: addSlots(after.slotCounts, fieldNumber, count) };
      }
    }
    for (const { content } of batch.frames) this.#tell(content);
    this.#position = { ...after, bytes: batch.end, batch: after.batch + 1 };
    if (batch.end <= this.#vouchedBytes) this.#durable = this.#position;
  }

  /** What is wrong with a frame that follows `position`; null when nothing is. */
  #objection(content: FrameContent, { rowCount, slotCounts }: LogPosition): string | null {
    const { vectors, fields } = this.#files;
    if (content.kind === "rows") {
      if (content.rows.firstRow !== rowCount) return "row numbers do not follow";
      return content.dim === vectors?.dim ? null : "the rows have another dimension";
    }
    if (content.kind === "fieldVectors") {
      const { fieldNumber, firstSlot } = content.part;
      const file = fields[fieldNumber];
      if (file === undefined) return `there is no vector field ${fieldNumber}`;
      if (content.dim !== file.dim) return "the vectors of a field have another dimension";
      if (firstSlot !== (slotCounts[fieldNumber] ?? 0)) return "slot numbers do not follow";
    }
    for (const list of rowsNamedBy(content)) {
      for (let at = 0; at < list.length; at++) {
        if (list[at]! >= rowCount) return "a row number is beyond the rows written";
      }
    }
    return null;
  }

  #tell(content: FrameContent): void {
    if (content.kind === "rows") this.#visitor.rows(content.rows);
    else if (content.kind === "moved") this.#visitor.moved(content.moved.from, content.moved.to);
    else if (content.kind === "fieldVectors") this.#visitor.fieldVectors(content.part);
    else if (content.kind === "sparse") this.#visitor.sparse(content.part);
    else this.#visitor[content.kind](content.list);
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

/** Lists of rows that were written before the frame. */
function rowsNamedBy(content: FrameContent): readonly Uint32Array[] {
  if (content.kind === "rows") return [];
  if (content.kind === "moved") return [content.moved.from, content.moved.to];
  return [content.kind === "fieldVectors" || content.kind === "sparse" ? content.part.rows : content.list];
}
