/**
 * When does a reader beside a writer look for what was committed since?
 *
 * Before each read: the manifest is read and the log is asked for a byte behind its known end, on the calling thread, since
 * both take microseconds where the files are near. No watch on the files, which network volumes do not deliver, and no
 * timer: nothing is done for a collection that nobody reads. On slow volumes looks can be made rarer.
 *
 * Invariants: a read that asks after a commit has resolved finds that commit (with an interval: or one at most that much
 * older); reads that ask at the same time share one update. One exception: behind what a killed writer left of a commit, which
 * could be one that is being written, the next commit may be found `unfinishedStepMs` late.
 */
import type { CollectionStore } from "../storage/collection-store.js";

/** What is followed. */
export interface FollowedCollection {
  /** The store of the present generation. */
  present(): Pick<CollectionStore, "lookForNews" | "position">;
  /** Takes up what was committed. */
  refresh(): Promise<void>;
}

/** Age at which a commit that does not come to its end is taken for what a killed writer left, milliseconds. */
const unfinishedAgeMs = 1000;
/** How often it is tried to be read from then on, milliseconds. */
const unfinishedStepMs = 100;

/** Log that an update could not take up. */
interface Unfinished {
  /** Its beginning. */
  readonly tail: Uint8Array;
  readonly sinceMs: number;
}

export class Follower {
  readonly #collection: FollowedCollection;
  readonly #intervalMs: number;
  /** The manifest that the last complete update began with. */
  #manifest: Uint8Array | null = null;
  #lookedAtMs = Number.NEGATIVE_INFINITY;
  #unfinished: Unfinished | null = null;
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
    const { manifest, tail } = this.#collection.present().lookForNews();
    if (isSame(manifest, this.#manifest)) {
      if (tail.length > 0 && this.#isAbandoned(tail, nowMs)) return;
      if (tail.length === 0) {
        this.#lookedAtMs = nowMs;
        this.#unfinished = null;
        return;
      }
    }
    this.#update = this.#takeUp(manifest, tail.slice(), nowMs).finally(() => {
      this.#update = null;
    });
    return this.#update;
  }

  /** True where the log goes on with what was no commit at the last update, and has been none for long. */
  #isAbandoned(tail: Uint8Array, nowMs: number): boolean {
    const unfinished = this.#unfinished;
    if (unfinished === null || !isSame(unfinished.tail, tail)) return false;
    return nowMs - unfinished.sinceMs > unfinishedAgeMs && nowMs - this.#lookedAtMs < unfinishedStepMs;
  }

  async #takeUp(manifest: Uint8Array | null, tail: Uint8Array, lookedAtMs: number): Promise<void> {
    const before = this.#collection.present();
    const { position } = before;
    await this.#collection.refresh();
    this.#manifest = manifest;
    this.#lookedAtMs = lookedAtMs;
    const after = this.#collection.present();
    const isProgress = after !== before || after.position.bytes !== position.bytes;
    if (isProgress || tail.length === 0) this.#unfinished = null;
    else if (!isSame(this.#unfinished?.tail ?? null, tail)) this.#unfinished = { tail, sinceMs: lookedAtMs };
  }
}

function isSame(a: Uint8Array | null, b: Uint8Array | null): boolean {
  if (a === null || b === null || a.length !== b.length) return false;
  for (let at = 0; at < a.length; at++) if (a[at] !== b[at]) return false;
  return true;
}
