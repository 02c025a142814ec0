/**
 * Does the metadata of consecutive rows match its checksums?
 *
 * Reads the rows' JSON texts, which lie back to back in the log, a few MiB at a time and checks each against its own
 * CRC-32. Shared by the replay of a torn tail and by reads of many rows.
 */
import type { FileHandle, FileSystem } from "./file-system.js";
import { rangeCrc } from "./range-crc.js";

/** Bytes read at once, unless one row has more. */
const readBytesMax = 4 * 1024 * 1024;

/** Up to this size a chunk is read on the calling thread. */
const nowBytesMax = 16 * 1024;

/** Offset of the first row's text that does not match, in a log whose bytes from `offset` on are `chunk`; else null. */
export function badField(
  fs: FileSystem,
  chunk: Uint8Array,
  offset: number,
  lengths: Uint32Array,
  crcs: Uint32Array,
): number | null {
  let start = 0;
  for (let at = 0; at < lengths.length; at++) {
    const end = start + lengths[at]!;
    if (end > chunk.length || rangeCrc(fs, chunk, start, end) !== crcs[at]!) return offset + start;
    start = end;
  }
  return null;
}

/**
 * Reads rows whose texts begin at `offset`; tells `visit` the chunk and where in it each row's text lies. Resolves to
 * null, or to the offset of the first text that is cut short or does not match; `visit` hears of the chunks before it.
 */
export async function verifyFields(
  fs: FileSystem,
  log: FileHandle,
  offset: number,
  lengths: Uint32Array,
  crcs: Uint32Array,
  visit?: (chunk: Uint8Array, firstRow: number, endRow: number) => void,
): Promise<number | null> {
  let buffer = new Uint8Array(0);
  let position = offset;
  for (let row = 0; row < lengths.length; ) {
    let endRow = row;
    let chunkBytes = 0;
    while (endRow < lengths.length && (endRow === row || chunkBytes + lengths[endRow]! <= readBytesMax)) {
      chunkBytes += lengths[endRow]!;
      endRow++;
    }
    if (buffer.length < chunkBytes) buffer = new Uint8Array(chunkBytes);
    const chunk = buffer.subarray(0, chunkBytes);
    // A short read costs less than the way to another thread and back.
    const count = chunkBytes <= nowBytesMax ? log.readNow(chunk, position) : await log.read(chunk, position);
    const present = chunk.subarray(0, count);
    const bad = badField(fs, present, position, lengths.subarray(row, endRow), crcs.subarray(row, endRow));
    if (bad !== null) return bad;
    visit?.(chunk, row, endRow);
    position += chunkBytes;
    row = endRow;
  }
  return null;
}
