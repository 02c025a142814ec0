/**
 * How is a compressed form of rows set up in memory?
 *
 * Writes the header that the kernel reads (`assembly/quantize/codec.ts`), and what it points to: signs of the rotation,
 * levels, codebook, centres. The layout of a block follows from quantizer, dimension and metric alone.
 */
import type { KernelMemory } from "../../kernel/kernel-memory.js";
import { metricNumbers } from "../../kernel/kernel-module.js";
import { SeededRandom } from "../../storage/seeded-random.js";
import type { DenseMetric } from "../../types.js";
import { evenLevels, normalLevels } from "./normal-levels.js";
import type { Codebook } from "./product-codebook.js";
import type { QuantizeKernel } from "./quantize-kernel.js";

/** How rows are compressed. */
export type Compression =
  | { readonly kind: "float" }
  | { readonly kind: "sq8" }
  | { readonly kind: "pq"; readonly codebook: Codebook }
  | { readonly kind: "rabitq"; readonly seed: number }
  | { readonly kind: "polarvec"; readonly bits: number; readonly seed: number };

export interface CodecOptions {
  readonly compression: Compression;
  readonly metric: DenseMetric;
  readonly dim: number;
  /** Rows carry their numbers, as those of inverted lists do. */
  readonly isNumbered: boolean;
  /** Centres that rows are coded relative to, row-major; null: none. */
  readonly centres: Float32Array | null;
}

/** A codec in memory. */
export interface Codec {
  readonly address: number;
  /** Bytes of 32 rows. */
  readonly blockBytes: number;
  /** Bytes of one row before it is placed in a block. */
  readonly recordBytes: number;
  /** Bytes that encoding needs beside its input and output. */
  readonly scratchBytes: number;
}

const kinds = { float: 0, int8: 1, tables: 2, product: 3 } as const;
const headerBytes = 128;
const scalarsOfBlock = 128;
/** Standard errors that a bound covers: all but one in some ten thousand rows (Gao & Long, section 5.2.2). */
const epsilon = 1.9;
const rotationRounds = 4;

interface Layout {
  readonly kind: number;
  readonly width: number;
  readonly codeBytes: number;
  readonly blockCodeBytes: number;
  readonly isRotated: boolean;
  readonly levels: Float32Array | null;
  readonly tables: number;
  readonly together: number;
}

function roundUp(value: number, step: number): number {
  return Math.ceil(value / step) * step;
}

/** Four bits an entry: four components of one bit, two of two, one of up to four. */
function tableLayout(dim: number, levels: Float32Array): Layout {
  const together = levels.length === 2 ? 4 : levels.length === 4 ? 2 : 1;
  // Few components are spread over more: one bit each of a handful would say little.
  const width = Math.max(together === 4 ? 64 : 32, roundUp(dim, 8));
  const tables = width / together;
  return {
    kind: kinds.tables,
    width,
    codeBytes: tables,
    blockCodeBytes: tables * 16,
    isRotated: true,
    levels,
    tables,
    together,
  };
}

function int8Layout(width: number, levels: Float32Array | null): Layout {
  return {
    kind: kinds.int8,
    width,
    codeBytes: width,
    blockCodeBytes: width * 32,
    isRotated: levels !== null,
    levels,
    tables: 0,
    together: 0,
  };
}

function layoutOf(compression: Compression, dim: number): Layout {
  const plain = { width: dim, isRotated: false, levels: null, tables: 0, together: 0 };
  switch (compression.kind) {
    case "float":
      return { ...plain, kind: kinds.float, codeBytes: dim * 4, blockCodeBytes: dim * 128 };
    case "pq": {
      const { subspaces } = compression.codebook;
      return { ...plain, kind: kinds.product, codeBytes: subspaces, blockCodeBytes: subspaces * 32 };
    }
    case "sq8":
      return int8Layout(roundUp(dim, 2), null);
    case "rabitq":
      return tableLayout(dim, Float32Array.of(-1, 1));
    case "polarvec": {
      const { bits } = compression;
      if (bits <= 4) return tableLayout(dim, normalLevels(2 ** bits));
      return int8Layout(Math.max(32, roundUp(dim, 8)), bits === 8 ? evenLevels() : normalLevels(2 ** bits));
    }
  }
}

/** Sign bits of the rotation, four rounds of `width`. */
function rotationSigns(width: number, seed: number): Uint32Array {
  const random = new SeededRandom(seed);
  const signs = new Uint32Array(rotationRounds * width);
  for (let i = 0; i < signs.length; i++) signs[i] = random.below(2) === 1 ? 0x8000_0000 : 0;
  return signs;
}

