/**
 * Where do the rows of an inverted file lie?
 *
 * Each centroid has a list of rows, in one chunk of blocks or several; chunks are full but for the last. Rows are appended
 * on the thread that searches, so a search sees a list before or after an append. What is kept in a file are the counts of
 * the lists and their blocks one after the other.
 */
import type { KernelMemory } from "../../kernel/kernel-memory.js";
import type { Codec } from "../quantizer/codec.js";
import type { QuantizeKernel } from "../quantizer/quantize-kernel.js";

const entryBytes = 16;
const entryWords = 4;
const chunkHeaderBytes = 64;
const rowsOfBlock = 32;
/** Share of a list's rows that its next chunk has room for. */
const growthShare = 1 / 4;
/** Rows that a file may count for each one in its lists, and beside that: bounds what wrong bytes make it allocate. */
const countedPerListed = 1024;
const countedMore = 2 ** 20;

function roundUp(value: number): number {
  return Math.ceil(value / rowsOfBlock) * rowsOfBlock;
}

export class InvertedLists {
  /** Number of lists. */
  readonly count: number;
  /** Address of the directory, for the kernel. */
  readonly directory: number;
  readonly #memory: KernelMemory;
  readonly #kernel: QuantizeKernel;
  readonly #codec: Codec;
  /** Offset of the row numbers in a block: they are its last part. */
  readonly #numbersOffset: number;

  constructor(memory: KernelMemory, kernel: QuantizeKernel, codec: Codec, count: number) {
    this.count = count;
    this.#memory = memory;
    this.#kernel = kernel;
    this.#codec = codec;
    this.#numbersOffset = codec.blockBytes - rowsOfBlock * 4;
    this.directory = memory.allocate(count * entryBytes);
  }

  /** Makes room for so many more rows in a list, in one chunk. */
  reserve(list: number, rows: number): void {
    if (rows === 0) return;
    const capacity = roundUp(rows);
    const chunk = this.#memory.allocate(this.#kernel.chunkBytes(this.#codec.address, capacity) >>> 0);
    this.#kernel.addChunk(this.directory + list * entryBytes, chunk, capacity, 0);
  }

  /**
   * Appends `count` records to the lists whose numbers stand at `clusters`; rows are numbered from `firstRow` on. Those
   * whose bit is set in the bitset at `skipped` (0: none) are left out.
   */
  append(records: number, clusters: number, count: number, firstRow: number, skipped: number): void {
    let from = 0;
    for (;;) {
      const args = [records, clusters, from, count, firstRow, skipped] as const;
      from = this.#kernel.appendRecords(this.#codec.address, this.directory, ...args) >>> 0;
      if (from === count) return;
      const list = new Uint32Array(this.#memory.buffer, clusters, count)[from] as number;
      this.reserve(list, Math.max(rowsOfBlock, this.size(list) * growthShare));
    }
  }

  /** Rows of a list. */
  size(list: number): number {
    return this.#entries()[list * entryWords + 2] as number;
  }

  /** Rows of each list, then the blocks of all lists, as views. */
  pieces(): Uint8Array[] {
    const counts = Uint32Array.from({ length: this.count }, (_, list) => this.size(list));
    const pieces: Uint8Array[] = [new Uint8Array(counts.buffer)];
    const entries = this.#entries();
    for (let list = 0; list < this.count; list++) {
      let left = counts[list] as number;
      for (let chunk = entries[list * entryWords] as number; left > 0; ) {
        const [next, capacity] = new Uint32Array(this.#memory.buffer, chunk, 2) as unknown as [number, number];
        const rows = Math.min(left, capacity);
        const bytes = (roundUp(rows) / rowsOfBlock) * this.#codec.blockBytes;
        pieces.push(new Uint8Array(this.#memory.buffer, chunk + chunkHeaderBytes, bytes));
        left -= rows;
        chunk = next;
      }
    }
    return pieces;
  }

  /**
   * Takes over what `pieces` gave, from the position of a section on. Returns the number of rows, or null where the bytes
   * make no sense: another length, a row from `rowCount` on, a row twice.
   */
  restore(section: Uint8Array, position: number, rowCount: number): number | null {
    const { blockBytes } = this.#codec;
    const view = new DataView(section.buffer, section.byteOffset, section.byteLength);
    if (section.length < position + this.count * 4) return null;
    let at = position + this.count * 4;
    let total = 0;
    let bytes = 0;
    for (let list = 0; list < this.count; list++) {
      const size = view.getUint32(position + list * 4, true);
      total += size;
      bytes += (roundUp(size) / rowsOfBlock) * blockBytes;
    }
    if (total > rowCount || section.length !== at + bytes) return null;
    if (rowCount > countedPerListed * total + countedMore) return null;
    const seen = new Uint32Array(Math.ceil(rowCount / 32));
    for (let list = 0; list < this.count; list++) {
      const size = view.getUint32(position + list * 4, true);
      if (size === 0) continue;
      this.reserve(list, size);
      const entry = new Uint32Array(this.#memory.buffer, this.directory + list * entryBytes, entryWords);
      const chunk = entry[0] as number;
      const length = (roundUp(size) / rowsOfBlock) * blockBytes;
      new Uint8Array(this.#memory.buffer, chunk + chunkHeaderBytes, length).set(section.subarray(at, at + length));
      if (!this.#markRows(chunk, size, rowCount, seen)) return null;
      this.#kernel.publishChunk(chunk, size);
      entry[2] = size;
      at += length;
    }
    return total;
  }

  /** Marks the rows of a chunk. Returns false where one is out of range or was marked before. */
  #markRows(chunk: number, size: number, rowCount: number, seen: Uint32Array): boolean {
    for (let from = 0; from < size; from += rowsOfBlock) {
      const block = chunk + chunkHeaderBytes + (from / rowsOfBlock) * this.#codec.blockBytes;
      const numbers = new Uint32Array(this.#memory.buffer, block + this.#numbersOffset, rowsOfBlock);
      for (let lane = 0; lane < Math.min(rowsOfBlock, size - from); lane++) {
        const row = numbers[lane] as number;
        if (row >= rowCount || ((seen[row >>> 5]! >>> (row & 31)) & 1) === 1) return false;
        seen[row >>> 5]! |= 1 << (row & 31);
      }
    }
    return true;
  }

  #entries(): Uint32Array {
    return new Uint32Array(this.#memory.buffer, this.directory, this.count * entryWords);
  }
}
