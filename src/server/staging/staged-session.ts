/**
 * How is an insert session of the embedded client held open between requests?
 *
 * Its function waits on a gate that a commit opens and an abort breaks. Writes run one after another, in the order they
 * came; an end waits for those that began before it. However a session ends, its function returns: nothing is left
 * pending, and rows are in the collection only after a commit.
 */
import type { Collection, InsertSession } from "../../client/collection.js";
import { LynseError } from "../../errors.js";

/** How a session ended, or why it cannot be written any more. */
export type SessionState = "open" | "committing" | "committed" | "failed" | "aborted" | "expired";

/** Breaks the gate of a session that is to be discarded; never leaves this file. */
const discarded = new LynseError("ABORTED", "the session was discarded");

export class StagedSession {
  readonly databaseName: string;
  readonly collectionName: string;
  #state: SessionState = "open";
  readonly #session: InsertSession;
  readonly #gate: PromiseWithResolversOf<void>;
  /** Settles when the embedded session has committed or was discarded. */
  readonly #finished: Promise<void>;
  /** Settles after the writes so far. */
  #writes: Promise<unknown> = Promise.resolve();
  #running = 0;
  #outcome: Promise<void> | null = null;

  private constructor(
    collection: Collection,
    session: InsertSession,
    gate: PromiseWithResolversOf<void>,
    finished: Promise<void>,
  ) {
    this.databaseName = collection.databaseName;
    this.collectionName = collection.name;
    this.#session = session;
    this.#gate = gate;
    this.#finished = finished;
  }

  /** Begins a session of the collection; rejects as `insertSession` does, e.g. with `READ_ONLY`. */
  static async begin(collection: Collection): Promise<StagedSession> {
    const gate = withResolvers<void>();
    const begun = withResolvers<InsertSession>();
    const finished = collection.insertSession((session) => {
      begun.resolve(session);
      return gate.promise;
    });
    // Whoever ends the session looks at the result; a refusal to begin comes out of the race.
    finished.catch(() => {});
    const session = await Promise.race([begun.promise, finished.then(() => begun.promise)]);
    return new StagedSession(collection, session, gate, finished);
  }

  get state(): SessionState {
    return this.#state;
  }

  /** Writes that run or wait. */
  get running(): number {
    return this.#running;
  }

  /** Runs a write after those before it. A write that fails leaves the session open, with nothing of it staged. */
  write<T>(run: (session: InsertSession) => Promise<T>): Promise<T> {
    this.#running += 1;
    const result = this.#writes.then(() => run(this.#session)).finally(() => (this.#running -= 1));
    this.#writes = result.catch(() => {});
    return result;
  }

  /** Commits what was written; called again it gives the first answer, be it an error. */
  commit(): Promise<void> {
    this.#outcome ??= this.#commit();
    return this.#outcome;
  }

  async #commit(): Promise<void> {
    this.#state = "committing";
    await this.#writes;
    this.#gate.resolve();
    try {
      await this.#finished;
      this.#state = "committed";
    } catch (error) {
      this.#state = "failed";
      throw error;
    }
  }

  /** Discards what was written, after the writes that run; a commit that has begun is waited for instead. */
  async discard(as: "aborted" | "expired"): Promise<void> {
    if (this.#outcome !== null) {
      await this.#outcome.catch(() => {});
      return;
    }
    this.#state = as;
    this.#outcome = this.#break();
    await this.#outcome;
  }

  async #break(): Promise<void> {
    await this.#writes;
    this.#gate.reject(discarded);
    await this.#finished.catch(() => {});
  }
}

interface PromiseWithResolversOf<T> {
  readonly promise: Promise<T>;
  readonly resolve: (value: T) => void;
  readonly reject: (reason: unknown) => void;
}

/** `Promise.withResolvers`, which Node 20 doesn't have. */
function withResolvers<T>(): PromiseWithResolversOf<T> {
  let resolve: (value: T) => void = () => {};
  let reject: (reason: unknown) => void = () => {};
  const promise = new Promise<T>((res, rej) => {
    resolve = res;
    reject = rej;
  });
  return { promise, resolve, reject };
}
