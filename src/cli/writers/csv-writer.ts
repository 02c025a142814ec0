/**
 * How do rows become CSV?
 *
 * RFC 4180 with a line of names. A missing value is an empty cell, an empty text is `""`; vectors, nested values and columns
 * of several types are JSON. `typesOption` is what makes an import read the very same values. Writer layer of the command
 * line.
 */
import { LynseError } from "../../errors.js";
import type { JsonValue } from "../../types.js";
import type { ColumnSchema, OutputType } from "./column-schema.js";
import { OutputFile } from "./output-file.js";
import type { OutputRow, RowWriter } from "./row-writer.js";
import { TextOutput } from "./text-output.js";
import { vectorText } from "./vector-text.js";

export class CsvWriter implements RowWriter {
  readonly #output: TextOutput;
  readonly #schema: ColumnSchema;
  readonly #delimiter: string;
  readonly #special: RegExp;

  private constructor(file: OutputFile, schema: ColumnSchema, delimiter: string) {
    this.#output = new TextOutput(file);
    this.#schema = schema;
    this.#delimiter = delimiter;
    // Blanks at the ends of a cell are dropped by some readers.
    this.#special = delimiter === "\t" ? /[\t"\r\n]|^\s|\s$/ : /[,"\r\n]|^\s|\s$/;
  }

  static async create(path: string, schema: ColumnSchema, delimiter: "," | "\t"): Promise<CsvWriter> {
    const writer = new CsvWriter(await OutputFile.create(path), schema, delimiter);
    const { names, dim, columns } = schema;
    const header = [names.id, ...(dim === null ? [] : [names.vector]), ...columns.map(({ name }) => name)];
    writer.#output.add(header.map((name) => writer.#textCell(name)).join(delimiter));
    return writer;
  }

  async write(rows: readonly OutputRow[]): Promise<void> {
    const { columns, dim, idType } = this.#schema;
    for (const { id, field, vector } of rows) {
      const cells = [this.#cell(id, idType)];
      if (dim !== null) cells.push(vector === undefined ? "" : `"${vectorText(vector)}"`);
      for (const { name, type } of columns) cells.push(this.#cell(field[name] ?? null, type));
      checkColumns(field, this.#schema, id);
      this.#output.add(cells.join(this.#delimiter));
      if (this.#output.isFull) await this.#output.flush();
    }
  }

  #cell(value: JsonValue, type: OutputType): string {
    if (value === null) return "";
    if (type === "json") return this.#textCell(JSON.stringify(value));
    return typeof value === "string" ? this.#textCell(value) : String(value);
  }

  #textCell(text: string): string {
    if (text === "") return '""';
    return this.#special.test(text) ? `"${text.replaceAll('"', '""')}"` : text;
  }

  async finish(): Promise<number> {
    await this.#output.flush();
    return this.#output.file.finish();
  }

  abandon(): Promise<void> {
    return this.#output.file.abandon();
  }
}

/** Value of the importer's option `--types` for what was written; empty where every type shows by itself. */
export function typesOption({ names, idType, columns }: ColumnSchema): string {
  const given: [string, string][] = idType === "integer" ? [] : [[names.id, idType]];
  for (const { name, type } of columns) if (type === "text" || type === "json") given.push([name, type]);
  return given.map(([name, type]) => `${name}=${type}`).join(",");
}

/** A row that came up after the columns were decided may have others. */
export function checkColumns(field: OutputRow["field"], schema: ColumnSchema, id: OutputRow["id"]): void {
  const other = Object.keys(field).find((name) => !schema.has(name));
  if (other === undefined) return;
  throw new LynseError(
    "UNAVAILABLE",
    `row ${JSON.stringify(id)} has a field ${JSON.stringify(other)} that came up while the rows were read; ` +
      "export again, or name the fields that are wanted with --fields",
    { id, field: other },
  );
}
