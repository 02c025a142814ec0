/**
 * How does a search get at the blocks of a file?
 *
 * Blocks are read into the memory that the kernel works on and verified there. Where the page cache or a fast device
 * answers at once, a read on the calling thread costs a few microseconds, a tenth of one through the thread pool; when
 * reads turn out slow, they are begun together and awaited for a while. Blocks that are asked for again and again stay
 * in a small cache: a block takes the place of another when that one was not asked for in the meantime.
 */
import type { KernelMemory } from "../../kernel/kernel-memory.js";
import type { BlockFile } from "./block-file.js";

/** A read that takes longer was not answered by the page cache, milliseconds. */
const slowReadMs = 0.4;
/** Slow reads in a row after which reads are awaited, and for how many rounds. */
const slowReadsMax = 2;
const awaitedRounds = 256;
const usesMax = 15;

export class BlockReader {
  readonly file: BlockFile;
  /** Where each block lies in the file, in blocks. */
  readonly places: Uint32Array;
  readonly #memory: KernelMemory;
  readonly #cache: BlockCache;
  #slowReads = 0;
  #awaited = 0;

  constructor(file: BlockFile, places: Uint32Array, memory: KernelMemory, cache: BlockCache) {
    this.file = file;
    this.places = places;
    this.#memory = memory;
    this.#cache = cache;
  }

  /** True while reads are begun together and awaited. */
  get isAwaiting(): boolean {
    return this.#awaited > 0;
  }

  /** Reads the block on this thread and returns its address: in the cache or at `spare`. */
  readNow(block: number, spare: number): number {
    const place = this.places[block]!;
    const cached = this.#cache.find(place);
    if (cached !== 0) return cached;
    const address = this.#cache.admit(place) || spare;
    const bytes = new Uint8Array(this.#memory.buffer, address, this.file.blockBytes);
    const startedAt = performance.now();
    try {
      this.file.readNow(bytes, place);
      this.file.verify(bytes, block, place);
    } catch (error) {
      this.#cache.forget(place);
      throw error;
    }
    if (performance.now() - startedAt < slowReadMs) this.#slowReads = 0;
    else if (++this.#slowReads >= slowReadsMax) {
      this.#awaited = awaitedRounds;
      this.#slowReads = 0;
    }
    return address;
  }

  /** Reads blocks together, the i-th to `buffer + i * blockBytes`. */
  async readTogether(blocks: ArrayLike<number>, buffer: number): Promise<void> {
    if (this.#awaited > 0) this.#awaited--;
    const reads: Promise<void>[] = [];
    for (let i = 0; i < blocks.length; i++) {
      reads.push(this.#readTo(blocks[i]!, buffer + i * this.file.blockBytes));
    }
    const failed = (await Promise.allSettled(reads)).find((read) => read.status === "rejected");
    if (failed !== undefined) throw failed.reason;
  }

  /** Reads blocks as they come from a scan, the i-th to `buffer + i * blockBytes`: neighbours in the file at once. */
  async readRuns(blocks: readonly number[], buffer: number): Promise<void> {
    const { blockBytes } = this.file;
    for (let from = 0; from < blocks.length; ) {
      const first = this.places[blocks[from]!]!;
      let to = from + 1;
      while (to < blocks.length && this.places[blocks[to]!] === first + to - from) to++;
      const address = buffer + from * blockBytes;
      await this.file.read(new Uint8Array(this.#memory.buffer, address, (to - from) * blockBytes), first);
      for (let i = from; i < to; i++) {
        const bytes = new Uint8Array(this.#memory.buffer, buffer + i * blockBytes, blockBytes);
        this.file.verify(bytes, blocks[i]!, first + i - from);
      }
      from = to;
    }
  }

  async #readTo(block: number, address: number): Promise<void> {
    const { blockBytes } = this.file;
    const place = this.places[block]!;
    const bytes = new Uint8Array(this.#memory.buffer, address, blockBytes);
    const cached = this.#cache.find(place);
    if (cached !== 0) {
      bytes.set(new Uint8Array(this.#memory.buffer, cached, blockBytes));
      return;
    }
    await this.file.read(bytes, place);
    this.file.verify(bytes, block, place);
    const kept = this.#cache.admit(place);
    if (kept !== 0) new Uint8Array(this.#memory.buffer, kept, blockBytes).set(bytes);
  }
}

/** Blocks kept in memory, each at the one slot that its place leads to. */
export class BlockCache {
  readonly #address: number;
  readonly #blockBytes: number;
  /** Place of the block in each slot, plus one; 0: none. */
  readonly #places: Uint32Array;
  readonly #uses: Uint8Array;

  constructor(memory: KernelMemory, blockBytes: number, bytesMax: number) {
    const slots = Math.floor(bytesMax / blockBytes);
    this.#blockBytes = blockBytes;
    this.#places = new Uint32Array(slots);
    this.#uses = new Uint8Array(slots);
    this.#address = slots === 0 ? 0 : memory.allocate(slots * blockBytes);
  }

  /** Address of a block that is there, else 0. */
  find(place: number): number {
    const slot = this.#slotOf(place);
    if (this.#places[slot] !== place + 1) return 0;
    this.#uses[slot] = Math.min(usesMax, this.#uses[slot]! + 1);
    return this.#address + slot * this.#blockBytes;
  }

  /** The slot for a block that is read now, else 0: another one is still in use. */
  admit(place: number): number {
    if (this.#places.length === 0) return 0;
    const slot = this.#slotOf(place);
    if (this.#uses[slot]! > 0) {
      this.#uses[slot]!--;
      return 0;
    }
    this.#places[slot] = place + 1;
    return this.#address + slot * this.#blockBytes;
  }

  /** A block that was admitted could not be read. */
  forget(place: number): void {
    const slot = this.#slotOf(place);
    if (this.#places[slot] === place + 1) this.#places[slot] = 0;
  }

  /** Forgets all blocks from a place on: what lies there will be written anew. */
  forgetFrom(place: number): void {
    for (let slot = 0; slot < this.#places.length; slot++) if (this.#places[slot]! > place) this.#places[slot] = 0;
  }

  #slotOf(place: number): number {
    // Knuth's multiplicative hash: neighbours in the file do not share a slot.
    return Math.floor(((Math.imul(place, 2654435761) >>> 0) / 4294967296) * this.#places.length);
  }
}
