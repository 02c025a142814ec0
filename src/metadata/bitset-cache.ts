/**
 * Which filters were evaluated lately?
 *
 * Least recently used entries go first when the bytes pass the budget. A set is never changed once it is in the cache.
 */
import type { Bitset } from "./bitset.js";

/** Bytes that all cached sets and their keys may take: 256 filters over a million rows. */
const cacheBytesMax = 32 * 1024 * 1024;

/** Bytes of an entry beside words and key. An estimate. */
const entryBytes = 200;

/** Rows for which a filter is TRUE; shared, never to be changed. */
export interface Matches {
  readonly bits: Bitset;
  readonly count: number;
}

export class BitsetCache {
  /** In order of last use. */
  readonly #entries = new Map<string, Matches>();
  #bytes = 0;

  get(key: string): Matches | undefined {
    const found = this.#entries.get(key);
    if (found === undefined) return undefined;
    this.#entries.delete(key);
    this.#entries.set(key, found);
    return found;
  }

  /** Keeps `matches`, unless it alone is above the budget. */
  set(key: string, matches: Matches): void {
    this.#remove(key);
    const bytes = entrySize(key, matches);
    if (bytes > cacheBytesMax) return;
    this.#entries.set(key, matches);
    this.#bytes += bytes;
    for (const oldest of this.#entries.keys()) {
      if (this.#bytes <= cacheBytesMax) break;
      this.#remove(oldest);
    }
  }

  memoryBytes(): number {
    return this.#bytes;
  }

  #remove(key: string): void {
    const found = this.#entries.get(key);
    if (found === undefined) return;
    this.#entries.delete(key);
    this.#bytes -= entrySize(key, found);
  }
}

function entrySize(key: string, matches: Matches): number {
  return entryBytes + key.length * 2 + matches.bits.memoryBytes();
}
