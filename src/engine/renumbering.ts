/**
 * Where is a place between rows, once compactions have given the rows other numbers?
 *
 * A cursor of a query remembers a row and the numbering that it belongs to. A generation knows which rows the compactions
 * before it kept, so that the place is found again for as long as they are remembered.
 */

/** What a compaction made of the row numbers of a generation. */
export interface Renumbering {
  /** Numbering before it. */
  readonly from: number;
  /** Bit r & 31 of word r >>> 5: it kept row r. */
  readonly kept: Uint32Array;
}

/**
 * Number of rows that stood before `row` of the generation with that numbering and are kept; null when the compactions since
 * are not known any more.
 *
 * @param renumberings Oldest first.
 */
export function rowsKeptBefore(renumberings: readonly Renumbering[], numbering: number, row: number): number | null {
  const first = renumberings.findIndex(({ from }) => from === numbering);
  if (first === -1) return null;
  let before = row;
  for (const { kept } of renumberings.slice(first)) before = countBits(kept, before);
  return before;
}

/** Set bits among the first `length`. */
function countBits(words: Uint32Array, length: number): number {
  let count = 0;
  for (let row = 0; row < Math.min(length, words.length * 32); row++) count += (words[row >>> 5]! >>> (row & 31)) & 1;
  return count;
}
