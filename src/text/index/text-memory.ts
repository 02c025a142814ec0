/**
 * Where does a text index live?
 *
 * In a memory of its own, which the kernel divides into places and this class enlarges. Also moves texts across: they
 * are UTF-8 there, with lone surrogates as three bytes each, so that different texts stay different.
 */
import * as textModule from "../../kernel/generated/text-module.js";
import { KernelMemory, type Scratch } from "../../kernel/kernel-memory.js";
import { instantiateModule } from "../../kernel/wasm-module.js";
import { kernelStatus, stateBytes, statePlace, type TextKernel } from "./text-kernel.js";

/** Bytes that the kernel may read beyond a place. */
const guardBytes = 64;
/** Least growth. */
const growthBytesMin = 32_768;

export class TextMemory {
  readonly kernel: TextKernel;
  /** Address of the index's state. */
  readonly state: number;
  readonly #memory = new KernelMemory();
  #buffer: ArrayBufferLike;
  #bytes: Uint8Array;
  #words: Uint32Array;
  #doubles: Float64Array;
  #regionEnd = 0;

  constructor() {
    this.state = this.#memory.allocate(stateBytes);
    this.kernel = instantiateModule<TextKernel>(textModule, this.#memory.memory);
    this.#buffer = this.#memory.buffer;
    this.#bytes = new Uint8Array(this.#buffer);
    this.#words = new Uint32Array(this.#buffer);
    this.#doubles = new Float64Array(this.#buffer);
    this.grow(growthBytesMin);
  }

  /** All bytes, as long as nothing is allocated. */
  get bytes(): Uint8Array {
    this.#refresh();
    return this.#bytes;
  }

  /** The same as u32s: word i is at address 4 i. */
  get words(): Uint32Array {
    this.#refresh();
    return this.#words;
  }

  /** The same as f64s. */
  get doubles(): Float64Array {
    this.#refresh();
    return this.#doubles;
  }

  /** Bytes in use, scratch included. */
  get usedBytes(): number {
    return this.#memory.usedBytes - (this.#stateWord("heapEnd") - this.#stateWord("heapNext"));
  }

  #refresh(): void {
    const buffer = this.#memory.buffer;
    if (buffer === this.#buffer) return;
    this.#buffer = buffer;
    this.#bytes = new Uint8Array(buffer);
    this.#words = new Uint32Array(buffer);
    this.#doubles = new Float64Array(buffer);
  }

  /** A number of the state. */
  stateWord(name: keyof typeof statePlace): number {
    this.#refresh();
    return this.#stateWord(name);
  }

  #stateWord(name: keyof typeof statePlace): number {
    return this.#words[(this.state + statePlace[name]) >>> 2] as number;
  }

  /** Makes room for `bytes` more in the kernel's places. */
  grow(bytes: number): void {
    const growth = Math.max(growthBytesMin, bytes + guardBytes, Math.min(this.usedBytes >>> 4, 1 << 22));
    const address = this.#memory.allocate(growth);
    const words = this.words;
    const next = (this.state + statePlace.heapNext) >>> 2;
    const end = (this.state + statePlace.heapEnd) >>> 2;
    if (address !== this.#regionEnd) {
      this.kernel.releasePlace(this.state, words[next] as number, (words[end] as number) - (words[next] as number));
      words[next] = address;
    }
    this.#regionEnd = Math.ceil((address + growth) / 64) * 64;
    words[end] = this.#regionEnd - guardBytes;
  }

  /** Makes the room that a kernel function asked for. */
  growAsWanted(): void {
    this.grow(this.stateWord("wanted"));
  }

  /** Calls a function of the kernel until it has room; returns what else it says. */
  withRoom(call: () => number): number {
    for (;;) {
      const status = call();
      if (status !== kernelStatus.needRoom) return status;
      this.growAsWanted();
    }
  }

  /** A place among the kernel's, of a multiple of 4 bytes. */
  take(bytes: number): number {
    for (;;) {
      const address = this.kernel.takePlace(this.state, bytes) >>> 0;
      if (address !== 0) return address;
      this.growAsWanted();
    }
  }

  release(address: number, bytes: number): void {
    this.kernel.releasePlace(this.state, address, bytes);
  }

  /** Scratch of at least `bytes`, to be given back. */
  acquire(bytes: number): Scratch {
    return this.#memory.acquireScratch(bytes);
  }

  giveBack(scratch: Scratch): void {
    this.#memory.releaseScratch(scratch);
  }

  /** Runs `use` with scratch of at least `bytes`. */
  withScratch<T>(bytes: number, use: (address: number) => T): T {
    const scratch = this.acquire(bytes);
    try {
      return use(scratch.address);
    } finally {
      this.giveBack(scratch);
    }
  }

  /** Writes a text and returns its length; `address` has room for three bytes a UTF-16 unit. */
  writeText(address: number, text: string): number {
    const bytes = this.bytes;
    let at = address;
    for (let i = 0; i < text.length; i++) {
      const unit = text.charCodeAt(i);
      if (unit < 0x80) {
        bytes[at++] = unit;
        continue;
      }
      const point = text.codePointAt(i) as number;
      if (point > 0xffff) i += 1;
      at = writePoint(bytes, at, point);
    }
    return at - address;
  }

  /** The term's record, 0 for none. */
  findTerm(term: string): number {
    return this.withScratch(3 * term.length, (address) => {
      const length = this.writeText(address, term);
      return this.kernel.findTerm(this.state, address, length) >>> 0;
    });
  }
}

/** Writes a code point above 127 and returns where it ends. */
function writePoint(bytes: Uint8Array, at: number, point: number): number {
  if (point < 0x800) {
    bytes[at] = 0xc0 | (point >> 6);
    bytes[at + 1] = 0x80 | (point & 63);
    return at + 2;
  }
  if (point < 0x10000) {
    bytes[at] = 0xe0 | (point >> 12);
    bytes[at + 1] = 0x80 | ((point >> 6) & 63);
    bytes[at + 2] = 0x80 | (point & 63);
    return at + 3;
  }
  bytes[at] = 0xf0 | (point >> 18);
  bytes[at + 1] = 0x80 | ((point >> 12) & 63);
  bytes[at + 2] = 0x80 | ((point >> 6) & 63);
  bytes[at + 3] = 0x80 | (point & 63);
  return at + 4;
}
