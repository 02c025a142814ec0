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
  /** Of what holds vectors of named fields, by field, and of sparse vectors; null where none are written. */
  readonly named: string | null;
  readonly sparse: string | null;
}

/** The options that choose the names. */
const nameOptions = {
  ...{ id: "--id-column", vector: "--vector-column", named: "--named-column", sparse: "--sparse-column" },
} as const satisfies Record<keyof ColumnNames, string>;

/** Refuses a field that has a name of those. */
export function checkFieldName(names: ColumnNames, id: Id, field: string): void {
  for (const [what, option] of Object.entries(nameOptions)) {
    if (names[what as keyof ColumnNames] === field) throw nameTaken(id, field, option);
  }
}

export class JsonlWriter implements RowWriter {
  readonly #output: TextOutput;
  readonly #names: ColumnNames;
  readonly #idKey: string;
  readonly #vectorKey: string;
  readonly #namedKey: string;
  readonly #sparseKey: string;

  private constructor(file: OutputFile, names: ColumnNames) {
    this.#output = new TextOutput(file);
    this.#names = names;
    this.#idKey = JSON.stringify(names.id);
    this.#vectorKey = JSON.stringify(names.vector);
    this.#namedKey = JSON.stringify(names.named);
    this.#sparseKey = JSON.stringify(names.sparse);
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

  #line({ id, field, vector, vectors, sparse }: OutputRow): string {
    this.#checkName(id, field, this.#names.id);
    if (vector !== undefined) this.#checkName(id, field, this.#names.vector);
    this.#checkName(id, field, this.#names.named);
    this.#checkName(id, field, this.#names.sparse);
    let line = `{${this.#idKey}:${JSON.stringify(id)}`;
    if (vector !== undefined) line += `,${this.#vectorKey}:${vectorText(vector)}`;
    if (vectors !== undefined) line += `,${this.#namedKey}:${namedText(vectors)}`;
    if (sparse !== undefined) line += `,${this.#sparseKey}:${sparseText(sparse)}`;
    const fields = JSON.stringify(field);
    return fields === "{}" ? `${line}}` : `${line},${fields.slice(1)}`;
  }

  #checkName(id: Id, field: OutputRow["field"], name: string | null): void {
    if (name !== null && Object.hasOwn(field, name)) checkFieldName(this.#names, id, name);
  }

  async finish(): Promise<number> {
    await this.#output.flush();
    return this.#output.file.finish();
  }

  abandon(): Promise<void> {
    return this.#output.file.abandon();
  }
}

function namedText(vectors: NonNullable<OutputRow["vectors"]>): string {
  const parts = Object.entries(vectors).map(([name, vector]) => `${JSON.stringify(name)}:${vectorText(vector)}`);
  return `{${parts.join(",")}}`;
}

function sparseText({ indices, values }: NonNullable<OutputRow["sparse"]>): string {
  return `{"indices":[${indices.join(",")}],"values":${vectorText(values)}}`;
}

/** A field has the name that ids or vectors are to have. */
function nameTaken(id: Id, name: string, option: string): LynseError {
  return new LynseError(
    "INVALID_ARGUMENT",
    `row ${JSON.stringify(id)} has a field called ${JSON.stringify(name)} itself; choose another name with ${option}`,
    { id, name, option },
  );
}
