/**
 * Which rows are an export of Chroma?
 *
 * The answer of `collection.get(include=["embeddings", "metadatas", "documents"])` as JSON: one list a column, in the order
 * of the ids. Or a row each, in JSON Lines or Parquet, with columns called so, in the singular or the plural. The text of a
 * row becomes the field `document`. Reader layer of the command line.
 */
import { readFile, stat } from "node:fs/promises";
import { LynseError } from "../../errors.js";
import { fileError } from "./byte-source.js";
import type { RowMapping } from "./mapped-reader.js";
import { ownId, ownVector, type RowReader, type SourceRow } from "./row-reader.js";

/** Bytes of a file whose columns have to be in memory together. */
const columnsBytesMax = 256 * 1024 * 1024;
const pieceRows = 1024;

/** A row with Chroma's columns. */
export const chromaRow: RowMapping = ({ id, ids, embedding, embeddings, document, documents, ...rest }) => {
  const { metadata, metadatas, ...others } = rest;
  const vector = embedding ?? embeddings;
  if (vector === undefined || vector === null) throw new Error('the row has no embedding; include "embeddings"');
  const fields: Record<string, unknown> = { ...others, ...metadataOf(metadata ?? metadatas) };
  const text = document ?? documents;
  if (text !== undefined && text !== null) fields["document"] = text;
  return { ...fields, [ownId]: id ?? ids, [ownVector]: vector };
};

function metadataOf(value: unknown): object {
  if (value === undefined || value === null || value === "") return {};
  const parsed: unknown = typeof value === "string" ? JSON.parse(value) : value;
  // A column of Parquet has every row's keys in every row; Chroma itself keeps no nulls.
  if (typeof parsed === "object" && !Array.isArray(parsed)) {
    return Object.fromEntries(Object.entries(parsed ?? {}).filter(([, each]) => each !== null));
  }
  throw new Error("its metadata is no JSON object");
}

/** Lists of one length, one a column. */
type ChromaColumns = Readonly<Record<"ids" | "embeddings" | "documents" | "metadatas", readonly unknown[]>>;

/** The answer of `get`, column by column. */
export class ChromaColumnsReader implements RowReader {
  readonly name: string;
  readonly placeUnit = "row";
  readonly rowCount: number;
  readonly #columns: ChromaColumns;
  #rowsRead = 0;

  private constructor(name: string, columns: ChromaColumns) {
    this.name = name;
    this.#columns = columns;
    this.rowCount = columns.ids.length;
  }

  static async open(path: string): Promise<ChromaColumnsReader> {
    const refuse = (what: string): LynseError => new LynseError("INVALID_ARGUMENT", `${path}: ${what}`, { file: path });
    let text: string;
    try {
      const { size } = await stat(path);
      if (size > columnsBytesMax) {
        throw refuse(
          `${size} bytes of columns, at most ${columnsBytesMax} are read; write JSON Lines or Parquet instead`,
        );
      }
      text = await readFile(path, "utf8");
    } catch (error) {
      throw error instanceof LynseError ? error : fileError(path, error);
    }
    let value: unknown;
    try {
      value = JSON.parse(text);
    } catch (error) {
      throw refuse(`no JSON (${error instanceof Error ? error.message.slice(0, 100) : String(error)})`);
    }
    const given = (typeof value === "object" && value !== null ? value : {}) as Record<string, unknown>;
    const { ids } = given;
    if (!Array.isArray(ids)) throw refuse("no answer of get(): there is no list of ids");
    const column = (name: string): readonly unknown[] => {
      const found = given[name];
      if (found === undefined || found === null) return [];
      if (Array.isArray(found) && found.length === ids.length) return found;
      throw refuse(`${name} is no list of ${ids.length}, as ids is`);
    };
    const columns = {
      ids,
      embeddings: column("embeddings"),
      documents: column("documents"),
      metadatas: column("metadatas"),
    };
    return new ChromaColumnsReader(path, columns);
  }

  shareRead(): number {
    return this.rowCount === 0 ? 1 : this.#rowsRead / this.rowCount;
  }

  notes(): readonly string[] {
    return [];
  }

  async *pieces(): AsyncGenerator<readonly SourceRow[]> {
    const { ids, embeddings, documents, metadatas } = this.#columns;
    for (let from = 0; from < ids.length; from += pieceRows) {
      const to = Math.min(ids.length, from + pieceRows);
      const rows: SourceRow[] = [];
      for (let at = from; at < to; at += 1) {
        const row = { id: ids[at], embedding: embeddings[at], document: documents[at], metadata: metadatas[at] };
        rows.push({ line: at + 1, values: row });
      }
      this.#rowsRead = to;
      yield rows;
    }
  }

  async close(): Promise<void> {}
}
