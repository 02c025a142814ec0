/**
 * How much memory may the open collections of a root take together?
 *
 * Whoever holds memory says how much; `stats().memory` adds up the same numbers, and what searches work with. A field whose
 * vectors are about to be read asks whether they fit; a collection that grows asks whether all still do, and moves vectors out
 * where they do not.
 */
import { LynseError } from "../errors.js";

/** Something that holds memory for as long as it is a member. */
export interface MemoryHolder {
  memoryBytes(): number;
}

/** Something that can do with less. */
export interface MemorySpiller {
  /** Bytes that the next `spill` gives back; 0 where there is nothing left to give. */
  spillableBytes(): number;
  /** Moves vectors out of memory. Resolves when they are gone, or to false where it cannot be done now. */
  spill(): Promise<boolean>;
}

export class MemoryBudget {
  /** Bytes that may be held. */
  readonly bytesMax: number;
  readonly #holders = new Set<MemoryHolder>();
  readonly #spillers = new Set<MemorySpiller>();
  #spilling: Promise<void> | null = null;
  #isExhausted = false;

  constructor(bytesMax: number) {
    this.bytesMax = bytesMax;
  }

  /** Counts a holder until the function that it returns is called. */
  add(holder: MemoryHolder): () => void {
    this.#holders.add(holder);
    return () => void this.#holders.delete(holder);
  }

  /** Knows a spiller until the function that it returns is called. */
  addSpiller(spiller: MemorySpiller): () => void {
    this.#spillers.add(spiller);
    return () => void this.#spillers.delete(spiller);
  }

  /** Bytes held now. */
  usedBytes(): number {
    let bytes = 0;
    for (const holder of this.#holders) bytes += holder.memoryBytes();
    return bytes;
  }

  /** True when `bytes` more may be held. */
  hasRoomFor(bytes: number): boolean {
    return this.usedBytes() + bytes <= this.bytesMax;
  }

  /** Moves vectors out of memory, the largest first, until everything fits or nothing is left to move. */
  keep(): Promise<void> {
    this.#spilling ??= this.#keep().finally(() => {
      this.#spilling = null;
    });
    return this.#spilling;
  }

  async #keep(): Promise<void> {
    const refused = new Set<MemorySpiller>();
    while (this.usedBytes() > this.bytesMax) {
      let largest: MemorySpiller | null = null;
      let most = 0;
      for (const spiller of this.#spillers) {
        const bytes = refused.has(spiller) ? 0 : spiller.spillableBytes();
        if (bytes > most) [largest, most] = [spiller, bytes];
      }
      if (largest === null) break;
      if (!(await largest.spill())) refused.add(largest);
    }
    this.#isExhausted = refused.size === 0 && this.usedBytes() > this.bytesMax;
  }

  /** Throws `LIMIT_EXCEEDED` when everything that can be on disk is there, and the rest does not fit: nothing may be added. */
  checkRoom(): void {
    if (!this.#isExhausted) return;
    const got = this.usedBytes();
    if (got <= this.bytesMax) {
      this.#isExhausted = false;
      return;
    }
    throw new LynseError(
      "LIMIT_EXCEEDED",
      `the open collections hold ${got} bytes of memory, above memoryBudget = ${this.bytesMax}, with their vectors on disk ` +
        "already: no rows can be added; raise memoryBudget, close collections, or delete rows and compact",
      { limit: "memoryBudget", max: this.bytesMax, got },
    );
  }
}
