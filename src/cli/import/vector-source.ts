/**
 * Where does the vector of a row come from?
 *
 * From a column of the row, or from a file of vectors in the order of the rows (or of a text, see `embedded-vectors`).
 * Both write into the batch's row-major array and say which number is wrong where one is. Import part of the command
 * line.
 */
import { LynseError } from "../../errors.js";
import { limits } from "../../limits.js";
import { countOf } from "../print/quantity.js";
import type { RowReader, SourceRow } from "../readers/row-reader.js";
import type { VectorFile } from "../readers/vector-file.js";

export interface TakenVectors {
  readonly data: Float32Array;
  /** Rows that have one. */
  readonly rows: number;
  /** What is wrong with the row behind them; null where they are all. */
  readonly failure: LynseError | null;
  /** True where that is no mistake of a row: no row behind it has a vector either. */
  readonly isFinal?: boolean;
}

export interface VectorSource {
  /** Length of the vectors; null until the first row of a column was seen. */
  readonly dim: number | null;
  /**
   * The vectors of the rows, row-major, or the row that has none and why, with those ahead of it; the next call is for the
   * rows behind that one. `rowsSeen` rows were read so far.
   */
  take(rows: readonly SourceRow[], rowsSeen: number): Promise<TakenVectors>;
  /** Passes over the vectors of `rows` rows. */
  skip(rows: number): void;
  /** Called behind the last row: throws when vectors are left over. */
  end(rowCount: number): void;
}

/** Vectors in a column: arrays of numbers, or their JSON text in a CSV cell. */
export class ColumnVectors implements VectorSource {
  readonly #column: string;
  readonly #reader: RowReader;
  #dim: number | null;

  constructor(reader: RowReader, column: string, dim: number | null) {
    this.#reader = reader;
    this.#column = column;
    this.#dim = dim;
  }

  get dim(): number | null {
    return this.#dim;
  }

  async take(rows: readonly SourceRow[]): Promise<TakenVectors> {
    let data = new Float32Array(0);
    for (let at = 0; at < rows.length; at += 1) {
      const row = rows[at];
      if (row === undefined) break;
      const vector = this.#vectorOf(row);
      if (vector instanceof LynseError) return { data, rows: at, failure: vector };
      if (at === 0) data = new Float32Array(rows.length * vector.length);
      const bad = copyNumbers(vector, data, at * vector.length);
      if (bad !== -1) return { data, rows: at, failure: this.#badNumber(row, bad, vector[bad]) };
      delete row.values[this.#column];
    }
    return { data, rows: rows.length, failure: null };
  }

  skip(): void {}

  end(): void {}

  #vectorOf(row: SourceRow): ArrayLike<unknown> | LynseError {
    let value = Object.hasOwn(row.values, this.#column) ? row.values[this.#column] : undefined;
    if (value === undefined || value === null) {
      const known = Object.keys(row.values)
        .filter((name) => !name.startsWith("\0"))
        .slice(0, 20)
        .join(", ");
      return this.#error(row, `no vector in ${this.#label}; this row has ${known || "nothing"}`);
    }
    if (typeof value === "string") value = parseArray(value);
    const isArray = Array.isArray(value) || (ArrayBuffer.isView(value) && !(value instanceof DataView));
    if (!isArray) {
      return this.#error(row, `${this.#label} is no array of numbers; name the right column`);
    }
    const vector = value as ArrayLike<unknown>;
    if (vector.length === 0 || vector.length > limits.dimMax) {
      return this.#error(row, `a vector of ${vector.length} numbers; 1 to ${limits.dimMax} are possible`);
    }
    this.#dim ??= vector.length;
    if (vector.length === this.#dim) return vector;
    const message = `a vector of ${vector.length} numbers where dimension ${this.#dim} is wanted; correct the row`;
    return this.#error(row, message, "DIMENSION_MISMATCH");
  }

  get #label(): string {
    return this.#column.startsWith("\0") ? "the vector" : `column ${JSON.stringify(this.#column)}`;
  }

  #badNumber(row: SourceRow, position: number, got: unknown): LynseError {
    const shown = typeof got === "number" ? String(got) : (JSON.stringify(got) ?? typeof got).slice(0, 40);
    return this.#error(row, `number ${position + 1} of the vector is ${shown}; finite float32 numbers are wanted`);
  }

  #error(row: SourceRow, what: string, code: "INVALID_VECTOR" | "DIMENSION_MISMATCH" = "INVALID_VECTOR"): LynseError {
    const { name, placeUnit } = this.#reader;
    return new LynseError(code, `${name} ${placeUnit} ${row.line}: ${what}`, { file: name, [placeUnit]: row.line });
  }
}

/** Copies a vector as float32; gives the position of what is no finite number, or -1. */
function copyNumbers(vector: ArrayLike<unknown>, into: Float32Array, offset: number): number {
  if (vector instanceof Float32Array) {
    into.set(vector, offset);
    // Zero unless one of them is none: looked for only then.
    let sum = 0;
    for (let i = 0; i < vector.length; i += 1) sum += vector[i]! * 0;
    return sum === 0 ? -1 : vector.findIndex((number) => !Number.isFinite(number));
  }
  for (let i = 0; i < vector.length; i += 1) {
    const number = vector[i];
    if (typeof number !== "number" || !Number.isFinite(Math.fround(number))) return i;
    into[offset + i] = number;
  }
  return -1;
}

function parseArray(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return null;
  }
}

/** Vectors in a file of their own, one a row in the same order. */
export class FileVectors implements VectorSource {
  readonly #reader: RowReader;
  readonly #file: VectorFile;
  #taken = 0;

  constructor(reader: RowReader, file: VectorFile) {
    this.#reader = reader;
    this.#file = file;
  }

  get dim(): number {
    return this.#file.dim;
  }

  async take(rows: readonly SourceRow[]): Promise<TakenVectors> {
    const { dim } = this.#file;
    const first = this.#taken;
    const data = await this.#file.read(rows.length);
    const read = data.length / dim;
    this.#taken += read;
    for (let i = 0; i < data.length; i += 1) {
      if (Number.isFinite(data[i])) continue;
      const at = Math.floor(i / dim);
      const message =
        `${this.#file.name} vector ${first + at + 1}: number ${(i % dim) + 1} is ${data[i]}; ` +
        "finite float32 numbers are wanted";
      const failure = new LynseError("INVALID_VECTOR", message, { file: this.#file.name, vector: first + at + 1 });
      // The vectors behind it are read again, for the rows that they belong to.
      this.#file.skip(at + 1 - read);
      this.#taken = first + at + 1;
      return { data, rows: at, failure };
    }
    const failure = read < rows.length ? this.#countMismatch("more rows") : null;
    return { data, rows: read, failure, isFinal: true };
  }

  skip(rows: number): void {
    this.#file.skip(rows);
    this.#taken += rows;
  }

  end(rowCount: number): void {
    if (this.#file.rowsLeft > 0) throw this.#countMismatch(countOf(rowCount, "row"));
  }

  #countMismatch(rows: string): LynseError {
    const { name, rowCount: vectorCount, dim } = this.#file;
    return new LynseError(
      "INVALID_ARGUMENT",
      `${name} holds ${countOf(vectorCount, "vector")} of dimension ${dim}, ` +
        `but ${this.#reader.name} has ${rows}; the two files must have one vector a row`,
      { vectors: vectorCount, dim, file: this.#reader.name },
    );
  }
}
