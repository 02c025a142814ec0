/**
 * How is an embedding service asked, when it may be busy, slow or gone for a moment?
 *
 * One POST of JSON, tried again after a growing, randomised pause where trying again can help: no connection, no
 * answer in time, status 408, 429 or 5xx. A `Retry-After` of the service is obeyed. Neither the headers nor the
 * address's query ever get into an error. Imports the errors alone.
 */
import { LynseError } from "../errors.js";

/** A request and the patience for it. */
export interface PostRequest {
  readonly url: URL;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: string;
  readonly fetch: typeof fetch;
  /** Time for one try. */
  readonly timeoutMs: number;
  /** Tries after the first. */
  readonly retries: number;
  /** Pause before the second try; every later one is twice as long. */
  readonly retryDelayMs: number;
  /** Texts that may not be repeated in an error, whatever the service answers. */
  readonly secrets: readonly string[];
  readonly signal?: AbortSignal | undefined;
}

/** Longest pause between two tries; a service that asks for more is not waited for. */
const pauseMaxMs = 60_000;
/** Characters of a service's answer that an error repeats. */
const answerShownMax = 300;

/** A try that failed. */
interface Failure {
  readonly error: LynseError;
  readonly canRetry: boolean;
  /** What the service asked for; `null`: nothing. */
  readonly retryAfterMs: number | null;
}

/** The text of a successful answer. */
export async function postWithRetry(request: PostRequest): Promise<string> {
  for (let tries = 1; ; tries += 1) {
    const outcome = await tryOnce(request, tries);
    if (typeof outcome === "string") return outcome;
    const backoffMs = request.retryDelayMs * 2 ** (tries - 1) * (0.75 + Math.random() / 2);
    const pauseMs = outcome.retryAfterMs ?? Math.min(backoffMs, pauseMaxMs);
    if (!outcome.canRetry || tries > request.retries || pauseMs > pauseMaxMs) throw outcome.error;
    await pause(pauseMs, request.signal);
  }
}

async function tryOnce(request: PostRequest, tries: number): Promise<string | Failure> {
  throwIfAborted(request.signal);
  const timeout = AbortSignal.timeout(request.timeoutMs);
  const signal = request.signal === undefined ? timeout : AbortSignal.any([request.signal, timeout]);
  try {
    const { url, headers, body } = request;
    // A redirect would carry the caller's own headers, keys among them, to another host.
    const response = await request.fetch(url, { method: "POST", headers, body, signal, redirect: "error" });
    const text = await response.text();
    return response.ok ? text : refused(request, response, text, tries);
  } catch (cause) {
    throwIfAborted(request.signal);
    return unanswered(request, timeout.aborted, tries, cause);
  }
}

function unanswered(request: PostRequest, isTimeout: boolean, tries: number, cause: unknown): Failure {
  const place = placeOf(request.url);
  const details = { url: place, tries };
  const after = tries === 1 ? "" : ` after ${tries} tries`;
  const error = isTimeout
    ? new LynseError(
        "TIMEOUT",
        `the embedding service at ${place} did not answer within ${request.timeoutMs} ms${after}; raise timeoutMs`,
        details,
      )
    : new LynseError(
        "UNAVAILABLE",
        `the embedding service at ${place} could not be reached${after}: ${withoutSecrets(reasonOf(cause), request)}`,
        details,
      );
  return { error, canRetry: true, retryAfterMs: null };
}

function refused(request: PostRequest, response: Response, text: string, tries: number): Failure {
  const { status } = response;
  const place = placeOf(request.url);
  const details = { url: place, status, tries };
  if (status === 401 || status === 403) {
    // What the service says here may repeat a part of the key.
    const message = `the embedding service at ${place} refused the API key (status ${status}); check apiKey`;
    return { error: new LynseError("UNAUTHORIZED", message, details), canRetry: false, retryAfterMs: null };
  }
  const said = withoutSecrets(text, request).replace(/\s+/g, " ").trim();
  const answer = said.length > answerShownMax ? `${said.slice(0, answerShownMax)}…` : said;
  const what = `the embedding service at ${place} answered with status ${status}`;
  const after = tries === 1 ? "" : ` after ${tries} tries`;
  const message = `${what}${after}${answer === "" ? "" : `: ${answer}`}`;
  // A used-up quota is answered with 429 as well, and no pause helps.
  const canRetry = status === 408 || status >= 500 || (status === 429 && !text.includes("insufficient_quota"));
  const code = status === 408 || status === 429 || status >= 500 ? "UNAVAILABLE" : "INVALID_ARGUMENT";
  return { error: new LynseError(code, message, details), canRetry, retryAfterMs: retryAfter(response.headers) };
}

/** `Retry-After`: seconds or a date (RFC 9110, 10.2.3). */
function retryAfter(headers: Headers): number | null {
  const value = headers.get("retry-after");
  if (value === null) return null;
  const ms = /^\d+(\.\d+)?$/.test(value) ? Number(value) * 1000 : Date.parse(value) - Date.now();
  return Number.isNaN(ms) ? null : Math.max(0, ms);
}

function placeOf(url: URL): string {
  return `${url.origin}${url.pathname}`;
}

function reasonOf(cause: unknown): string {
  if (!(cause instanceof Error)) return "the connection failed";
  const inner = cause.cause;
  return inner instanceof Error && inner.message !== "" ? inner.message : cause.message;
}

function withoutSecrets(text: string, request: PostRequest): string {
  let shown = text;
  for (const secret of request.secrets) shown = shown.replaceAll(secret, "***");
  return shown;
}

function pause(ms: number, signal: AbortSignal | undefined): Promise<void> {
  return new Promise((resolve, reject) => {
    const stop = (): void => {
      clearTimeout(timer);
      reject(aborted(signal));
    };
    const timer = setTimeout(() => {
      signal?.removeEventListener("abort", stop);
      resolve();
    }, ms);
    signal?.addEventListener("abort", stop, { once: true });
  });
}

function throwIfAborted(signal: AbortSignal | undefined): void {
  if (signal?.aborted) throw aborted(signal);
}

function aborted(signal: AbortSignal | undefined): LynseError {
  return new LynseError("ABORTED", "the call was aborted by its signal", {}, signal?.reason);
}
