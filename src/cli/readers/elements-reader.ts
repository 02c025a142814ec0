/**
 * Which rows are in a JSON file of objects?
 *
 * Each object becomes a row as the format says. Places are the numbers of the objects, from 1. Reader layer of the command
 * line.
 */
import { ByteSource } from "./byte-source.js";
import { JsonElements } from "./json-elements.js";
import type { SourceRow } from "./row-reader.js";
import { StreamReader } from "./stream-reader.js";

/** What an object says of its row; throws an `Error` with the reason where it says none. */
export type ElementMapping = (value: Record<string, unknown>) => Pick<SourceRow, "values" | "attached">;

export class ElementsReader extends StreamReader {
  readonly placeUnit = "row";
  readonly #map: ElementMapping;
  #rows = 0;

  private constructor(source: ByteSource, map: ElementMapping) {
    super(source);
    this.#map = map;
  }

  static async open(path: string, map: ElementMapping): Promise<ElementsReader> {
    return new ElementsReader(await ByteSource.open(path), map);
  }

  async *pieces(): AsyncGenerator<readonly SourceRow[]> {
    const elements = new JsonElements();
    const decoder = new TextDecoder("utf-8", { fatal: true });
    for await (const chunk of this.source.chunks()) {
      const texts = this.#attempt(() => elements.push(decoder.decode(chunk, { stream: true })));
      if (texts.length > 0) yield texts.map((text) => this.#row(text));
    }
    this.#attempt(() => {
      decoder.decode();
      elements.end();
    });
  }

  #attempt<T>(run: () => T): T {
    try {
      return run();
    } catch (error) {
      const reason = error instanceof Error ? error.message : String(error);
      throw this.refuse(this.#rows + 1, `no JSON in UTF-8 (${reason}); is the file complete?`);
    }
  }

  #row(text: string): SourceRow {
    this.#rows += 1;
    const line = this.#rows;
    try {
      return { line, ...this.#map(JSON.parse(text) as Record<string, unknown>) };
    } catch (error) {
      const reason = error instanceof Error ? error.message : String(error);
      return { line, values: {}, failure: this.refuse(line, reason) };
    }
  }
}
