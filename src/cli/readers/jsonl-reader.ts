/**
 * Which rows are in a JSON Lines file?
 *
 * One JSON object a line, UTF-8; blank lines are passed over. A line that is anything else is an error with the file's
 * name, the line's number and what to do. Reader layer of the command line.
 */
import { LynseError } from "../../errors.js";
import { ByteSource } from "./byte-source.js";
import type { SourceRow } from "./row-reader.js";
import { StreamReader } from "./stream-reader.js";
import { readTextBlocks } from "./text-blocks.js";

export class JsonlReader extends StreamReader {
  readonly placeUnit = "line";

  static async open(path: string): Promise<JsonlReader> {
    return new JsonlReader(await ByteSource.open(path));
  }

  async *pieces(): AsyncGenerator<readonly SourceRow[]> {
    for await (const block of readTextBlocks(this.source)) {
      const rows: SourceRow[] = [];
      let line = block.line;
      for (let start = 0; start < block.text.length; line += 1) {
        const at = block.text.indexOf("\n", start);
        const end = at === -1 ? block.text.length : at;
        const text = block.text.slice(start, end).trim();
        start = end + 1;
        if (text === "") continue;
        const values = this.#parse(text, line);
        rows.push(values instanceof LynseError ? { line, values: {}, failure: values } : { line, values });
      }
      if (rows.length > 0) yield rows;
    }
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
