/**
 * Which remote collections has a client opened?
 *
 * Gives all handles of one collection the same state, until it is closed or dropped through this client.
 */
import { RemoteState } from "./remote-state.js";
import type { RemoteTransport } from "./remote-transport.js";

export class RemoteStates {
  readonly transport: RemoteTransport;
  readonly #states = new Map<string, RemoteState>();

  constructor(transport: RemoteTransport) {
    this.transport = transport;
  }

  /** The open state of a collection, whether it exists or not. */
  of(database: string, name: string): RemoteState {
    const key = `${database}/${name}`;
    const present = this.#states.get(key);
    if (present !== undefined && !present.isClosed) return present;
    const fresh = new RemoteState(this.transport, database, name);
    this.#states.set(key, fresh);
    return fresh;
  }

  /** Ends the handles of a collection that was dropped. */
  end(database: string, name: string): void {
    const key = `${database}/${name}`;
    this.#states.get(key)?.end(true);
    this.#states.delete(key);
  }

  /** Ends the handles of all collections of a database that was dropped. */
  endDatabase(database: string): void {
    for (const [key, state] of this.#states) {
      if (state.databaseName !== database) continue;
      state.end(true);
      this.#states.delete(key);
    }
  }

  /** Commits what is pending in every collection; all are tried, the first error is thrown. */
  async commitAll(): Promise<void> {
    const open = [...this.#states.values()].filter((state) => !state.isClosed && !state.pending.isIdle);
    const outcomes = await Promise.allSettled(open.map((state) => state.pending.commit()));
    const failed = outcomes.find((outcome) => outcome.status === "rejected");
    if (failed !== undefined) throw failed.reason;
  }
}
