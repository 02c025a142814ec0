/**
 * Which rows say what was asked, and which say it best?
 *
 * An inverted index over the strings of rows' metadata, searched by BM25: the score of a row is the sum over groups of
 * weight * idf * t (k1 + 1) / (t + k1 (1 - b + b length / average)), with idf = ln((N - n + 0.5) / (n + 0.5) + 1), t
 * the group's occurrences in the row, N the live rows with text in the chosen fields, n those of the group. The chosen
 * fields count as one text. Answers are exact; a filter does not change scores.
 *
 * Rows are taken in once, in order, and never change; which of them are alive is told with every search. Part of the
 * text layer: knows the kernel's memory and the analyser, nothing of files or filters.
 */
import { LynseError } from "../../errors.js";
import { TimeSlice } from "../../time-slice.js";
import type { TextAnalyser } from "../analysis/text-analyser.js";
import { FieldNodes } from "./field-nodes.js";
import { FieldSelections } from "./field-selection.js";
import { type IndexSection, readSections, writeSections } from "./index-sections.js";
import { Question, ScoreTables } from "./question.js";
import { RowReader } from "./row-reader.js";
import { indexRowsMax } from "./text-kernel.js";
import { TextMemory } from "./text-memory.js";
import type { TextResult, TextSearch } from "./text-search.js";

export type { LiveRows, TextResult, TextSearch } from "./text-search.js";

/** What an index is made with. */
export interface TextIndexOptions {
  readonly analyser: TextAnalyser;
  /** Dotted names of the fields that are indexed, each with everything nested in it; null: every string. */
  readonly fields: readonly string[] | null;
}

interface Parts {
  readonly memory: TextMemory;
  readonly nodes: FieldNodes;
  readonly selections: FieldSelections;
  readonly reader: RowReader;
  readonly tables: ScoreTables;
}

const noResult = (): TextResult => ({ rows: new Uint32Array(0), scores: new Float64Array(0) });

export class TextIndex {
  /** Null when the index was released, or an error left it in the middle of a row. */
  #parts: Parts | null;

  constructor({ analyser, fields }: TextIndexOptions) {
    const memory = new TextMemory();
    const nodes = new FieldNodes(memory, fields);
    this.#parts = {
      memory,
      nodes,
      selections: new FieldSelections(memory, nodes),
      reader: new RowReader(memory, nodes, analyser),
      tables: new ScoreTables(memory),
    };
  }

  /** The index that `serialize` wrote, made with the same options; null where the sections are not one. */
  static deserialize(options: TextIndexOptions, sections: ReadonlyMap<string, Uint8Array>): TextIndex | null {
    const index = new TextIndex(options);
    const steps = index.#restoring(sections);
    for (;;) {
      const { done, value } = steps.next();
      if (done) return value ? index : null;
    }
  }

  /** The same, letting other work run in between. */
  static async restore(
    options: TextIndexOptions,
    sections: ReadonlyMap<string, Uint8Array>,
    signal?: AbortSignal,
  ): Promise<TextIndex | null> {
    const index = new TextIndex(options);
    const slice = new TimeSlice();
    const steps = index.#restoring(sections);
    for (;;) {
      const { done, value } = steps.next();
      if (done) return value ? index : null;
      if (!slice.isDue()) continue;
      await slice.giveWay();
      signal?.throwIfAborted();
    }
  }

  /** Rows taken in, dead ones included. */
  get rowCount(): number {
    return this.#open().memory.stateWord("row");
  }

  /** Distinct terms. */
  get termCount(): number {
    return this.#open().memory.stateWord("termCount");
  }

  /** Memory in use, scratch included; 0 when it was released. */
  get memoryBytes(): number {
    return this.#parts?.memory.usedBytes ?? 0;
  }

  /**
   * Takes in the rows [from, to) of a batch, in order: their metadata as UTF-8 JSON back to back, each with its end. A
   * row without bytes has no text. After an error (the analyser's, or `LIMIT_EXCEEDED`) the index cannot be used any
   * more.
   */
  append(bytes: Uint8Array, ends: Uint32Array, from: number, to: number): void {
    const parts = this.#open();
    if (this.rowCount + (to - from) > indexRowsMax) {
      throw new LynseError(
        "LIMIT_EXCEEDED",
        `a text index holds at most ${indexRowsMax} rows; compact the collection, or divide it`,
        { max: indexRowsMax },
      );
    }
    this.#parts = null;
    parts.reader.read(bytes, ends, from, to);
    this.#parts = parts;
  }

  /** The best `k` rows, best first, ties to the lower row. */
  search(search: TextSearch): TextResult {
    const { tables } = this.#open();
    if (search.k === 0 || this.rowCount === 0) return noResult();
    return this.#ask(search.fields, (question) => question.search(search, tables));
  }

  /** The rows that a search could return, as a set of `rowLimit` bits. */
  matches(search: Omit<TextSearch, "k" | "k1" | "b">): Uint32Array {
    if (this.rowCount === 0) return new Uint32Array(Math.ceil(search.rowLimit / 32));
    return this.#ask(search.fields, (question) => question.matches(search));
  }

  /** Sections for a checkpoint. */
  serialize(): IndexSection[] {
    const { memory, nodes } = this.#open();
    return writeSections(memory, nodes);
  }

  /** Lets go of the memory; the index cannot be used any more. */
  release(): void {
    this.#parts = null;
  }

  #restoring(sections: ReadonlyMap<string, Uint8Array>): Generator<undefined, boolean> {
    const { memory, nodes } = this.#open();
    return readSections(memory, nodes, sections);
  }

  #ask<T>(fields: readonly string[] | null, use: (question: Question) => T): T {
    const { memory, selections } = this.#open();
    const question = new Question(memory, selections.view(fields), this.rowCount);
    try {
      return use(question);
    } finally {
      question.end();
    }
  }

  #open(): Parts {
    if (this.#parts !== null) return this.#parts;
    throw new LynseError(
      "INTERNAL",
      "the text index was released, or left in the middle of a row by an earlier error; make it anew",
    );
  }
}
