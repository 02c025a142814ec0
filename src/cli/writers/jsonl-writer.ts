/**
 * How do rows become JSON Lines?
 *
 * One object a line: the id, the vector, then the fields as they are. Writer layer of the command line.
 */
import { LynseError } from "../../errors.js";
import type { Id } from "../../types.js";
import { OutputFile } from "./output-file.js";
import type { OutputRow, RowWriter } from "./row-writer.js";
import { TextOutput } from "./text-output.js";
import { vectorText } from "./vector-text.js";

/** Names that ids and vectors have beside the fields. */
export interface ColumnNames {
  readonly id: string;
  readonly vector: string;
}

export class JsonlWriter implements RowWriter {
  readonly #output: TextOutput;
  readonly #names: ColumnNames;
  readonly #idKey: string;
  readonly #vectorKey: string;

  private constructor(file: OutputFile, names: ColumnNames) {
    this.#output = new TextOutput(file);
    this.#names = names;
    this.#idKey = JSON.stringify(names.id);
    this.#vectorKey = JSON.stringify(names.vector);
  }

  static async create(path: string, names: ColumnNames): Promise<JsonlWriter> {
    return new JsonlWriter(await OutputFile.create(path), names);
  }

  async write(rows: readonly OutputRow[]): Promise<void> {
    for (const row of rows) {
      this.#output.add(this.#line(row));
      if (this.#output.isFull) await this.#output.flush();
    }
  }

  #line({ id, field, vector }: OutputRow): string {
    if (Object.hasOwn(field, this.#names.id)) throw nameTaken(id, this.#names.id, "--id-column");
    let line = `{${this.#idKey}:${JSON.stringify(id)}`;
    if (vector !== undefined) {
      if (Object.hasOwn(field, this.#names.vector)) throw nameTaken(id, this.#names.vector, "--vector-column");
      line += `,${this.#vectorKey}:${vectorText(vector)}`;
    }
    const fields = JSON.stringify(field);
    return fields === "{}" ? `${line}}` : `${line},${fields.slice(1)}`;
  }

  async finish(): Promise<number> {
    await this.#output.flush();
    return this.#output.file.finish();
  }

  abandon(): Promise<void> {
    return this.#output.file.abandon();
  }
}

/** A field has the name that ids or vectors are to have. */
export function nameTaken(id: Id, name: string, option: string): LynseError {
  return new LynseError(
    "INVALID_ARGUMENT",
    `row ${JSON.stringify(id)} has a field called ${JSON.stringify(name)} itself; choose another name with ${option}`,
    { id, name, option },
  );
}
