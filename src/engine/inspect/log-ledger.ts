/**
 * What do all frames of a log, damaged or not, come to?
 *
 * Takes the intact frames of a survey in order: rows, their states, which vectors hang on which row, and the checksum of
 * every range of every vector file. Frames that contradict what came before are told; behind a gap contradictions are to be
 * expected, and are not.
 */

import type { FrameContent } from "../../storage/frame-content.js";
import type { SurveyedFrame } from "../../storage/inspect/log-survey.js";
import { VectorRanges } from "../../storage/vector-ranges.js";
import { SlotTable } from "../slot-table.js";
import { RowLedger, rowStates } from "./row-ledger.js";

/** What a log must agree with. */
export interface LedgerShape {
  /** Null where no dimension is fixed: there are no rows. */
  readonly dim: number | null;
  /** Rows that there may be, as far as other sources than the log tell. */
  readonly rowsMax: number;
  /** The named fields by number. */
  readonly fields: readonly { readonly dim: number; readonly slotsMax: number }[];
}

/** Bytes of a lost frame that a row, and a slot, take at least: bounds how many may have been lost. */
const rowBytesMin = 8;
const slotBytesMin = 4;

/** Tells which range of a vector file came from where. */
export interface RangeOrigin {
  readonly frameOffset: number;
  readonly batch: number;
}

/** The vectors of one file: checksums, and the frame and batch of each range. */
export class RangeLedger {
  readonly ranges = new VectorRanges();
  readonly #offsets: number[] = [];
  readonly #batches: number[] = [];

  /** `isLost`: of vectors that no intact frame vouches for. */
  push(count: number, crc: number, offset: number, batch: number): void {
    this.ranges.push(count, crc);
    this.#offsets.push(offset);
    this.#batches.push(batch);
  }

  /** Counts vectors of frames that are lost. */
  skip(count: number): void {
    this.push(count, 0, -1, 0);
  }

  /** Where a range came from; null for a lost one. */
  originOf(range: number): RangeOrigin | null {
    const frameOffset = this.#offsets[range]!;
    return frameOffset === -1 ? null : { frameOffset, batch: this.#batches[range]! };
  }

  /** First vector of a range. */
  startOf(range: number): number {
    return range === 0 ? 0 : this.ranges.endOf(range - 1);
  }
}

export class LogLedger {
  readonly rows = new RowLedger();
  readonly primary = new RangeLedger();
  readonly fields: readonly { readonly slots: SlotTable; readonly vectors: RangeLedger }[];
  /** Rows that took what hung on others and are lost, by the row that they replaced. */
  readonly lostHeirs = new Map<number, number>();
  readonly #shape: LedgerShape;
  #hasGaps = false;
  #gapBytes = 0;

  constructor(shape: LedgerShape) {
    this.#shape = shape;
    this.fields = shape.fields.map(() => ({ slots: new SlotTable(), vectors: new RangeLedger() }));
  }

  /** Frames were lost: what follows may contradict what came before. */
  noteGap(bytes: number): void {
    this.#hasGaps = true;
    this.#gapBytes += bytes;
  }

  /** Rows that there may be: what claims more contradicts everything else. */
  get #rowsMax(): number {
    return Math.max(this.#shape.rowsMax, this.rows.rowCount + this.#gapBytes / rowBytesMin);
  }

  /** Takes a frame; what is wrong with it, null where nothing is, and it was taken. */
  take(frame: SurveyedFrame): string | null {
    const { content } = frame;
    const bad = this.#objection(content);
    if (bad !== null) return bad;
    if (content.kind === "rows") this.#takeRows(frame, content);
    else if (content.kind === "fieldVectors") this.#takeFieldVectors(frame, content);
    else if (content.kind === "moved") this.#takeMoved(content);
    else if (content.kind !== "sparse") return this.#takeStates(content);
    return null;
  }

