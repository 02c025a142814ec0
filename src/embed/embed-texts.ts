/**
 * How do many texts become one matrix?
 *
 * The texts go to the embedder in batches, a few at a time; what comes back is checked (count, type, length, finite
 * numbers) and copied into row-major float32. What the embedder throws is passed on unchanged. Importable by the
 * client; imports the errors and limits alone.
 */
import { LynseError } from "../errors.js";
import { checkLimit } from "../limits.js";
import type { EmbedContext, Embedder, EmbedFunction } from "./embedder.js";

/** Texts a call, where neither the caller nor the embedder says. */
const batchSizeDefault = 64;

/** How texts are given to an embedder. */
export interface EmbedTextsOptions extends EmbedContext {
  /** Texts a call. Default: the embedder's `batchSize`, else 64. */
  readonly batchSize?: number;
  /** Calls under way at the same time. Default 1. */
  readonly concurrency?: number;
  /** Called after every batch with the texts done so far. */
  readonly onProgress?: (progress: { readonly done: number; readonly total: number }) => void;
  /** Length that the vectors must have: the dimension of the field that they go to. */
  readonly expectedDim?: number;
}

/** Row-major vectors; `dim` is 0 when there was no text and no dimension was known. */
export interface EmbeddedMatrix {
  readonly data: Float32Array;
  readonly dim: number;
  readonly count: number;
}

/**
 * The vectors of `texts`, in order. `INVALID_ARGUMENT`: the embedder is no function or gave something else than one
 * vector a text; `DIMENSION_MISMATCH`: vectors of another length; `INVALID_VECTOR`: NaN or Infinity; `ABORTED`: by the
 * signal.
 */
export async function embedTexts(
  embed: EmbedFunction | Embedder,
  texts: readonly string[],
  options: EmbedTextsOptions = {},
): Promise<EmbeddedMatrix> {
  if (typeof embed !== "function") {
    throw new LynseError("INVALID_ARGUMENT", `embed must be a function from texts to vectors, got ${shown(embed)}`, {
      option: "embed",
    });
  }
  checkTexts(texts);
  const preferred = "batchSize" in embed ? embed.batchSize : undefined;
  const batchSize = checkCount(options.batchSize ?? preferred ?? batchSizeDefault, "batchSize");
  const concurrency = checkCount(options.concurrency ?? 1, "concurrency");
  const failure = new AbortController();
  const { signal } = options;
  const ended = signal === undefined ? failure.signal : AbortSignal.any([signal, failure.signal]);
  const run = new EmbedRun(embed, texts, batchSize, { ...options, signal: ended });
  const lanes = Array.from({ length: Math.min(concurrency, Math.ceil(texts.length / batchSize)) }, () => run.work());
  try {
    await Promise.all(lanes);
  } catch (error) {
    // The calls still under way are for nothing.
    failure.abort(error);
    if (signal?.aborted) throw aborted(signal);
    throw error;
  }
  return run.matrix();
}

type RunOptions = EmbedTextsOptions & { readonly signal: AbortSignal };

class EmbedRun {
  readonly #embed: EmbedFunction;
  readonly #texts: readonly string[];
  readonly #batchSize: number;
  readonly #options: RunOptions;
  readonly #context: EmbedContext & { readonly signal: AbortSignal };
  #data: Float32Array | null = null;
  #dim: number;
  #next = 0;
  #done = 0;

  constructor(embed: EmbedFunction, texts: readonly string[], batchSize: number, options: RunOptions) {
    this.#embed = embed;
    this.#texts = texts;
    this.#batchSize = batchSize;
    this.#options = options;
    const { signal, purpose } = options;
    this.#context = purpose === undefined ? { signal } : { signal, purpose };
    this.#dim = options.expectedDim ?? 0;
  }

