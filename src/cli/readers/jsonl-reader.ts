/**
 * Which rows are in a JSON Lines file?
 *
 * One JSON object a line, UTF-8; blank lines are passed over. A line that is anything else is an error with the file's
 * name, the line's number and what to do. Reader layer of the command line.
 */
import { LynseError } from "../../errors.js";
import { ByteSource } from "./byte-source.js";
import { type LiftedLines, VectorLifter } from "./lift-vectors.js";
import type { SourceRow } from "./row-reader.js";
import { setValue } from "./set-value.js";
import { StreamReader } from "./stream-reader.js";
import { decodeLines, type LineBlock, readLineBlocks } from "./text-blocks.js";

export class JsonlReader extends StreamReader {
  readonly placeUnit = "line";
  readonly #vectorColumn: string | null;

  private constructor(source: ByteSource, vectorColumn: string | null) {
    super(source);
    this.#vectorColumn = vectorColumn;
  }

  /** @param vectorColumn Column whose lists of numbers may come as float32, which is faster; null for none. */
  static async open(path: string, vectorColumn: string | null = null): Promise<JsonlReader> {
    return new JsonlReader(await ByteSource.open(path), vectorColumn);
  }

  async *pieces(): AsyncGenerator<readonly SourceRow[]> {
    const lifter = this.#vectorColumn === null ? null : new VectorLifter(this.#vectorColumn);
    for await (const block of readLineBlocks(this.source)) {
      const lifted = lifter?.lift(block.bytes) ?? null;
      for (const { text } of decodeLines(lifted?.bytes ?? block.bytes, this.name, block.line)) {
        const rows = this.#rows(text, block, lifted);
        if (rows.length > 0) yield rows;
      }
    }
  }

  #rows(blockText: string, { bytes, line: firstLine }: LineBlock, lifted: LiftedLines | null): SourceRow[] {
    const rows: SourceRow[] = [];
    for (let start = 0, number = 0; start < blockText.length; number += 1) {
      const at = blockText.indexOf("\n", start);
      const end = at === -1 ? blockText.length : at;
      const text = blockText.slice(start, end).trim();
      start = end + 1;
      if (text === "") continue;
      const line = firstLine + number;
      let values = this.#parse(text, line);
      const vector = lifted?.vectors[number] ?? null;
      if (vector !== null && this.#vectorColumn !== null) {
        if (!(values instanceof LynseError)) setValue(values, this.#vectorColumn, vector);
        // What is wrong is told of the line as it stands in the file.
        else values = this.#parse(wholeLine(bytes, lifted?.starts[number] ?? 0), line);
      }
      rows.push(values instanceof LynseError ? { line, values: {}, failure: values } : { line, values });
    }
    return rows;
  }

  #parse(text: string, line: number): Record<string, unknown> | LynseError {
    let value: unknown;
    try {
      value = JSON.parse(text);
    } catch (error) {
      const reason = error instanceof Error ? error.message : String(error);
      const advice =
        line === 1 && text.startsWith("[")
          ? "one object a line is wanted, not one array: jq -c '.[]' rows.json > rows.jsonl"
          : "one JSON object a line is wanted; correct the line";
      return this.refuse(line, `not valid JSON (${shorten(reason)}); ${advice}`);
    }
    if (typeof value === "object" && value !== null && !Array.isArray(value)) return value as Record<string, unknown>;
    const got = Array.isArray(value) ? "an array" : value === null ? "null" : `a ${typeof value}`;
    return this.refuse(line, `${got} where a JSON object is wanted; write the row as {"name": value, …}`);
  }
}

function shorten(text: string): string {
  return text.length <= 100 ? text : `${text.slice(0, 99)}…`;
}

function wholeLine(bytes: Uint8Array, start: number): string {
  const end = bytes.indexOf(10, start);
  return new TextDecoder().decode(bytes.subarray(start, end === -1 ? bytes.length : end)).trim();
}
