/**
 * What was written outside of any session, and who hears of its commit?
 *
 * One buffer, shared by all calls on the collection until somebody commits it. A commit takes it before it returns, so a
 * caller who staged in the same turn commits its own writes and hears of their failure alone.
 */
import type { WriteBuffer } from "./write-buffer.js";

export class PendingWrites {
  readonly #checkWritable: () => void;
  readonly #commitBuffer: (buffer: WriteBuffer) => Promise<void>;
  /** Not committed yet; null when there is nothing. */
  buffer: WriteBuffer | null = null;
  /** Commits that are under way. */
  readonly #commits = new Set<Promise<void>>();

  constructor(checkWritable: () => void, commitBuffer: (buffer: WriteBuffer) => Promise<void>) {
    this.#checkWritable = checkWritable;
    this.#commitBuffer = commitBuffer;
  }

  /** What there is, which is the caller's from now on. */
  take(): WriteBuffer | null {
    const { buffer } = this;
    this.buffer = null;
    return buffer;
  }

  /** Takes what there is and makes it durable and visible. It is gone when that fails. Throws where nothing may be written. */
  async commit(): Promise<void> {
    this.#checkWritable();
    const buffer = this.take();
    if (buffer === null || buffer.isEmpty) return;
    const commit = this.#commitBuffer(buffer);
    this.#commits.add(commit);
    try {
      await commit;
    } finally {
      this.#commits.delete(commit);
    }
  }

  /** Resolves when everything staged before is durable and visible, also what another call's commit took along. */
  async flush(): Promise<void> {
    await Promise.all([this.commit(), ...this.#commits]);
  }

  /** As `flush`, for who has staged nothing: of calls that commit what they staged, each hears of its failure alone. */
  async flushBuffered(): Promise<void> {
    await Promise.all([this.commit(), Promise.allSettled(this.#commits)]);
  }
}
