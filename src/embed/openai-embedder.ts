/**
 * How do texts become vectors by OpenAI's API, or one that speaks like it?
 *
 * `POST {baseUrl}/embeddings`, with the model's name and the texts. The API key goes to the service and nowhere else:
 * into no error, no message, no property of the embedder. Importable by the client; imports the errors alone.
 */
import { LynseError } from "../errors.js";
import type { Embedder } from "./embedder.js";
import { postWithRetry } from "./post-with-retry.js";
import { readEmbeddings } from "./read-embeddings.js";

/** Options of `openAIEmbedder`. */
export interface OpenAIEmbedderOptions {
  /**
   * The service's key. Default: the environment's `OPENAI_API_KEY`, for OpenAI's own address alone; another service
   * gets only a key that is given here.
   */
  readonly apiKey?: string;
  /** Where the service is, up to `/embeddings`. Default `https://api.openai.com/v1`. */
  readonly baseUrl?: string;
  /** Default `text-embedding-3-small`. */
  readonly model?: string;
  /** Length of the vectors, for models that can shorten them. Default: the model's own. */
  readonly dimensions?: number;
  /** How numbers travel: base64 is about a quarter of the bytes, not every service knows it. Default `"float"`. */
  readonly encodingFormat?: "float" | "base64";
  /** Takes the place of the global `fetch`: proxies, tests. */
  readonly fetch?: typeof fetch;
  /** Time for one try, milliseconds. Default 30000. */
  readonly timeoutMs?: number;
  /** Tries after the first one when the service is busy, slow or not reachable. Default 3. */
  readonly retries?: number;
  /** Pause before the second try, milliseconds; doubled for each later one. `Retry-After` goes first. Default 500. */
  readonly retryDelayMs?: number;
  /** Texts a request. Default 128. */
  readonly batchSize?: number;
  /** Further headers of every request. */
  readonly headers?: Readonly<Record<string, string>>;
}

const defaultBaseUrl = "https://api.openai.com/v1";
/** Lengths of the vectors of OpenAI's own models. */
const knownDims = new Map([
  ["text-embedding-3-small", 1536],
  ["text-embedding-3-large", 3072],
  ["text-embedding-ada-002", 1536],
]);
const optionNames = [
  "apiKey",
  "baseUrl",
  "model",
  "dimensions",
  "encodingFormat",
  "fetch",
  "timeoutMs",
  "retries",
  "retryDelayMs",
  "batchSize",
  "headers",
];

/**
 * An embedder by OpenAI's API or a compatible one. Its calls throw `UNAUTHORIZED` (key refused), `INVALID_ARGUMENT`
 * (request refused), `TIMEOUT`, `UNAVAILABLE` (not reachable, busy, an answer that does not fit) and `ABORTED`.
 */
export function openAIEmbedder(options: OpenAIEmbedderOptions = {}): Embedder {
  for (const name of Object.keys(options)) {
    if (!optionNames.includes(name)) {
      throw invalid(`openAIEmbedder has no option ${JSON.stringify(name)}; it takes ${optionNames.join(", ")}`, name);
    }
  }
  const model = checkString(options.model ?? "text-embedding-3-small", "model");
  const dimensions = options.dimensions === undefined ? undefined : checkCount(options.dimensions, "dimensions", 1);
  const encoding = options.encodingFormat ?? "float";
  if (encoding !== "float" && encoding !== "base64") {
    throw invalid(`encodingFormat must be "float" or "base64", got ${String(encoding)}`, "encodingFormat");
  }
  const { url, isOpenAI } = checkBaseUrl(options.baseUrl ?? defaultBaseUrl);
  const apiKey = findKey(options.apiKey, isOpenAI);
  const batchSize = checkCount(options.batchSize ?? 128, "batchSize", 1);
  const request = {
    url,
    headers: requestHeaders(apiKey, options.headers),
    fetch: checkFetch(options.fetch),
    timeoutMs: checkCount(options.timeoutMs ?? 30_000, "timeoutMs", 1),
    retries: checkCount(options.retries ?? 3, "retries", 0),
    retryDelayMs: checkCount(options.retryDelayMs ?? 500, "retryDelayMs", 0),
    secrets: [apiKey ?? "", ...Object.values(options.headers ?? {})].filter((secret) => secret.length >= 4),
  };
  const asked = {
    ...(encoding === "base64" && { encoding_format: encoding }),
    ...(dimensions !== undefined && { dimensions }),
  };
  const embed: Embedder = async (texts, context) => {
    const vectors: Float32Array[] = [];
    for (let first = 0; first < texts.length; first += batchSize) {
      const input = texts.slice(first, first + batchSize);
      const body = JSON.stringify({ model, input, ...asked });
      const answer = await postWithRetry({ ...request, body, signal: context?.signal });
      for (const vector of readEmbeddings(answer, input.length, dimensions)) vectors.push(vector);
    }
    return vectors;
  };
  const dim = dimensions ?? knownDims.get(model);
  const embedderName = `openai/${model}${dimensions === undefined ? "" : `/${dimensions}`}`;
  return Object.assign(embed, { embedderName, batchSize, ...(dim !== undefined && { dim }) });
}

