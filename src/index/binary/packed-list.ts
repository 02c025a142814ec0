/**
 * How do the rows of one cluster lie in memory?
 *
 * In pieces that never move: packed rows, their counts of set bits, their numbers. A build makes one piece a cluster
 * that fits; growth adds pieces of a quarter of the list. Rows that were placed count once they are published, so
 * searches beside an extension see none of it or all.
 */
import type { KernelMemory } from "../../kernel/kernel-memory.js";

/** A piece of a list. */
export interface ListPiece {
  /** Addresses of the packed rows, of their counts (u16) and of their numbers (u32). */
  readonly rows: number;
  readonly counts: number;
  readonly ids: number;
  readonly capacity: number;
  /** Rows that count. */
  readonly count: number;
}

interface OwnPiece extends ListPiece {
  count: number;
  placed: number;
}

const pieceRowsMin = 16;

export class PackedList {
  readonly #pieces: OwnPiece[] = [];
  #count = 0;

  /** Rows that count. */
  get count(): number {
    return this.#count;
  }

  get pieces(): readonly ListPiece[] {
    return this.#pieces;
  }

  /** Makes a piece for `rows` more rows at least, and no more than that where `isExact`. */
  reserve(memory: KernelMemory, stride: number, rows: number, isExact: boolean): void {
    const last = this.#pieces.at(-1);
    const missing = rows - (last === undefined ? 0 : last.capacity - last.placed);
    if (missing <= 0) return;
    const capacity = isExact ? missing : Math.max(missing, pieceRowsMin, this.#count >> 2);
    const rowsAddress = memory.allocate(capacity * (stride + 6));
    const ids = rowsAddress + capacity * stride;
    this.#pieces.push({ rows: rowsAddress, counts: ids + capacity * 4, ids, capacity, count: 0, placed: 0 });
  }

  /** The piece and the index in it for the next row; there is room for it. */
  nextPlace(): { readonly piece: ListPiece; readonly index: number } {
    let piece = this.#pieces.at(-1)!;
    const before = this.#pieces.at(-2);
    if (before !== undefined && before.placed < before.capacity) piece = before;
    return { piece, index: piece.placed++ };
  }

  /** Rows that were placed count from now on. */
  publish(): void {
    for (let i = this.#pieces.length - 1; i >= 0; i--) {
      const piece = this.#pieces[i]!;
      if (piece.count === piece.placed) {
        if (piece.count === piece.capacity) break;
        continue;
      }
      this.#count += piece.placed - piece.count;
      piece.count = piece.placed;
    }
  }

  /** Forgets the rows that were placed and do not count. */
  discard(): void {
    for (const piece of this.#pieces) piece.placed = piece.count;
  }
}
