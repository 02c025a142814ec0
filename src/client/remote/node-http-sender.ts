/**
 * How are requests sent where Node.js runs?
 *
 * Over `node:http` and `node:https` with kept connections, which is a third of the work of the platform's `fetch`. The
 * modules are asked of the process instead of imported, so that bundles for browsers hold nothing of them. Kept
 * connections don't hold the process; those of long requests are apart, so that they keep no others waiting.
 */
import type * as http from "node:http";
import type * as https from "node:https";
import type * as stream from "node:stream";
import type * as zlib from "node:zlib";
import { answerBytesMax, answerTooLong, type HttpAnswer, type HttpRequest, type HttpSender } from "./http-sender.js";

/** What is used of Node.js. */
interface Platform {
  readonly http: typeof http;
  readonly https: typeof https;
  readonly stream: Pick<typeof stream, "Readable" | "pipeline">;
  readonly zlib: typeof zlib;
}

/** Connections for requests that end soon; more requests wait, which is faster than more connections are. */
const connectionsMax = 128;
/** Time that an unused connection is kept, where the server doesn't say less. */
const keptMs = 30_000;

/** A sender for the server at `url`, or null where this is not Node.js, or its `fetch` was told to go another way. */
export function nodeHttpSender(url: string): HttpSender | null {
  const platform = nodePlatform();
  return platform === null || hasOwnDispatcher() ? null : new NodeHttpSender(platform, new URL(url));
}

function nodePlatform(): Platform | null {
  const { process } = globalThis;
  // Others that speak Node's language have a `fetch` that is faster than their version of its modules.
  if (process?.versions?.node === undefined || "bun" in process.versions || "deno" in process.versions) return null;
  const load = process.getBuiltinModule;
  if (load === undefined) return null;
  return { http: load("node:http"), https: load("node:https"), stream: load("node:stream"), zlib: load("node:zlib") };
}

/**
 * True where `fetch` was given a dispatcher, undici's name for a way to servers: a proxy, mostly. Node.js has one of its
 * own kind, `Agent`, and sets another where it is to heed proxies named by the environment.
 */
function hasOwnDispatcher(): boolean {
  const dispatcher = (globalThis as Record<symbol, unknown>)[Symbol.for("undici.globalDispatcher.1")];
  return typeof dispatcher === "object" && dispatcher !== null && dispatcher.constructor.name !== "Agent";
}

class NodeHttpSender implements HttpSender {
  readonly #platform: Platform;
  readonly #protocol: "http" | "https";
  readonly #place: { readonly hostname: string; readonly port: string };
  readonly #agent: http.Agent;
  readonly #longAgent: http.Agent;

