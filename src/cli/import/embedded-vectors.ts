/**
 * How do rows that bring a text instead of a vector get one?
 *
 * An embedder makes the vectors of a batch, in calls of the size that it likes; the text stays a field of its row. A
 * row without a text, and a vector that does not fit, are told by the row's place in its file. Import part of the
 * command line.
 */
import { embedTexts } from "../../embed/embed-texts.js";
import type { Embedder } from "../../embed/embedder.js";
import { isLynseError, LynseError } from "../../errors.js";
import { fieldValue } from "../print/cell.js";
import type { RowReader, SourceRow } from "../readers/row-reader.js";
import { placeOfRows } from "./place-of-rows.js";
import type { TakenVectors, VectorSource } from "./vector-source.js";

interface EmbeddedVectorsOptions {
  /** Column of the texts; a path into nested objects. */
  readonly column: string;
  readonly embedder: Embedder;
  /** Length that the vectors must have; null where the collection is new. */
  readonly dim: number | null;
  readonly signal: AbortSignal;
  /**
   * Called behind every call of the embedder with the rows embedded so far, and the share of the rows read that they
   * are.
   */
  readonly onProgress: (rows: number, shareOfRead: number) => void;
}

export class EmbeddedVectors implements VectorSource {
  readonly #reader: RowReader;
  readonly #options: EmbeddedVectorsOptions;
  #dim: number | null;
  #skipped = 0;
  #embedded = 0;

  constructor(reader: RowReader, options: EmbeddedVectorsOptions) {
    this.#reader = reader;
    this.#options = options;
    this.#dim = options.dim ?? options.embedder.dim ?? null;
  }

  get dim(): number | null {
    return this.#dim;
  }

  async take(rows: readonly SourceRow[], rowsSeen: number): Promise<TakenVectors> {
    const texts: string[] = [];
    let failure: LynseError | null = null;
    for (const row of rows) {
      const text = fieldValue(row.values, this.#options.column);
      if (typeof text !== "string") {
        failure = this.#noText(row, text);
        break;
      }
      texts.push(text);
    }
    if (texts.length === 0) return { data: new Float32Array(0), rows: 0, failure };
    const { signal, onProgress, embedder } = this.#options;
    const before = this.#embedded;
    try {
      const { data, dim } = await embedTexts(embedder, texts, {
        signal,
        purpose: "document",
        ...(this.#dim === null ? {} : { expectedDim: this.#dim }),
        onProgress: ({ done }) => onProgress(before + done, (this.#skipped + before + done) / rowsSeen),
      });
      this.#dim = dim;
      this.#embedded += texts.length;
      return { data, rows: texts.length, failure };
    } catch (error) {
      throw this.#withPlace(error, rows);
    }
  }

  skip(rows: number): void {
    this.#skipped += rows;
  }

  end(): void {}

  #noText(row: SourceRow, value: unknown): LynseError {
    const { name, placeUnit } = this.#reader;
    const column = JSON.stringify(this.#options.column);
    const known = Object.keys(row.values).slice(0, 20).join(", ");
    const what =
      value === undefined || value === null
        ? `no text in column ${column}; this row has ${known || "nothing"}`
        : `column ${column} is no text; name the right one with --text-column`;
    return new LynseError("INVALID_ARGUMENT", `${name} ${placeUnit} ${row.line}: ${what}`, {
      file: name,
      [placeUnit]: row.line,
    });
  }

  #withPlace(error: unknown, rows: readonly SourceRow[]): unknown {
    if (!isLynseError(error) || error.code === "ABORTED") return error;
    const position = error.details["position"];
    const row = typeof position === "number" ? rows[position] : undefined;
    const place = placeOfRows(
      this.#reader,
      (row === undefined ? rows : [row]).map(({ line }) => line),
    );
    return new LynseError(error.code, `${this.#reader.name} ${place}: ${error.message}`, error.details, error);
  }
}
