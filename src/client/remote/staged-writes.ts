/**
 * How do many requests become one transaction?
 *
 * They are staged in a session of the server, which checks each of them as it comes, and committed together. What was
 * staged is also kept here until then: a session that expires, or is lost with its server, is written again from that, and
 * so is one that has part of a call that failed. Calls run one after another.
 */
import { isLynseError, LynseError } from "../../errors.js";
import type { RemoteTransport } from "./remote-transport.js";
import { oneAhead } from "./request-stream.js";
import { type Place, sendWrite, type WriteRequest } from "./write-request.js";

type Params = Readonly<Record<string, unknown>>;

export class StagedWrites {
  readonly #transport: RemoteTransport;
  readonly #place: Place;
  #kept: WriteRequest[] = [];
  #sessionId: string | null = null;
  /** Settles after the calls so far. */
  #calls: Promise<unknown> = Promise.resolve();
  #waiting = 0;

  constructor(transport: RemoteTransport, place: Place) {
    this.#transport = transport;
    this.#place = place;
  }

  /** True where nothing is staged, and no call is under way that could stage something. */
  get isIdle(): boolean {
    return this.#kept.length === 0 && this.#waiting === 0;
  }

  /** Stages the requests of one call, all or none; commits all that is staged where `commits` says so. */
  write(
    requests: AsyncIterable<WriteRequest> | Iterable<WriteRequest>,
    commits: boolean,
    signal?: AbortSignal,
  ): Promise<Params[]> {
    return this.#inTurn(async () => {
      const answers = await this.#stage(requests, signal);
      if (commits) await this.#commit();
      return answers;
    });
  }

  /** Commits what is staged; nothing of it is left either way. */
  commit(): Promise<void> {
    return this.#inTurn(() => this.#commit());
  }

  /** Drops what is staged. */
  discard(): Promise<void> {
    return this.#inTurn(async () => {
      this.#kept = [];
      await this.#leave();
    });
  }

  #inTurn<T>(run: () => Promise<T>): Promise<T> {
    this.#waiting += 1;
    const result = this.#calls.then(run).finally(() => {
      this.#waiting -= 1;
    });
    this.#calls = result.catch(() => {});
    return result;
  }

  async #stage(
    requests: AsyncIterable<WriteRequest> | Iterable<WriteRequest>,
    signal: AbortSignal | undefined,
  ): Promise<Params[]> {
    const keptBefore = this.#kept.length;
    const answers: Params[] = [];
    try {
      for await (const request of oneAhead(requests)) {
        const answer = await this.#send(request, signal);
        answers.push(answer);
        this.#kept.push(...(request.again?.(answer) ?? [request]));
      }
      return answers;
    } catch (error) {
      const isUntouched = answers.length === 0 && isRefusal(error);
      this.#kept.length = keptBefore;
      // The session has part of the call, or perhaps all of it: the next call begins another one.
      if (!isUntouched) await this.#leave();
      throw error;
    }
  }

  /** Sends one write, to another session where the present one is gone. */
  async #send(request: WriteRequest, signal: AbortSignal | undefined): Promise<Params> {
    const isFresh = this.#sessionId === null;
    const session = this.#sessionId ?? (await this.#begin());
    try {
      return await sendWrite(this.#transport, this.#place, request, session, signal);
    } catch (error) {
      if (isFresh || !isEndedSession(error)) throw error;
      this.#sessionId = null;
      return sendWrite(this.#transport, this.#place, request, await this.#begin(), signal);
    }
  }

  /** Begins a session with all that is kept. */
  async #begin(): Promise<string> {
    const { session_id } = await this.#transport.post("/session/begin", this.#place, { kind: "write" });
    if (typeof session_id !== "string") throw new LynseError("UNAVAILABLE", "the server began a session without an id");
    this.#sessionId = session_id;
    try {
      for (const request of this.#kept) await sendWrite(this.#transport, this.#place, request, session_id);
    } catch (error) {
      // What was free when it was staged first is not any more: as a commit that is refused.
      this.#kept = [];
      await this.#leave();
      throw error;
    }
    return session_id;
  }

  async #commit(): Promise<void> {
    if (this.#kept.length === 0) {
      await this.#leave();
      return;
    }
    const isFresh = this.#sessionId === null;
    const session = this.#sessionId ?? (await this.#begin());
    try {
      await this.#end(session);
    } catch (error) {
      if (isFresh || !isEndedSession(error)) throw error;
      this.#sessionId = null;
      await this.#end(await this.#begin());
    } finally {
      this.#kept = [];
      this.#sessionId = null;
    }
  }

  /** Commits a session. The server remembers what became of it, so that asking again is safe. */
  async #end(session_id: string): Promise<void> {
    await this.#transport.post("/session/commit", { session_id }, { kind: "read", timeoutMs: 0 });
  }

  /** Gives the session up. Where the server cannot be told, it expires. */
  async #leave(): Promise<void> {
    const session_id = this.#sessionId;
    this.#sessionId = null;
    if (session_id === null) return;
    await this.#transport.post("/session/abort", { session_id }, { kind: "read" }).catch(() => {});
  }
}

/** True where the server looked at a write and refused it: nothing of it is staged. */
function isRefusal(error: unknown): boolean {
  return isLynseError(error) && !["UNAVAILABLE", "TIMEOUT", "ABORTED", "CLOSED", "INTERNAL"].includes(error.code);
}

function isEndedSession(error: unknown): boolean {
  return isLynseError(error, "CLOSED") && "session_id" in error.details;
}
