/**
 * Which rows are the kernel's tests made of?
 *
 * Ordinary and hostile kinds of vectors, made from a seed. For tests of the kernel and of what stands on it.
 */
import type { Dtype } from "../types.js";
import { decodeFloat16, encodeFloat16 } from "./float16.js";

/** Uniform numbers in [0, 1) from a seed (xorshift32). */
export function randomFrom(seed: number): () => number {
  let state = (seed ^ 0x9e37_79b9) | 1;
  return () => {
    state ^= state << 13;
    state ^= state >>> 17;
    state ^= state << 5;
    return (state >>> 0) / 2 ** 32;
  };
}

export function gaussian(random: () => number): number {
  return Math.sqrt(-2 * Math.log(1 - random())) * Math.cos(2 * Math.PI * random());
}

/** Kinds of data, ordinary and hostile; each gives component `i` of row `row`. */
const kinds = {
  gaussian: (random: () => number) => gaussian(random),
  offset: (random: () => number) => 1000 + gaussian(random),
  "large offset": (random: () => number) => 1e6 + gaussian(random) * 0.01,
  "small integers": (random: () => number) => Math.floor(random() * 3) - 1,
  "extreme codes": (random: () => number) => (random() < 0.5 ? -1 : 1),
  "all equal": (_: () => number, _row: number, i: number) => ((i * 7) % 11) - 5.3,
  "all zero": () => 0,
  "half zero": (random: () => number, row: number) => (row % 2 ? 0 : gaussian(random)),
  sparse: (random: () => number) => (random() < 0.05 ? gaussian(random) : 0),
  subnormal: (random: () => number) => gaussian(random) * 1e-42,
  tiny: (random: () => number) => gaussian(random) * 1e-25,
  huge: (random: () => number) => Math.max(-3e38, Math.min(3e38, gaussian(random) * 1e38)),
  "all scales": (random: () => number) => gaussian(random) * 10 ** (random() * 60 - 30),
  "row scales": (random: () => number, row: number) => gaussian(random) * 10 ** (((row * 37) % 13) - 6),
  outlier: (random: () => number, _row: number, i: number) => (i === 1 ? 50 : 1) * gaussian(random),
  decaying: (random: () => number, _row: number, i: number) => gaussian(random) / (1 + i),
  positive: (random: () => number) => random(),
} satisfies Record<string, (random: () => number, row: number, i: number) => number>;
export type Kind = keyof typeof kinds;
export const kindNames = Object.keys(kinds) as Kind[];

export function makeRows(kind: Kind, rows: number, dim: number, dtype: Dtype, random: () => number): Float32Array {
  const data = new Float32Array(rows * dim);
  for (let row = 0; row < rows; row++) {
    for (let i = 0; i < dim; i++) data[row * dim + i] = kinds[kind](random, row, i);
  }
  if (dtype === "float32") return data;
  const halves = new Uint16Array(data.length);
  encodeFloat16(
    data.map((value) => Math.max(-65_000, Math.min(65_000, value))),
    halves,
  );
  decodeFloat16(halves, data);
  return data;
}

export function storedBytes(data: Float32Array, dtype: Dtype): Uint8Array {
  if (dtype === "float32") return new Uint8Array(data.buffer, data.byteOffset, data.byteLength);
  const halves = new Uint16Array(data.length);
  encodeFloat16(data, halves);
  return new Uint8Array(halves.buffer);
}
