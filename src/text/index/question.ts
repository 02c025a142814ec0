/**
 * How is one search put to the kernel?
 *
 * Looks terms up, counts their live rows, weighs the groups and lays everything out in scratch that is given back at
 * the end. Groups of several terms are united into one list first; required and excluded groups become part of the
 * mask.
 */
import type { Scratch } from "../../kernel/kernel-memory.js";
import type { TermGroup } from "../query/text-query.js";
import type { SelectionView } from "./field-selection.js";
import {
  cursorBufferBytes,
  cursorBytes,
  cursorPlace,
  questionBytes,
  questionPlace,
  unitBytes,
  windowBytes,
  windowRows,
} from "./text-kernel.js";
import type { TextMemory } from "./text-memory.js";
import type { LiveRows, TextResult, TextSearch } from "./text-search.js";

/** Terms of a prefix that are asked for at a time. */
const termsAtOnce = 1024;
const postingsABlock = 128;

/** One list of a question. */
interface WeighedList {
  readonly weight: number;
  /** The term's record; 0 where rows and occurrences are plain. */
  readonly term: number;
  readonly rows: number;
  readonly times: number;
  readonly count: number;
}

/** Scores that were computed for weight 1, and the window, which is all zero between searches. */
export class ScoreTables {
  readonly address: number;
  k1 = Number.NaN;
  b = Number.NaN;
  average = Number.NaN;

  constructor(memory: TextMemory) {
    const place = memory.take(unitBytes + windowBytes + 16);
    this.address = Math.ceil(place / 16) * 16;
    memory.bytes.fill(0, this.address, this.address + unitBytes + windowBytes);
  }
}

export class Question {
  readonly #memory: TextMemory;
  readonly #selection: SelectionView;
  readonly #rowCount: number;
  /** Words of a set of all rows: whole windows. */
  readonly #setWords: number;
  readonly #scratch: Scratch[] = [];
  #liveAddress = 0;

  constructor(memory: TextMemory, selection: SelectionView, rowCount: number) {
    this.#memory = memory;
    this.#selection = selection;
    this.#rowCount = rowCount;
    this.#setWords = Math.ceil(rowCount / windowRows) * (windowRows / 32);
  }

