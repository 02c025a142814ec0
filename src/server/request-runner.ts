/**
 * How does an admitted request run?
 *
 * Through the gate into its handler, and its result to the sender. A request that runs longer than allowed is answered with
 * `timeout` at once; its handler is told through its signal, and keeps its place in the gate until it has ended.
 */
import type { Logger } from "pino";
import { LynseError } from "../errors.js";
import { sendError, sendResult } from "./answer-sender.js";
import { errorAnswer } from "./error-answer.js";
import type { RequestGate } from "./request-gate.js";
import type { RequestState } from "./request-state.js";

/** How often requests are looked through for those that take too long. */
const sweepMs = 250;

export class RequestRunner {
  readonly #gate: RequestGate;
  readonly #logger: Logger;
  readonly #timeoutMs: number;
  /** Requests without an answer, in the order in which they began. */
  readonly #open = new Set<RequestState>();
  readonly #timer: NodeJS.Timeout;

  constructor(gate: RequestGate, logger: Logger, timeoutMs: number) {
    this.#gate = gate;
    this.#logger = logger;
    this.#timeoutMs = timeoutMs;
    this.#timer = setInterval(() => this.#sweep(), sweepMs);
    this.#timer.unref();
  }

  /** Requests that were admitted and whose answer is not yet sent. */
  get open(): number {
    return this.#open.size;
  }

  /** Runs a request; it is answered in any case. */
  run(state: RequestState): void {
    if (state.isEnded) return;
    this.#open.add(state);
    // Who asks whether a busy server lives, and how busy it is, must not wait behind its work.
    if (state.route.tag === "system") {
      this.#start(state, () => {});
      return;
    }
    const leave = (): void => this.#gate.leave();
    if (this.#gate.enter(() => this.#start(state, leave))) return;
    const { running, queued } = this.#gate;
    this.fail(
      state,
      new LynseError("UNAVAILABLE", `the server is busy: ${running} requests run and ${queued} wait; try again`, {
        running,
        queued,
      }),
    );
  }

  /** Answers a request with an error. */
  fail(state: RequestState, error: unknown): void {
    const answer = errorAnswer(error, state.requestId);
    if (answer.isUnexpected) this.#logger.error({ request_id: state.requestId, err: error }, "a request failed");
    sendError(state.request, state.answer, answer);
  }

  /** Forgets a request whose answer was sent, or whose client is gone. */
  end(state: RequestState, isSent: boolean): void {
    this.#open.delete(state);
    state.isEnded = true;
    if (!isSent) state.abandon();
  }

  /** Tells every handler to stop. */
  abortAll(reason: LynseError): void {
    for (const state of this.#open) state.abort(reason);
  }

  close(): void {
    clearInterval(this.#timer);
  }

  /** Runs a handler; `leave` gives its place in the gate back. */
  #start(state: RequestState, leave: () => void): void {
    // Its client may have gone while it waited.
    if (state.isAnswered || state.request.raw.socket.destroyed) {
      leave();
      return;
    }
    let result: unknown;
    try {
      result = state.route.handler(state);
    } catch (error) {
      leave();
      this.fail(state, error);
      return;
    }
    void this.#finish(state, result, leave);
  }

  async #finish(state: RequestState, result: unknown, leave: () => void): Promise<void> {
    try {
      await sendResult(state, await result);
    } catch (error) {
      this.fail(state, error);
    } finally {
      leave();
    }
  }

  #sweep(): void {
    const now = performance.now();
    for (const state of this.#open) {
      if (now - state.startedAt < this.#timeoutMs) break;
      this.#open.delete(state);
      const seconds = this.#timeoutMs / 1000;
      const error = new LynseError(
        "TIMEOUT",
        `the request took longer than request_timeout_secs = ${seconds}; what it had begun to write may still be stored`,
        { limit: "request_timeout_secs", max: seconds },
      );
      state.abort(error);
      this.fail(state, error);
    }
  }
}
