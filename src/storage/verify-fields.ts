/**
 * Does the metadata of consecutive rows match its checksums?
 *
 * Reads the rows' JSON texts, which lie back to back in the log, a few MiB at a time and checks each against its own
 * CRC-32. Shared by the replay of a torn tail and by reads of many rows.
 */
import { crc32 } from "./crc32.js";
import type { FileHandle, FileSystem } from "./file-system.js";

/** Bytes read at once, unless one row has more. */
const readBytesMax = 4 * 1024 * 1024;

/** Below this length a call into native code costs more than the checksum itself (measured: 190 ns a call). */
const shortBytesMax = 200;

/** CRC-32 of `bytes[start, end)`, by whichever way is faster. */
export function crcOfRange(fs: FileSystem, bytes: Uint8Array, start: number, end: number): number {
  return end - start <= shortBytesMax ? crc32(bytes, 0, start, end) : fs.crc32(bytes.subarray(start, end));
}

/**
 * Reads rows whose texts begin at `offset`; tells `visit` the chunk and where in it each row's text lies. Resolves to
 * null, or to the offset of the first text that is cut short or does not match; `visit` hears of the ones before it.
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
    const count = chunkBytes === 0 ? 0 : await log.read(chunk, position);
    let start = 0;
    for (let at = row; at < endRow; at++) {
      const end = start + lengths[at]!;
      if (end > count || crcOfRange(fs, chunk, start, end) !== crcs[at]!) return position + start;
      start = end;
    }
    visit?.(chunk, row, endRow);
    position += chunkBytes;
    row = endRow;
  }
  return null;
}
