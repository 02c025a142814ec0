/**
 * Which ranges of a vector file do not match their checksums?
 *
 * Reads every byte once, in order; the next bytes are read while the present ones are checked. Two buffers, whatever the
 * size of the file.
 */
import { TimeSlice } from "../../time-slice.js";
import { fileHeaderBytes } from "../file-header.js";
import type { FileHandle, FileSystem } from "../file-system.js";
import type { VectorRanges } from "../vector-ranges.js";

/** Bytes of one read. */
const readBytesMax = 4 * 1024 * 1024;

export interface CheckedVectors {
  readonly fs: FileSystem;
  readonly handle: FileHandle;
  /** Bytes of a vector. */
  readonly stride: number;
  readonly ranges: VectorRanges;
}

export interface RangeCheckOptions {
  readonly onBytes?: (bytes: number) => void;
  readonly signal?: AbortSignal | undefined;
  /** Is shown all bytes in order, in pieces that begin at multiples of 4 in the file and are valid during the call. */
  readonly look?: (bytes: Uint8Array, position: number) => void;
}

/** Ranges that are wrong, in order; those that the file ends before included. */
export async function damagedRanges(
  { fs, handle, stride, ranges }: CheckedVectors,
  { onBytes, signal, look }: RangeCheckOptions = {},
): Promise<number[]> {
  const end = fileHeaderBytes + ranges.rowCount * stride;
  const damaged: number[] = [];
  const slice = new TimeSlice();
  const bufferBytes = Math.min(readBytesMax, end - fileHeaderBytes);
  const buffers = [new Uint8Array(bufferBytes), new Uint8Array(bufferBytes)] as const;
  const fill = (turn: number, position: number): Promise<number> => {
    const filled = handle.read(buffers[turn & 1]!.subarray(0, Math.min(bufferBytes, end - position)), position);
    // Waited for in its turn; an error met before must not leave it unheard.
    filled.catch(() => {});
    return filled;
  };
  let crc = 0;
  let range = 0;
  let rangeEnd = ranges.count === 0 ? end : fileHeaderBytes + ranges.endOf(0) * stride;
  let ahead = end > fileHeaderBytes ? fill(0, fileHeaderBytes) : null;
  for (let turn = 0, position = fileHeaderBytes; ahead !== null && position < end; turn++) {
    const count = await ahead;
    const wanted = Math.min(bufferBytes, end - position);
    ahead = count === wanted && position + count < end ? fill(turn + 1, position + count) : null;
    const bytes = buffers[turn & 1]!.subarray(0, count);
    look?.(bytes, position);
    for (let used = 0; used < count; ) {
      const piece = Math.min(count - used, rangeEnd - (position + used));
      crc = fs.crc32(bytes.subarray(used, used + piece), crc);
      used += piece;
      if (position + used < rangeEnd) continue;
      if (crc !== ranges.crcOf(range)) damaged.push(range);
      crc = 0;
      range += 1;
      if (range < ranges.count) rangeEnd = fileHeaderBytes + ranges.endOf(range) * stride;
    }
    position += count;
    onBytes?.(count);
    signal?.throwIfAborted();
    if (slice.isDue()) await slice.giveWay();
    if (count < wanted) break;
  }
  for (; range < ranges.count; range++) damaged.push(range);
  return damaged;
}
