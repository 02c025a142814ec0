/**
 * How are stored bytes read from the log by their place, and never believed unseen?
 *
 * Metadata texts and sparse vectors lie in the blobs of frames, each with a checksum of its own. Who asks knows offset,
 * length and checksum from a replay or an append.
 */
import { corruptFile } from "./corrupt-file.js";
import type { GenerationFiles } from "./generation-files.js";
import { rangeCrc } from "./range-crc.js";
import { verifyFields } from "./verify-fields.js";

/** What the bytes are; begins the words for damage. */
export type BlobKind = "metadata" | "a sparse vector";

export class LogBlobs {
  readonly #files: GenerationFiles;

  constructor(files: GenerationFiles) {
    this.#files = files;
  }

  /** Fills `bytes` from `offset` on, verified. Synchronous. */
  readNow(bytes: Uint8Array, offset: number, crc: number, kind: BlobKind): void {
    const { fs, log } = this.#files;
    const count = log.readNow(bytes, offset);
    if (count < bytes.length || rangeCrc(fs, bytes) !== crc) throw this.#damage(offset, kind);
  }

  /** Tells verified bytes of consecutive members `[first, end)`, back to back; a chunk is valid until the call returns. */
  async readSpan(
    offset: number,
    lengths: Uint32Array,
    crcs: Uint32Array,
    kind: BlobKind,
    visit: (chunk: Uint8Array, first: number, end: number) => void,
  ): Promise<void> {
    const { fs, log } = this.#files;
    const bad = await verifyFields(fs, log, offset, lengths, crcs, visit);
    if (bad !== null) throw this.#damage(bad, kind);
  }

  /** `readSpan`, one member at a time. */
  readEach(
    offset: number,
    lengths: Uint32Array,
    crcs: Uint32Array,
    kind: BlobKind,
    visit: (index: number, bytes: Uint8Array) => void,
  ): Promise<void> {
    return this.readSpan(offset, lengths, crcs, kind, (chunk, first, end) => {
      let start = 0;
      for (let at = first; at < end; at++) {
        visit(at, chunk.subarray(start, start + lengths[at]!));
        start += lengths[at]!;
      }
    });
  }

  #damage(offset: number, kind: BlobKind): Error {
    return corruptFile(this.#files.logPath, offset, `${kind} does not match its checksum`);
  }
}
