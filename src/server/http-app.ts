/**
 * What happens to a request between its first byte and its handler?
 *
 * In order: an id; is the server stopping; may this address and key ask; is there such a route; is it a kind of body that
 * the route takes; the body, within its limits; the schemas. A request that fails at any step gets an answer in the same
 * shape, and what passes goes to the `RequestRunner`.
 */
import type { IncomingMessage, Server, ServerResponse } from "node:http";
import type { Socket } from "node:net";
import Fastify, { type FastifyInstance, type FastifyReply, type FastifyRequest } from "fastify";
import type { Logger } from "pino";
import type { TSchema } from "typebox";
import { sendError } from "./answer-sender.js";
import type { ApiKeys } from "./api-keys.js";
import { CorsHeaders } from "./cors-headers.js";
import { type ErrorAnswer, errorAnswer, errorBody, notFound } from "./error-answer.js";
import type { ServerMetrics } from "./metrics.js";
import { addOpenApi } from "./open-api.js";
import { type BodyBudget, type BodyLimit, readBody } from "./read-body.js";
import { nextRequestId } from "./request-id.js";
import { inputChecker } from "./request-input.js";
import type { RequestLog } from "./request-log.js";
import type { RequestRunner } from "./request-runner.js";
import { RequestState } from "./request-state.js";
import type { Route } from "./route.js";
import type { ServerSettings } from "./server-options.js";
import type { ServerState } from "./server-state.js";
import { parseJson } from "./sliced-json.js";

declare module "fastify" {
  interface FastifyContextConfig {
    /** The record that the route was made from. */
    readonly lynseRoute?: Route;
  }
  interface FastifyRequest {
    /** Null until the request was admitted. */
    lynse: RequestState | null;
  }
}

/** What the app is made of. */
export interface HttpAppParts {
  readonly settings: ServerSettings;
  readonly state: ServerState;
  readonly routes: readonly Route[];
  readonly keys: ApiKeys;
  readonly runner: RequestRunner;
  readonly budget: BodyBudget;
  readonly metrics: ServerMetrics;
  readonly log: RequestLog;
  readonly logger: Logger;
  readonly tls: { readonly cert: string; readonly key: string } | null;
}

/** Time for the headers of a request: they fit a few packets. */
const headersTimeoutMs = 30_000;
/** Bytes of a request's head: a `where` text in a query string may have 64 KiB, percent-encoded. */
const headBytesMax = 256 * 1024;
/** Status, in log and metrics, of a request whose client did not wait for the whole answer. */
const abandonedStatus = 499;
/** Time without a byte, beyond the longest request, after which a connection is closed. */
const silenceMs = 5_000;

export async function createHttpApp(parts: HttpAppParts): Promise<FastifyInstance> {
  const { settings } = parts;
  const timeoutMs = settings.request_timeout_secs * 1000;
  const options = {
    logger: false,
    genReqId: nextRequestId,
    forceCloseConnections: "idle" as const,
    return503OnClosing: false,
    keepAliveTimeout: settings.keep_alive_secs * 1000,
    requestTimeout: timeoutMs,
    connectionTimeout: timeoutMs + silenceMs,
    http: { maxHeaderSize: headBytesMax, headersTimeout: Math.min(headersTimeoutMs, timeoutMs) },
    clientErrorHandler: answerBadHead,
  };
  const { tls } = parts;
  const app: FastifyInstance =
    tls === null
      ? Fastify(options)
      : // The two kinds of server differ in their sockets alone, which nothing here looks at.
        (Fastify({ ...options, https: { ...options.http, ...tls } }) as unknown as FastifyInstance);
  app.server.maxConnections = settings.max_connections;
  answerExpectations(app.server, Math.max(limitOf(parts, "bytes").bytesMax, limitOf(parts, "json").bytesMax));
  await addOpenApi(app, parts.state.version);
  addHooks(app, parts);
  addBodyParser(app, parts);
  app.setValidatorCompiler(({ schema, httpPart }) => {
    const check = inputChecker(schema as TSchema, httpPart === "body" ? "body" : "query");
    return (value: unknown) => ({ value: check(value ?? {}) });
  });
  // Answers are made by `answer-sender.ts`: schemas of responses are documentation.
  app.setSerializerCompiler(() => (value) => JSON.stringify(value));
  for (const route of parts.routes) addRoute(app, route, parts.runner);
  return app;
}

