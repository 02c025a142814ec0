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

/** Bytes read at once while loading: two such buffers stay in the processor's cache. */
const streamBytes = 2 * 1024 * 1024;

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

export class VectorFile {
  readonly path: string;
  readonly handle: FileHandle;
  readonly dim: number;
  /** Bytes of a row. */
  readonly stride: number;
  readonly #fs: FileSystem;

  private constructor(fs: FileSystem, path: string, handle: FileHandle, shape: VectorFileShape) {
    this.#fs = fs;
    this.path = path;
    this.handle = handle;
    this.dim = shape.dim;
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
   * Reads rows `[from, to)`, which begin and end with a range, into the caller's memory; see `CollectionStore`. The next
   * stretch of the file is read while the present one is checked and taken over.
   */
  async load(
    from: number,
    to: number,
    ranges: VectorRanges,
    next: (rows: number) => VectorTarget,
    done: (rows: number) => void,
  ): Promise<void> {
    if (from === to) return;
    assert(to <= ranges.rowCount, "every row to be loaded has a checksum");
    let range = ranges.indexOf(from);
    assert(from === (range === 0 ? 0 : ranges.endOf(range - 1)), "loading begins with a range");
    const fill = new TargetFiller(from, to, this.stride, next, done);
    let crc = 0;
    let rangeEnd = this.bytesOf(ranges.endOf(range));
    await this.#stream(this.bytesOf(from), this.bytesOf(to), (chunk, position) => {
      for (let used = 0; used < chunk.length; ) {
        const count = Math.min(chunk.length - used, rangeEnd - (position + used));
        crc = this.#fs.crc32(chunk.subarray(used, used + count), crc);
        used += count;
        if (position + used < rangeEnd) continue;
        this.#checkRange(ranges, range, crc);
        crc = 0;
        range++;
        if (range < ranges.count) rangeEnd = this.bytesOf(ranges.endOf(range));
      }
      fill.take(chunk);
    });
    assert(crc === 0 && to === ranges.endOf(range - 1), "loading ends with a range");
  }

  /** Reads `[start, end)` in chunks, one ahead of the one that `visit` is told. */
  async #stream(start: number, end: number, visit: (chunk: Uint8Array, position: number) => void): Promise<void> {
    const bytes = Math.min(streamBytes, end - start);
    const buffers = [new Uint8Array(bytes), new Uint8Array(end - start > bytes ? bytes : 0)];
    const read = async (position: number, buffer: Uint8Array): Promise<Uint8Array> => {
      const chunk = buffer.subarray(0, Math.min(buffer.length, end - position));
      await this.#fill(chunk, position);
      return chunk;
    };
    let reading = read(start, buffers[0]!);
    for (let position = start; position < end; ) {
      const chunk = await reading;
      buffers.reverse();
      const after = position + chunk.length;
      if (after < end) {
        reading = read(after, buffers[0]!);
        // Waited for in the next turn; an error of `visit` must not leave it unheard.
        reading.catch(() => {});
      }
      visit(chunk, position);
      position = after;
    }
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

/** Hands a stream of bytes over to the caller's memory, row by row. */
class TargetFiller {
  readonly #stride: number;
  readonly #next: (rows: number) => VectorTarget;
  readonly #done: (rows: number) => void;
  #rowsLeft: number;
  #target: VectorTarget | null = null;
  #filled = 0;

  constructor(
    from: number,
    to: number,
    stride: number,
    next: (rows: number) => VectorTarget,
    done: (rows: number) => void,
  ) {
    this.#rowsLeft = to - from;
    this.#stride = stride;
    this.#next = next;
    this.#done = done;
  }

  take(bytes: Uint8Array): void {
    for (let used = 0; used < bytes.length; ) {
      this.#target ??= this.#nextTarget();
      const { target, rows } = this.#target;
      const count = Math.min(bytes.length - used, rows * this.#stride - this.#filled);
      target.set(bytes.subarray(used, used + count), this.#filled);
      used += count;
      this.#filled += count;
      if (this.#filled < rows * this.#stride) continue;
      this.#done(rows);
      this.#rowsLeft -= rows;
      this.#target = null;
      this.#filled = 0;
    }
  }

  #nextTarget(): VectorTarget {
    const target = this.#next(this.#rowsLeft);
    const { rows } = target;
    assert(rows > 0 && rows <= this.#rowsLeft && target.target.length >= rows * this.#stride, "a target fits its rows");
    return target;
  }
}
