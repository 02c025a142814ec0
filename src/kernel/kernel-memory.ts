/**
 * Where do tables, indexes and searches get their memory from?
 *
 * One shared WebAssembly memory of at most 4 GiB. Places are handed out from the bottom and stay where they are; memory
 * grows in place. Scratch is handed back and used again. Pages that nobody has written to cost address space only, so
 * growing ahead is free.
 */
import { LynseError } from "../errors.js";

const pageBytes = 65_536;
/** Below 4 GiB by a little, so that no address inside a memory ever wraps to zero. */
const bytesLimit = 65_472 * pageBytes;
const alignment = 64;
const scratchBytesMin = 16_384;
/** Most pages grown ahead of need: 16 MiB. */
const growthPagesMax = 256;

/** A place for scratch data. */
export interface Scratch {
  readonly address: number;
  readonly bytes: number;
}

export class KernelMemory {
  /** For instances of modules, here and on other threads. */
  readonly memory: WebAssembly.Memory;
  #bytesMax: number;
  // Address 0 stays free: in the kernel it means "none".
  #used = alignment;
  #scratchBytes = 0;
  #overheadBytes = 0;
  #free: Scratch[] = [];

  constructor(bytesMax: number = Number.MAX_SAFE_INTEGER) {
    this.#bytesMax = Math.min(bytesMax, bytesLimit);
    const maximum = Math.ceil(this.#bytesMax / pageBytes);
    try {
      this.memory = new WebAssembly.Memory({ initial: 1, maximum, shared: true });
    } catch (cause) {
      throw new LynseError("LIMIT_EXCEEDED", "no address space left for vectors; close collections", {}, cause);
    }
  }

  /** The memory's bytes now; a new object after each growth, with the same bytes. */
  get buffer(): ArrayBufferLike {
    return this.memory.buffer;
  }

  /** Bytes handed out, scratch included. */
  get usedBytes(): number {
    return this.#used;
  }

  /** Bytes handed out by `allocateOverhead`. */
  get overheadBytes(): number {
    return this.#overheadBytes;
  }

  /** Bytes handed out as scratch, in use or not. */
  get scratchBytes(): number {
    return this.#scratchBytes;
  }

  /** True when `bytes` more fit. */
  hasRoomFor(bytes: number): boolean {
    return this.#used + bytes + alignment <= this.#bytesMax;
  }

  /** A place of `bytes`, a multiple of 64, zero at first, for as long as the memory lives. */
  allocate(bytes: number): number {
    const address = this.#used;
    const end = Math.ceil((address + bytes) / alignment) * alignment;
    const missing = Math.ceil((end - this.memory.buffer.byteLength) / pageBytes);
    if (missing > 0) this.#grow(missing);
    this.#used = end;
    return address;
  }

  /** As `allocate`, counted as overhead. */
  allocateOverhead(bytes: number): number {
    this.#overheadBytes += bytes;
    return this.allocate(bytes);
  }

  /** A place of at least `bytes`, with anything in it, until it is handed back. */
  acquireScratch(bytes: number): Scratch {
    const free = this.#free;
    for (let i = free.length - 1; i >= 0; i--) {
      const scratch = free[i] as Scratch;
      if (scratch.bytes < bytes) continue;
      free.splice(i, 1);
      return scratch;
    }
    const rounded = 2 ** Math.ceil(Math.log2(Math.max(bytes, scratchBytesMin)));
    const size = this.hasRoomFor(rounded) ? rounded : bytes;
    const address = this.allocate(size);
    this.#scratchBytes += size;
    return { address, bytes: size };
  }

  /** Takes back what `acquireScratch` gave. */
  releaseScratch(scratch: Scratch): void {
    this.#free.push(scratch);
  }

  #grow(pages: number): void {
    const now = this.memory.buffer.byteLength / pageBytes;
    const maximum = Math.ceil(this.#bytesMax / pageBytes);
    const ahead = Math.min(growthPagesMax, now);
    try {
      this.memory.grow(Math.min(Math.max(pages, ahead), Math.max(pages, maximum - now)));
    } catch (cause) {
      throw new LynseError("LIMIT_EXCEEDED", "no memory left for vectors; close collections or add memory", {}, cause);
    }
  }
}
