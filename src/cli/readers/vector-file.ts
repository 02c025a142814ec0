/**
 * Which vectors are in a file of numbers?
 *
 * Row-major vectors of one dimension: bare little-endian float32 (`.f32`), or a two-dimensional NumPy array (`.npy`).
 * Read in order, as many rows at a time as asked for; a file whose length does not fit is refused before anything is
 * read. Reader layer of the command line.
 */

import type { FileHandle } from "node:fs/promises";
import { open } from "node:fs/promises";
import { LynseError } from "../../errors.js";
import { limits } from "../../limits.js";
import { fileError } from "./byte-source.js";
import { float16ToNumber } from "./float16.js";
import { npyHeaderBytesMax, parseNpyHeader } from "./npy-header.js";

interface Layout {
  readonly dim: number;
  readonly rowCount: number;
  readonly bytesPerNumber: 2 | 4 | 8;
  readonly dataOffset: number;
}

/** True for a name that is read as a file of vectors. */
export function isVectorFileName(name: string): boolean {
  return /\.(?:f32|npy)$/i.test(name);
}

export class VectorFile {
  /** The file as the user named it. */
  readonly name: string;
  readonly dim: number;
  readonly rowCount: number;
  readonly #handle: FileHandle;
  readonly #layout: Layout;
  #row = 0;

  private constructor(name: string, handle: FileHandle, layout: Layout) {
    this.name = name;
    this.dim = layout.dim;
    this.rowCount = layout.rowCount;
    this.#handle = handle;
    this.#layout = layout;
  }

  /** Opens a file; `dim` is what the user or the collection says, null where neither does. */
  static async open(name: string, dim: number | null): Promise<VectorFile> {
    let handle: FileHandle | undefined;
    try {
      handle = await open(name, "r");
      const status = await handle.stat();
      if (status.isDirectory()) throw Object.assign(new Error("is a directory"), { code: "EISDIR" });
      const layout = /\.npy$/i.test(name)
        ? await npyLayout(name, handle, status.size, dim)
        : bareLayout(name, status.size, dim);
      return new VectorFile(name, handle, layout);
    } catch (error) {
      await handle?.close();
      throw error instanceof LynseError ? error : fileError(name, error);
    }
  }

  /** Opens a file of bare float32 or float16 vectors, whatever it is called. */
  static async openBare(name: string, dim: number, bytesPerNumber: 2 | 4): Promise<VectorFile> {
    let handle: FileHandle | undefined;
    try {
      handle = await open(name, "r");
      const { size } = await handle.stat();
      return new VectorFile(name, handle, bareLayout(name, size, dim, bytesPerNumber));
    } catch (error) {
      await handle?.close();
      throw error instanceof LynseError ? error : fileError(name, error);
    }
  }

  /** Passes over rows; back over rows that were read, where fewer than none. */
  skip(rows: number): void {
    this.#row = Math.max(0, Math.min(this.rowCount, this.#row + rows));
  }

  /** Rows not yet read. */
  get rowsLeft(): number {
    return this.rowCount - this.#row;
  }

  /** The next rows, row-major; fewer than asked for at the end of the file. */
  async read(rowsMax: number): Promise<Float32Array> {
    const { bytesPerNumber, dataOffset } = this.#layout;
    const rows = Math.min(rowsMax, this.rowsLeft);
    const bytesPerRow = this.dim * bytesPerNumber;
    const bytes = new Uint8Array(rows * bytesPerRow);
    const position = dataOffset + this.#row * bytesPerRow;
    for (let done = 0; done < bytes.length; ) {
      const { bytesRead } = await this.#handle.read(bytes, done, bytes.length - done, position + done);
      if (bytesRead === 0) throw invalid(this.name, "the file became shorter while it was read; start again");
      done += bytesRead;
    }
    this.#row += rows;
    return decode(bytes, bytesPerNumber);
  }

  async close(): Promise<void> {
    await this.#handle.close();
  }
}

const isLittleEndian = new Uint8Array(new Uint16Array([1]).buffer)[0] === 1;

/** The numbers of `bytes`, little-endian whatever the machine is. */
function decode(bytes: Uint8Array<ArrayBuffer>, bytesPerNumber: 2 | 4 | 8): Float32Array {
  if (isLittleEndian && bytesPerNumber === 4) return new Float32Array(bytes.buffer);
  const view = new DataView(bytes.buffer);
  const count = bytes.length / bytesPerNumber;
  const numbers = new Float32Array(count);
  for (let at = 0; at < count; at += 1) {
    numbers[at] =
      bytesPerNumber === 4
        ? view.getFloat32(at * 4, true)
        : bytesPerNumber === 8
          ? view.getFloat64(at * 8, true)
          : float16ToNumber(view.getUint16(at * 2, true));
  }
  return numbers;
}

async function npyLayout(name: string, handle: FileHandle, size: number, dim: number | null): Promise<Layout> {
  const head = new Uint8Array(Math.min(size, npyHeaderBytesMax));
  const { bytesRead } = await handle.read(head, 0, head.length, 0);
  const header = parseNpyHeader(head.subarray(0, bytesRead), name);
  const [rowCount, width] = header.shape.length === 1 ? [1, header.shape[0]] : header.shape;
  if (header.shape.length > 2 || rowCount === undefined || width === undefined || width === 0) {
    throw invalid(name, `an array of shape (${header.shape.join(", ")}); (rows, dim) is wanted`);
  }
  if (width > limits.dimMax) {
    const message = `${name}: vectors of ${width} numbers; 1 to ${limits.dimMax} are possible, in shape (rows, dim)`;
    throw new LynseError("LIMIT_EXCEEDED", message, { file: name, limit: "dimMax", max: limits.dimMax, got: width });
  }
  if (dim !== null && dim !== width) {
    throw new LynseError(
      "DIMENSION_MISMATCH",
      `${name}: vectors of ${width} numbers where dimension ${dim} is wanted; choose another file or collection`,
      { file: name, expected: dim, got: width },
    );
  }
  const expected = header.dataOffset + rowCount * width * header.bytesPerNumber;
  if (size !== expected) {
    throw invalid(
      name,
      `${size} bytes where shape (${header.shape.join(", ")}) needs ${expected}; copy the file again`,
    );
  }
  return { dim: width, rowCount, bytesPerNumber: header.bytesPerNumber, dataOffset: header.dataOffset };
}

function bareLayout(name: string, size: number, dim: number | null, bytesPerNumber: 2 | 4 = 4): Layout {
  if (dim === null) throw invalid(name, "a .f32 file does not say its dimension; add --dim N");
  const bytesPerRow = dim * bytesPerNumber;
  if (size % bytesPerRow !== 0) {
    const kind = bytesPerNumber === 4 ? "float32" : "float16";
    throw invalid(name, `${size} bytes are no whole number of ${kind} vectors of dimension ${dim}; correct --dim`);
  }
  return { dim, rowCount: size / bytesPerRow, bytesPerNumber, dataOffset: 0 };
}

function invalid(name: string, what: string): LynseError {
  return new LynseError("INVALID_ARGUMENT", `${name}: ${what}`, { file: name });
}
