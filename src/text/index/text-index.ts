/**
 * Which rows say what was asked, and which say it best?
 *
 * An inverted index over the strings of rows' metadata, searched by BM25: the score of a row is the sum over groups of
 * weight * idf * t (k1 + 1) / (t + k1 (1 - b + b length / average)), with idf = ln((N - n + 0.5) / (n + 0.5) + 1), t the
 * group's occurrences in the row, N the live rows with text in the chosen fields, n those of the group. The chosen fields
 * count as one text. Answers are exact; a filter does not change scores.
 *
 * Rows are taken in once, in order, and never change; which of them are alive is told with every search. Part of the text
 * layer: knows the kernel's memory and the analyser, nothing of files or filters.
 */
import { checkLimit } from "../../limits.js";
import type { TextAnalyser } from "../analysis/text-analyser.js";
import { FieldNodes } from "./field-nodes.js";
import { FieldSelections } from "./field-selection.js";
import { type IndexSection, readSections, writeSections } from "./index-sections.js";
import { Question, ScoreTables } from "./question.js";
import { RowReader } from "./row-reader.js";
import { indexRowsMax } from "./text-kernel.js";
import { TextMemory, unusable } from "./text-memory.js";
import type { TextResult, TextSearch } from "./text-search.js";

export type { LiveRows, TextResult, TextSearch } from "./text-search.js";

/** What an index is made with. */
export interface TextIndexOptions {
  readonly analyser: TextAnalyser;
  /** Dotted names of the fields that are indexed, each with everything nested in it; null: every string. */
  readonly fields: readonly string[] | null;
}

export class TextIndex {
  readonly #memory = new TextMemory();
  readonly #nodes: FieldNodes;
  readonly #selections: FieldSelections;
  readonly #reader: RowReader;
  readonly #tables: ScoreTables;
  /** True while rows are taken in: an error leaves it so. */
  #isReading = false;

  constructor({ analyser, fields }: TextIndexOptions) {
    this.#nodes = new FieldNodes(this.#memory, fields);
    this.#selections = new FieldSelections(this.#memory, this.#nodes);
    this.#reader = new RowReader(this.#memory, this.#nodes, analyser);
    this.#tables = new ScoreTables(this.#memory);
  }

  /** Rows taken in, dead ones included. */
  get rowCount(): number {
    return this.#memory.stateWord("row");
  }

  /** Distinct terms. */
  get termCount(): number {
    return this.#memory.stateWord("termCount");
  }

  /** Memory in use, scratch included. */
  get memoryBytes(): number {
    return this.#memory.usedBytes;
  }

  /**
   * Takes in the rows [from, to) of a batch, in order: their metadata as UTF-8 JSON back to back, each with its end. A row
   * without bytes has no text. After an error (the analyser's, or `LIMIT_EXCEEDED`) the index cannot be used any more.
   */
  append(bytes: Uint8Array, ends: Uint32Array, from: number, to: number): void {
    this.#checkUsable();
    if (this.rowCount + (to - from) > indexRowsMax) checkLimit("rowsMax", Number.MAX_SAFE_INTEGER, "rows of text");
    this.#isReading = true;
    this.#reader.read(bytes, ends, from, to);
    this.#isReading = false;
  }

  /** The best `k` rows, best first, ties to the lower row. */
  search(search: TextSearch): TextResult {
    this.#checkUsable();
    if (search.k === 0 || this.rowCount === 0) return { rows: new Uint32Array(0), scores: new Float64Array(0) };
    return this.#ask(search.fields, (question) => question.search(search, this.#tables));
  }

  /** The rows that a search could return, as a set of `rowLimit` bits. */
  matches(search: Omit<TextSearch, "k" | "k1" | "b">): Uint32Array {
    this.#checkUsable();
    if (this.rowCount === 0) return new Uint32Array(Math.ceil(search.rowLimit / 32));
    return this.#ask(search.fields, (question) => question.matches(search));
  }

  /** Sections for a checkpoint. */
  serialize(): IndexSection[] {
    this.#checkUsable();
    return writeSections(this.#memory, this.#nodes);
  }

  /** The index that `serialize` wrote, made with the same options; null where the sections are not one. */
  static deserialize(options: TextIndexOptions, sections: ReadonlyMap<string, Uint8Array>): TextIndex | null {
    const index = new TextIndex(options);
    if (readSections(index.#memory, index.#nodes, sections)) return index;
    index.release();
    return null;
  }

  /** Lets go of the memory; the index cannot be used any more. */
  release(): void {
    this.#isReading = true;
  }

  #ask<T>(fields: readonly string[] | null, use: (question: Question) => T): T {
    const question = new Question(this.#memory, this.#selections.view(fields), this.rowCount);
    try {
      return use(question);
    } finally {
      question.end();
    }
  }

  #checkUsable(): void {
    if (this.#isReading) throw unusable();
  }
}
