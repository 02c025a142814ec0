/**
 * How is a server reached, and with which key?
 */
import { describe } from "../../engine/vector-input.js";
import { LynseError } from "../../errors.js";
import { checkBoolean, checkFunction, checkInteger, checkText } from "../check-options.js";

/** Options of a client that speaks to a server. */
export interface RemoteOptions {
  /** Key of the server; sent as `Authorization: Bearer`. Default: the password in the uri, else none. */
  readonly apiKey?: string;
  /** Longest time for one request, milliseconds; 0 for any. Builds and compactions may take longer. Default 30,000. */
  readonly timeoutMs?: number;
  /** Further tries of a request that failed and may be repeated. Default 2. */
  readonly retries?: number;
  /** Sends the requests. Default: the platform's `fetch`; in Node.js its HTTP client, which takes a third of the time. */
  readonly fetch?: typeof globalThis.fetch;
  /** Headers of every request. */
  readonly headers?: Readonly<Record<string, string>>;
  /** Ends every call of the client with `ABORTED`. */
  readonly signal?: AbortSignal;
}

/** The same, checked and complete. */
export interface RemoteSettings {
  /** Without a path's last slash, and without credentials. */
  readonly url: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly timeoutMs: number;
  readonly retries: number;
  /** The caller's; null for the best that the platform has. */
  readonly fetch: typeof globalThis.fetch | null;
  readonly signal: AbortSignal | null;
  readonly isReadOnly: boolean;
}

export const remoteOptionNames = ["apiKey", "timeoutMs", "retries", "fetch", "headers", "signal"] as const;

const timeoutDefaultMs = 30_000;
/** Longest time that timers can wait. */
const timeoutMsMax = 2 ** 31 - 1;
const retriesDefault = 2;
const retriesMax = 100;

/** The settings of a client for the server at `uri`. */
export function remoteSettings(uri: string, options: RemoteOptions & { readonly readOnly?: boolean }): RemoteSettings {
  const { url, password } = splitUri(uri);
  const key = options.apiKey === undefined ? password : checkKey(options.apiKey);
  const { signal, timeoutMs = timeoutDefaultMs, retries = retriesDefault } = options;
  if (signal !== undefined && (typeof signal !== "object" || signal === null || !("aborted" in signal))) {
    throw new LynseError("INVALID_ARGUMENT", `signal must be an AbortSignal, got ${describe(signal)}`, {
      option: "signal",
    });
  }
  return {
    url,
    headers: {
      // Answers are mostly numbers: packing them costs more time than it saves on all but the slowest lines.
      "accept-encoding": "identity",
      accept: "application/json, application/x-ndjson",
      ...headersInput(options.headers),
      ...(key === null ? {} : { authorization: `Bearer ${key}` }),
    },
    timeoutMs: checkInteger(timeoutMs, "timeoutMs", 0, timeoutMsMax),
    retries: checkInteger(retries, "retries", 0, retriesMax),
    fetch: checkFunction(options.fetch, "fetch") ?? null,
    signal: signal ?? null,
    isReadOnly: checkBoolean(options.readOnly ?? false, "readOnly"),
  };
}

/** The address of a server, without the key that may stand in it: that must not come into messages. */
function splitUri(uri: string): { readonly url: string; readonly password: string | null } {
  let parsed: URL;
  try {
    parsed = new URL(uri);
  } catch {
    throw new LynseError("INVALID_ARGUMENT", "the uri of the server is no URL; pass one like http://127.0.0.1:7637");
  }
  const password = parsed.password === "" ? null : checkKey(decodeURIComponent(parsed.password));
  if (parsed.search !== "" || parsed.hash !== "") {
    const address = `${parsed.origin}${parsed.pathname}`;
    throw new LynseError("INVALID_ARGUMENT", `the uri ${address} has a query or fragment; leave them out`);
  }
  return { url: `${parsed.origin}${parsed.pathname.replace(/\/+$/, "")}`, password };
}

/** The address that a uri names, fit to be shown. */
export function serverUrl(uri: string): string {
  return splitUri(uri).url;
}

function checkKey(key: unknown): string {
  const text = checkSecret(key);
  if (/^[\x21-\x7e]+$/.test(text)) return text;
  throw new LynseError("INVALID_ARGUMENT", "apiKey must be printable ASCII without spaces", { option: "apiKey" });
}

/** A text that errors must not repeat. */
function checkSecret(key: unknown): string {
  if (typeof key === "string") return key;
  throw new LynseError("INVALID_ARGUMENT", `apiKey must be a string, got a value of type ${typeof key}`, {
    option: "apiKey",
  });
}

function headersInput(headers: unknown): Readonly<Record<string, string>> {
  if (headers === undefined) return {};
  if (typeof headers !== "object" || headers === null || Array.isArray(headers)) {
    throw new LynseError("INVALID_ARGUMENT", `headers must be an object of texts, got ${describe(headers)}`, {
      option: "headers",
    });
  }
  const entries = Object.entries(headers).map(([name, value]) => [
    name.toLowerCase(),
    checkText(value, `header ${name}`),
  ]);
  return Object.fromEntries(entries) as Record<string, string>;
}
