/**
 * How do vectors stand in bytes?
 *
 * Row-major, little-endian, unpadded: float32, or IEEE 754 binary16 where half the bytes matter more than the last
 * digits. Little-endian processors only, as everything that the package stores.
 */
import { LynseError } from "../errors.js";
import { decodeFloat16, encodeFloat16 } from "../kernel/float16.js";
import type { TimeSlice } from "../time-slice.js";
import { decodeBase64, encodeBase64 } from "./base64.js";

/** How a component is written. */
export type VectorEncoding = "float32" | "float16";

/** Bytes of float16 decoded between two looks at the clock: well under a millisecond. */
const sliceBytes = 128 * 1024;

const names: Readonly<Record<string, VectorEncoding>> = {
  float32: "float32",
  f32: "float32",
  float16: "float16",
  f16: "float16",
  fp16: "float16",
};

/** The encoding of a name; float32 where none is given. */
export function vectorEncodingOf(name: string | null | undefined): VectorEncoding {
  if (name === undefined || name === null || name === "") return "float32";
  const encoding = Object.hasOwn(names, name) ? names[name] : undefined;
  if (encoding !== undefined) return encoding;
  throw new LynseError(
    "INVALID_ARGUMENT",
    `unsupported vector_encoding ${JSON.stringify(name.slice(0, 40))}; expected float32 or float16`,
    { vector_encoding: name.slice(0, 40) },
  );
}

/** Bytes of one component. */
export function componentBytes(encoding: VectorEncoding): 2 | 4 {
  return encoding === "float16" ? 2 : 4;
}

/** The components as bytes; for float32 a view, not a copy. */
export function encodeVectors(data: Float32Array, encoding: VectorEncoding = "float32"): Uint8Array {
  if (encoding === "float32") return new Uint8Array(data.buffer, data.byteOffset, data.byteLength);
  const halves = new Uint16Array(data.length);
  encodeFloat16(data, halves);
  return new Uint8Array(halves.buffer);
}

/** The components in bytes whose length is a multiple of a component's; for aligned float32 a view, not a copy. */
export function decodeVectors(bytes: Uint8Array, encoding: VectorEncoding = "float32"): Float32Array {
  const size = componentBytes(encoding);
  const { buffer, byteOffset } = bytes.byteOffset % size === 0 ? bytes : bytes.slice();
  const length = bytes.length / size;
  if (encoding === "float32") return new Float32Array(buffer, byteOffset, length);
  const data = new Float32Array(length);
  decodeFloat16(new Uint16Array(buffer, byteOffset, length), data);
  return data;
}

/** As `decodeVectors`, for any number of them. */
export async function decodeVectorsInSlices(
  bytes: Uint8Array,
  encoding: VectorEncoding,
  slice: TimeSlice,
): Promise<Float32Array> {
  if (encoding === "float32" || bytes.length <= sliceBytes) return decodeVectors(bytes, encoding);
  const data = new Float32Array(bytes.length / 2);
  for (let from = 0; from < bytes.length; from += sliceBytes) {
    data.set(decodeVectors(bytes.subarray(from, from + sliceBytes), encoding), from / 2);
    if (slice.isDue()) await slice.giveWay();
  }
  return data;
}

/** Base64 of the components as little-endian float32. */
export function vectorsToBase64(data: Float32Array): string {
  return encodeBase64(encodeVectors(data));
}

/**
 * The components of a base64 text of little-endian float32, row-major; `INVALID_ARGUMENT` when it is none, or no
 * multiple of `dim` components. `what` names it in errors.
 */
export function vectorsFromBase64(text: string, dim: number, what: string): Float32Array {
  const bytes = decodeBase64(text, what);
  if (Number.isSafeInteger(dim) && dim > 0 && bytes.length % (4 * dim) === 0) return decodeVectors(bytes);
  throw new LynseError(
    "INVALID_ARGUMENT",
    `${what} holds ${bytes.length} bytes, expected a multiple of ${4 * dim} (dim ${dim} of float32)`,
    { dim, got: bytes.length },
  );
}
