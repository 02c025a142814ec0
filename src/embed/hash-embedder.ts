/**
 * How do texts become vectors without a model?
 *
 * By the hashing trick (Weinberger et al., Feature Hashing for Large Scale Multitask Learning, ICML 2009): the words
 * of a text, pairs of neighbouring words and the runs of three and four characters in each word are features; a
 * feature's hash names a component and a sign. Counts are damped by the square root, the vector has length 1. Texts
 * that share words, or pieces of words, are near; meaning is unknown to it. The same text gives the same vector on
 * every machine: integer hashes, and of floating point only operations that IEEE 754 defines exactly. Importable by
 * the client; imports the errors and limits alone.
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

/** Slots of the feature table to begin with; a power of two. */
const tableSizeMin = 1024;
/** Slots above which the table is not kept for the next text: one long text should not cost memory for ever. */
const tableSizeKept = 65_536;

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
  const features = new TextFeatures(seed);
  const embed = (texts: readonly string[]): Float32Array[] => texts.map((text) => textVector(text, dim, features));
  return Object.assign(embed, { embedderName: `hash/${featuresVersion}/${dim}/${seed}`, dim, batchSize: 256 });
}

function textVector(text: string, dim: number, features: TextFeatures): Float32Array {
  features.clear();
  for (const word of text.normalize("NFKC").toLowerCase().match(wordPattern) ?? []) features.addWord(word);
  return features.vector(dim) ?? unitVector(features.hashOf(text), dim);
}

/**
 * The features of one text: how often each was met, and what it weighs. A hash table with open addressing, used for
 * text after text; features are summed in the order in which they were first met, so that sums are the same
 * everywhere.
 */
class TextFeatures {
  readonly #seed: number;
  #hashes = new Uint32Array(tableSizeMin);
  /** 0: the slot is free. */
  #counts = new Uint32Array(tableSizeMin);
  #weights = new Float64Array(tableSizeMin);
  /** Slots in use, in order of first use. */
  #slots = new Uint32Array(tableSizeMin / 2);
  #size = 0;
  /** Hash of the word before; `null` at the beginning of the text. */
  #before: number | null = null;

  constructor(seed: number) {
    this.#seed = seed;
  }

  clear(): void {
    for (let at = 0; at < this.#size; at += 1) this.#counts[this.#slots[at]!] = 0;
    this.#size = 0;
    this.#before = null;
    if (this.#hashes.length > tableSizeKept) this.#allocate(tableSizeMin);
  }

  /** Hash of a whole text: for texts without features. */
  hashOf(text: string): number {
    return hashUnits(text, 0, text.length, this.#seed ^ textKind);
  }

  addWord(word: string): void {
    const hash = hashUnits(word, 0, word.length, this.#seed ^ wordKind);
    const isUnspaced = word.charCodeAt(0) >= 0x0e00 && unspacedPattern.test(word);
    if (isUnspaced) {
      this.#addRuns(word, unspacedRuns, runsWeight);
    } else {
      this.#add(hash, 1);
      // With its edges marked, a word of n characters has 2n - 1 runs.
      this.#addRuns(` ${word} `, spacedRuns, runsWeight / Math.sqrt(2 * word.length - 1));
    }
    if (this.#before !== null) this.#add(mixed(this.#before, hash, this.#seed ^ pairKind), pairWeight);
    this.#before = hash;
  }

  #addRuns(text: string, lengths: readonly number[], weight: number): void {
    for (const length of lengths) {
      for (let at = 0; at + length <= text.length; at += 1) {
        this.#add(hashUnits(text, at, at + length, this.#seed ^ runKind), weight);
      }
    }
  }

  #add(hash: number, weight: number): void {
    const mask = this.#hashes.length - 1;
    let slot = hash & mask;
    while (this.#counts[slot] !== 0) {
      if (this.#hashes[slot] === hash) {
        this.#counts[slot]! += 1;
        return;
      }
      slot = (slot + 1) & mask;
    }
    this.#hashes[slot] = hash;
    this.#weights[slot] = weight;
    this.#counts[slot] = 1;
    this.#slots[this.#size] = slot;
    this.#size += 1;
    if (this.#size === this.#slots.length) this.#grow();
  }

  /** Twice the slots; what is in them keeps its order. */
  #grow(): void {
    const [hashes, counts, weights, slots] = [this.#hashes, this.#counts, this.#weights, this.#slots];
    const size = hashes.length * 2;
    this.#allocate(size);
    for (const [at, from] of slots.entries()) {
      let to = hashes[from]! & (size - 1);
      while (this.#counts[to] !== 0) to = (to + 1) & (size - 1);
      this.#hashes[to] = hashes[from]!;
      this.#counts[to] = counts[from]!;
      this.#weights[to] = weights[from]!;
      this.#slots[at] = to;
    }
  }

  #allocate(size: number): void {
    this.#hashes = new Uint32Array(size);
    this.#counts = new Uint32Array(size);
    this.#weights = new Float64Array(size);
    this.#slots = new Uint32Array(size / 2);
  }

  /** The vector of length 1; `null` when there is no feature, or when they cancel out. */
  vector(dim: number): Float32Array | null {
    const sums = new Float64Array(dim);
    for (let at = 0; at < this.#size; at += 1) {
      const slot = this.#slots[at]!;
      const hash = this.#hashes[slot]!;
      const value = this.#weights[slot]! * Math.sqrt(this.#counts[slot]!);
      sums[componentOf(hash, dim)]! += (hash & 1) === 0 ? value : -value;
    }
    let squares = 0;
    for (let at = 0; at < dim; at += 1) squares += sums[at]! * sums[at]!;
    if (squares === 0) return null;
    const length = Math.sqrt(squares);
    const vector = new Float32Array(dim);
    for (let at = 0; at < dim; at += 1) vector[at] = sums[at]! / length;
    return vector;
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
