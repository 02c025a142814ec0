/**
 * How do texts become vectors without a model?
 *
 * By the hashing trick (Weinberger et al., Feature Hashing for Large Scale Multitask Learning, ICML 2009): the words of a text,
 * pairs of neighbouring words and the runs of three and four characters in each word are features; a feature's hash names a
 * component and a sign. Counts are damped by the square root, the vector has length 1. Texts that share words, or pieces
 * of words, are near; meaning is unknown to it. The same text gives the same vector on every machine: integer hashes, and
 * of floating point only operations that IEEE 754 defines exactly. Importable by the client; imports the errors and limits
 * alone.
 */
import { LynseError } from "../errors.js";
import { checkLimit } from "../limits.js";
import type { Embedder } from "./embedder.js";

/** Options of `hashEmbedder`. */
export interface HashEmbedderOptions {
  /** Length of the vectors: more components, fewer features that share one. Default 256. */
  readonly dim?: number;
  /** Another seed gives other, incomparable vectors. An unsigned 32-bit integer; default 0. */
  readonly seed?: number;
}

/** Which features a vector is made of; another number when that changes. */
const featuresVersion = 1;
/** Weight of a pair of neighbouring words, where a word has 1. */
const pairWeight = 0.3;
/** Weight of all character runs of one word together, where the word has 1. */
const runsWeight = 1;

const wordPattern = /[\p{L}\p{N}\p{M}]+/gu;
const unspacedPattern =
  /[\p{scx=Han}\p{scx=Hiragana}\p{scx=Katakana}\p{scx=Thai}\p{scx=Lao}\p{scx=Khmer}\p{scx=Myanmar}]/u;
const spacedRuns: readonly number[] = [3, 4];
/** Scripts without spaces between words: their characters and pairs of characters stand in for words. */
const unspacedRuns: readonly number[] = [1, 2];

/** Kinds of features, mixed into the hash: the word "ab" and the run "ab" differ. */
const wordKind = 1;
const pairKind = 2;
const runKind = 3;
const textKind = 4;

/** An embedder that needs no model and no network; for tests, demonstrations and near-duplicate search. */
export function hashEmbedder(options: HashEmbedderOptions = {}): Embedder {
  for (const name of Object.keys(options)) {
    if (name === "dim" || name === "seed") continue;
    const message = `hashEmbedder has no option ${JSON.stringify(name)}; it takes dim and seed`;
    throw new LynseError("INVALID_ARGUMENT", message, { option: name });
  }
  const dim = checkInteger(options.dim ?? 256, "dim", 1, Number.MAX_SAFE_INTEGER);
  checkLimit("dimMax", dim, "dim");
  const seed = checkInteger(options.seed ?? 0, "seed", 0, 0xffff_ffff);
  const embed = (texts: readonly string[]): Float32Array[] => texts.map((text) => textVector(text, dim, seed));
  return Object.assign(embed, { embedderName: `hash/${featuresVersion}/${dim}/${seed}`, dim, batchSize: 256 });
}

function textVector(text: string, dim: number, seed: number): Float32Array {
  const features = new TextFeatures(seed);
  let before = 0;
  for (const word of text.normalize("NFKC").toLowerCase().match(wordPattern) ?? []) {
    const hash = hashUnits(word, 0, word.length, seed ^ wordKind);
    features.addWord(word, hash);
    if (before !== 0) features.add(mixed(before, hash, seed ^ pairKind), pairWeight);
    before = hash;
  }
  return features.vector(dim) ?? unitVector(hashUnits(text, 0, text.length, seed ^ textKind), dim);
}

/** The features of one text: how often each was met, and what it weighs. */
class TextFeatures {
  readonly #seed: number;
  readonly #counts = new Map<number, number>();
  readonly #weights = new Map<number, number>();

  constructor(seed: number) {
    this.#seed = seed;
  }

  add(hash: number, weight: number): void {
    const count = this.#counts.get(hash) ?? 0;
    this.#counts.set(hash, count + 1);
    if (count === 0) this.#weights.set(hash, weight);
  }

  addWord(word: string, hash: number): void {
    const isUnspaced = word.charCodeAt(0) >= 0x0e00 && unspacedPattern.test(word);
    if (!isUnspaced) this.add(hash, 1);
    const lengths = isUnspaced ? unspacedRuns : spacedRuns;
    const edged = isUnspaced ? word : ` ${word} `;
    let count = 0;
    for (const length of lengths) count += Math.max(0, edged.length - length + 1);
    const weight = runsWeight / Math.sqrt(isUnspaced ? 1 : count);
    for (const length of lengths) {
      for (let at = 0; at + length <= edged.length; at += 1) {
        this.add(hashUnits(edged, at, at + length, this.#seed ^ runKind), weight);
      }
    }
  }

  /** The vector of length 1; `null` when there is no feature, or when they cancel out. */
  vector(dim: number): Float32Array | null {
    const sums = new Float64Array(dim);
    for (const [hash, count] of this.#counts) {
      const value = this.#weights.get(hash)! * Math.sqrt(count);
      sums[componentOf(hash, dim)]! += (hash & 1) === 0 ? value : -value;
    }
    let squares = 0;
    for (const sum of sums) squares += sum * sum;
    if (squares === 0) return null;
    const length = Math.sqrt(squares);
    return Float32Array.from(sums, (sum) => sum / length);
  }
}

function unitVector(hash: number, dim: number): Float32Array {
  const vector = new Float32Array(dim);
  vector[componentOf(hash, dim)] = 1;
  return vector;
}

/** The component that a hash names, by its upper 31 bits; the lowest one is the sign. */
function componentOf(hash: number, dim: number): number {
  return Math.floor(((hash >>> 1) * dim) / 0x8000_0000);
}

/** 32-bit hash of UTF-16 units, with the finaliser of MurmurHash3 (Appleby, public domain). */
function hashUnits(text: string, from: number, to: number, seed: number): number {
  let hash = seed ^ (to - from);
  for (let at = from; at < to; at += 1) {
    hash = Math.imul(hash ^ text.charCodeAt(at), 0x5bd1_e995);
    hash ^= hash >>> 15;
  }
  return finished(hash);
}

function mixed(first: number, second: number, seed: number): number {
  return finished(Math.imul(first ^ seed, 0x9e37_79b1) ^ second);
}

function finished(hash: number): number {
  let mixing = hash ^ (hash >>> 16);
  mixing = Math.imul(mixing, 0x85eb_ca6b);
  mixing ^= mixing >>> 13;
  mixing = Math.imul(mixing, 0xc2b2_ae35);
  return (mixing ^ (mixing >>> 16)) >>> 0;
}

function checkInteger(value: unknown, name: string, min: number, max: number): number {
  if (typeof value === "number" && Number.isInteger(value) && value >= min && value <= max) return value;
  const range = max === Number.MAX_SAFE_INTEGER ? `of at least ${min}` : `from ${min} to ${max}`;
  throw new LynseError("INVALID_ARGUMENT", `${name} must be an integer ${range}, got ${String(value)}`, {
    option: name,
  });
}
