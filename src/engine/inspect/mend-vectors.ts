/**
 * Can damaged vectors be made what they were?
 *
 * Where one bit was turned over, the checksum says which. Believed only where the rest of the bytes looks like vectors: what a
 * disk does to a whole sector leaves components that are no numbers, or out of all proportion, or runs of zeros.
 */
import { decodeFloat16 } from "../../kernel/float16.js";
import { fileHeaderBytes } from "../../storage/file-header.js";
import { type BitPlace, flippedBit } from "../../storage/inspect/flipped-bit.js";
import type { StoredFiles, StoredVectors } from "../../storage/inspect/stored-files.js";
import type { RangeLedger } from "./log-ledger.js";
import type { VectorDamage } from "./vector-check.js";

/** Bytes of a range that is looked at: one frame of the widest vectors has more, and is not mended. */
const rangeBytesMax = 64 * 1024 * 1024;
/** A component beyond so many times the usual size is suspicious. */
const outlier = 1e4;
/** Zero components in a row that vectors of embeddings don't have by chance. */
const zeroRun = 32;

/** A bit to be turned back in a vector, by the vector's number. */
export type Mends = ReadonlyMap<number, BitPlace>;

/** The bit to be turned back for a damaged range; null where the damage is of another kind. */
export async function findMend(
  { fs }: StoredFiles,
  ledger: RangeLedger,
  { file, first, count, isMissing }: VectorDamage,
): Promise<{ readonly vector: number; readonly place: BitPlace } | null> {
  const length = count * file.stride;
  if (isMissing || file.handle === null || length > rangeBytesMax) return null;
  const bytes = new Uint8Array(length);
  if ((await file.handle.read(bytes, fileHeaderBytes + first * file.stride)) < length) return null;
  const expected = ledger.ranges.crcOf(ledger.ranges.indexOf(first));
  const found = flippedBit(fs.crc32(bytes) ^ expected, length);
  if (found === null) return null;
  bytes[found.byte]! ^= found.mask;
  if (fs.crc32(bytes) !== expected || !looksLikeVectors(file, bytes)) return null;
  const vector = first + Math.floor(found.byte / file.stride);
  return { vector, place: { byte: found.byte % file.stride, mask: found.mask } };
}

function looksLikeVectors({ dtype }: StoredVectors, bytes: Uint8Array): boolean {
  let values = new Float32Array(bytes.buffer, bytes.byteOffset, bytes.length >>> 2);
  if (dtype === "float16") {
    const halves = new Uint16Array(bytes.buffer, bytes.byteOffset, bytes.length >>> 1);
    values = new Float32Array(halves.length);
    decodeFloat16(halves, values);
  }
  const sizes: number[] = [];
  const step = Math.max(1, Math.floor(values.length / 1000));
  for (let at = 0; at < values.length; at += step) if (values[at] !== 0) sizes.push(Math.abs(values[at]!));
  const usual = sizes.sort((one, other) => one - other)[sizes.length >>> 1] ?? 0;
  let zeros = 0;
  for (const value of values) {
    if (!Number.isFinite(value) || Math.abs(value) > usual * outlier) return false;
    zeros = value === 0 ? zeros + 1 : 0;
    if (zeros === zeroRun) return false;
  }
  return true;
}
