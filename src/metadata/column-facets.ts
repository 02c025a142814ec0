/**
 * How many rows have each value of a field?
 *
 * Counts the single values of `column-row-values` among the rows of a mask, each once a row. Texts are counted by code
 * in typed arrays; a value that stands twice in one row's array is known by the row that was last counted for its code.
 * Most frequent first; equal counts in the order of `row-order`: numbers, texts by code point, false, true.
 */
import { type Column, elementTag, valueKind } from "./column.js";
import type { SingleValue } from "./column-row-values.js";
import type { ColumnStore } from "./column-store.js";
import { NumberCounts } from "./number-counts.js";
import { compareText } from "./text-order.js";

/** A value and the number of rows that have it. */
export interface FacetCount {
  readonly value: SingleValue;
  readonly count: number;
}

/** Values up to which an insertion into the sorted best is quicker than a sort of all. */
const shortLimit = 256;

/**
 * The `limit` most frequent values of a field among the first `rowCount` rows that are in the mask (bit r & 31 of word
 * r >>> 5; null: all). `ensure` made the field's column before.
 */
export function facetCounts(
  columns: ColumnStore,
  field: string,
  mask: Uint32Array | null,
  rowCount: number,
  limit: number,
): FacetCount[] {
  const counter = new FacetCounter(columns.columnOf(field));
  if (mask === null) {
    for (let row = 0; row < rowCount; row += 1) counter.addRow(row);
    return counter.best(limit);
  }
  const words = Math.ceil(rowCount / 32);
  for (let at = 0; at < words; at += 1) {
    let word = mask[at]!;
    if (at === words - 1 && (rowCount & 31) !== 0) word &= (1 << (rowCount & 31)) - 1;
    while (word !== 0) {
      const bit = word & -word;
      counter.addRow((at << 5) + 31 - Math.clz32(bit));
      word ^= bit;
    }
  }
  return counter.best(limit);
}

class FacetCounter {
  readonly #column: Column;
  readonly #kinds: Uint8Array;
  readonly #numbers: Float64Array;
  readonly #codes: Uint32Array;
  readonly #textCounts: Uint32Array;
  readonly #numberCounts = new NumberCounts();
  /** Rows a `valueKind`, of which those of false and true count. */
  readonly #kindCounts = new Uint32Array(8);
  /** Rows a code of a number in a list. */
  readonly #elementCounts: Uint32Array;
  /** Rows that have false, and true, in a list. */
  readonly #constantCounts = new Uint32Array(4);
  /** The row after the one that a code was last counted for in a list; empty where no row has a list. */
  readonly #textSeen: Uint32Array;
  readonly #elementSeen: Uint32Array;
  readonly #constantSeen = new Uint32Array(4);

  constructor(column: Column) {
    const hasLists = column.lists.length > 0;
    this.#column = column;
    this.#kinds = column.kinds;
    this.#numbers = column.numbers;
    this.#codes = column.codes;
    this.#textCounts = new Uint32Array(column.texts.size + 1);
    this.#elementCounts = new Uint32Array(column.elementNumbers.size + 1);
    this.#textSeen = new Uint32Array(hasLists ? this.#textCounts.length : 0);
    this.#elementSeen = new Uint32Array(hasLists ? this.#elementCounts.length : 0);
  }

  addRow(row: number): void {
    const kind = this.#kinds[row]!;
    if (kind === valueKind.text) this.#textCounts[this.#codes[row]!]! += 1;
    else if (kind === valueKind.number) this.#numberCounts.add(this.#numbers[row]!, 1);
    else if (kind === valueKind.array || kind === valueKind.many) this.#addList(row, this.#column.lists[row]!);
    else this.#kindCounts[kind]! += 1;
  }

  /** Lists are nested once at most. */
  #addList(row: number, list: number): void {
    const { listEnds, elements } = this.#column;
    const end = listEnds.values[list]!;
    for (let at = listEnds.values[list - 1]!; at < end; at += 1) {
      const code = elements.values[at]!;
      const index = code >>> 2;
      const tag = code & 3;
      if (tag === elementTag.text) countOnce(this.#textCounts, this.#textSeen, index, row);
      else if (tag === elementTag.number) countOnce(this.#elementCounts, this.#elementSeen, index, row);
      else if (tag === elementTag.list) this.#addList(row, index);
      else countOnce(this.#constantCounts, this.#constantSeen, index, row);
    }
  }

  /** The most frequent values. */
  best(limit: number): FacetCount[] {
    const best = new BestFacets(limit);
    const { texts, elementNumbers } = this.#column;
    for (let code = 1; code < this.#elementCounts.length; code += 1) {
      const count = this.#elementCounts[code]!;
      if (count > 0) this.#numberCounts.add(elementNumbers.at(code), count);
    }
    this.#numberCounts.forEach((number, count) => {
      best.offer(number, count);
    });
    for (let code = 1; code < this.#textCounts.length; code += 1) {
      const count = this.#textCounts[code]!;
      if (count >= best.least) best.offer(texts.at(code), count);
    }
    // The list constants are null, false, true and an object.
    best.offer(false, this.#kindCounts[valueKind.false]! + this.#constantCounts[1]!);
    best.offer(true, this.#kindCounts[valueKind.true]! + this.#constantCounts[2]!);
    return best.sorted();
  }
}

function countOnce(counts: Uint32Array, seen: Uint32Array, code: number, row: number): void {
  if (seen[code] === row + 1) return;
  seen[code] = row + 1;
  counts[code]! += 1;
}

/** Keeps the values that stand first. */
class BestFacets {
  readonly #limit: number;
  readonly #facets: FacetCount[] = [];

  constructor(limit: number) {
    this.#limit = limit;
  }

  /** A value with fewer rows is not among the first. */
  get least(): number {
    if (this.#limit > shortLimit || this.#facets.length < this.#limit) return 1;
    return this.#facets.at(-1)?.count ?? Number.POSITIVE_INFINITY;
  }

  offer(value: SingleValue, count: number): void {
    if (count < this.least) return;
    const facets = this.#facets;
    if (this.#limit > shortLimit) {
      facets.push({ value, count });
      return;
    }
    const isFull = facets.length === this.#limit;
    if (isFull && !isBefore(value, count, facets[facets.length - 1]!)) return;
    const facet = { value, count };
    let at = isFull ? facets.length - 1 : facets.push(facet) - 1;
    for (; at > 0 && isBefore(value, count, facets[at - 1]!); at -= 1) facets[at] = facets[at - 1]!;
    facets[at] = facet;
  }

  sorted(): FacetCount[] {
    if (this.#limit <= shortLimit) return this.#facets;
    return this.#facets.sort((a, b) => (isBefore(a.value, a.count, b) ? -1 : 1)).slice(0, this.#limit);
  }
}

/** True where a value with `count` rows stands before another facet. */
function isBefore(value: SingleValue, count: number, other: FacetCount): boolean {
  if (count !== other.count) return count > other.count;
  if (typeof value === "string" && typeof other.value === "string") return compareText(value, other.value) < 0;
  if (typeof value === "number" && typeof other.value === "number") return value < other.value;
  return rankOf(value) < rankOf(other.value);
}

function rankOf(value: SingleValue): number {
  if (typeof value === "number") return 0;
  if (typeof value === "string") return 1;
  return value ? 3 : 2;
}
