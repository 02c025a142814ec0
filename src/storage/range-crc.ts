/**
 * Which of two ways to a CRC-32 is faster?
 *
 * The platform's runs at several GB/s, but a call into it costs as much as 200 bytes do here (measured: 190 ns).
 */
import { crc32 } from "./crc32.js";
import type { FileSystem } from "./file-system.js";

const shortBytesMax = 200;

/** CRC-32 of `bytes[start, end)`. */
export function rangeCrc(fs: FileSystem, bytes: Uint8Array, start = 0, end = bytes.length): number {
  return end - start <= shortBytesMax ? crc32(bytes, 0, start, end) : fs.crc32(bytes.subarray(start, end));
}
