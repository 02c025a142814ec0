/**
 * How does an insert session collect its writes?
 *
 * A writer with a buffer of its own, committed or dropped as a whole. A session that has ended refuses further writes.
 */
import type { CollectionEngine } from "../../engine/collection-engine.js";
import { LynseError } from "../../errors.js";
import type { Fields } from "../../types.js";
import type { InsertSession } from "../collection.js";
import type { DocumentVectors } from "../input/document-vectors.js";
import { type BufferHolder, LocalWriter } from "./local-writer.js";

export class LocalInsertSession<F extends Fields> extends LocalWriter<F> implements InsertSession<F> {
  readonly #engine: CollectionEngine;
  readonly #state: BufferHolder & { isEnded: boolean };

  constructor(engine: CollectionEngine, documents: DocumentVectors) {
    const state = { buffer: null, commit: null, isEnded: false };
    const checkOpen = (): void => {
      engine.checkOpen();
      if (!state.isEnded) return;
      throw new LynseError("CLOSED", "this insert session has ended; await every write inside the session's function");
    };
    super(engine, state, checkOpen, documents);
    this.#engine = engine;
    this.#state = state;
  }

  /** Commits what was written. */
  async commit(): Promise<void> {
    this.#state.isEnded = true;
    if (this.#state.buffer !== null) await this.#engine.commit(this.#state.buffer);
  }

  /** Drops what was not committed. */
  end(): void {
    this.#state.isEnded = true;
    if (this.#state.buffer !== null) this.#engine.discard(this.#state.buffer);
    this.#state.buffer = null;
  }
}
