/**
 * What may a caller say about blobs?
 */
import { checkBlobKey } from "../../engine/blob-key.js";
import { describe } from "../../engine/vector-input.js";
import { LynseError } from "../../errors.js";
import { checkLimit } from "../../limits.js";
import { checkInteger, checkOptions, checkText } from "../check-options.js";
import type { BlobRange } from "../collection.js";

/** A key: a text of 1 to 1024 bytes in UTF-8. */
export function blobKeyInput(key: unknown): string {
  return checkBlobKey(checkText(key, "the key of a blob"));
}

/** The bytes of a blob, wherever the caller has them; not copied. */
export function blobBytesInput(value: unknown): Uint8Array<ArrayBuffer> {
  const bytes = bytesOf(value);
  if (bytes === null) {
    throw new LynseError(
      "INVALID_ARGUMENT",
      `a blob must be an ArrayBuffer or a view of one, such as a Uint8Array, got ${describe(value)}; encode texts with TextEncoder`,
    );
  }
  checkLimit("blobBytesMax", bytes.length, "the length of the blob in bytes");
  return bytes;
}

function bytesOf(value: unknown): Uint8Array<ArrayBuffer> | null {
  if (value instanceof ArrayBuffer) return new Uint8Array(value);
  if (!ArrayBuffer.isView(value)) return null;
  return new Uint8Array(value.buffer as ArrayBuffer, value.byteOffset, value.byteLength);
}

/** A range with its ends checked; as far as a blob can go where no length was given. */
export function blobRangeInput(range: BlobRange | undefined): Required<BlobRange> {
  checkOptions(range, ["offset", "length"], "readBlobRange");
  const { offset = 0, length = Number.MAX_SAFE_INTEGER } = range ?? {};
  return {
    offset: checkInteger(offset, "offset", 0, Number.MAX_SAFE_INTEGER),
    length: checkInteger(length, "length", 0, Number.MAX_SAFE_INTEGER),
  };
}

/** The options of a listing. */
export function blobPrefixInput(options: { readonly prefix?: string } | undefined): string {
  checkOptions(options, ["prefix"], "listBlobs");
  return checkText(options?.prefix ?? "", "prefix");
}
