/**
 * What does a client see of an error?
 *
 * `{error, code, details}` with the status of the code, in LynseDB's shape; the message as plain text on binary routes. Codes
 * are those of the catalogue in lower case, but for what a request names and isn't there: that is LynseDB's `not_found`, and
 * `details.missing` says what it was.
 * What is no `LynseError` is a bug: the client learns the request's id and nothing else, the log gets the stack.
 */
import { type ErrorDetails, isLynseError } from "../errors.js";

/** An answer that is no success. */
export interface ErrorAnswer {
  readonly status: number;
  readonly code: string;
  readonly message: string;
  readonly details: ErrorDetails;
  readonly headers?: Readonly<Record<string, string>>;
  /** True for what the server's log must explain. */
  readonly isUnexpected?: boolean;
}

/** Time after which a refused request may succeed, seconds. */
const retryAfterSecs = "1";

/** Limits of the transport, which have a status of their own. */
const bodyLimits = ["json_limit_mb", "payload_limit_mb"];

/** What is missing, by the code that says so. */
const missingThings: Readonly<Record<string, string>> = {
  DATABASE_NOT_FOUND: "database",
  COLLECTION_NOT_FOUND: "collection",
};

export function errorAnswer(error: unknown, requestId: string): ErrorAnswer {
  if (!isLynseError(error) || error.code === "INTERNAL") {
    const message = `internal error; the server's log explains it under request id ${requestId}`;
    return { status: 500, code: "internal_error", message, details: { request_id: requestId }, isUnexpected: true };
  }
  const { message, details } = error;
  const missing = missingThings[error.code];
  if (missing !== undefined) return notFound(message, { ...details, missing });
  const isTooLarge = error.code === "LIMIT_EXCEEDED" && bodyLimits.includes(String(details["limit"]));
  const status = isTooLarge ? 413 : statusOf(error.code, details, error.status);
  const headers = status === 503 || status === 429 ? { "retry-after": retryAfterSecs } : {};
  return { status, code: error.code.toLowerCase(), message, details, headers };
}

/** The answer to a request that names what isn't there. */
export function notFound(message: string, details: ErrorDetails & { readonly missing: string }): ErrorAnswer {
  return { status: 404, code: "not_found", message, details };
}

/** A write session, or a build, that is gone is not found; every other code has the catalogue's status. */
function statusOf(code: string, details: ErrorDetails, status: number): number {
  return code === "CLOSED" && ("session_id" in details || "build_id" in details) ? 404 : status;
}

/** The JSON of an error. */
export function errorBody(answer: ErrorAnswer): string {
  const { message: error, code, details } = answer;
  return JSON.stringify({ error, code, details }, jsonOfDetail);
}

/** Details may hold numbers that JSON has no form for. */
function jsonOfDetail(_key: string, value: unknown): unknown {
  return typeof value === "bigint" ? String(value) : value;
}
