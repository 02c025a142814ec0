/**
 * How do rows become a NumPy array, and a file of what is not in it?
 *
 * Vectors as one array of shape (rows, dim), little-endian float32, version 1.0 of NumPy's format (NEP 1); ids and fields as
 * JSON Lines beside it, in the same order. The header's room is kept, since the number of rows is known at the end.
 * Writer layer of the command line.
 */
import { JsonlWriter } from "./jsonl-writer.js";
import { OutputFile } from "./output-file.js";
import type { OutputRow, RowWriter } from "./row-writer.js";

/** Bytes ahead of the numbers: a multiple of 64, as the format asks for, with room for the largest shape. */
const headerBytes = 128;
/** Bytes of numbers written at once. */
const blockBytes = 1 << 20;

export class NpyWriter implements RowWriter {
  readonly #file: OutputFile;
  readonly #rows: JsonlWriter;
  readonly #dim: number;
  #count = 0;

  private constructor(file: OutputFile, rows: JsonlWriter, dim: number) {
    this.#file = file;
    this.#rows = rows;
    this.#dim = dim;
  }

  /** `path` ends in `.npy`; ids and fields go to `rowsPath(path)`. */
  static async create(path: string, idName: string, dim: number): Promise<NpyWriter> {
    const file = await OutputFile.create(path);
    try {
      await file.write(npyHeader(0, dim));
      return new NpyWriter(
        file,
        await JsonlWriter.create(rowsPath(path), { id: idName, vector: "", named: null, sparse: null }),
        dim,
      );
    } catch (error) {
      await file.abandon();
      throw error;
    }
  }

  async write(rows: readonly OutputRow[]): Promise<void> {
    const step = Math.max(1, Math.floor(blockBytes / (this.#dim * 4)));
    for (let from = 0; from < rows.length; from += step) {
      const part = rows.slice(from, from + step);
      const numbers = new Float32Array(part.length * this.#dim);
      part.forEach(({ vector }, at) => void numbers.set(vector ?? [], at * this.#dim));
      await this.#file.write(littleEndian(numbers));
    }
    this.#count += rows.length;
    await this.#rows.write(rows.map(({ id, field }) => ({ id, field })));
  }

  async finish(): Promise<number> {
    await this.#file.overwrite(npyHeader(this.#count, this.#dim), 0);
    const bytes = await this.#rows.finish();
    return bytes + (await this.#file.finish());
  }

  async abandon(): Promise<void> {
    await this.#rows.abandon();
    await this.#file.abandon();
  }
}

/** Name of the file of ids and fields that belongs to a file of vectors. */
export function rowsPath(path: string): string {
  return `${path.replace(/\.npy$/i, "")}.jsonl`;
}

function npyHeader(rows: number, dim: number): Uint8Array {
  const text = `{'descr': '<f4', 'fortran_order': False, 'shape': (${rows}, ${dim}), }`;
  const bytes = new Uint8Array(headerBytes).fill(0x20);
  bytes.set([0x93, 0x4e, 0x55, 0x4d, 0x50, 0x59, 1, 0]);
  new DataView(bytes.buffer).setUint16(8, headerBytes - 10, true);
  bytes.set(new TextEncoder().encode(text), 10);
  bytes[headerBytes - 1] = 0x0a;
  return bytes;
}

const isLittleEndian = new Uint8Array(new Uint16Array([1]).buffer)[0] === 1;

function littleEndian(numbers: Float32Array<ArrayBuffer>): Uint8Array {
  const bytes = new Uint8Array(numbers.buffer);
  if (isLittleEndian) return bytes;
  const view = new DataView(numbers.buffer);
  for (let i = 0; i < numbers.length; i++) view.setFloat32(i * 4, numbers[i]!, true);
  return bytes;
}
