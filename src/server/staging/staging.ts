/**
 * Which sessions are open on this server, and whose are they?
 *
 * A session is known by a random id, belongs to the key that began it and to one collection, and ends by a commit, an
 * abort, or by nobody writing for a while. How it ended is remembered for a minute, so that a commit or abort that is
 * sent again, because its answer was lost, gets the first answer.
 */
import { randomBytes } from "node:crypto";
import type { Collection, InsertSession } from "../../client/collection.js";
import { LynseError } from "../../errors.js";
import { sessionEnded } from "./session-ended.js";
import { StagedSession } from "./staged-session.js";

export interface StagingOptions {
  /** Time without a write after which a session is aborted. Default 60,000. */
  readonly idleMs?: number;
  /** Sessions open at the same time. Default 1,000. */
  readonly sessionsMax?: number;
  /** Time that the end of a session is remembered. Default 60,000. */
  readonly rememberMs?: number;
}

/** Sessions so far, for metrics. */
export interface StagingCounts {
  /** Open now. */
  readonly open: number;
  readonly begun: number;
  readonly committed: number;
  readonly aborted: number;
  readonly expired: number;
  /** Commits that the collection refused. */
  readonly failed: number;
}

/** What a session writes to. */
export interface SessionPlace {
  readonly databaseName: string;
  readonly collectionName: string;
}

interface Entry {
  readonly session: StagedSession;
  /** Name of the key that began it. */
  readonly owner: string;
  /** Runs while nobody writes; afterwards, until the end is forgotten. */
  timer: NodeJS.Timeout | null;
}

/** Ends remembered at most: a session costs a request, so a busy client could pile up any number within a minute. */
const endedMax = 10_000;

export class Staging {
  readonly #idleMs: number;
  readonly #sessionsMax: number;
  readonly #rememberMs: number;
  readonly #open = new Map<string, Entry>();
  /** Sessions that are being ended or have ended, the oldest first. */
  readonly #ended = new Map<string, Entry>();
  /** Sessions that are being begun: they count against the limit. */
  #beginning = 0;
  #isClosed = false;
  readonly #counts = { begun: 0, committed: 0, aborted: 0, expired: 0, failed: 0 };

  constructor({ idleMs = 60_000, sessionsMax = 1_000, rememberMs = 60_000 }: StagingOptions = {}) {
    this.#idleMs = idleMs;
    this.#sessionsMax = sessionsMax;
    this.#rememberMs = rememberMs;
  }

