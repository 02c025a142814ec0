/**
 * What does a log say, damaged or not?
 *
 * A replay ends at the first damage; this walk goes on behind it. Where a header is intact but the frame's index section
 * is not, the header tells where the next frame begins; where the header is not, the next one is looked for at every
 * multiple of 8 by the salt and a matching checksum, which the bytes of an application cannot imitate. What is told of a
 * frame is verified: header, index section, and every text or sparse vector of the blob. Nobody is told whether a frame is
 * committed: that follows from the batch numbers and `vouchedBytes`, which is known when the walk has ended.
 */
import { limits } from "../../limits.js";
import { TimeSlice } from "../../time-slice.js";
import { fileHeaderBytes } from "../file-header.js";
import type { FileHandle, FileSystem } from "../file-system.js";
import { decodeFrameContent, type FrameContent } from "../frame-content.js";
import { decodeFrameHeader, type FrameHeader, frameBytes, frameHeaderBytes } from "../log-frame.js";
import { LogWindow } from "../log-window.js";
import { rangeCrc } from "../range-crc.js";
import { damagedTexts } from "./damaged-texts.js";

/** A log to be walked through. */
export interface SurveyedLog {
  readonly fs: FileSystem;
  readonly handle: FileHandle;
  /** The salt as it stands in frames. */
  readonly saltBytes: Uint8Array;
  /** Bytes of the file that count: a snapshot's file may go on behind them. */
  readonly bytes: number;
}

/** A frame that is intact but for some of its texts. */
export interface SurveyedFrame {
  readonly kind: "frame";
  readonly offset: number;
  readonly end: number;
  readonly header: FrameHeader;
  readonly content: FrameContent;
  /** Texts or sparse vectors of the blob that do not match their checksums, by position in the frame. */
  readonly damagedTexts: readonly number[];
  /** True where the zeros behind the blob are not zeros: nothing is lost by that. */
  readonly hasDirtyPadding: boolean;
}

/** Bytes in which no frame can be believed. */
export interface LogGap {
  readonly kind: "gap";
  readonly offset: number;
  readonly end: number;
  readonly problem: string;
  /** Where the header is intact and says what stood here. */
  readonly header: FrameHeader | null;
  /** Batches that lost something here; `last` is below `first` where none is known to have. */
  readonly firstBatch: number;
  readonly lastBatch: number;
  /** No intact frame comes behind. */
  readonly isTail: boolean;
}

/** A frame of a kind that this version does not know. */
interface UnknownFrame {
  readonly kind: "unknown";
  readonly offset: number;
}

export type SurveyEvent = SurveyedFrame | LogGap | UnknownFrame;

export interface SurveyOptions {
  /** Read and verify the blobs. */
  readonly readsTexts: boolean;
  readonly onBytes?: (bytes: number) => void;
  readonly signal?: AbortSignal | undefined;
  /** Where the walk begins, and how many batches are before. Default: the start. */
  readonly from?: { readonly bytes: number; readonly batch: number } | undefined;
}

/** Bytes looked through at once for the next frame. */
const searchBytes = 64 * 1024;

export class LogSurvey {
  readonly #log: SurveyedLog;
  readonly #options: SurveyOptions;
  readonly #window: LogWindow;
  readonly #slice = new TimeSlice();
  /** The batch and part that are expected next. */
  #batch = 1;
  #part = 0;
  #vouchedBytes = 0;

  constructor(log: SurveyedLog, options: SurveyOptions) {
    this.#log = log;
    this.#options = options;
    this.#window = new LogWindow(log.handle, log.bytes);
    this.#batch = (options.from?.batch ?? 0) + 1;
  }

  /** Everything before this offset was durable once, as far as the frames met so far tell. */
  get vouchedBytes(): number {
    return this.#vouchedBytes;
  }

