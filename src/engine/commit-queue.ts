/**
 * In which order do changes happen?
 *
 * One queue a collection: commits and exclusive work (checkpoint, compaction, a new index) run one after another, in the
 * order they were asked for. Commits that wait together are handed over together, so that they share one fsync.
 */
import type { WriteBuffer } from "./write-buffer.js";

/** A commit that waits for its turn. */
export interface PendingCommit {
  readonly buffer: WriteBuffer;
  /** Rows to bring back, asked for when the commit has its turn: the one kind of change that a buffer does not hold. */
  readonly restoredRows: (() => readonly number[]) | null;
  readonly resolve: () => void;
  readonly reject: (error: unknown) => void;
}

type Entry = { readonly commit: PendingCommit } | { readonly task: () => Promise<void> };

export class CommitQueue {
  readonly #commitGroup: (group: readonly PendingCommit[]) => Promise<void>;
  readonly #entries: Entry[] = [];
  #running: Promise<void> | null = null;

  constructor(commitGroup: (group: readonly PendingCommit[]) => Promise<void>) {
    this.#commitGroup = commitGroup;
  }

  /** Resolves when the buffer's transaction is durable and visible. */
  commit(buffer: WriteBuffer, restoredRows: PendingCommit["restoredRows"] = null): Promise<void> {
    return new Promise((resolve, reject) => {
      this.#push({ commit: { buffer, restoredRows, resolve, reject } });
    });
  }

  /** Runs a task while no commit runs. */
  exclusive<T>(task: () => Promise<T>): Promise<T> {
    return new Promise((resolve, reject) => {
      this.#push({ task: () => task().then(resolve, reject) });
    });
  }

  /** Resolves when everything asked for so far has ended. */
  async drained(): Promise<void> {
    while (this.#running !== null) await this.#running;
  }

  #push(entry: Entry): void {
    this.#entries.push(entry);
    this.#running ??= this.#run();
  }

  async #run(): Promise<void> {
    // Commits asked for in the same turn of the event loop go into one group.
    await Promise.resolve();
    try {
      for (let entry = this.#entries.shift(); entry !== undefined; entry = this.#entries.shift()) {
        if ("task" in entry) {
          await entry.task();
          continue;
        }
        const group = [entry.commit];
        for (let next = this.#entries[0]; next !== undefined && "commit" in next; next = this.#entries[0]) {
          group.push(next.commit);
          this.#entries.shift();
        }
        await this.#commitGroup(group);
      }
    } finally {
      // In the turn that found nothing left: whoever asks in the next one must start the queue again.
      this.#running = null;
    }
  }
}
