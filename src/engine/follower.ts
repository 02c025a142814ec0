/**
 * When does a reader beside a writer look for what was committed since?
 *
 * Before each read: the manifest is read and the log is asked for a byte behind its known end, on the calling thread, since
 * both take microseconds where the files are near. No watch on the files, which network volumes do not deliver, and no
 * timer: nothing is done for a collection that nobody reads. On slow volumes looks can be made rarer.
 *
 * Invariants: a read that asks after a commit has resolved finds that commit (with an interval: or one at most that much
 * older); reads that ask at the same time share one update.
 */
import type { CollectionStore } from "../storage/collection-store.js";

/** What is followed. */
export interface FollowedCollection {
  /** The store of the present generation. */
  present(): CollectionStore;
  /** Takes up what was committed. */
  refresh(): Promise<void>;
}

export class Follower {
  readonly #collection: FollowedCollection;
  readonly #intervalMs: number;
  /** The manifest that the last complete update began with. */
  #manifest: Uint8Array | null = null;
  #lookedAtMs = Number.NEGATIVE_INFINITY;
  #update: Promise<void> | null = null;

  /** @param intervalMs Time that a look counts for; 0: each read looks. */
  constructor(collection: FollowedCollection, intervalMs: number) {
    this.#collection = collection;
    this.#intervalMs = intervalMs;
  }

  /** Takes up what was committed before the call. Rejects where that fails; what was known can still be read. */
  async catchUp(): Promise<void> {
    const before = this.#update;
    if (before !== null) {
      // It may have looked before the commit that this call must find. Its failure is told to those who began it.
      await before.catch(() => {});
      // Whoever waited with this call has begun the next one, which suits both.
      if (this.#update !== null) return this.#update;
    }
    const nowMs = performance.now();
    if (nowMs - this.#lookedAtMs < this.#intervalMs) return;
    const { manifest, hasMoreLog } = this.#collection.present().lookForNews();
    if (!hasMoreLog && isSame(manifest, this.#manifest)) {
      this.#lookedAtMs = nowMs;
      return;
    }
    this.#update = this.#takeUp(manifest, nowMs).finally(() => {
      this.#update = null;
    });
    return this.#update;
  }

  async #takeUp(manifest: Uint8Array | null, lookedAtMs: number): Promise<void> {
    await this.#collection.refresh();
    this.#manifest = manifest;
    this.#lookedAtMs = lookedAtMs;
  }
}

function isSame(a: Uint8Array | null, b: Uint8Array | null): boolean {
  if (a === null || b === null || a.length !== b.length) return false;
  for (let at = 0; at < a.length; at++) if (a[at] !== b[at]) return false;
  return true;
}