  /** Gives the scratch back. */
  end(): void {
    for (const scratch of this.#scratch) this.#memory.giveBack(scratch);
    this.#scratch.length = 0;
  }

  search(search: TextSearch, tables: ScoreTables): TextResult {
    this.#setLive(search.live);
    const lists = this.#lists(search);
    if (lists.length === 0 || this.#selection.counts.rows === 0)
      return { rows: new Uint32Array(0), scores: new Float64Array(0) };
    const mask = this.#allowed(search);
    const { counts } = this.#selection;
    const average = counts.totalLength / counts.rows;
    return this.#ask(search, lists, mask, average, tables);
  }

  /** The rows that match, as a set of `rowLimit` bits. */
  matches(search: Omit<TextSearch, "k" | "k1" | "b">): Uint32Array {
    const set = this.#emptySet();
    for (const { terms } of search.groups) this.#addGroup(terms, set, 0);
    const allowed = this.#allowed(search);
    const { kernel } = this.#memory;
    if (allowed !== 0) kernel.intersect(set, allowed, this.#setWords, 0);
    const limit = Math.min(search.rowLimit, this.#rowCount);
    const result = new Uint32Array(Math.ceil(search.rowLimit / 32));
    const words = Math.ceil(limit / 32);
    result.set(this.#memory.words.subarray(set >>> 2, (set >>> 2) + words));
    if (limit % 32 > 0) result[words - 1] = (result[words - 1] as number) & (2 ** (limit % 32) - 1);
    return result;
  }

  #acquire(bytes: number): number {
    const scratch = this.#memory.acquire(bytes);
    this.#scratch.push(scratch);
    return scratch.address;
  }

  #emptySet(): number {
    const set = this.#acquire(this.#setWords * 4 + 16);
    this.#memory.bytes.fill(0, set, set + this.#setWords * 4);
    return set;
  }

  /** A copy of a mask as a set. */
  #copySet(mask: Uint32Array): number {
    const set = this.#acquire(this.#setWords * 4 + 16);
    const words = Math.min(mask.length, this.#setWords);
    this.#memory.words.set(words === mask.length ? mask : mask.subarray(0, words), set >>> 2);
    this.#memory.words.fill(0, (set >>> 2) + words, (set >>> 2) + this.#setWords);
    return set;
  }

  /** Takes the live rows over, and the statistics that depend on them. */
  #setLive({ mask, count, version }: LiveRows): void {
    if (mask !== null) this.#liveAddress = this.#copySet(mask);
    const { counts, rowsWithText, totalLength, lengths, lengthShift } = this.#selection;
    if (!counts.begin(`${mask === null} ${version} ${count} ${this.#rowCount}`)) return;
    counts.rows = rowsWithText;
    counts.totalLength = totalLength;
    if (mask === null) return;
    const to = this.#acquire(16);
    this.#memory.kernel.sumDeadLengths(lengths, lengthShift, this.#rowCount, this.#liveAddress, to);
    counts.rows -= this.#memory.words[to >>> 2] as number;
    counts.totalLength -= this.#memory.doubles[(to >>> 3) + 1] as number;
  }

  /** The groups whose terms the index has, the weightiest first. */
  #lists({ groups }: TextSearch): WeighedList[] {
    const lists: WeighedList[] = [];
    const all = this.#selection.counts.rows;
    for (const { terms, weight } of groups) {
      const records = this.#records(terms);
      if (records.length === 0) continue;
      const list = records.length === 1 ? this.#single(records[0] as number) : this.#united(records);
      const idf = Math.log((all - list.found + 0.5) / (list.found + 0.5) + 1);
      lists.push({ ...list, weight: weight * idf });
    }
    return lists.sort((a, b) => b.weight - a.weight);
  }

  #single(term: number): Omit<WeighedList, "weight"> & { found: number } {
    return { term, rows: 0, times: 0, count: 0, found: this.#countOf(term) };
  }

  /** Live rows of a term in the chosen fields. */
  #countOf(term: number): number {
    const { kernel } = this.#memory;
    if (this.#selection.isAll && this.#liveAddress === 0) return kernel.postingsOf(term);
    const known = this.#selection.counts.ofTerm.get(term);
    if (known !== undefined) return known;
    const count = kernel.countRows(this.#openSpare(term), this.#liveAddress, this.#rowCount);
    this.#selection.counts.ofTerm.set(term, count);
    return count;
  }

  #spare = 0;

  /** Opens a term for one pass over it. */
  #openSpare(term: number): number {
    if (this.#spare === 0) this.#spare = this.#acquire(cursorBytes + cursorBufferBytes);
    const { table, tableShift } = this.#selection;
    this.#memory.kernel.openCursor(this.#spare, term, table, tableShift, this.#spare + cursorBytes);
    return this.#spare;
  }

  #united(terms: readonly number[]): Omit<WeighedList, "weight"> & { found: number } {
    const { kernel } = this.#memory;
    const set = this.#emptySet();
    const sums = this.#acquire(this.#setWords * 128);
    this.#memory.bytes.fill(0, sums, sums + this.#setWords * 128);
    for (const term of terms) kernel.addRows(this.#openSpare(term), set, sums, this.#rowCount);
    const count = kernel.countSet(set, 0, this.#setWords);
    const found = this.#liveAddress === 0 ? count : kernel.countSet(set, this.#liveAddress, this.#setWords);
    const rows = this.#acquire(count * 4 + 16);
    const times = this.#acquire(count * 4 + 16);
    kernel.listRows(set, sums, this.#setWords, rows, times);
    return { term: 0, rows, times, count, found };
  }

  /** The records of a group's terms that the index has, each once. */
  #records(terms: TermGroup): readonly number[] {
    if ("prefix" in terms) return this.#prefixed(terms.prefix);
    if (terms.length === 1) {
      const record = this.#memory.findTerm(terms[0] as string);
      return record === 0 ? [] : [record];
    }
    const records = new Set<number>();
    for (const term of terms) {
      const record = this.#memory.findTerm(term);
      if (record !== 0) records.add(record);
    }
    return [...records];
  }

  #prefixed(prefix: string): number[] {
    const memory = this.#memory;
    const records: number[] = [];
    memory.withScratch(3 * prefix.length + 4 + termsAtOnce * 4, (to) => {
      const text = to + termsAtOnce * 4;
      const length = memory.writeText(text, prefix);
      memory.kernel.beginTerms(memory.state);
      let found: number;
      do {
        found = memory.kernel.nextTerms(memory.state, text, length, to, termsAtOnce);
        for (let i = 0; i < found; i++) records.push(memory.words[(to >>> 2) + i] as number);
      } while (found === termsAtOnce);
    });
    return records;
  }

  /** Adds a group's rows to a set. */
  #addGroup(terms: TermGroup, set: number, sums: number): void {
    for (const record of this.#records(terms)) {
      this.#memory.kernel.addRows(this.#openSpare(record), set, sums, this.#rowCount);
    }
  }

  /** Rows that may be returned, as a set; 0 for all. */
  #allowed({ mask, required, excluded }: Pick<TextSearch, "mask" | "required" | "excluded">): number {
    if (mask === null && required.length === 0 && excluded.length === 0) return 0;
    const { kernel } = this.#memory;
    const allowed = mask === null ? this.#fullSet() : this.#copySet(mask);
    for (const [groups, isWithout] of [
      [required, 0],
      [excluded, 1],
    ] as const) {
      for (const terms of groups) {
        const set = this.#emptySet();
        this.#addGroup(terms, set, 0);
        kernel.intersect(allowed, set, this.#setWords, isWithout);
      }
    }
    return allowed;
  }

  #fullSet(): number {
    const set = this.#emptySet();
    this.#memory.bytes.fill(255, set, set + this.#setWords * 4);
    return set;
  }

