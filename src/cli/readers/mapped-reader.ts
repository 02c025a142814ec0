/**
 * Which rows are in a file whose columns mean something of their own?
 *
 * Those of another reader, each made over; what is wrong with one becomes its failure. Reader layer of the command line.
 */
import { LynseError } from "../../errors.js";
import type { RowReader, SourceRow } from "./row-reader.js";

/** Makes a row of columns over; throws an `Error` with the reason where it cannot be. */
export type RowMapping = (values: Record<string, unknown>) => Record<string, unknown>;

export class MappedReader implements RowReader {
  readonly #inner: RowReader;
  readonly #map: RowMapping;
  readonly #notes: readonly string[];

  constructor(inner: RowReader, map: RowMapping, notes: readonly string[] = []) {
    this.#inner = inner;
    this.#map = map;
    this.#notes = notes;
  }

  get name(): string {
    return this.#inner.name;
  }

  get placeUnit(): "line" | "row" {
    return this.#inner.placeUnit;
  }

  get rowCount(): number | null {
    return this.#inner.rowCount;
  }

  shareRead(): number | null {
    return this.#inner.shareRead();
  }

  notes(): readonly string[] {
    return [...this.#inner.notes(), ...this.#notes];
  }

  async *pieces(): AsyncGenerator<readonly SourceRow[]> {
    for await (const rows of this.#inner.pieces()) yield rows.map((row) => this.#row(row));
  }

  #row(row: SourceRow): SourceRow {
    if (row.failure !== undefined) return row;
    try {
      return { ...row, values: this.#map(row.values) };
    } catch (error) {
      const reason = error instanceof Error ? error.message : String(error);
      const { name, placeUnit } = this;
      const details = { file: name, [placeUnit]: row.line };
      const failure = new LynseError("INVALID_ARGUMENT", `${name} ${placeUnit} ${row.line}: ${reason}`, details);
      return { line: row.line, values: {}, failure };
    }
  }

  close(): Promise<void> {
    return this.#inner.close();
  }
}
