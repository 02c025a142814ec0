/**
 * How are vectors searched that are not in memory?
 *
 * A `CodeTable` keeps of each row what the first pass of `VectorTable` needs, int8 codes and scalars, and a checksum, but not
 * the row: about a third of its bytes. A scan notes the few rows that can be among the best (`code-scan.ts`); its owner
 * fetches those and has them scored in float64 (`fetched-rows.ts`), so that the answer is the same to the bit as that of a
 * `VectorTable`. Rows are only ever added. In the kernel layer: where rows come from, its owner knows.
 *
 * Blocks are those of `VectorTable` without the rows; while a block is filled, its rows lie in one place that all blocks of a
 * segment share.
 */
import { assert, LynseError } from "../errors.js";
import type { Dtype } from "../types.js";
import { CodeScan, type CodeScanRequest } from "./code-scan.js";
import { FetchedRows } from "./fetched-rows.js";
import { dtypeNumbers } from "./kernel-module.js";
import type { Block } from "./scan-run.js";
import { Segment } from "./segment.js";
import { type AppendPlace, rowsPerBlock, type TableMemory, type VectorTable } from "./vector-table.js";

/** Bytes of a segment that blocks leave to scratch, at most; an eighth of smaller segments. */
const scratchReserve = 64 << 20;
/** Bytes of stored rows that a block aims at: they are in memory while it is filled. */
const blockBytesAim = 256 << 10;
/** Bytes of fetched rows that are in memory at once, and rows. */
const fetchedBytesMax = 4 << 20;
const fetchedRowsMax = 1024;

export interface CodeTableOptions {
  readonly dim: number;
  readonly dtype: Dtype;
  /** Largest size of one memory. Default just under 4 GiB. */
  readonly segmentBytesMax?: number;
}

/** A segment with the place where the rows of the block being filled lie. */
interface CodeSegment {
  readonly segment: Segment;
  readonly staging: number;
}

export class CodeTable {
  readonly dim: number;
  readonly dtype: Dtype;
  /** Bytes of one row in the stored encoding. */
  readonly bytesPerRow: number;
  /** Bytes from one row to the next where rows are in memory. */
  readonly rowStride: number;
  /** Rows a block. */
  readonly blockRows: number;
  readonly #segmentBytesMax: number;
  readonly #segments: CodeSegment[] = [];
  readonly #blocks: Block[] = [];
  #rowCount = 0;
  #placeRows = 0;
  #isReleased = false;

  constructor({ dim, dtype, segmentBytesMax = Number.MAX_SAFE_INTEGER }: CodeTableOptions) {
    const componentBytes = dtype === "float16" ? 2 : 4;
    this.dim = dim;
    this.dtype = dtype;
    this.bytesPerRow = dim * componentBytes;
    this.rowStride = Math.ceil(dim / 4) * 4 * componentBytes;
    this.blockRows = rowsPerBlock(this.rowStride, blockBytesAim);
    this.#segmentBytesMax = segmentBytesMax;
  }

  get rowCount(): number {
    return this.#rowCount;
  }

  get blocks(): readonly Block[] {
    return this.#blocks;
  }

