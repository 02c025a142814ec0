/**
 * What do readers have in common that read a stream of bytes from front to back?
 *
 * The input's name, the share of it that was read, and how an error names a place in it. Reader layer of the command line.
 */
import { LynseError } from "../../errors.js";
import type { ByteSource } from "./byte-source.js";
import type { RowReader, SourceRow } from "./row-reader.js";

export abstract class StreamReader implements RowReader {
  abstract readonly placeUnit: "line" | "row";
  readonly rowCount = null;
  protected readonly source: ByteSource;

  constructor(source: ByteSource) {
    this.source = source;
  }

  get name(): string {
    return this.source.name;
  }

  shareRead(): number | null {
    const { byteLength, bytesRead } = this.source;
    return byteLength === null ? null : byteLength === 0 ? 1 : bytesRead / byteLength;
  }

  notes(): readonly string[] {
    return [];
  }

  abstract pieces(): AsyncGenerator<readonly SourceRow[]>;

  /** The stream is opened by `pieces`, and closed where these end or are left. */
  async close(): Promise<void> {}

  /** The error for what is wrong at a line or row. */
  protected refuse(place: number, what: string): LynseError {
    const { name, placeUnit } = this;
    return new LynseError("INVALID_ARGUMENT", `${name} ${placeUnit} ${place}: ${what}`, {
      file: name,
      [placeUnit]: place,
    });
  }
}