function addRoute(app: FastifyInstance, route: Route, runner: RequestRunner): void {
  const { body, query } = route;
  app.route({
    method: route.method,
    url: route.path,
    config: { lynseRoute: route },
    schema: {
      ...(body === undefined || body === "bytes" ? {} : { body }),
      ...(query === undefined ? {} : { querystring: query }),
    },
    handler: (request) => {
      runner.run(request.lynse!);
    },
  });
}

function addHooks(app: FastifyInstance, parts: HttpAppParts): void {
  const { state, keys, metrics, log, runner, budget, logger } = parts;
  const cors = new CorsHeaders(parts.settings.cors_origin);
  const methods = methodsByPath(parts.routes);
  app.decorateRequest("lynse", null);
  app.addHook("onRequest", (request, reply, next) => {
    reply.header("x-request-id", request.id);
    // Comes once for every request, also for those whose client went away.
    const startedAt = performance.now();
    reply.raw.once("close", () => settle(request, reply, performance.now() - startedAt));
    const { origin } = request.headers;
    if (origin !== undefined) reply.headers(cors.for(origin));
    const preflight = cors.forPreflight(request.method, origin);
    if (preflight !== null) {
      reply.headers(preflight).code(204).send();
      return;
    }
    const refusal = admit(request, reply);
    if (refusal === null) next();
    else sendError(request, reply, refusal);
  });
  app.setErrorHandler((error, request, reply) => {
    const answer = transportAnswer(error) ?? errorAnswer(error, request.id);
    if (answer.isUnexpected) logger.error({ request_id: request.id, err: error }, "a request failed");
    sendError(request, reply, answer);
  });

  function settle(request: FastifyRequest, reply: FastifyReply, elapsedMs: number): void {
    const { lynse } = request;
    // A request that came without a socket, by `inject`, is closed before it counts as finished.
    const isSent = reply.raw.writableFinished || (reply.raw.writableEnded && !request.raw.socket.destroyed);
    if (lynse !== null) {
      budget.give(lynse.bodyBytes);
      runner.end(lynse, isSent);
    }
    const status = isSent ? reply.statusCode : abandonedStatus;
    metrics.countRequest(status, elapsedMs / 1000, lynse?.isFailure ?? false);
    log.write(request, lynse, status, elapsedMs);
  }

  /** Makes the request's state, or tells why it may go no further. */
  function admit(request: FastifyRequest, reply: FastifyReply): ErrorAnswer | null {
    const route = request.routeOptions.config.lynseRoute;
    if (state.isStopping) {
      reply.header("connection", "close");
      return refusal(503, "unavailable", "the server is stopping", { "retry-after": "5" });
    }
    const isPublic = route?.access === "public";
    const { origin } = request.headers;
    if (!isPublic && !cors.admits(origin)) {
      const message = "pages of this origin may not call the server; allow it with --cors-origin";
      return refusal(403, "origin_not_allowed", message);
    }
    const check = keys.check(request.headers.authorization, request.ip, isPublic);
    if (check.outcome === "refused") {
      const headers = { "retry-after": String(check.retryAfterSecs) };
      return refusal(429, "too_many_failures", "too many wrong API keys from this address; try again later", headers);
    }
    if (check.outcome === "wrong") {
      return refusal(401, "unauthorized", "Unauthorized", { "www-authenticate": 'Basic realm="LynseDB"' });
    }
    if (route === undefined) return unknownRoute(request, methods);
    if (route.access === "write" && check.key.isReadOnly) {
      return refusal(403, "read_only", `the API key "${check.key.name}" may only read; ${route.path} writes`);
    }
    request.lynse = new RequestState(state, check.key, request, reply, route, logger);
    return unknownEncoding(request, route);
  }
}

function refusal(status: number, code: string, message: string, headers: Record<string, string> = {}): ErrorAnswer {
  return { status, code, message, details: {}, headers };
}

function methodsByPath(routes: readonly Route[]): Map<string, string[]> {
  const methods = new Map<string, string[]>();
  for (const { path, method } of routes) methods.set(path, [...(methods.get(path) ?? []), method]);
  return methods;
}

