/**
 * How do texts become vectors by a model in this process?
 *
 * Through the package `@huggingface/transformers`, an optional peer: it is loaded, and the model with it, by the first
 * call and never before. The only file of the folder that may import a package. Importable by the client; imports the
 * errors alone.
 */
import { LynseError } from "../errors.js";
import type { Embedder } from "./embedder.js";

/** The part of `@huggingface/transformers` that is used. */
export interface TransformersModule {
  /** Loads a model; the result maps texts to a tensor `{ data, dims }`. */
  pipeline(task: "feature-extraction", model: string, options: object): Promise<unknown>;
}

/** Options of `transformersEmbedder`. */
export interface TransformersEmbedderOptions {
  /** A feature-extraction model: its name on the hub or a local path. Default `Xenova/all-MiniLM-L6-v2`. */
  readonly model?: string;
  /** How the vectors of a text's tokens become one. Default `"mean"`. */
  readonly pooling?: "mean" | "cls" | "last_token";
  /** Vectors of length 1. Default `true`. */
  readonly normalize?: boolean;
  /** Precision of the weights, such as `"fp32"` or `"q8"`. Default: the package's choice. */
  readonly dtype?: string;
  /** Where the model runs, such as `"cpu"` or `"webgpu"`. Default: the package's choice. */
  readonly device?: string;
  /** Texts a run of the model. Default 32. */
  readonly batchSize?: number;
  /** Loads the package; for bundlers: `() => import("@huggingface/transformers")`. */
  readonly load?: () => Promise<TransformersModule>;
}

const packageName = "@huggingface/transformers";
const poolings = ["mean", "cls", "last_token"];
const optionNames = ["model", "pooling", "normalize", "dtype", "device", "batchSize", "load"];

/** Runs the model. */
type Extractor = (texts: readonly string[], options: object) => Promise<unknown>;

/** An embedder by a local model. Its first call throws `UNSUPPORTED` when the package is not installed. */
export function transformersEmbedder(options: TransformersEmbedderOptions = {}): Embedder {
  const { model, pooling, normalize, batchSize } = checkTransformersOptions(options);
  const chosen = {
    ...(options.dtype !== undefined && { dtype: options.dtype }),
    ...(options.device !== undefined && { device: options.device }),
  };
  let loading: Promise<Extractor> | null = null;
  const loaded = (): Promise<Extractor> => {
    loading ??= loadExtractor(options.load ?? importTransformers, model, chosen).catch((error: unknown) => {
      // A network that was away may be back at the next call.
      loading = null;
      throw error;
    });
    return loading;
  };
  const embed: Embedder = async (texts, context) => {
    const vectors: Float32Array[] = [];
    for (let first = 0; first < texts.length; first += batchSize) {
      const extract = await loaded();
      if (context?.signal?.aborted) {
        throw new LynseError("ABORTED", "the call was aborted by its signal", {}, context.signal.reason);
      }
      const batch = texts.slice(first, first + batchSize);
      for (const vector of rowsOf(await extract(batch, { pooling, normalize }), batch.length, model)) {
        vectors.push(vector);
      }
    }
    return vectors;
  };
  const embedderName = `transformers/${model}/${pooling}${normalize ? "" : "/raw"}`;
  return Object.assign(embed, { embedderName, batchSize });
}

async function importTransformers(): Promise<TransformersModule> {
  // In a variable: neither the compiler nor a bundler looks for an optional package.
  const specifier: string = packageName;
  return await import(/* webpackIgnore: true */ /* @vite-ignore */ specifier);
}

async function loadExtractor(
  load: () => Promise<TransformersModule>,
  model: string,
  chosen: object,
): Promise<Extractor> {
  let module: TransformersModule;
  try {
    module = await load();
  } catch (error) {
    const message = `transformersEmbedder needs the package ${packageName}: npm install ${packageName}`;
    throw new LynseError("UNSUPPORTED", message, { package: packageName }, error);
  }
  if (typeof module?.pipeline !== "function") {
    const message = `${packageName} has no function pipeline: not a version that this one can use`;
    throw new LynseError("UNSUPPORTED", message, { package: packageName });
  }
  const extractor = await module.pipeline("feature-extraction", model, chosen);
  if (typeof extractor === "function") return extractor as Extractor;
  throw new LynseError("UNSUPPORTED", `${packageName} gave no function for the model ${model}`, { model });
}

/** The rows of a tensor of `count` x dim; the tensor's memory, which may be a device's, is given back. */
function rowsOf(tensor: unknown, count: number, model: string): Float32Array[] {
  const { data, dims, dispose } = (tensor ?? {}) as { data?: unknown; dims?: unknown; dispose?: unknown };
  const rows = Array.isArray(dims) ? dims[0] : undefined;
  const dim = Array.isArray(dims) ? dims[1] : undefined;
  const isMatrix = Array.isArray(dims) && dims.length === 2 && rows === count && Number.isInteger(dim);
  if (!isMatrix || !(data instanceof Float32Array) || data.length !== count * dim) {
    const got = Array.isArray(dims) ? `dimensions ${dims.join(" x ")}` : "no tensor";
    const message = `the model ${model} gave ${got} for ${count} texts; expected float32 vectors, one a text`;
    throw new LynseError("INVALID_ARGUMENT", message, { model });
  }
  const vectors = Array.from({ length: count }, (_, row) => data.slice(row * dim, (row + 1) * dim));
  if (typeof dispose === "function") dispose.call(tensor);
  return vectors;
}

function checkTransformersOptions(options: TransformersEmbedderOptions) {
  for (const name of Object.keys(options)) {
    if (optionNames.includes(name)) continue;
    const message = `transformersEmbedder has no option ${JSON.stringify(name)}; it takes ${optionNames.join(", ")}`;
    throw invalid(message, name);
  }
  const { model = "Xenova/all-MiniLM-L6-v2", pooling = "mean", normalize = true, batchSize = 32 } = options;
  if (typeof model !== "string" || model === "") throw invalid("model must be the name of a model", "model");
  if (!poolings.includes(pooling)) {
    throw invalid(`pooling must be one of ${poolings.join(", ")}, got ${String(pooling)}`, "pooling");
  }
  if (typeof normalize !== "boolean") throw invalid("normalize must be true or false", "normalize");
  if (!Number.isSafeInteger(batchSize) || batchSize < 1) {
    throw invalid(`batchSize must be an integer of at least 1, got ${String(batchSize)}`, "batchSize");
  }
  if (options.load !== undefined && typeof options.load !== "function") {
    throw invalid("load must be a function that gives the package", "load");
  }
  return { model, pooling, normalize, batchSize };
}

function invalid(message: string, option: string): LynseError {
  return new LynseError("INVALID_ARGUMENT", message, { option });
}
