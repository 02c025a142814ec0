/**
 * What is asked of whoever carries a request to a server?
 *
 * The contract of `fetch-sender.ts`, which runs everywhere, and of `node-http-sender.ts`, which costs a third of the
 * time where Node.js runs. Both end a request, also in the middle of its answer, when its signal aborts, follow no
 * redirections, and reject with an error whose `code`, or whose cause's, names what the connection failed of.
 */
import { LynseError } from "../../errors.js";

/** A request, as it goes out. */
export interface HttpRequest {
  readonly method: "GET" | "POST";
  readonly url: string;
  /** Names in lower case. */
  readonly headers: Readonly<Record<string, string>>;
  readonly body: string | Uint8Array<ArrayBuffer> | null;
  readonly signal: AbortSignal;
  /** True where it may be under way for any time: such requests keep no others waiting. */
  readonly isLong: boolean;
}

/** An answer whose head has come. One of the four is read, once. */
export interface HttpAnswer {
  readonly status: number;
  /** The header `Retry-After`, or null. */
  readonly retryAfter: string | null;
  text(): Promise<string>;
  json(): Promise<unknown>;
  /** The body as a whole, of at most `bytesMax`; the caller's own. */
  bytes(bytesMax: number): Promise<Uint8Array<ArrayBuffer>>;
  /** The body as it comes; null where there is none. */
  stream(): ReadableStream<Uint8Array> | null;
}

export interface HttpSender {
  send(request: HttpRequest): Promise<HttpAnswer>;
  /** Closes connections that are kept for later requests. */
  close(): void;
}

/** Bytes of an answer that is taken as a whole, at most: no text can be longer. */
export const answerBytesMax = 512 * 1024 * 1024 - 1024;

/** The error of an answer that is longer than may be taken as a whole. */
export function answerTooLong(url: string, bytesMax = answerBytesMax): LynseError {
  return new LynseError(
    "LIMIT_EXCEEDED",
    `the answer of ${url.split("?")[0]} is longer than ${bytesMax} bytes; ask for less at a time`,
    { limit: "answer_bytes", max: bytesMax },
  );
}