/** The address without a word on it in errors: it may hold a password. */
function checkBaseUrl(value: unknown): { url: URL; isOpenAI: boolean } {
  let url: URL | null = null;
  try {
    url = new URL(checkString(value, "baseUrl"));
  } catch {
    throw invalid("baseUrl must be an absolute http(s) URL such as https://api.openai.com/v1", "baseUrl");
  }
  if (url.protocol !== "https:" && url.protocol !== "http:") {
    throw invalid(`baseUrl must begin with http:// or https://, got ${url.protocol}`, "baseUrl");
  }
  if (url.username !== "" || url.password !== "") {
    throw invalid("baseUrl may not hold a user name or password; use apiKey or headers", "baseUrl");
  }
  const isOpenAI = url.origin === new URL(defaultBaseUrl).origin;
  url.pathname = `${url.pathname.replace(/\/+$/, "")}/embeddings`;
  return { url, isOpenAI };
}

function findKey(given: unknown, isOpenAI: boolean): string | null {
  if (given !== undefined) {
    if (typeof given === "string" && /^[\x21-\x7e]+$/.test(given)) return given;
    throw invalid("apiKey must be a string of visible ASCII characters without spaces", "apiKey");
  }
  if (!isOpenAI) return null;
  const found = typeof process === "undefined" ? undefined : process.env?.["OPENAI_API_KEY"]?.trim();
  if (found !== undefined && /^[\x21-\x7e]+$/.test(found)) return found;
  throw invalid("openAIEmbedder needs an API key: give apiKey or set OPENAI_API_KEY in the environment", "apiKey");
}

function requestHeaders(apiKey: string | null, more: unknown): Record<string, string> {
  const headers: Record<string, string> = { "content-type": "application/json", accept: "application/json" };
  if (apiKey !== null) headers["authorization"] = `Bearer ${apiKey}`;
  if (more === undefined) return headers;
  if (typeof more !== "object" || more === null) throw invalid("headers must be a record of strings", "headers");
  for (const [name, value] of Object.entries(more)) {
    if (typeof value !== "string") throw invalid(`the header ${JSON.stringify(name)} must be a string`, "headers");
    headers[name.toLowerCase()] = value;
  }
  return headers;
}

function checkFetch(value: unknown): typeof fetch {
  if (value === undefined) return (input, init) => fetch(input, init);
  if (typeof value === "function") return value as typeof fetch;
  throw invalid(`fetch must be a function, got ${typeof value}`, "fetch");
}

function checkString(value: unknown, name: string): string {
  if (typeof value === "string" && value !== "") return value;
  throw invalid(`${name} must be a non-empty string, got ${value === "" ? '""' : typeof value}`, name);
}

function checkCount(value: unknown, name: string, min: number): number {
  const max = 0x7fff_ffff;
  if (typeof value === "number" && Number.isInteger(value) && value >= min && value <= max) return value;
  throw invalid(`${name} must be an integer from ${min} to ${max}, got ${String(value)}`, name);
}

function invalid(message: string, option: string): LynseError {
  return new LynseError("INVALID_ARGUMENT", message, { option });
}
