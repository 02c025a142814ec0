/**
 * Which blobs does an export write?
 *
 * Those of one moment, as a snapshot has them: each gets a second name in the export's own folder where the volume has such,
 * and is held open elsewhere. Later writes and removals of their keys change neither.
 */
import { readBlobContent, readBlobHead } from "../storage/blob-file.js";
import type { BlobStore } from "../storage/blob-store.js";
import { type FileHandle, type FileSystem, isMissingFile } from "../storage/file-system.js";
import { settleAll } from "../storage/settle-all.js";
import type { BlobPart } from "./blob-writer.js";

/** Where second names go. */
export interface CaptureFolder {
  readonly fs: FileSystem;
  readonly folder: string;
}

interface CapturedBlob {
  /** The blob's own file, for messages. */
  readonly file: string;
  /** Null where its second name is opened. */
  readonly handle: FileHandle | null;
}

export class CapturedBlobs {
  readonly #place: CaptureFolder;
  /** Whose files the handles are. */
  readonly #source: FileSystem;
  #blobs: CapturedBlob[] = [];

  private constructor(source: FileSystem, place: CaptureFolder) {
    this.#source = source;
    this.#place = place;
  }

  /** Takes hold of all blobs; must not overlap with a change of them. */
  static async take(blobs: BlobStore, place: CaptureFolder): Promise<CapturedBlobs> {
    const { fs } = blobs;
    const captured = new CapturedBlobs(fs, place);
    try {
      const files = await blobs.files();
      let links = fs === place.fs && files.length > 0;
      if (links) await fs.makeFolder(place.folder);
      for (const file of files) {
        try {
          links = links && (await fs.link(file, captured.#pathOf(captured.count)));
          captured.#blobs.push({ file, handle: links ? null : await fs.open(file, "read") });
        } catch (error) {
          // Beside a writer in another process a blob may go meanwhile.
          if (!isMissingFile(error)) throw error;
        }
      }
      return captured;
    } catch (error) {
      await captured.close();
      throw error;
    }
  }

  get count(): number {
    return this.#blobs.length;
  }

  #pathOf(number: number): string {
    return `${this.#place.folder}/${number}`;
  }

  /** Hands out each blob, verified as it is read; `CORRUPT` with its file. */
  async read(use: (blob: BlobPart) => Promise<void>): Promise<void> {
    const fs = this.#source;
    for (const [number, { file, handle }] of this.#blobs.entries()) {
      const source = handle ?? (await fs.open(this.#pathOf(number), "read"));
      try {
        const head = await readBlobHead(fs, source, file);
        const read = (from: number, to: number): Promise<Uint8Array> =>
          readBlobContent(fs, source, file, head, from, to);
        await use({ key: head.key, bytes: head.contentBytes, read });
      } finally {
        if (handle === null) await source.close();
      }
    }
  }

  /** Lets go of all of them. */
  async close(): Promise<void> {
    const blobs = this.#blobs;
    this.#blobs = [];
    await settleAll(blobs.flatMap(({ handle }) => handle?.close() ?? []));
    if (this.#source === this.#place.fs) await this.#place.fs.removeFolder(this.#place.folder);
  }
}