  #objection(content: FrameContent): string | null {
    if (content.kind === "rows") {
      const { firstRow } = content.rows;
      const { rowCount } = this.rows;
      const isAfterLost = firstRow > rowCount && this.#hasGaps && firstRow <= this.#rowsMax;
      if (firstRow !== rowCount && !isAfterLost) return "row numbers do not follow";
      return content.dim === this.#shape.dim ? null : "the rows have another dimension";
    }
    if (content.kind === "fieldVectors") {
      const { fieldNumber, firstSlot } = content.part;
      const field = this.fields[fieldNumber];
      if (field === undefined) return `there is no vector field ${fieldNumber}`;
      const { dim, slotsMax } = this.#shape.fields[fieldNumber]!;
      if (content.dim !== dim) return "the vectors of a field have another dimension";
      const { count } = field.slots;
      const most = Math.max(slotsMax, count + this.#gapBytes / slotBytesMin);
      const isAfterLost = firstSlot > count && this.#hasGaps && firstSlot <= most;
      if (firstSlot !== count && !isAfterLost) return "slot numbers do not follow";
    }
    const highest = highestRow(content);
    if (highest < this.rows.rowCount) return null;
    if (!this.#hasGaps || highest >= this.#rowsMax) return "a row number is beyond the rows written";
    // The rows were lost with the frames that wrote them.
    this.#skipRows(highest + 1 - this.rows.rowCount);
    return null;
  }

  #skipRows(count: number): void {
    if (count === 0) return;
    this.rows.skip(count);
    this.primary.skip(count);
  }

  #takeRows(frame: SurveyedFrame, { rows }: Extract<FrameContent, { readonly kind: "rows" }>): void {
    if (rows.rowCount === 0) return;
    this.#skipRows(rows.firstRow - this.rows.rowCount);
    this.rows.append(rows.ids, rows.rowCount);
    this.primary.push(rows.rowCount, rows.vectorsCrc, frame.offset, frame.header.batch);
  }

  #takeFieldVectors(frame: SurveyedFrame, { part }: Extract<FrameContent, { readonly kind: "fieldVectors" }>): void {
    if (part.count === 0) return;
    const { slots, vectors } = this.fields[part.fieldNumber]!;
    const lost = part.firstSlot - slots.count;
    if (lost > 0) {
      slots.skip(lost);
      vectors.skip(lost);
    }
    slots.attach(part.rows);
    vectors.push(part.count, part.vectorsCrc, frame.offset, frame.header.batch);
  }

  #takeMoved({ moved }: Extract<FrameContent, { readonly kind: "moved" }>): void {
    for (let at = 0; at < moved.from.length; at++) {
      const from = moved.from[at]!;
      const to = moved.to[at]!;
      for (const { slots } of this.fields) slots.move(from, to);
      if (this.rows.isLost(to)) this.lostHeirs.set(from, to);
    }
  }

  #takeStates({
    kind,
    list,
  }: Extract<FrameContent, { readonly kind: "superseded" | "deleted" | "restored" }>): string | null {
    let bad: string | null = null;
    for (const row of list) {
      const state = this.rows.stateOf(row);
      const isFine =
        kind === "deleted"
          ? state === rowStates.live
          : kind === "restored"
            ? state === rowStates.deleted
            : state !== rowStates.superseded;
      if (!isFine && !this.#hasGaps) bad ??= `row ${row} is ${kind}, which it cannot be in its state`;
      // What was replaced stays so: nothing may bring an older version back.
      if (isFine || state !== rowStates.superseded)
        this.rows.setState(row, kind === "restored" ? rowStates.live : rowStates[kind]);
    }
    return bad;
  }
}

/** Highest row that a frame names, which others wrote; -1 for none. */
function highestRow(content: FrameContent): number {
  if (content.kind === "rows") return -1;
  const lists =
    content.kind === "moved"
      ? [content.moved.from, content.moved.to]
      : [content.kind === "fieldVectors" || content.kind === "sparse" ? content.part.rows : content.list];
  let highest = -1;
  for (const list of lists) for (const row of list) if (row > highest) highest = row;
  return highest;
}