  /** The log from front to back. */
  async *events(): AsyncGenerator<SurveyEvent> {
    const { bytes } = this.#log;
    for (let offset = this.#options.from?.bytes ?? fileHeaderBytes; offset < bytes; ) {
      if (this.#slice.isDue()) await this.#slice.giveWay();
      this.#options.signal?.throwIfAborted();
      const event = await this.#eventAt(offset);
      this.#options.onBytes?.(event.kind === "unknown" ? 0 : event.end - offset);
      yield event;
      if (event.kind === "unknown") return;
      offset = event.end;
    }
  }

  async #eventAt(offset: number): Promise<SurveyEvent> {
    const header = await this.#headerAt(offset);
    const isExpected = header !== null && header.batch === this.#batch && header.part === this.#part;
    if (header === null) return this.#gap(offset, null, "no intact frame begins here");
    if (!isExpected && !this.#isLater(header)) {
      return this.#gap(offset, null, `a frame of batch ${header.batch} stands where batch ${this.#batch} goes on`);
    }
    if (!isExpected) return this.#skipTo(offset, header);
    const end = offset + frameBytes(header);
    if (end > this.#log.bytes) return this.#gap(offset, header, "the file ends inside this frame");
    const view = await this.#window.view(offset + frameHeaderBytes, header.indexBytes);
    if (view === null || rangeCrc(this.#log.fs, view) !== header.indexCrc) {
      return this.#damagedFrame(offset, header, "the frame's index section does not match its checksum");
    }
    const content = decodeFrameContent(header, view.slice(), offset);
    if (content === null) return { kind: "unknown", offset };
    if (typeof content === "string") return this.#damagedFrame(offset, header, content);
    this.#vouchedBytes = Math.max(this.#vouchedBytes, header.syncedBytes);
    this.#goOnAfter(header);
    return { kind: "frame", offset, end, header, content, ...(await this.#blobState(offset, header, content)) };
  }

  /** The header at `offset`, if it is intact and of a possible frame. */
  async #headerAt(offset: number): Promise<FrameHeader | null> {
    const head = await this.#window.view(offset, frameHeaderBytes);
    const header = head === null ? null : decodeFrameHeader(this.#log.fs, head, this.#log.saltBytes);
    return header !== null && isPossible(header, offset) ? header : null;
  }

  #isLater({ batch, part }: FrameHeader): boolean {
    return batch > this.#batch || (batch === this.#batch && part > this.#part);
  }

  #goOnAfter({ batch, part, isLast }: FrameHeader): void {
    this.#batch = isLast ? batch + 1 : batch;
    this.#part = isLast ? 0 : part + 1;
  }

  /** A frame of which the header alone can be believed. */
  #damagedFrame(offset: number, header: FrameHeader, problem: string): LogGap {
    this.#vouchedBytes = Math.max(this.#vouchedBytes, header.syncedBytes);
    const end = offset + frameBytes(header);
    this.#goOnAfter(header);
    const batches = { firstBatch: header.batch, lastBatch: header.batch };
    return { kind: "gap", offset, end, problem, header, ...batches, isTail: end >= this.#log.bytes };
  }

  /** Bytes up to the next intact header of a later frame. */
  async #gap(offset: number, header: FrameHeader | null, problem: string): Promise<LogGap> {
    const firstBatch = this.#batch;
    const found = await this.#nextFrame(offset + 8);
    if (found === null) {
      return {
        kind: "gap",
        offset,
        end: this.#log.bytes,
        problem,
        header,
        firstBatch,
        lastBatch: firstBatch,
        isTail: true,
      };
    }
    const lastBatch = this.#lostUpTo(found.header);
    this.#batch = found.header.batch;
    this.#part = found.header.part;
    return { kind: "gap", offset, end: found.offset, problem, header: null, firstBatch, lastBatch, isTail: false };
  }

  /** An intact frame that comes too early: those between are not there, though no byte of theirs is. */
  #skipTo(offset: number, next: FrameHeader): LogGap {
    const problem = `frames are missing before batch ${next.batch}, part ${next.part}`;
    const firstBatch = this.#batch;
    const lastBatch = this.#lostUpTo(next);
    this.#batch = next.batch;
    this.#part = next.part;
    return { kind: "gap", offset, end: offset, problem, header: null, firstBatch, lastBatch, isTail: false };
  }

  #lostUpTo({ batch, part }: FrameHeader): number {
    return part > 0 || (batch === this.#batch && this.#part > 0) ? batch : batch - 1;
  }

  /** The first intact header of a later frame from `start` on. */
  async #nextFrame(start: number): Promise<{ readonly offset: number; readonly header: FrameHeader } | null> {
    const { bytes, saltBytes, fs } = this.#log;
    const salt = new DataView(saltBytes.buffer, saltBytes.byteOffset, 8);
    const low = salt.getUint32(0, true);
    const high = salt.getUint32(4, true);
    for (let at = start; at + frameHeaderBytes <= bytes; at += searchBytes) {
      const view = await this.#window.view(at, Math.min(searchBytes + frameHeaderBytes, bytes - at));
      if (view === null) return null;
      const data = new DataView(view.buffer, view.byteOffset, view.length);
      const last = Math.min(searchBytes - 8, view.length - frameHeaderBytes);
      for (let inner = 0; inner <= last; inner += 8) {
        if (data.getUint32(inner, true) !== low || data.getUint32(inner + 4, true) !== high) continue;
        const header = decodeFrameHeader(fs, view.subarray(inner, inner + frameHeaderBytes), saltBytes);
        if (header === null || !isPossible(header, at + inner)) continue;
        const isExpected = header.batch === this.#batch && header.part === this.#part;
        if (isExpected || this.#isLater(header)) return { offset: at + inner, header };
      }
      if (this.#slice.isDue()) await this.#slice.giveWay();
    }
    return null;
  }

  async #blobState(
    offset: number,
    header: FrameHeader,
    content: FrameContent,
  ): Promise<Pick<SurveyedFrame, "damagedTexts" | "hasDirtyPadding">> {
    const clean = { damagedTexts: [], hasDirtyPadding: false };
    if (!this.#options.readsTexts || header.blobBytes === 0) return clean;
    const lists = textsOf(content);
    if (lists === null) return clean;
    const start = offset + frameHeaderBytes + header.indexBytes;
    const paddedBytes = offset + frameBytes(header) - start;
    return damagedTexts(this.#log, this.#window, { offset: start, ...lists }, paddedBytes);
  }
}

/** What a header may say, whatever its checksum: a forged one must not lead the walk astray. */
function isPossible(header: FrameHeader, offset: number): boolean {
  const frameLimit = limits.frameBytesMax + frameHeaderBytes;
  const isNumbered = Number.isSafeInteger(header.batch) && header.batch > 0;
  return (
    isNumbered && header.syncedBytes <= offset && header.indexBytes <= frameLimit && header.blobBytes <= frameLimit
  );
}

/** Lengths and checksums of what lies in a frame's blob; null where it has none. */
function textsOf(content: FrameContent): { readonly lengths: Uint32Array; readonly crcs: Uint32Array } | null {
  if (content.kind === "rows") return { lengths: content.rows.fieldLengths, crcs: content.rows.fieldCrcs };
  if (content.kind === "sparse") return { lengths: content.part.lengths, crcs: content.part.crcs };
  return null;
}
