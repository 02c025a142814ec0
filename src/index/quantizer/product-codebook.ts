/**
 * Which words stand for the parts of a vector?
 *
 * Product quantization (Jégou, Douze & Schmid, *Product quantization for nearest neighbor search*, 2011): a vector is cut into
 * parts, each is replaced by the nearest of 256 words of its subspace, and words are the centroids of the sample's parts.
 * Any dimension will do: the last part may be narrower.
 */
import { type LloydOptions, lloyd } from "./lloyd.js";

/** Words of a product quantizer. */
export interface Codebook {
  readonly dim: number;
  /** Components of a part; the last one may have fewer. */
  readonly subDim: number;
  readonly subspaces: number;
  /** 256 words a subspace, row-major; those of subspace m begin at 256 · subDim · m. */
  readonly words: Float32Array;
}

/** Rows that a codebook learns from at most. */
export const codebookRowsMax = 32_768;
const wordsOfSubspace = 256;
const defaultSubDim = 8;
const iterations = 12;

/** Components of a part for about `asked` parts; null: eight components each. */
function subspaceWidth(dim: number, asked: number | null): number {
  return asked === null ? Math.min(dim, defaultSubDim) : Math.ceil(dim / Math.min(dim, asked));
}

/** The codebook of row-major vectors. */
export async function trainCodebook(
  sample: Float32Array,
  dim: number,
  asked: number | null,
  options: Pick<LloydOptions, "pool" | "signal" | "seed">,
): Promise<Codebook> {
  const subDim = subspaceWidth(dim, asked);
  const subspaces = Math.ceil(dim / subDim);
  const count = Math.min(codebookRowsMax, Math.floor(sample.length / dim));
  const words = new Float32Array(wordsOfSubspace * dim);
  for (let m = 0; m < subspaces; m++) {
    const from = m * subDim;
    const size = Math.min(subDim, dim - from);
    const parts = new Float32Array(count * size);
    for (let row = 0; row < count; row++) {
      const start = row * dim + from;
      for (let i = 0; i < size; i++) parts[row * size + i] = sample[start + i] as number;
    }
    const trained = await lloyd(parts, size, wordsOfSubspace, { ...options, iterations });
    const place = wordsOfSubspace * from;
    // Fewer vectors than words: the first word stands in for the missing ones, and is the one that is chosen.
    for (let at = 0; at < wordsOfSubspace * size; at += size) {
      words.set(at < trained.length ? trained.subarray(at, at + size) : trained.subarray(0, size), place + at);
    }
  }
  return { dim, subDim, subspaces, words };
}
