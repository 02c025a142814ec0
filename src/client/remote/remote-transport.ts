/**
 * How does a request get to the server, and its answer back?
 *
 * JSON or bytes over kept connections, which an `HttpSender` has. Requests that fail are sent again where that is safe;
 * what is left becomes a `LynseError`: the server's own with the same code, `UNAVAILABLE` where it cannot be reached,
 * `TIMEOUT`, `ABORTED`. No message holds the key. Part of the remote client; needs nothing of Node.js.
 */
import { isLynseError, LynseError } from "../../errors.js";
import { answerError } from "./answer-error.js";
import { FetchSender } from "./fetch-sender.js";
import type { HttpAnswer, HttpSender } from "./http-sender.js";
import { nodeHttpSender } from "./node-http-sender.js";
import type { RemoteSettings } from "./remote-options.js";
import { causeCodes, isRetryableAnswer, isRetryableFailure, type Repeatable, waitMs } from "./retry-policy.js";

const fetchAtStart = globalThis.fetch;

/** What the server allows in one request; 0: no limit. */
export interface RemoteLimits {
  readonly maxTopK: number;
  readonly maxBatchVectors: number;
  readonly jsonLimitBytes: number;
  readonly payloadLimitBytes: number;
}

/** Members of a query string. */
export type QueryMembers = Readonly<Record<string, string | number | boolean | null | undefined>>;

export interface RequestOptions {
  readonly kind: Repeatable;
  readonly signal?: AbortSignal | undefined;
  /** In place of the client's; 0 for any. */
  readonly timeoutMs?: number;
  /** The answer is read after the call. */
  readonly isStream?: boolean;
}

/** A request, as it is sent. */
interface Sent {
  readonly method: "GET" | "POST";
  readonly path: string;
  readonly body: string | Uint8Array<ArrayBuffer> | null;
  readonly contentType: string;
}

type Params = Readonly<Record<string, unknown>>;

export class RemoteTransport {
  readonly url: string;
  readonly #settings: RemoteSettings;
  readonly #sender: HttpSender;
  #isClosed = false;
  /** Requests under way. */
  readonly #running = new Set<AbortController>();
  #limits: Promise<RemoteLimits> | null = null;

  constructor(settings: RemoteSettings) {
    this.#settings = settings;
    this.url = settings.url;
    const { fetch } = settings;
    this.#sender = fetch === null ? platformSender(settings.url) : new FetchSender(fetch);
  }

  get isReadOnly(): boolean {
    return this.#settings.isReadOnly;
  }