  constructor(platform: Platform, { protocol, hostname, port }: URL) {
    this.#platform = platform;
    this.#protocol = protocol === "https:" ? "https" : "http";
    this.#place = { hostname: hostname.replace(/^\[|\]$/g, ""), port };
    const { Agent } = platform[this.#protocol];
    this.#agent = new Agent({ keepAlive: true, maxSockets: connectionsMax, timeout: keptMs });
    this.#longAgent = new Agent({ keepAlive: true, timeout: keptMs });
  }

  send({ method, url, headers, body, signal, isLong }: HttpRequest): Promise<HttpAnswer> {
    return new Promise((resolve, reject) => {
      signal.throwIfAborted();
      const options = {
        ...this.#place,
        method,
        path: pathOf(url),
        headers: body === null ? headers : { ...headers, "content-length": byteLength(body) },
        agent: isLong ? this.#longAgent : this.#agent,
      };
      const request = this.#platform[this.#protocol].request(options);
      // Destroys the answer, too. A request that waits for a connection would tell of its end only when it has got one.
      const abort = (): void => {
        const error = new Error("the request was ended");
        reject(error);
        request.destroy(error);
      };
      signal.addEventListener("abort", abort, { once: true });
      request.on("close", () => signal.removeEventListener("abort", abort));
      request.on("error", reject);
      request.on("response", (message) => {
        // An error that comes while nobody reads must not end the process; who reads is told.
        message.on("error", () => {});
        if (isRedirection(message.statusCode!)) {
          request.destroy();
          reject(new Error("unexpected redirection"));
        } else resolve(new NodeHttpAnswer(message, url, this.#platform));
      });
      request.end(body);
    });
  }

  close(): void {
    this.#agent.destroy();
    this.#longAgent.destroy();
  }
}

class NodeHttpAnswer implements HttpAnswer {
  readonly status: number;
  readonly #message: http.IncomingMessage;
  readonly #url: string;
  readonly #platform: Platform;

  constructor(message: http.IncomingMessage, url: string, platform: Platform) {
    this.status = message.statusCode!;
    this.#message = message;
    this.#url = url;
    this.#platform = platform;
  }

  get retryAfter(): string | null {
    return this.#message.headers["retry-after"] ?? null;
  }

  async text(): Promise<string> {
    return textOf(...(await this.#collect(answerBytesMax)));
  }

  async bytes(bytesMax: number): Promise<Uint8Array<ArrayBuffer>> {
    const [chunks, length] = await this.#collect(bytesMax);
    const bytes = new Uint8Array(length);
    let at = 0;
    for (const chunk of chunks) {
      bytes.set(chunk, at);
      at += chunk.length;
    }
    return bytes;
  }

  /** The pieces of the body, and their length together. */
  #collect(bytesMax: number): Promise<[chunks: readonly Uint8Array[], length: number]> {
    return new Promise((resolve, reject) => {
      const body = this.#body();
      const chunks: Uint8Array[] = [];
      let length = 0;
      body.on("data", (chunk: Uint8Array) => {
        length += chunk.length;
        if (length > bytesMax) body.destroy(answerTooLong(this.#url, bytesMax));
        else chunks.push(chunk);
      });
      body.on("error", reject);
      body.on("end", () => resolve([chunks, length]));
      const checkEnd = (): void => {
        if (!body.readableEnded) reject(body.errored ?? new Error("the answer broke off"));
      };
      body.on("close", checkEnd);
      // It may have broken off before anybody listened.
      if (body.closed) checkEnd();
    });
  }

  async json(): Promise<unknown> {
    return JSON.parse(await this.text());
  }

  stream(): ReadableStream<Uint8Array> {
    return this.#platform.stream.Readable.toWeb(this.#body()) as ReadableStream<Uint8Array>;
  }

  /** The body, unpacked where the caller's own headers asked the server to pack it. */
  #body(): stream.Readable {
    const { zlib, stream } = this.#platform;
    const unpack = unpacking(zlib, this.#message.headers["content-encoding"]);
    return unpack === null ? this.#message : stream.pipeline(this.#message, unpack, () => {});
  }
}

function unpacking({ createGunzip, createBrotliDecompress, createInflate }: typeof zlib, encoding = "identity") {
  switch (encoding.toLowerCase()) {
    case "gzip":
    case "x-gzip":
      return createGunzip();
    case "br":
      return createBrotliDecompress();
    case "deflate":
      return createInflate();
    default:
      return null;
  }
}

function isRedirection(status: number): boolean {
  return status === 301 || status === 302 || status === 303 || status === 307 || status === 308;
}

/** What stands after the host: urls are made of an origin, so that no parser is needed. */
function pathOf(url: string): string {
  const at = url.indexOf("/", url.indexOf("://") + 3);
  return at < 0 ? "/" : url.slice(at);
}

function byteLength(body: string | Uint8Array): number {
  return typeof body === "string" ? Buffer.byteLength(body) : body.length;
}

function textOf(chunks: readonly Uint8Array[], length: number): string {
  const [first] = chunks;
  const bytes = chunks.length === 1 ? (first as Buffer) : Buffer.concat(chunks, length);
  return bytes.toString("utf8");
}
