/**
 * How is a compression kept in a file?
 *
 * Little-endian: u32 version, kind, bits, seed, dim, width of a part, number of centres, 0; then the words of the codebook
 * and the centres as float32. What is read is checked against the index's name: bytes that make no sense give null.
 */
import type { IndexName } from "../index-name.js";
import type { Compression } from "./codec.js";

const version = 1;
const headerBytes = 32;
const kinds = ["float", "sq8", "pq", "rabitq", "polarvec"] as const;
const kindsByQuantizer = { SQ8: "sq8", PQ: "pq", RABITQ: "rabitq", POLARVEC: "polarvec", BINARY: null } as const;

export interface SavedCompression {
  readonly compression: Compression;
  /** Row-major; null: none. */
  readonly centres: Float32Array | null;
}

function bytesOf(values: Float32Array): Uint8Array {
  return new Uint8Array(values.buffer, values.byteOffset, values.byteLength);
}

export function writeCompression({ compression, centres }: SavedCompression, dim: number): Uint8Array[] {
  const words = compression.kind === "pq" ? compression.codebook.words : new Float32Array(0);
  const header = Uint32Array.of(
    version,
    kinds.indexOf(compression.kind),
    compression.kind === "polarvec" ? compression.bits : 0,
    "seed" in compression ? compression.seed : 0,
    dim,
    compression.kind === "pq" ? compression.codebook.subDim : 0,
    centres === null ? 0 : centres.length / dim,
    0,
  );
  const parts = [new Uint8Array(header.buffer), bytesOf(words)];
  return centres === null ? parts : [...parts, bytesOf(centres)];
}

/** What was written; null where it cannot be the state of an index of that name and dimension. */
export function readCompression(bytes: Uint8Array, name: IndexName, dim: number): SavedCompression | null {
  if (bytes.length < headerBytes) return null;
  // A copy: sections need not begin at a multiple of four.
  const copy = new Uint8Array(bytes);
  const header = new Uint32Array(copy.buffer, 0, headerBytes / 4);
  const [savedVersion, kindNumber, bits, seed, savedDim, subDim, centreCount] = header as unknown as number[];
  const kind = kinds[kindNumber as number];
  const expected = name.quantizer === null ? "float" : kindsByQuantizer[name.quantizer];
  if (savedVersion !== version || kind === undefined || kind !== expected || savedDim !== dim) return null;
  const wordCount = kind === "pq" ? 256 * dim : 0;
  const floats = (copy.length - headerBytes) / 4;
  if (floats !== wordCount + (centreCount as number) * dim) return null;
  const words = new Float32Array(copy.buffer, headerBytes, wordCount);
  const centres = new Float32Array(copy.buffer, headerBytes + wordCount * 4, (centreCount as number) * dim);
  const compression = toCompression(kind, { bits: bits!, seed: seed!, subDim: subDim!, dim, words });
  return compression === null ? null : { compression, centres: centreCount === 0 ? null : centres };
}

function toCompression(
  kind: (typeof kinds)[number],
  saved: { bits: number; seed: number; subDim: number; dim: number; words: Float32Array },
): Compression | null {
  const { bits, seed, subDim, dim, words } = saved;
  switch (kind) {
    case "float":
    case "sq8":
      return { kind };
    case "rabitq":
      return { kind, seed };
    case "polarvec":
      return bits >= 1 && bits <= 8 ? { kind, bits, seed } : null;
    case "pq": {
      if (subDim < 1 || subDim > dim) return null;
      return { kind, codebook: { dim, subDim, subspaces: Math.ceil(dim / subDim), words } };
    }
  }
}
