/**
 * What are the stored bytes of vectors, and how do they get into memory?
 *
 * Little-endian float32 or float16, row-major. Encoding a decoded float16 gives its own bits back.
 */
import { encodeFloat16 } from "../kernel/float16.js";
import type { VectorTable } from "../kernel/vector-table.js";
import type { Dtype } from "../types.js";

export function storedVectors(data: Float32Array, dtype: Dtype): Uint8Array {
  if (dtype === "float32") return new Uint8Array(data.buffer, data.byteOffset, data.byteLength);
  const halves = new Uint16Array(data.length);
  encodeFloat16(data, halves);
  return new Uint8Array(halves.buffer);
}

/** Appends one stretch of stored vectors; returns how many bytes were taken, for callers that give way in between. */
export function appendVectorChunk(vectors: VectorTable, bytes: Uint8Array): number {
  const bytesPerRow = vectors.dim * (vectors.dtype === "float16" ? 2 : 4);
  const { target, rows } = vectors.beginAppend(bytes.length / bytesPerRow);
  target.set(bytes.subarray(0, rows * bytesPerRow));
  vectors.finishAppend(rows);
  return rows * bytesPerRow;
}

/** Appends stored vectors whole. */
export function appendVectorBytes(vectors: VectorTable, bytes: Uint8Array): void {
  for (let done = 0; done < bytes.length; ) done += appendVectorChunk(vectors, bytes.subarray(done));
}
