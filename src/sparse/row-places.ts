/**
 * Where is the vector of a row?
 *
 * A number a row, in pages that are there only where rows have vectors: row numbers may lie far apart.
 */
const pageRows = 1_024;
/** No vector. */
export const nowhere = 0xffff_ffff;

export class RowPlaces {
  /** The last word of a page counts its places. */
  readonly #pages = new Map<number, Uint32Array>();
  #count = 0;

  /** Rows that have a place. */
  get count(): number {
    return this.#count;
  }

  get memoryBytes(): number {
    return this.#pages.size * (pageRows + 1) * 4;
  }

  get(row: number): number {
    return this.#pages.get(Math.floor(row / pageRows))?.[row % pageRows] ?? nowhere;
  }

  set(row: number, place: number): void {
    const number = Math.floor(row / pageRows);
    let page = this.#pages.get(number);
    if (page === undefined) {
      page = new Uint32Array(pageRows + 1).fill(nowhere, 0, pageRows);
      this.#pages.set(number, page);
    }
    if (page[row % pageRows] === nowhere) {
      page[pageRows]! += 1;
      this.#count += 1;
    }
    page[row % pageRows] = place;
  }

  delete(row: number): void {
    const number = Math.floor(row / pageRows);
    const page = this.#pages.get(number);
    if (page === undefined || page[row % pageRows] === nowhere) return;
    page[row % pageRows] = nowhere;
    page[pageRows]! -= 1;
    this.#count -= 1;
    if (page[pageRows] === 0) this.#pages.delete(number);
  }
}