  /** Embeds batch after batch until none is left or the signal ends it; several run at the same time. */
  async work(): Promise<void> {
    const { signal, onProgress } = this.#options;
    while (this.#next < this.#texts.length) {
      if (signal.aborted) throw aborted(signal);
      const first = this.#next;
      const batch = this.#texts.slice(first, first + this.#batchSize);
      this.#next += batch.length;
      const vectors = await unlessAborted(this.#embed(batch, this.#context), signal);
      this.#store(vectors, first, batch.length);
      this.#done += batch.length;
      onProgress?.({ done: this.#done, total: this.#texts.length });
    }
  }

  matrix(): EmbeddedMatrix {
    return { data: this.#data ?? new Float32Array(0), dim: this.#dim, count: this.#texts.length };
  }

  #store(vectors: unknown, first: number, count: number): void {
    if (!Array.isArray(vectors)) {
      const expected = `expected an array of ${count} vectors`;
      throw new LynseError("INVALID_ARGUMENT", `the embedder gave ${shown(vectors)}; ${expected}`);
    }
    if (vectors.length !== count) {
      const message = `the embedder gave ${vectors.length} vectors for ${count} texts; it must give one each, in order`;
      throw new LynseError("INVALID_ARGUMENT", message, { expected: count, got: vectors.length });
    }
    for (const [offset, vector] of vectors.entries()) this.#storeVector(vector, first + offset);
  }

  #storeVector(vector: unknown, position: number): void {
    if (!isNumbers(vector)) {
      const message = `the embedder gave ${shown(vector)} for text ${position}; expected an array of numbers`;
      throw new LynseError("INVALID_ARGUMENT", message, { position });
    }
    const length = vector.length;
    if (this.#data === null) this.#begin(length, position);
    if (length !== this.#dim) {
      const expected = this.#options.expectedDim === undefined ? "the ones before it have" : "the field's dimension is";
      const message = `the embedder gave a vector of ${length} numbers for text ${position}; ${expected} ${this.#dim}`;
      throw new LynseError("DIMENSION_MISMATCH", message, { position, expected: this.#dim, got: length });
    }
    const data = this.#data!;
    const start = position * length;
    for (let at = 0; at < length; at += 1) {
      const value = vector[at];
      if (typeof value !== "number" || !Number.isFinite(Math.fround(value))) {
        const what = `${shown(value)} at component ${at}`;
        const message = `the embedder gave ${what} for text ${position}; components must be finite float32 numbers`;
        throw new LynseError("INVALID_VECTOR", message, { position, component: at });
      }
      data[start + at] = value;
    }
  }

  /** The first vector says how long all of them are, unless the caller did. */
  #begin(length: number, position: number): void {
    if (this.#options.expectedDim === undefined) {
      if (length === 0) {
        throw new LynseError("INVALID_ARGUMENT", `the embedder gave an empty vector for text ${position}`, {
          position,
        });
      }
      checkLimit("dimMax", length, "the length of the embedder's vectors");
      this.#dim = length;
    }
    this.#data = new Float32Array(this.#texts.length * this.#dim);
  }
}

function isNumbers(value: unknown): value is ArrayLike<unknown> {
  return Array.isArray(value) || (ArrayBuffer.isView(value) && "length" in value);
}

function checkTexts(texts: unknown): void {
  if (!Array.isArray(texts)) {
    throw new LynseError("INVALID_ARGUMENT", `texts to embed must be an array of strings, got ${shown(texts)}`);
  }
  const position = texts.findIndex((text) => typeof text !== "string");
  if (position >= 0) {
    const message = `texts to embed must be strings, got ${shown(texts[position])} at position ${position}`;
    throw new LynseError("INVALID_ARGUMENT", message, { position });
  }
}

function checkCount(value: unknown, name: string): number {
  if (typeof value === "number" && Number.isSafeInteger(value) && value >= 1) return value;
  throw new LynseError("INVALID_ARGUMENT", `${name} must be an integer of at least 1, got ${shown(value)}`, {
    option: name,
  });
}

/** What `work` gives, or an error as soon as the signal says so: an embedder need not listen to it. */
async function unlessAborted<T>(work: Promise<T> | T, signal: AbortSignal): Promise<T> {
  let stop = (): void => {};
  const abort = new Promise<never>((_, reject) => {
    stop = () => reject(aborted(signal));
    signal.addEventListener("abort", stop, { once: true });
    if (signal.aborted) stop();
  });
  try {
    return await Promise.race([work, abort]);
  } finally {
    signal.removeEventListener("abort", stop);
  }
}

function aborted(signal: AbortSignal): LynseError {
  return new LynseError("ABORTED", "the call was aborted by its signal", {}, signal.reason);
}

function shown(value: unknown): string {
  if (value === null || typeof value === "number" || typeof value === "boolean") return String(value);
  if (Array.isArray(value)) return `an array of ${value.length}`;
  return typeof value === "undefined" ? "undefined" : `a value of type ${typeof value}`;
}