  /** Throws `CLOSED` after `close`. */
  checkOpen(): void {
    if (this.#isClosed) throw clientClosed();
  }

  /** Throws `READ_ONLY` where the client was opened so. */
  checkWritable(): void {
    this.checkOpen();
    if (!this.#settings.isReadOnly) return;
    throw new LynseError("READ_ONLY", "the client was opened read-only; open it without readOnly to write");
  }

  /** Refuses every further request; those under way end with `CLOSED`. */
  close(): void {
    this.#isClosed = true;
    for (const request of this.#running) request.abort();
    this.#sender.close();
  }

  /** What the server allows in one request; asked once. */
  limits(): Promise<RemoteLimits> {
    if (this.#limits === null) {
      const asked = this.#askLimits();
      this.#limits = asked;
      asked.catch(() => {
        if (this.#limits === asked) this.#limits = null;
      });
    }
    return this.#limits;
  }

  async #askLimits(): Promise<RemoteLimits> {
    const { limits } = await this.get("/version");
    const given = (limits ?? {}) as Readonly<Record<string, number>>;
    return {
      maxTopK: given["max_top_k"] ?? 0,
      maxBatchVectors: given["max_batch_vectors"] ?? 0,
      jsonLimitBytes: given["json_limit_bytes"] ?? 0,
      payloadLimitBytes: given["payload_limit_bytes"] ?? 0,
    };
  }

  /** `params` of the answer of a GET. */
  async get(path: string): Promise<Params> {
    const sent = { method: "GET", path, body: null, contentType: "" } as const;
    return paramsOf(await this.#send(sent, { kind: "read" }, (answer) => answer.json()));
  }

  /** Bytes of the answer of a GET, `bytesMax` at most; null where it has no body. */
  async getBytes(
    path: string,
    query: QueryMembers,
    bytesMax: number,
    options: Omit<RequestOptions, "kind"> = {},
  ): Promise<Uint8Array<ArrayBuffer> | null> {
    const sent = { method: "GET", path: withQuery(path, query), body: null, contentType: "" } as const;
    return this.#send(sent, { kind: "read", ...options }, async (answer) => {
      // Read in any case: the connection is wanted for other requests.
      const bytes = await answer.bytes(bytesMax);
      return answer.status === 204 ? null : bytes;
    });
  }

  /** `params` of the answer to a JSON body. */
  async post(path: string, body: object, options: RequestOptions): Promise<Params> {
    return paramsOf(await this.#send(jsonRequest(path, body), options, (answer) => answer.json()));
  }

  /** `params` of the answer to a body of bytes. */
  async postBytes(
    path: string,
    query: QueryMembers,
    body: Uint8Array<ArrayBuffer>,
    options: RequestOptions,
  ): Promise<Params> {
    const sent = {
      method: "POST",
      path: withQuery(path, query),
      body,
      contentType: "application/octet-stream",
    } as const;
    return paramsOf(await this.#send(sent, options, (answer) => answer.json()));
  }

  /** Bytes of the answer, as they come. The client's time limit ends with the first of them. */
  async stream(path: string, body: object, signal: AbortSignal): Promise<ReadableStream<Uint8Array>> {
    const options = { kind: "read", signal, timeoutMs: 0, isStream: true } as const;
    const found = await this.#send(jsonRequest(path, body), options, async (answer) => answer.stream());
    if (found !== null) return found;
    throw new LynseError("UNAVAILABLE", `the server at ${this.url} answered ${path} without a body`);
  }

  async #send<T>(sent: Sent, options: RequestOptions, read: (answer: HttpAnswer) => Promise<T>): Promise<T> {
    const { retries } = this.#settings;
    for (let attempt = 1; ; attempt++) {
      this.checkOpen();
      const tried = await this.#try(sent, options, read);
      if ("value" in tried) return tried.value;
      if (!tried.mayRepeat || attempt > retries) throw tried.error;
      await this.#wait(waitMs(attempt, tried.retryAfter), options.signal);
    }
  }

  async #try<T>(sent: Sent, options: RequestOptions, read: (answer: HttpAnswer) => Promise<T>): Promise<Tried<T>> {
    const ending = new RequestEnding(options, this.#settings);
    this.#running.add(ending.controller);
    try {
      const { method, path, body, contentType } = sent;
      const { headers } = this.#settings;
      const answer = await this.#sender.send({
        method,
        url: `${this.url}${path}`,
        headers: body === null ? headers : { ...headers, "content-type": contentType },
        body,
        signal: ending.controller.signal,
        isLong: options.timeoutMs === 0,
      });
      const { status, retryAfter } = answer;
      if (status >= 200 && status < 300) return { value: await read(answer) };
      const error = answerError(status, await answer.text());
      return { error, mayRepeat: isRetryableAnswer(status, error, options.kind), retryAfter };
    } catch (failure) {
      const ended = this.#isClosed ? clientClosed() : ending.reason(this.url, options.kind);
      if (ended !== null) return { error: ended, mayRepeat: false, retryAfter: null };
      // The server was reached: its answer is longer than any that is taken.
      if (isLynseError(failure, "LIMIT_EXCEEDED")) return { error: failure, mayRepeat: false, retryAfter: null };
      return {
        error: this.#unreachable(sent.path, failure),
        mayRepeat: isRetryableFailure(failure, options.kind),
        retryAfter: null,
      };
    } finally {
      // A stream goes on until its signal, which whoever reads it aborts at the end, or its client ends it.
      const end = (): void => {
        this.#running.delete(ending.controller);
        ending.forget();
      };
      if (options.isStream !== true || ending.controller.signal.aborted) end();
      else ending.controller.signal.addEventListener("abort", end);
    }
  }

  #unreachable(path: string, failure: unknown): LynseError {
    const codes = causeCodes(failure);
    const cause = failure instanceof Error && failure.cause instanceof Error ? failure.cause : failure;
    const reason = codes[0] ?? (cause instanceof Error ? cause.message : String(cause));
    return new LynseError(
      "UNAVAILABLE",
      `the server at ${this.url} cannot be reached (${reason}, ${path.split("?")[0]}); is it running, and is the uri right?`,
      { url: this.url, reason },
      failure,
    );
  }

