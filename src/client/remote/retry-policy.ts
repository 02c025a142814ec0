/**
 * When is a request sent again, and after how long?
 *
 * Reads: whenever the connection failed or the server was busy or away. Writes: only where the first try cannot have done
 * anything, because no connection came about or the server refused at its door. Waits grow exponentially with full
 * jitter (Brooker, "Exponential Backoff And Jitter", 2015), so that many clients don't come back at the same time;
 * a server's `Retry-After` is the least wait.
 */
import type { LynseError } from "../../errors.js";

/** Whether a request may be sent twice. */
export type Repeatable = "read" | "write";

const firstWaitMs = 50;
const longestWaitMs = 5_000;
/** What a server may ask for at most; a longer outage is the caller's to wait for. */
const retryAfterMsMax = 30_000;

/** Causes of a failed fetch (Node.js and undici) that come before a connection. */
const beforeConnection = [
  "ECONNREFUSED",
  "ENOTFOUND",
  "EAI_AGAIN",
  "EHOSTUNREACH",
  "ENETUNREACH",
  "UND_ERR_CONNECT_TIMEOUT",
];

/** True where an answer says that the request may be sent again. */
export function isRetryableAnswer(status: number, error: LynseError, kind: Repeatable): boolean {
  if (status === 429) return true;
  if (kind === "read") return status === 502 || status === 503 || status === 504;
  // A gate that is full refuses before the request has done anything, and says how full it is.
  return status === 503 && ("queued" in error.details || "limit" in error.details);
}

/** True where a failed connection allows the request to be sent again. */
export function isRetryableFailure(failure: unknown, kind: Repeatable): boolean {
  return kind === "read" || causeCodes(failure).some((code) => beforeConnection.includes(code));
}

/** The wait before try number `attempt`, from 1. */
export function waitMs(attempt: number, retryAfter: string | null, random: () => number = Math.random): number {
  const ceiling = Math.min(longestWaitMs, firstWaitMs * 2 ** attempt);
  return Math.max(random() * ceiling, retryAfterMs(retryAfter));
}

/** A `Retry-After` header: seconds, or a date. */
function retryAfterMs(header: string | null): number {
  if (header === null) return 0;
  const seconds = /^\d+$/.test(header.trim()) ? Number(header) * 1000 : Date.parse(header) - Date.now();
  return Number.isFinite(seconds) ? Math.min(Math.max(seconds, 0), retryAfterMsMax) : 0;
}

/** Codes of an error and of what caused it, also where several addresses were tried. */
export function causeCodes(failure: unknown): string[] {
  const codes: string[] = [];
  const open: unknown[] = [failure];
  for (let at = 0; at < open.length && at < 16; at++) {
    const error = open[at];
    if (typeof error !== "object" || error === null) continue;
    if ("code" in error && typeof error.code === "string") codes.push(error.code);
    if ("cause" in error) open.push(error.cause);
    if (error instanceof AggregateError) open.push(...error.errors);
  }
  return codes;
}
