/**
 * How does a remote insert session collect its writes?
 *
 * They are staged on the server as they come, and committed or dropped as a whole. A session that has ended refuses further
 * writes.
 */
import { LynseError } from "../../errors.js";
import type { Fields } from "../../types.js";
import type { InsertSession } from "../collection.js";
import type { RemoteState } from "./remote-state.js";
import { type DocumentsProvider, RemoteWriter } from "./remote-writer.js";
import { StagedWrites } from "./staged-writes.js";

export class RemoteInsertSession<F extends Fields> extends RemoteWriter<F> implements InsertSession<F> {
  readonly #staged: StagedWrites;
  readonly #phase: { isEnded: boolean };

  constructor(state: RemoteState, documents: DocumentsProvider) {
    const staged = new StagedWrites(state.transport, state.place);
    const phase = { isEnded: false };
    const checkOpen = (): void => {
      state.checkOpen();
      if (!phase.isEnded) return;
      throw new LynseError("CLOSED", "this insert session has ended; await every write inside the session's function");
    };
    super(state, { staged, commits: false, checkOpen }, documents);
    this.#staged = staged;
    this.#phase = phase;
  }

  /** Commits what was written. */
  async commit(): Promise<void> {
    this.#phase.isEnded = true;
    await this.#staged.commit();
  }

  /** Drops what was not committed. */
  async end(): Promise<void> {
    this.#phase.isEnded = true;
    await this.#staged.discard();
  }
}