  /** Rows that one `fetch` takes at most. */
  get fetchRowsMax(): number {
    const bytes = Math.min(fetchedBytesMax, this.#segmentBytesMax / 64);
    return Math.max(1, Math.min(fetchedRowsMax, Math.floor(bytes / this.rowStride)));
  }

  /** Place for up to `rowsMax` more rows as they are stored, unpadded; `rows` may be less, where a block ends. */
  beginAppend(rowsMax: number): AppendPlace {
    assert(rowsMax >= 1, "at least one row is appended");
    this.#assertUsable();
    const { segment, staging } = this.#openBlock();
    const index = this.#rowCount % this.blockRows;
    const rows = Math.min(rowsMax, this.blockRows - index);
    this.#placeRows = rows;
    const place = staging + index * this.rowStride;
    // Unpadded rows of a place fit before its end; `finishAppend` spreads them.
    return { target: new Uint8Array(segment.buffer, place, rows * this.bytesPerRow), rows };
  }

  /** Takes over the first `rows` rows of the place: their codes and checksums are derived. */
  finishAppend(rows: number): void {
    assert(rows >= 0 && rows <= this.#placeRows, "no more rows are taken over than there was place for");
    const { address } = this.#blocks.at(-1)!;
    const { segment, staging } = this.#segments.at(-1)!;
    const { kernel } = segment;
    const index = this.#rowCount % this.blockRows;
    if (this.rowStride !== this.bytesPerRow && rows > 0) {
      const source = segment.acquireScratch(rows * this.bytesPerRow);
      const target = staging + index * this.rowStride;
      const bytes = new Uint8Array(segment.buffer, target, rows * this.bytesPerRow);
      new Uint8Array(segment.buffer, source.address, bytes.length).set(bytes);
      kernel.spreadRows(source.address, target, this.bytesPerRow, this.rowStride, rows);
      segment.releaseScratch(source);
    }
    kernel.encodeRows(address, index, index + rows);
    kernel.keepChecksums(address, index, index + rows);
    this.#rowCount += rows;
    this.#placeRows = 0;
  }

  /** Appends rows [from, to) of a table; about `to − from` microseconds at 128 components. */
  appendTable(table: VectorTable, from: number, to: number): void {
    for (let row = from; row < to; ) {
      const place = this.beginAppend(to - row);
      const copied = table.copyStored(row, row + place.rows, place.target);
      this.finishAppend(copied);
      row += copied;
    }
  }

  /** Begins to look for the rows that can be among the best. */
  beginScan(request: CodeScanRequest): CodeScan {
    this.#assertUsable();
    return new CodeScan(this, request);
  }

  /** Room for the first of the given rows, in ascending order: those that lie in one segment, at most `fetchRowsMax`. */
  beginFetch(rows: Uint32Array): FetchedRows {
    this.#assertUsable();
    assert(rows.length > 0, "at least one row is fetched");
    const { segment } = this.blockOf(rows[0]!);
    let count = 1;
    const limit = Math.min(rows.length, this.fetchRowsMax);
    while (count < limit && this.blockOf(rows[count]!).segment === segment) count += 1;
    return new FetchedRows(this, segment, rows.subarray(0, count));
  }

  blockOf(row: number): Block {
    assert(row >= 0 && row < this.#rowCount, "a row number lies in the table");
    return this.#blocks[Math.floor(row / this.blockRows)]!;
  }

  memory(): TableMemory {
    const bytesPerRow = this.#segments[0]?.segment.kernel.codeBytesPerRow(this.dim) ?? 0;
    const codeBytes = this.#rowCount * (bytesPerRow + 4);
    let totalBytes = codeBytes;
    for (const { segment } of this.#segments) totalBytes += segment.scratchBytes + segment.overheadBytes;
    // Pages of the staging place that no row was written to are not there.
    totalBytes -= Math.max(0, this.blockRows - this.#rowCount) * (this.#segments.length === 0 ? 0 : this.rowStride);
    return { vectorBytes: 0, codeBytes, totalBytes };
  }

  /** Gives the memory back. The table cannot be used afterwards. */
  release(): void {
    this.#isReleased = true;
    this.#rowCount = 0;
    this.#blocks.length = 0;
    this.#segments.length = 0;
  }

  #assertUsable(): void {
    if (this.#isReleased) throw new LynseError("CLOSED", "the vectors were released; open the collection again");
  }

  /** The segment of the block that the next row goes to; both are made when they are not there yet. */
  #openBlock(): CodeSegment {
    const index = Math.floor(this.#rowCount / this.blockRows);
    const present = this.#segments.at(-1);
    if (present !== undefined && index < this.#blocks.length) return present;
    const dtype = dtypeNumbers[this.dtype];
    let place = present ?? this.#addSegment();
    const bytes = place.segment.kernel.codeBlockBytes(this.dim, this.blockRows) >>> 0;
    const reserve = Math.min(scratchReserve, this.#segmentBytesMax / 8);
    const isUsed = this.#blocks.at(-1)?.segment === place.segment;
    if (isUsed && !place.segment.hasRoomFor(bytes + reserve)) place = this.#addSegment();
    const { segment, staging } = place;
    const centre = this.#centreFor(index, segment);
    const address = segment.allocate(bytes);
    segment.kernel.initCodeBlock(address, this.dim, dtype, this.blockRows, index * this.blockRows, centre, staging);
    this.#blocks.push({ segment, address });
    return place;
  }

  #addSegment(): CodeSegment {
    const segment = new Segment(this.#rowCount, this.#segmentBytesMax);
    const place = { segment, staging: segment.allocateOverhead(this.blockRows * this.rowStride) };
    this.#segments.push(place);
    return place;
  }

  /** Address in `segment` of the centre for block `index`: renewed from the rows of the block before, or that block's. */
  #centreFor(index: number, segment: Segment): number {
    const bytes = segment.kernel.centreBytes(this.dim) >>> 0;
    const before = this.#blocks[index - 1];
    if (before === undefined) return segment.allocateOverhead(bytes);
    const { kernel, buffer } = before.segment;
    const isRenewed = (index & (index - 1)) === 0;
    let source = kernel.blockCentre(before.address) >>> 0;
    if (!isRenewed && before.segment === segment) return source;
    const target = segment.allocateOverhead(bytes);
    const scratch = before.segment.acquireScratch(3 * bytes);
    if (isRenewed) {
      kernel.meanOfRows(before.address, this.blockRows, scratch.address, scratch.address + bytes);
      source = scratch.address;
    }
    new Uint8Array(segment.buffer, target, bytes).set(new Uint8Array(buffer, source, bytes));
    before.segment.releaseScratch(scratch);
    return target;
  }
}
