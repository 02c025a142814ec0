/**
 * What are the next rows of one pair of files, vectors and lines of metadata?
 *
 * The two go side by side: whoever takes a row's line takes its vector later, in the same order.
 */
import type { FileSystem } from "../storage/file-system.js";
import type { Dtype } from "../types.js";
import type { ExportedRows, ExportFile } from "./export-manifest.js";
import { FileSource } from "./file-source.js";
import { LineSource } from "./line-source.js";
import { type MetadataLine, parseMetadataLine } from "./metadata-line.js";
import { damagedExport, refusedLine } from "./transfer-error.js";

/** Opens a file of the export by its name. */
export type OpenFile = (name: string) => Promise<FileSource>;

/** Opens files of the export in `folder`, each with what the manifest says of it. */
export function fileOpener(fs: FileSystem, folder: string, files: readonly ExportFile[] | null): OpenFile {
  return async (name) => {
    const path = `${folder}/${name}`;
    const expected = files?.find((file) => file.name === name) ?? null;
    if (files !== null && expected === null) throw damagedExport(path, "the manifest does not list the file");
    return FileSource.open(fs, path, expected);
  };
}

/** `CORRUPT` unless a file of vectors is as long as it has to be. */
export function checkVectorBytes({ path, byteLength }: FileSource, count: number, dim: number, dtype: Dtype): void {
  const expected = count * dim * (dtype === "float16" ? 2 : 4);
  if (byteLength === expected) return;
  throw damagedExport(path, `the file has ${byteLength} bytes; ${count} ${dtype} vectors of ${dim} take ${expected}`);
}

export class RowsSource {
  readonly vectors: FileSource;
  readonly #rows: ExportedRows;
  readonly #metadata: FileSource;
  readonly #lines: LineSource;
  #taken = 0;
  /** The row that comes next, where it was looked at already. */
  #ahead: MetadataLine | null = null;

  private constructor(rows: ExportedRows, vectors: FileSource, metadata: FileSource) {
    this.#rows = rows;
    this.vectors = vectors;
    this.#metadata = metadata;
    this.#lines = new LineSource(metadata);
  }

  static async open(rows: ExportedRows, open: OpenFile, dim: number, dtype: Dtype): Promise<RowsSource> {
    const vectors = await open(rows.vectorsFile);
    try {
      checkVectorBytes(vectors, rows.count, dim, dtype);
      return new RowsSource(rows, vectors, await open(rows.metadataFile));
    } catch (error) {
      await vectors.close();
      throw error;
    }
  }

  /** Brings the next row into view where `peek` gave null; false behind the last one. */
  async advance(): Promise<boolean> {
    for (;;) {
      if (this.peek() !== null) return true;
      if (await this.#lines.fill()) continue;
      const rest = this.#lines.rest();
      if (rest === null) return false;
      this.#look(rest);
    }
  }

  /** The next row; null where `advance` has to be called. */
  peek(): MetadataLine | null {
    while (this.#ahead === null) {
      const line = this.#lines.take();
      if (line === null) return null;
      this.#look(line);
    }
    return this.#ahead;
  }

  #look(line: Uint8Array): void {
    // Behind the last line feed some writers leave another one.
    if (line.length === 0 || (line.length === 1 && line[0] === 0x0d)) return;
    if (this.#taken === this.#rows.count) {
      throw damagedExport(this.#metadata.path, `there are more lines than the ${this.#rows.count} of the manifest`);
    }
    this.#taken += 1;
    try {
      this.#ahead = parseMetadataLine(line);
    } catch (error) {
      throw this.refuse(error);
    }
  }

  /** Passes on from the row that `peek` gave. */
  next(): void {
    this.#ahead = null;
  }

  /** What is wrong with the row that `peek` gave last. */
  refuse(cause: unknown): unknown {
    return refusedLine(this.#metadata.path, this.#lines.line, cause);
  }

  /** Checks that all rows were there, and nothing else. */
  finish(): void {
    if (this.#taken < this.#rows.count) {
      throw damagedExport(this.#metadata.path, `there are ${this.#taken} lines, not the ${this.#rows.count} expected`);
    }
    this.#metadata.finish();
    this.vectors.finish();
  }

  async close(): Promise<void> {
    await this.vectors.close();
    await this.#metadata.close();
  }
}