  /** Lays the question out and has it answered. */
  #ask(
    search: TextSearch,
    lists: readonly WeighedList[],
    mask: number,
    average: number,
    tables: ScoreTables,
  ): TextResult {
    const memory = this.#memory;
    const k = Math.min(search.k, this.#rowCount);
    const limit = Math.min(search.rowLimit, this.#rowCount);
    const suffixes = this.#acquire(questionBytes + (lists.length + 1) * 8 + lists.length * cursorBytes + k * 12 + 64);
    const question = suffixes + Math.ceil(((lists.length + 1) * 8) / 16) * 16;
    const cursors = question + questionBytes;
    const scores = cursors + lists.length * cursorBytes;
    const rows = scores + k * 8;
    const buffers = this.#acquire(lists.length * cursorBufferBytes);
    lists.forEach((list, i) => {
      this.#open(list, cursors + i * cursorBytes, buffers + i * cursorBufferBytes);
    });
    const words = memory.words;
    const put = (place: number, value: number) => {
      words[(question + place) >>> 2] = value;
    };
    put(questionPlace.units, tables.address);
    put(questionPlace.window, tables.address + unitBytes);
    put(questionPlace.lengths, this.#selection.lengths);
    put(questionPlace.lengthShift, this.#selection.lengthShift);
    put(questionPlace.mask, mask);
    put(questionPlace.rowLimit, limit);
    put(questionPlace.cursors, cursors);
    put(questionPlace.cursorCount, lists.length);
    put(questionPlace.k, k);
    put(questionPlace.scores, scores);
    put(questionPlace.rows, rows);
    put(questionPlace.suffixes, suffixes);
    const doubles = memory.doubles;
    doubles[(question + questionPlace.k1) >>> 3] = search.k1;
    doubles[(question + questionPlace.b) >>> 3] = search.b;
    doubles[(question + questionPlace.average) >>> 3] = average;
    if (tables.k1 !== search.k1 || tables.b !== search.b || tables.average !== average) {
      memory.kernel.fillUnits(question);
      Object.assign(tables, { k1: search.k1, b: search.b, average });
    }
    memory.kernel.searchLists(question);
    const count = words[(question + questionPlace.count) >>> 2] as number;
    return {
      rows: words.slice(rows >>> 2, (rows >>> 2) + count),
      scores: doubles.slice(scores >>> 3, (scores >>> 3) + count),
    };
  }

  #open({ term, weight, rows, times, count }: WeighedList, cursor: number, buffers: number): void {
    const { kernel } = this.#memory;
    if (term === 0) {
      const bounds = this.#acquire(Math.ceil(count / postingsABlock) * 8);
      kernel.openPlain(cursor, rows, times, count, bounds);
    } else {
      kernel.openCursor(cursor, term, this.#selection.table, this.#selection.tableShift, buffers);
      this.#selection.bound(cursor, term);
    }
    this.#memory.doubles[(cursor + cursorPlace.weight) >>> 3] = weight;
  }
}