/** Sets a codec up in `memory`. */
export function createCodec(memory: KernelMemory, kernel: QuantizeKernel, options: CodecOptions): Codec {
  const { compression, metric, dim, isNumbered, centres } = options;
  const layout = layoutOf(compression, dim);
  const { width } = layout;
  const isProduct = compression.kind === "pq";
  const isScaled = layout.kind === kinds.int8 || layout.kind === kinds.tables;
  let blockBytes = layout.blockCodeBytes;
  const scalar = (isThere: boolean): number => {
    const offset = blockBytes;
    if (isThere) blockBytes += scalarsOfBlock;
    return isThere ? offset : 0;
  };
  const mul = scalar(isScaled);
  const add = scalar(metric === "l2" || (isScaled && centres !== null));
  const error = scalar(compression.kind === "rabitq");
  // Inverted lists follow up promising rows, so that few are left to the owner.
  const hasFine = compression.kind === "rabitq" && isNumbered && centres !== null;
  const fineMul = scalar(hasFine);
  const fineAdd = scalar(hasFine);
  const fine = hasFine ? blockBytes : 0;
  if (hasFine) blockBytes += 32 * roundUp(width, 16);
  const rows = scalar(isNumbered);
  const copy = (values: Float32Array | Uint32Array): number => {
    const address = memory.allocate(values.byteLength + 64);
    const bytes = new Uint8Array(values.buffer, values.byteOffset, values.byteLength);
    new Uint8Array(memory.buffer, address, bytes.length).set(bytes);
    return address;
  };
  const rotation = layout.isRotated && "seed" in compression ? copy(rotationSigns(width, compression.seed)) : 0;
  const levels = layout.levels === null ? 0 : copy(layout.levels);
  const centresAt = centres === null ? 0 : copy(centres);
  const rotatedAt = centres !== null && isScaled ? placeRotated(memory, kernel, centres, dim, width, rotation) : 0;
  const book = isProduct ? placeCodebook(memory, kernel, compression.codebook) : { words: 0, halves: 0 };
  const recordBytes = roundUp(layout.codeBytes, 4) + 12 + (hasFine ? 8 + roundUp(width, 4) : 0);
  const address = memory.allocate(headerBytes);
  const header = new Uint32Array(memory.buffer, address, headerBytes / 4);
  header.set([layout.kind, metricNumbers[metric], dim, width, blockBytes, mul, add, error, rows, rotation, levels]);
  header.set([layout.levels?.length ?? 0, layout.tables, layout.together, book.words, book.halves], 11);
  header.set(isProduct ? [compression.codebook.subspaces, compression.codebook.subDim] : [0, 0], 16);
  header.set([centresAt, rotatedAt], 18);
  header.set([roundUp(layout.codeBytes, 4), recordBytes, fine, fineMul, fineAdd], 21);
  new Float32Array(memory.buffer, address + 80, 1)[0] = epsilon;
  return { address, blockBytes, recordBytes, scratchBytes: roundUp(width, 4) * 4 + 1024 + 64 };
}

/** Rotated copies of centres, `width` apart. */
function placeRotated(
  memory: KernelMemory,
  kernel: QuantizeKernel,
  centres: Float32Array,
  dim: number,
  width: number,
  rotation: number,
): number {
  const count = centres.length / dim;
  const address = memory.allocate(count * width * 4 + 64);
  const target = new Float32Array(memory.buffer, address, count * width);
  for (let i = 0; i < count; i++) target.set(centres.subarray(i * dim, (i + 1) * dim), i * width);
  if (rotation !== 0) kernel.rotateRows(address, count, width, rotation);
  return address;
}

/** A codebook as the kernel compares with it: blocks of words a subspace, and the halves of their squares. */
function placeCodebook(
  memory: KernelMemory,
  kernel: QuantizeKernel,
  { dim, subDim, subspaces, words }: Codebook,
): { readonly words: number; readonly halves: number } {
  const wordsAt = memory.allocate(words.byteLength + 64);
  const halves = memory.allocate(subspaces * 1024);
  const scratch = memory.acquireScratch(256 * subDim * 4);
  for (let m = 0; m < subspaces; m++) {
    const size = Math.min(subDim, dim - m * subDim);
    const from = m * subDim * 256;
    new Float32Array(memory.buffer, scratch.address, 256 * size).set(words.subarray(from, from + 256 * size));
    kernel.packVectors(scratch.address, 256, size, wordsAt + from * 4);
    kernel.halfSquares(scratch.address, 256, size, halves + m * 1024);
  }
  memory.releaseScratch(scratch);
  return { words: wordsAt, halves };
}
