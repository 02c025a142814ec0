/**
 * Which texts of a frame's blob do not match their checksums?
 *
 * All of them, not the first alone. Small blobs are read through the window of the walk, large ones a few MiB at a time.
 */
import type { FileHandle, FileSystem } from "../file-system.js";
import type { LogWindow } from "../log-window.js";
import { rangeCrc } from "../range-crc.js";

/** Blobs up to this size are read through the window. */
const smallBytesMax = 64 * 1024;

/** Bytes read at once, unless one text has more. */
const readBytesMax = 4 * 1024 * 1024;

/** Where the texts of a frame lie, back to back from `offset` on. */
export interface BlobTexts {
  readonly offset: number;
  readonly lengths: Uint32Array;
  readonly crcs: Uint32Array;
}

/** Damaged texts by position, and whether the `paddedBytes` end in zeros. */
export async function damagedTexts(
  log: { readonly fs: FileSystem; readonly handle: FileHandle },
  window: LogWindow,
  { offset, lengths, crcs }: BlobTexts,
  paddedBytes: number,
): Promise<{ readonly damagedTexts: readonly number[]; readonly hasDirtyPadding: boolean }> {
  const damaged: number[] = [];
  let isPaddingClean = true;
  let buffer = new Uint8Array(0);
  const isSmall = paddedBytes <= smallBytesMax;
  const end = offset + paddedBytes;
  for (let text = 0, position = offset; position < end; ) {
    let endText = text;
    let bytes = 0;
    while (endText < lengths.length && (endText === text || bytes + lengths[endText]! <= readBytesMax)) {
      bytes += lengths[endText]!;
      endText++;
    }
    const wanted = endText === lengths.length ? end - position : bytes;
    let chunk: Uint8Array | null = isSmall ? await window.view(position, wanted) : null;
    if (chunk === null) {
      if (buffer.length < wanted) buffer = new Uint8Array(wanted);
      chunk = buffer.subarray(0, await log.handle.read(buffer.subarray(0, wanted), position));
    }
    let start = 0;
    for (; text < endText; text++) {
      const textEnd = start + lengths[text]!;
      const isThere = textEnd <= chunk.length;
      if (!isThere || (start < textEnd && rangeCrc(log.fs, chunk, start, textEnd) !== crcs[text]!)) damaged.push(text);
      start = textEnd;
    }
    for (; start < chunk.length; start++) if (chunk[start] !== 0) isPaddingClean = false;
    if (wanted === 0) break;
    position += wanted;
  }
  return { damagedTexts: damaged, hasDirtyPadding: !isPaddingClean };
}