  get counts(): StagingCounts {
    return { open: this.#open.size, ...this.#counts };
  }

  /** Begins a session of the collection; resolves to its id. `UNAVAILABLE` while as many as allowed are open. */
  async begin(collection: Collection, owner: string): Promise<string> {
    this.#checkServing();
    if (this.#open.size + this.#beginning >= this.#sessionsMax) {
      throw new LynseError(
        "UNAVAILABLE",
        `${this.#sessionsMax} sessions are open, as many as the server allows; commit or abort one, or try again later`,
        { limit: "sessions", max: this.#sessionsMax },
      );
    }
    this.#beginning += 1;
    try {
      const session = await StagedSession.begin(collection);
      const id = randomBytes(16).toString("base64url");
      const entry = { session, owner, timer: null };
      this.#open.set(id, entry);
      this.#counts.begun += 1;
      this.#awaitWrites(id, entry);
      if (this.#isClosed) await this.#abort(id, entry);
      this.#checkServing();
      return id;
    } finally {
      this.#beginning -= 1;
    }
  }

  /**
   * Runs a write: in the session where one is named, and on the collection itself, which commits, where not. A
   * session that is not open, or another key's: `CLOSED`.
   */
  async write<T>(
    collection: Collection,
    sessionId: string | null | undefined,
    owner: string,
    run: (writer: InsertSession) => Promise<T>,
  ): Promise<T> {
    if (sessionId === null || sessionId === undefined) return run(collection);
    const entry = this.#find(sessionId, owner);
    const { session } = entry;
    if (session.state !== "open") throw endedError(sessionId, session);
    if (session.databaseName !== collection.databaseName || session.collectionName !== collection.name) {
      throw new LynseError(
        "INVALID_ARGUMENT",
        `the session writes to collection ${JSON.stringify(session.collectionName)} of database ` +
          `${JSON.stringify(session.databaseName)}, the request to ${JSON.stringify(collection.name)} of ` +
          JSON.stringify(collection.databaseName),
        { session_id: sessionId },
      );
    }
    clearTimeout(entry.timer ?? undefined);
    entry.timer = null;
    try {
      return await session.write(run);
    } finally {
      this.#awaitWrites(sessionId, entry);
    }
  }

  /** Commits a session, all or nothing. Again: the first answer. */
  async commit(sessionId: string, owner: string): Promise<SessionPlace> {
    const entry = this.#find(sessionId, owner);
    const { session } = entry;
    if (session.state === "aborted" || session.state === "expired") throw endedError(sessionId, session);
    if (session.state === "open") {
      await this.#end(sessionId, entry, async () => {
        try {
          await session.commit();
          this.#counts.committed += 1;
        } catch (error) {
          this.#counts.failed += 1;
          throw error;
        }
      });
    } else await session.commit();
    return placeOf(session);
  }

  /** Discards a session. Again, or after a commit that failed: nothing. After a commit: `CLOSED`. */
  async abort(sessionId: string, owner: string): Promise<SessionPlace> {
    const entry = this.#find(sessionId, owner);
    const { session } = entry;
    if (session.state === "open") await this.#abort(sessionId, entry);
    else await session.discard("aborted");
    if (session.state === "committed") throw endedError(sessionId, session);
    return placeOf(session);
  }

  /** Discards every open session, after the writes that run, and refuses new ones. Commits that run are waited for. */
  async close(): Promise<void> {
    this.#isClosed = true;
    const ending = [...this.#ended.values()].map(({ session }) => session.discard("aborted"));
    await Promise.all([...this.#open].map(([id, entry]) => this.#abort(id, entry)));
    await Promise.all(ending);
    for (const { timer } of this.#ended.values()) clearTimeout(timer ?? undefined);
    this.#ended.clear();
  }

  #checkServing(): void {
    if (this.#isClosed) throw new LynseError("UNAVAILABLE", "the server is stopping; try again later");
  }

  /** A session of this key, open or remembered. */
  #find(sessionId: string, owner: string): Entry {
    const entry = this.#open.get(sessionId) ?? this.#ended.get(sessionId);
    if (entry !== undefined && entry.owner === owner) return entry;
    throw sessionEnded(sessionId, "is not open: it was never begun with this key, or ended long ago");
  }

  async #abort(id: string, entry: Entry): Promise<void> {
    this.#counts.aborted += 1;
    await this.#end(id, entry, () => entry.session.discard("aborted"));
  }

  /** Ends an open session by `finish`, and remembers it. From the first turn on no write gets in. */
  async #end(id: string, entry: Entry, finish: () => Promise<void>): Promise<void> {
    clearTimeout(entry.timer ?? undefined);
    entry.timer = null;
    this.#open.delete(id);
    this.#ended.set(id, entry);
    try {
      await finish();
    } finally {
      this.#remember(id, entry);
    }
  }

  #remember(id: string, entry: Entry): void {
    if (this.#isClosed) return;
    entry.timer = setTimeout(() => this.#ended.delete(id), this.#rememberMs);
    entry.timer.unref();
    if (this.#ended.size <= endedMax) return;
    for (const [oldest, { timer }] of this.#ended) {
      // One that is still being committed has no timer, and must be found.
      if (timer === null) continue;
      clearTimeout(timer);
      this.#ended.delete(oldest);
      return;
    }
  }

  /** Starts the clock of a session in which no write runs. */
  #awaitWrites(id: string, entry: Entry): void {
    const { session } = entry;
    if (session.state !== "open" || session.running > 0) return;
    clearTimeout(entry.timer ?? undefined);
    entry.timer = setTimeout(() => {
      this.#counts.expired += 1;
      // Discarding doesn't fail: it swallows what the collection says.
      void this.#end(id, entry, () => session.discard("expired"));
    }, this.#idleMs);
    entry.timer.unref();
  }
}

function placeOf({ databaseName, collectionName }: StagedSession): SessionPlace {
  return { databaseName, collectionName };
}

function endedError(sessionId: string, session: StagedSession): LynseError {
  const reasons = {
    open: "is open",
    committing: "is being committed",
    committed: "was committed",
    failed: "ended with a commit that failed; nothing of it was stored",
    aborted: "was aborted",
    expired: "expired, because nothing was written to it for too long; nothing of it was stored",
  };
  return sessionEnded(sessionId, reasons[session.state]);
}
