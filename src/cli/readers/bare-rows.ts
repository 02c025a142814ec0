/**
 * Which rows are in a file of nothing but vectors?
 *
 * As many as it has vectors, without fields. Reader layer of the command line.
 */
import type { RowReader, SourceRow } from "./row-reader.js";

const pieceRows = 1024;

/** The rows of `rowCount` vectors. */
export class BareRows implements RowReader {
  readonly name: string;
  readonly placeUnit = "row";
  readonly rowCount: number;
  #read = 0;

  constructor(name: string, rowCount: number) {
    this.name = name;
    this.rowCount = rowCount;
  }

  shareRead(): number {
    return this.rowCount === 0 ? 1 : this.#read / this.rowCount;
  }

  notes(): readonly string[] {
    return [];
  }

  async *pieces(): AsyncGenerator<readonly SourceRow[]> {
    while (this.#read < this.rowCount) {
      const rows: SourceRow[] = [];
      for (const end = Math.min(this.rowCount, this.#read + pieceRows); this.#read < end; this.#read += 1) {
        rows.push({ line: this.#read + 1, values: {} });
      }
      yield rows;
    }
  }

  async close(): Promise<void> {}
}
