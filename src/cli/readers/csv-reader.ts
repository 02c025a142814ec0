/**
 * Which rows are in a CSV file?
 *
 * The first record names the columns. Their types come from the first rows, or from the user (`column-typing.ts`); an
 * empty cell is left out of its row. Reader layer of the command line.
 */
import { LynseError } from "../../errors.js";
import { ByteSource } from "./byte-source.js";
import { inferColumnTypes, typedValue } from "./column-typing.js";
import { CsvParser, type CsvRecord } from "./csv-parser.js";
import type { ColumnType, SourceRow } from "./row-reader.js";
import { setValue } from "./set-value.js";
import { StreamReader } from "./stream-reader.js";
import { lineBytesMax, readTextBlocks } from "./text-blocks.js";

/** Rows that decide the types of the columns. */
const typingRows = 1000;

export interface CsvOptions {
  /** One character between two cells. */
  readonly delimiter: string;
  /** Types that the user decided, by column. */
  readonly types: ReadonlyMap<string, ColumnType>;
}

export class CsvReader extends StreamReader {
  readonly placeUnit = "line";
  readonly #options: CsvOptions;
  #columns: readonly string[] | null = null;
  #types: readonly ColumnType[] = [];

  constructor(source: ByteSource, options: CsvOptions) {
    super(source);
    this.#options = options;
  }

  static async open(path: string, options: CsvOptions): Promise<CsvReader> {
    return new CsvReader(await ByteSource.open(path), options);
  }

  override notes(): readonly string[] {
    const columns = (this.#columns ?? []).map((name, at) => `${name} ${this.#types[at] ?? "text"}`);
    return columns.length === 0 ? [] : [`columns: ${columns.join(", ")}; empty cells are missing values`];
  }

  async *pieces(): AsyncGenerator<readonly SourceRow[]> {
    let waiting: CsvRecord[] = [];
    let isTyped = false;
    for await (const { records, failure } of this.#records()) {
      this.#takeHeader(records);
      waiting = waiting.length === 0 ? records : waiting.concat(records);
      if (!isTyped && waiting.length < typingRows && failure === null) continue;
      if (!isTyped) this.#decideTypes(waiting);
      isTyped = true;
      yield* this.#rows(waiting);
      waiting = [];
      if (failure !== null) throw failure;
    }
    if (!isTyped) this.#decideTypes(waiting);
    yield* this.#rows(waiting);
  }

  /** Records behind the header, with the mistake that ended them. */
  async *#records(): AsyncGenerator<{ records: CsvRecord[]; failure: unknown }> {
    const parser = new CsvParser(this.name, this.#options.delimiter, lineBytesMax);
    let records: CsvRecord[] = [];
    let failure: unknown = null;
    try {
      for await (const block of readTextBlocks(this.source)) {
        parser.push(block.text, records);
        yield { records, failure };
        records = [];
      }
      parser.end(records);
    } catch (error) {
      failure = error;
    }
    yield { records, failure };
  }

  #takeHeader(records: CsvRecord[]): void {
    if (this.#columns !== null) return;
    const header = records.shift();
    if (header === undefined) return;
    const seen = new Set<string>();
    header.cells.forEach((name, position) => {
      const what =
        name === "" ? `column ${position + 1} has no name` : `two columns are called ${JSON.stringify(name)}`;
      if (name === "" || seen.has(name)) {
        throw this.refuse(header.line, `${what}; the first line of a CSV file names every column once`);
      }
      seen.add(name);
    });
    for (const name of this.#options.types.keys()) {
      if (!seen.has(name)) {
        throw this.refuse(
          header.line,
          `--types names column ${JSON.stringify(name)}; there are ${[...seen].join(", ")}`,
        );
      }
    }
    this.#columns = header.cells;
  }

  #decideTypes(records: readonly CsvRecord[]): void {
    const columns = this.#columns ?? [];
    const inferred = inferColumnTypes(
      records.slice(0, typingRows).map((record) => record.cells),
      columns.length,
    );
    this.#types = columns.map((name, at) => this.#options.types.get(name) ?? inferred[at] ?? "text");
  }

  *#rows(records: readonly CsvRecord[]): Generator<readonly SourceRow[]> {
    const rows = records.map((record): SourceRow => {
      const { line } = record;
      const values = this.#values(record);
      return values instanceof LynseError ? { line, values: {}, failure: values } : { line, values };
    });
    if (rows.length > 0) yield rows;
  }

  #values(record: CsvRecord): Record<string, unknown> | LynseError {
    const columns = this.#columns ?? [];
    if (record.cells.length !== columns.length) {
      return this.refuse(
        record.line,
        `${record.cells.length} cells where the header names ${columns.length} columns; correct the line or its quotes`,
      );
    }
    const values: Record<string, unknown> = {};
    for (let at = 0; at < columns.length; at += 1) {
      const text = record.cells[at] ?? "";
      const type = this.#types[at] ?? "text";
      // Only between quotes is nothing a text: a bare cell without one is a missing value.
      if (text === "" && !(type === "text" && record.emptyTexts?.includes(at))) continue;
      const value = typedValue(text, type);
      const name = columns[at] ?? "";
      if (value === undefined) return this.#wrongType(record.line, name, type, text);
      setValue(values, name, value);
    }
    return values;
  }

  #wrongType(line: number, name: string, type: ColumnType, text: string): LynseError {
    const shown = JSON.stringify(text.length <= 40 ? text : `${text.slice(0, 39)}…`);
    const isDecided = this.#options.types.has(name);
    const reason = isDecided ? `--types says ${type}` : `its first ${typingRows} rows are all of type ${type}`;
    const advice = isDecided
      ? "correct the cell"
      : `correct the cell, or read the column as text: --types ${name}=text`;
    return this.refuse(line, `column ${JSON.stringify(name)} holds ${shown}, but ${reason}; ${advice}`);
  }
}
