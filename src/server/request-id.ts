/**
 * How is a request called in answers and logs?
 *
 * By the id that the caller sent, where it is short and harmless, or by the next whole number.
 */
import type { IncomingMessage } from "node:http";

let last = 0;

export function nextRequestId(message: IncomingMessage): string {
  const given = message.headers["x-request-id"];
  if (typeof given === "string" && /^[A-Za-z0-9._-]{1,128}$/.test(given)) return given;
  last += 1;
  return String(last);
}

/** The trace that a request belongs to (W3C Trace Context); null without a valid header. */
export function traceIdOf(message: IncomingMessage): string | null {
  const header = message.headers["traceparent"];
  const match = typeof header === "string" ? /^[0-9a-f]{2}-([0-9a-f]{32})-[0-9a-f]{16}-[0-9a-f]{2}/.exec(header) : null;
  const id = match?.[1] ?? null;
  return id === null || /^0+$/.test(id) ? null : id;
}
