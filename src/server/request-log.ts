/**
 * What does the log say of a request?
 *
 * The events of LynseDB's log: `http_request` for each, `audit` for those that may write, `slow_query` for those that took
 * long. Bodies, queries and keys are never written; keys by name only.
 */
import type { IncomingMessage } from "node:http";
import type { Logger } from "pino";
import { traceIdOf } from "./request-id.js";
import type { RequestState } from "./request-state.js";

/** Characters of a path that are written: more than any route has. */
const pathLengthMax = 200;

export interface RequestLogOptions {
  readonly isAuditing: boolean;
  /** 0: none is slow. */
  readonly slowMs: number;
}

export class RequestLog {
  readonly #logger: Logger;
  readonly #options: RequestLogOptions;

  constructor(logger: Logger, options: RequestLogOptions) {
    this.#logger = logger;
    this.#options = options;
  }

  /** Writes what became of a request; `state` is null for one that was not admitted. */
  write(request: RequestFacts, state: RequestState | null, status: number, elapsedMs: number): void {
    const logger = this.#logger;
    const { isAuditing, slowMs } = this.#options;
    const isSlow = slowMs > 0 && elapsedMs >= slowMs;
    if (!isSlow && !logger.isLevelEnabled("info")) return;
    const traceId = traceIdOf(request.raw);
    const facts = {
      request_id: request.id,
      method: request.method,
      path: request.url.split("?", 1)[0]!.slice(0, pathLengthMax),
      status_code: status,
      elapsed_ms: Math.round(elapsedMs * 1000) / 1000,
      outcome: status < 400 ? "success" : "error",
      ...(state === null ? {} : { key: state.key.name }),
      ...(traceId === null ? {} : { trace_id: traceId }),
    };
    logger.info({ event: "http_request", ...facts });
    if (isAuditing && state?.route.access === "write") {
      const action = state.route.path.slice(1).replaceAll("/", "_");
      logger.info({ event: "audit", action, ...facts, address: request.ip });
    }
    if (isSlow) logger.warn({ event: "slow_query", threshold_ms: slowMs, ...facts });
  }
}

/** What is known of every request. */
interface RequestFacts {
  readonly id: string;
  readonly method: string;
  readonly url: string;
  readonly ip: string;
  readonly raw: IncomingMessage;
}