function unknownRoute({ method, url }: FastifyRequest, methods: Map<string, string[]>): ErrorAnswer {
  const path = url.split("?", 1)[0]!;
  const allowed = methods.get(path)?.join(", ");
  if (allowed === undefined) {
    return notFound(`there is no route ${method} ${path.slice(0, 200)}`, { missing: "route" });
  }
  return refusal(405, "method_not_allowed", `${path} takes ${allowed}, not ${method}`, { allow: allowed });
}

/** Refuses bodies that are not what the route takes. A body without a type is taken for what the route wants. */
function unknownEncoding({ headers, method }: FastifyRequest, route: Route): ErrorAnswer | null {
  const encoding = headers["content-encoding"];
  if (encoding !== undefined && encoding !== "identity") {
    return refusal(
      415,
      "unsupported_media_type",
      `bodies must not be encoded, got content-encoding ${encoding.slice(0, 100)}`,
    );
  }
  const type = headers["content-type"];
  if (method === "GET" || route.body === undefined || route.body === "bytes" || type === undefined) return null;
  if (/^application\/(?:[\w.-]+\+)?json\s*(?:;|$)/i.test(type)) return null;
  return refusal(415, "unsupported_media_type", `${route.path} takes application/json, got ${type.slice(0, 100)}`);
}

function limitOf({ state }: HttpAppParts, kind: "bytes" | "json"): BodyLimit {
  const { payloadLimitBytes, jsonLimitBytes } = state.limits;
  if (kind === "bytes") return { name: "payload_limit_mb", bytesMax: payloadLimitBytes };
  return { name: "json_limit_mb", bytesMax: jsonLimitBytes };
}

function addBodyParser(app: FastifyInstance, parts: HttpAppParts): void {
  const { budget } = parts;
  const limits = { bytes: limitOf(parts, "bytes"), json: limitOf(parts, "json") };
  app.removeAllContentTypeParsers();
  app.addContentTypeParser("*", async (request: FastifyRequest, message: IncomingMessage) => {
    const state = request.lynse;
    if (state === null) return undefined;
    const takesBytes = state.route.body === "bytes";
    const bytes = await readBody(message, takesBytes ? limits.bytes : limits.json, budget);
    // The client may have gone while the last bytes were joined.
    if (state.isEnded) budget.give(bytes.length);
    else state.bodyBytes = bytes.length;
    if (takesBytes) state.bytes = bytes;
    return takesBytes || bytes.length === 0 ? undefined : await parseJson(bytes);
  });
}

/** Answers for what Fastify itself refuses; null for everything else. */
function transportAnswer(error: unknown): ErrorAnswer | null {
  if (!(error instanceof Error) || !("code" in error) || !String(error.code).startsWith("FST_ERR_")) return null;
  const status = "statusCode" in error && typeof error.statusCode === "number" ? error.statusCode : 500;
  return status < 500 ? refusal(status, "invalid_argument", error.message) : null;
}

/** Tells clients that ask first whether to send their body: not where it is above every limit. */
function answerExpectations(server: Server, bytesMax: number): void {
  server.on("checkContinue", (message: IncomingMessage, response: ServerResponse) => {
    if (!(Number(message.headers["content-length"]) > bytesMax)) response.writeContinue();
    server.emit("request", message, response);
  });
}

/** Answers a request whose head is not HTTP, is too long or does not come. */
function answerBadHead(error: Error & { code?: string }, socket: Socket): void {
  if (error.code === "ECONNRESET" || !socket.writable) {
    socket.destroy();
    return;
  }
  const answers: Record<string, [string, string]> = {
    ERR_HTTP_REQUEST_TIMEOUT: ["408 Request Timeout", "the request did not come in time"],
    HPE_HEADER_OVERFLOW: ["431 Request Header Fields Too Large", `the head is longer than ${headBytesMax} bytes`],
  };
  const [status, message] = answers[error.code ?? ""] ?? ["400 Bad Request", "this is not an HTTP request"];
  const code = status.startsWith("408") ? "timeout" : "invalid_argument";
  const body = errorBody({ status: 400, code, message, details: {} });
  const head = `content-type: application/json\r\ncontent-length: ${Buffer.byteLength(body)}\r\nconnection: close`;
  socket.end(`HTTP/1.1 ${status}\r\n${head}\r\n\r\n${body}`);
}
