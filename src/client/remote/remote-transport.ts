/**
 * How does a request get to the server, and its answer back?
 *
 * JSON or bytes over the platform's `fetch`, which keeps connections alive. Requests that fail are sent again where that is
 * safe; what is left becomes a `LynseError`: the server's own with the same code, `UNAVAILABLE` where it cannot be
 * reached, `TIMEOUT`, `ABORTED`. No message holds the key. Part of the remote client; needs nothing of Node.js.
 */
import { LynseError } from "../../errors.js";
import { answerError } from "./answer-error.js";
import type { RemoteSettings } from "./remote-options.js";
import { causeCodes, isRetryableAnswer, isRetryableFailure, type Repeatable, waitMs } from "./retry-policy.js";

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
  readonly #closing = new AbortController();
  #limits: Promise<RemoteLimits> | null = null;

  constructor(settings: RemoteSettings) {
    this.#settings = settings;
    this.url = settings.url;
  }

  get isReadOnly(): boolean {
    return this.#settings.isReadOnly;
  }

  /** Throws `CLOSED` after `close`. */
  checkOpen(): void {
    if (this.#closing.signal.aborted) throw this.#closing.signal.reason;
  }

  /** Throws `READ_ONLY` where the client was opened so. */
  checkWritable(): void {
    this.checkOpen();
    if (!this.#settings.isReadOnly) return;
    throw new LynseError("READ_ONLY", "the client was opened read-only; open it without readOnly to write");
  }

  /** Refuses every further request; those under way end with `CLOSED`. */
  close(): void {
    this.#closing.abort(new LynseError("CLOSED", "the client was closed; make a new VectorDBClient"));
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
    return paramsOf(await this.#send(sent, { kind: "read" }, (response) => response.json()));
  }

  /** `params` of the answer to a JSON body. */
  async post(path: string, body: object, options: RequestOptions): Promise<Params> {
    return paramsOf(await this.#send(jsonRequest(path, body), options, (response) => response.json()));
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
    return paramsOf(await this.#send(sent, options, (response) => response.json()));
  }

  /** Bytes of the answer, as they come. The client's time limit ends with the first of them. */
  async stream(path: string, body: object, signal: AbortSignal): Promise<ReadableStream<Uint8Array>> {
    const options = { kind: "read", signal, timeoutMs: 0 } as const;
    const found = await this.#send(jsonRequest(path, body), options, async (response) => response.body);
    if (found !== null) return found;
    throw new LynseError("UNAVAILABLE", `the server at ${this.url} answered ${path} without a body`);
  }

  async #send<T>(sent: Sent, options: RequestOptions, read: (response: Response) => Promise<T>): Promise<T> {
    const { retries } = this.#settings;
    for (let attempt = 1; ; attempt++) {
      this.checkOpen();
      const tried = await this.#try(sent, options, read);
      if ("value" in tried) return tried.value;
      if (!tried.mayRepeat || attempt > retries) throw tried.error;
      await this.#wait(waitMs(attempt, tried.retryAfter), options.signal);
    }
  }

  async #try<T>(sent: Sent, options: RequestOptions, read: (response: Response) => Promise<T>): Promise<Tried<T>> {
    const signals = this.#signalsOf(options);
    try {
      const { method, path, body, contentType } = sent;
      const response = await this.#settings.fetch(`${this.url}${path}`, {
        method,
        body,
        headers: body === null ? this.#settings.headers : { ...this.#settings.headers, "content-type": contentType },
        signal: signals.any,
        redirect: "error",
      });
      if (response.ok) return { value: await read(response) };
      const error = answerError(response.status, await response.text());
      const mayRepeat = isRetryableAnswer(response.status, error, options.kind);
      return { error, mayRepeat, retryAfter: response.headers.get("retry-after") };
    } catch (failure) {
      const ended = this.#endedBy(signals, options);
      if (ended !== null) return { error: ended, mayRepeat: false, retryAfter: null };
      return {
        error: this.#unreachable(sent.path, failure),
        mayRepeat: isRetryableFailure(failure, options.kind),
        retryAfter: null,
      };
    }
  }

  #signalsOf({ signal, timeoutMs = this.#settings.timeoutMs }: RequestOptions): Signals {
    const timeout = timeoutMs === 0 ? null : AbortSignal.timeout(timeoutMs);
    const callers = [signal, this.#settings.signal].filter((one) => one !== undefined && one !== null);
    const any = AbortSignal.any([this.#closing.signal, ...callers, ...(timeout === null ? [] : [timeout])]);
    return { any, timeout, callers, timeoutMs };
  }

  /** Why a request was ended from this side; null where it was not. */
  #endedBy({ timeout, callers, timeoutMs }: Signals, { kind }: RequestOptions): LynseError | null {
    if (this.#closing.signal.aborted) return this.#closing.signal.reason;
    const aborted = callers.find((signal) => signal.aborted);
    if (aborted !== undefined) {
      return new LynseError("ABORTED", "the call was ended by its AbortSignal", {}, aborted.reason);
    }
    if (timeout?.aborted !== true) return null;
    const doubt = kind === "write" ? "; what was written may be stored" : "";
    const message = `the server at ${this.url} did not answer within timeoutMs = ${timeoutMs}${doubt}`;
    return new LynseError("TIMEOUT", message, { url: this.url, timeoutMs });
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

  /** Waits, unless the client or the caller ends it. */
  #wait(ms: number, signal: AbortSignal | undefined): Promise<void> {
    const ended = AbortSignal.any([this.#closing.signal, ...(signal === undefined ? [] : [signal])]);
    return new Promise((resolve) => {
      const done = (): void => {
        clearTimeout(timer);
        ended.removeEventListener("abort", done);
        resolve();
      };
      const timer = setTimeout(done, ms);
      // The next try finds out what ended the wait.
      ended.addEventListener("abort", done);
    });
  }
}

type Tried<T> =
  | { readonly value: T }
  | { readonly error: LynseError; readonly mayRepeat: boolean; readonly retryAfter: string | null };

interface Signals {
  readonly any: AbortSignal;
  readonly timeout: AbortSignal | null;
  readonly callers: readonly AbortSignal[];
  readonly timeoutMs: number;
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
