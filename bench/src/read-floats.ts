/**
 * How is a file of float32 numbers read?
 */
import { readFileSync } from "node:fs";

/** Float32 numbers of a file, little-endian. */
export function readFloats(file: string): Float32Array {
  const bytes = readFileSync(file);
  return new Float32Array(bytes.buffer, bytes.byteOffset, bytes.byteLength >>> 2);
}
