/**
 * How are bits packed into bytes where they come from outside?
 *
 * As `numpy.packbits` does by default: component i is bit 7 − (i & 7) of byte i >> 3, the highest bit first; bits after
 * the last component are zero. Indexes order their bits in their own way.
 */
import { assert } from "../../errors.js";

/** Bytes that `dim` packed components take. */
export function packedBytes(dim: number): number {
  return Math.ceil(dim / 8);
}

/** Packs the `dim` components of `vector` from `offset` on: a component above 0.5 is a set bit. */
export function packBits(vector: ArrayLike<number>, offset: number, dim: number): Uint8Array {
  const packed = new Uint8Array(packedBytes(dim));
  for (let i = 0; i < dim; i++) if (vector[offset + i]! > 0.5) packed[i >> 3]! |= 128 >> (i & 7);
  return packed;
}

/** Writes the first `dim` bits as components 0 and 1 into `target` from `offset` on. */
export function unpackBits(packed: Uint8Array, dim: number, target: Float32Array, offset: number): void {
  assert(packed.length >= packedBytes(dim) && target.length >= offset + dim, "packed bits fit their target");
  for (let i = 0; i < dim; i++) target[offset + i] = (packed[i >> 3]! >> (7 - (i & 7))) & 1;
}