  /** Waits, unless the client or the caller ends it; the next try finds out. */
  #wait(ms: number, signal: AbortSignal | undefined): Promise<void> {
    const waiting = new AbortController();
    const callers = [waiting.signal, signal, this.#settings.signal].filter((one) => one !== undefined && one !== null);
    this.#running.add(waiting);
    return new Promise((resolve) => {
      const done = (): void => {
        clearTimeout(timer);
        this.#running.delete(waiting);
        for (const caller of callers) caller.removeEventListener("abort", done);
        resolve();
      };
      const timer = setTimeout(done, ms);
      for (const caller of callers) caller.addEventListener("abort", done);
    });
  }
}

type Tried<T> =
  | { readonly value: T }
  | { readonly error: LynseError; readonly mayRepeat: boolean; readonly retryAfter: string | null };

/** What can end a request from this side. A controller and a timer cost less than the platform's combined signals. */
class RequestEnding {
  readonly controller = new AbortController();
  readonly #callers: readonly AbortSignal[];
  readonly #timeoutMs: number;
  readonly #timer: ReturnType<typeof setTimeout> | null;
  #isTimedOut = false;
  readonly #abort = (): void => this.controller.abort();

  constructor({ signal, timeoutMs }: RequestOptions, settings: RemoteSettings) {
    this.#timeoutMs = timeoutMs ?? settings.timeoutMs;
    this.#callers = [signal, settings.signal].filter((one) => one !== undefined && one !== null);
    for (const caller of this.#callers) {
      if (caller.aborted) this.controller.abort();
      else caller.addEventListener("abort", this.#abort);
    }
    const expire = (): void => {
      this.#isTimedOut = true;
      this.controller.abort();
    };
    this.#timer = this.#timeoutMs === 0 ? null : setTimeout(expire, this.#timeoutMs);
  }

  /** Why the request was ended; null where it was not. */
  reason(url: string, kind: Repeatable): LynseError | null {
    const aborted = this.#callers.find((signal) => signal.aborted);
    if (aborted !== undefined) {
      return new LynseError("ABORTED", "the call was ended by its AbortSignal", {}, aborted.reason);
    }
    if (!this.#isTimedOut) return null;
    const doubt = kind === "write" ? "; what was written may be stored" : "";
    const message = `the server at ${url} did not answer within timeoutMs = ${this.#timeoutMs}${doubt}`;
    return new LynseError("TIMEOUT", message, { url, timeoutMs: this.#timeoutMs });
  }

  /** Listens no longer. */
  forget(): void {
    if (this.#timer !== null) clearTimeout(this.#timer);
    for (const caller of this.#callers) caller.removeEventListener("abort", this.#abort);
  }
}

/** The best way to the server that this platform has. */
function platformSender(url: string): HttpSender {
  const { fetch } = globalThis;
  // A function that took the place of the platform's is there to be asked.
  const own = fetch === fetchAtStart ? nodeHttpSender(url) : null;
  return own ?? new FetchSender(fetch.bind(globalThis));
}

function clientClosed(): LynseError {
  return new LynseError("CLOSED", "the client was closed; make a new VectorDBClient");
}

function jsonRequest(path: string, body: object): Sent {
  return { method: "POST", path, body: JSON.stringify(body), contentType: "application/json" };
}

function withQuery(path: string, query: QueryMembers): string {
  const members = Object.entries(query).filter(([, value]) => value !== undefined && value !== null);
  const text = members.map(([name, value]) => `${name}=${encodeURIComponent(String(value))}`).join("&");
  return text === "" ? path : `${path}?${text}`;
}

/** What an answer says, besides its names. */
function paramsOf(answer: unknown): Params {
  if (typeof answer === "object" && answer !== null) {
    if ("params" in answer && typeof answer.params === "object" && answer.params !== null)
      return answer.params as Params;
    // `/commit` answers in another shape.
    if ("result" in answer && typeof answer.result === "object" && answer.result !== null)
      return answer.result as Params;
  }
  throw new LynseError("UNAVAILABLE", "the server's answer is not one of LynseDB; is the uri right?");
}
