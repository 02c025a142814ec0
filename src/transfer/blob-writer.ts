/**
 * How do blobs get into the files of an export?
 *
 * Their contents one after the other in one file, and a line for each in another: `{"key":"…","bytes":3,"crc32":"…"}`. So a
 * key is never part of a path, and many small blobs are as quick as a large one. No more than a step of a blob is in memory.
 */
import { blobStepBytes } from "../storage/blob-file.js";
import { TimeSlice } from "../time-slice.js";
import type { ExportFiles } from "./export-folder.js";
import { type ExportedBlobs, hexOf } from "./export-manifest.js";
import type { FileSink } from "./file-sink.js";

/** A blob whose bytes can be asked for. */
export interface BlobPart {
  readonly key: string;
  readonly bytes: number;
  /** Bytes `[from, to)`, asked for from front to back. */
  readonly read: (from: number, to: number) => Promise<Uint8Array>;
}

const encoder = new TextEncoder();

export class BlobWriter {
  readonly #content: FileSink;
  readonly #list: FileSink;
  readonly #slice = new TimeSlice();
  #count = 0;

  private constructor(content: FileSink, list: FileSink) {
    this.#content = content;
    this.#list = list;
  }

  static async create(files: ExportFiles): Promise<BlobWriter> {
    return new BlobWriter(await files.create("blobs.bin"), await files.create("blobs.jsonl"));
  }

  /** Adds a blob; `check` throws where the export is to end. */
  async add({ key, bytes, read }: BlobPart, check: () => void): Promise<void> {
    let crc = 0;
    for (let from = 0; from < bytes; from += blobStepBytes) {
      check();
      const step = await read(from, Math.min(bytes, from + blobStepBytes));
      crc = this.#content.crc32(step, crc);
      await this.#content.write(step);
      if (this.#slice.isDue()) await this.#slice.giveWay();
    }
    const line = `{"key":${JSON.stringify(key)},"bytes":${bytes},"crc32":"${hexOf(crc)}"}\n`;
    await this.#list.write(encoder.encode(line));
    this.#count += 1;
  }

  summary(): ExportedBlobs {
    return { count: this.#count, contentFile: this.#content.name, listFile: this.#list.name };
  }
}
