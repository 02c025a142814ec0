/**
 * What is known of one request while it is answered?
 *
 * Also the context that its handler gets. What few handlers ask for is made when they ask: the abort signal, the logger.
 */
import type { FastifyReply, FastifyRequest } from "fastify";
import type { Logger } from "pino";
import { LynseError } from "../errors.js";
import type { RequestKey, Route, RouteContext, RouteReply } from "./route.js";
import type { ServerState } from "./server-state.js";

const noBytes = new Uint8Array(0);

export class RequestState implements RouteContext, RouteReply {
  readonly server: ServerState;
  readonly key: RequestKey;
  readonly request: FastifyRequest;
  readonly answer: FastifyReply;
  readonly route: Route;
  readonly startedAt = performance.now();
  /** The body of a route that takes bytes. */
  bytes: Uint8Array<ArrayBuffer> = noBytes;
  /** Bytes of the body that count against the server's budget. */
  bodyBytes = 0;
  /** Status of a success. */
  successStatus: number;
  /** True when an error was answered that nobody foresaw. */
  isFailure = false;
  /** True once an answer was given: what the handler does from then on changes nothing. */
  isAnswered = false;
  /** True once the answer was sent, or the client went away. */
  isEnded = false;
  readonly #logger: Logger;
  #log: Logger | null = null;
  #controller: AbortController | null = null;
  #end: LynseError | null = null;

  constructor(
    server: ServerState,
    key: RequestKey,
    request: FastifyRequest,
    answer: FastifyReply,
    route: Route,
    logger: Logger,
  ) {
    this.server = server;
    this.key = key;
    this.request = request;
    this.answer = answer;
    this.route = route;
    this.successStatus = route.successStatus ?? 200;
    this.#logger = logger;
  }

  get body(): unknown {
    return this.request.body;
  }

  get query(): unknown {
    return this.request.query;
  }

  get requestId(): string {
    return this.request.id;
  }

  get reply(): RouteReply {
    return this;
  }

  get log(): Logger {
    this.#log ??= this.#logger.child({ request_id: this.requestId });
    return this.#log;
  }

  get signal(): AbortSignal {
    this.#controller ??= new AbortController();
    if (this.#end !== null) this.#controller.abort(this.#end);
    return this.#controller.signal;
  }

  status(code: number): void {
    this.successStatus = code;
  }

  header(name: string, value: string): void {
    this.answer.header(name, value);
  }

  /** Tells the handler, where it listens, that nobody waits for it. */
  abort(reason: LynseError): void {
    if (this.#end !== null) return;
    this.#end = reason;
    this.#controller?.abort(reason);
  }

  /** Tells the handler that the peer went away. */
  abandon(): void {
    this.abort(new LynseError("ABORTED", "the client went away before it was answered"));
  }
}
