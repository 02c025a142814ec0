/**
 * How is memory used again when segments come and go?
 *
 * Free stretches of a kernel memory, in order of address; neighbours become one. The smallest that is large enough is
 * used, what is left of it stays free. There are a few hundred stretches at most: lists are enough.
 */
import { assert } from "../errors.js";
import type { KernelMemory } from "../kernel/kernel-memory.js";

const alignment = 64;

const roundedUp = (bytes: number): number => Math.ceil(Math.max(bytes, 1) / alignment) * alignment;

export class MemoryPlaces {
  readonly #memory: KernelMemory;
  readonly #starts: number[] = [];
  readonly #lengths: number[] = [];
  #words: Uint32Array;

  constructor(memory: KernelMemory) {
    this.#memory = memory;
    this.#words = new Uint32Array(memory.buffer);
  }

  /** The memory as 32-bit words; good until the next `take`. */
  get words(): Uint32Array {
    return this.#words;
  }

  /** The memory's bytes; good until the next `take`. */
  get buffer(): ArrayBufferLike {
    return this.#words.buffer;
  }

  /** Bytes taken from the memory, free ones included. */
  get heldBytes(): number {
    return this.#memory.usedBytes;
  }

  /** A place of at least `bytes` with anything in it; a multiple of 64. */
  take(bytes: number): number {
    const size = roundedUp(bytes);
    let best = -1;
    for (let i = 0; i < this.#lengths.length; i++) {
      const length = this.#lengths[i]!;
      if (length >= size && (best < 0 || length < this.#lengths[best]!)) best = i;
    }
    if (best < 0) {
      const address = this.#memory.allocate(size);
      if (this.#words.buffer !== this.#memory.buffer) this.#words = new Uint32Array(this.#memory.buffer);
      return address;
    }
    const address = this.#starts[best]!;
    if (this.#lengths[best] === size) {
      this.#starts.splice(best, 1);
      this.#lengths.splice(best, 1);
    } else {
      this.#starts[best] = address + size;
      this.#lengths[best]! -= size;
    }
    return address;
  }

  /** Gives back a place with the number of bytes that it was taken with. */
  give(address: number, bytes: number): void {
    const size = roundedUp(bytes);
    let at = 0;
    while (at < this.#starts.length && this.#starts[at]! < address) at += 1;
    const joinsBefore = at > 0 && this.#starts[at - 1]! + this.#lengths[at - 1]! === address;
    const joinsAfter = this.#starts[at] === address + size;
    assert(
      (at === 0 || this.#starts[at - 1]! + this.#lengths[at - 1]! <= address) &&
        (at === this.#starts.length || this.#starts[at]! >= address + size),
      "a place is given back once",
    );
    if (joinsBefore) {
      this.#lengths[at - 1]! += size;
      if (!joinsAfter) return;
      this.#lengths[at - 1]! += this.#lengths[at]!;
      this.#starts.splice(at, 1);
      this.#lengths.splice(at, 1);
    } else if (joinsAfter) {
      this.#starts[at] = address;
      this.#lengths[at]! += size;
    } else {
      this.#starts.splice(at, 0, address);
      this.#lengths.splice(at, 0, size);
    }
  }
}
