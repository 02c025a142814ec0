/**
 * How do the vectors of a generation lie in their file?
 *
 * A file header, then the rows one after the other, unpadded, as the kernel reads them: row r at 64 + r * stride. Only
 * appended to; which bytes are committed, and their checksums, the log says.
 */
import { assert } from "../errors.js";
import type { Dtype } from "../types.js";
import { corruptFile } from "./corrupt-file.js";
import { decodeFileHeader, encodeFileHeader, fileHeaderBytes } from "./file-header.js";
import { type FileHandle, type FileSystem, isMissingFile } from "./file-system.js";
import type { VectorRanges } from "./vector-ranges.js";

/** Bytes read at once. */
const readBytesMax = 4 * 1024 * 1024;

const dtypeCodes = { float32: 0, float16: 1 } as const;
const componentBytes = { float32: 4, float16: 2 } as const;

/** What a vector file must hold. */
export interface VectorFileShape {
  readonly generation: number;
  readonly salt: string;
  readonly dim: number;
  readonly dtype: Dtype;
}

/** Memory for loaded rows: `rows` whole rows fit into `target` from its start. */
export interface VectorTarget {
  readonly target: Uint8Array;
  readonly rows: number;
}

/** Whoever takes loaded rows. */
export interface VectorTaker {
  /** Memory for the next rows, at most `rowsLeft`. */
  next(rowsLeft: number): VectorTarget;
  /** Memory for the rows after those, while they are not done yet; null, or no such method, where there is none. */
  ahead?(rowsLeft: number): VectorTarget | null;
  /** Called when the next rows are in their memory and verified. */
  done(rows: number): void;
}

/** Rows that are being read. */
interface Filling {
  readonly bytes: Uint8Array;
  readonly rows: number;
  readonly filled: Promise<void>;
}

export class VectorFile {
  readonly path: string;
  readonly handle: FileHandle;
  readonly dim: number;
  readonly dtype: Dtype;
  /** Bytes of a row. */
  readonly stride: number;
  readonly #fs: FileSystem;

  private constructor(fs: FileSystem, path: string, handle: FileHandle, shape: VectorFileShape) {
    this.#fs = fs;
    this.path = path;
    this.handle = handle;
    this.dim = shape.dim;
    this.dtype = shape.dtype;
    this.stride = shape.dim * componentBytes[shape.dtype];
  }

  /** Creates an empty file, replacing a leftover; its bytes are durable, its name is not yet. */
  static async create(fs: FileSystem, path: string, shape: VectorFileShape): Promise<VectorFile> {
    const handle = await fs.open(path, "write");
    try {
      await handle.truncate(0);
      await handle.write(encodeFileHeader(fs, { kind: "LYNSEVEC", ...shape, dtype: dtypeCodes[shape.dtype] }), 0);
      await handle.sync();
    } catch (error) {
      await handle.close();
      throw error;
    }
    return new VectorFile(fs, path, handle, shape);
  }

  /** Opens a file and verifies that it is the one of this generation. */
  static async open(fs: FileSystem, path: string, mode: "read" | "write", shape: VectorFileShape): Promise<VectorFile> {
    let handle: FileHandle;
    try {
      if (mode === "write" && !(await fs.exists(path))) throw corruptFile(path, 0, "the file is missing");
      handle = await fs.open(path, mode);
    } catch (error) {
      throw isMissingFile(error) ? corruptFile(path, 0, "the file is missing") : error;
    }
    try {
      const bytes = new Uint8Array(fileHeaderBytes);
      const count = await handle.read(bytes, 0);
      const header = decodeFileHeader(fs, bytes.subarray(0, count), "LYNSEVEC", path);
      const isSame =
        header.generation === shape.generation &&
        header.salt === shape.salt &&
        header.dim === shape.dim &&
        header.dtype === dtypeCodes[shape.dtype];
      if (!isSame) throw corruptFile(path, 0, "the file belongs to another collection or generation");
      return new VectorFile(fs, path, handle, shape);
    } catch (error) {
      await handle.close();
      throw error;
    }
  }

  /** Size of a file of `rowCount` rows. */
  bytesOf(rowCount: number): number {
    return fileHeaderBytes + rowCount * this.stride;
  }

  /** CRC-32 of rows as they lie in the file; null when the file ends before. */
  async crcOf(firstRow: number, rowCount: number): Promise<number | null> {
    let left = rowCount * this.stride;
    let position = this.bytesOf(firstRow);
    let crc = 0;
    const buffer = new Uint8Array(Math.min(left, readBytesMax));
    while (left > 0) {
      const part = buffer.subarray(0, Math.min(left, buffer.length));
      if ((await this.handle.read(part, position)) < part.length) return null;
      crc = this.#fs.crc32(part, crc);
      position += part.length;
      left -= part.length;
    }
    return crc;
  }

  /**
   * Reads rows `[from, to)`, which begin and end with a range, into the caller's memory; see `CollectionStore`. Where the
   * caller gives memory ahead, the next rows are read while the present ones are checked and taken over.
   */
  async load(from: number, to: number, ranges: VectorRanges, taker: VectorTaker): Promise<void> {
    if (from === to) return;
    assert(to <= ranges.rowCount, "every row to be loaded has a checksum");
    let range = ranges.indexOf(from);
    assert(from === (range === 0 ? 0 : ranges.endOf(range - 1)), "loading begins with a range");
    let crc = 0;
    let rangeEnd = this.bytesOf(ranges.endOf(range));
    const check = (bytes: Uint8Array, position: number): void => {
      for (let used = 0; used < bytes.length; ) {
        const count = Math.min(bytes.length - used, rangeEnd - (position + used));
        crc = this.#fs.crc32(bytes.subarray(used, used + count), crc);
        used += count;
        if (position + used < rangeEnd) continue;
        this.#checkRange(ranges, range, crc);
        crc = 0;
        range++;
        if (range < ranges.count) rangeEnd = this.bytesOf(ranges.endOf(range));
      }
    };
    let ahead: Filling | null = null;
    for (let row = from; row < to; ) {
      const present: Filling = ahead ?? this.#fillRows(taker.next(to - row), row, to);
      await present.filled;
      const after = row + present.rows;
      const place = after < to ? taker.ahead?.(to - after) : undefined;
      ahead = place ? this.#fillRows(place, after, to) : null;
      check(present.bytes, this.bytesOf(row));
      taker.done(present.rows);
      row = after;
    }
    assert(crc === 0 && to === ranges.endOf(range - 1), "loading ends with a range");
  }

  /** Begins to read the rows from `row` on into a target. */
  #fillRows({ target, rows }: VectorTarget, row: number, to: number): Filling {
    assert(rows > 0 && rows <= to - row && target.length >= rows * this.stride, "a target fits its rows");
    const bytes = target.subarray(0, rows * this.stride);
    const filled = this.#fill(bytes, this.bytesOf(row));
    // Waited for in its turn; an error met before must not leave it unheard.
    filled.catch(() => {});
    return { bytes, rows, filled };
  }

  async #fill(target: Uint8Array, position: number): Promise<void> {
    const count = await this.handle.read(target, position);
    if (count < target.length) {
      throw corruptFile(this.path, position + count, "the file ends before the vectors that the log names");
    }
  }

  #checkRange(ranges: VectorRanges, range: number, crc: number): void {
    if (crc === ranges.crcOf(range)) return;
    const first = range === 0 ? 0 : ranges.endOf(range - 1);
    const what = `the vectors of rows ${first} to ${ranges.endOf(range) - 1} do not match their checksum`;
    throw corruptFile(this.path, this.bytesOf(first), what);
  }
}
