/**
 * Which collections are open, and which of them are closed when they are too many?
 *
 * One `OpenCollection` a folder. Before an engine is opened beyond the bound, the least recently used of those that are
 * idle is checkpointed and closed; handles open it again when they use it. Collections in use stay open, so that the bound
 * can be passed: a call under way, an iterator that has begun, an insert session, a build, or writes that nobody has
 * committed keep theirs. What is over the bound then is closed when it is released.
 */
import { assert, isLynseError } from "../errors.js";
import type { CollectionEngine } from "./collection-engine.js";
import {
  type CollectionPlace,
  type EngineOpener,
  OpenCollection,
  type OpenCollectionOwner,
} from "./open-collection.js";

export class OpenCollections implements OpenCollectionOwner {
  readonly #max: number;
  readonly #byFolder = new Map<string, OpenCollection>();
  /** Those whose engine may be open, the least recently used first. */
  readonly #recent = new Set<OpenCollection>();
  /** Engines that are open or being opened. */
  #openCount = 0;
  /** Defects met while idle collections were closed: nobody waited for it. */
  readonly #failures: unknown[] = [];

  /** @param max Engines that may be open at a time, unless more are in use. */
  constructor(max: number) {
    this.#max = max;
  }

  /** The collection of a folder, if this process has opened it. */
  get(folder: string): OpenCollection | null {
    const collection = this.#byFolder.get(folder);
    return collection === undefined || collection.isEnded ? null : collection;
  }

  /** The collection of a folder, to be opened by whoever asks for it, and to be forgotten where that fails. */
  at(place: CollectionPlace, reopen: EngineOpener): OpenCollection {
    const present = this.#byFolder.get(place.folder);
    if (present !== undefined && !present.isEnded) return present;
    const before = present?.settled() ?? null;
    const fresh = new OpenCollection(place, reopen, this, before);
    this.#byFolder.set(place.folder, fresh);
    return fresh;
  }

  /** Forgets a collection that could not be opened, if nobody else tries to. */
  forgetUnknown(collection: OpenCollection): void {
    if (collection.isUnknown) this.ended(collection);
  }

  /** Runs a task with the engine of a folder's collection, or with null where it is not open, and is not opened before. */
  async withEngine<T>(folder: string, task: (engine: CollectionEngine | null) => Promise<T>): Promise<T> {
    const held = await this.get(folder)?.holdAsItIs();
    try {
      return await task(held?.engine ?? null);
    } finally {
      held?.release();
    }
  }

  async makeRoom(): Promise<void> {
    this.#openCount += 1;
    await this.#closeIdle();
  }

  closed(): void {
    this.#openCount -= 1;
  }

  ended(collection: OpenCollection): void {
    this.#recent.delete(collection);
    if (this.#byFolder.get(collection.folder) === collection) this.#byFolder.delete(collection.folder);
  }

  released(collection: OpenCollection): void {
    this.#recent.delete(collection);
    if (!collection.isEnded) this.#recent.add(collection);
    if (this.#openCount > this.#max) void this.#closeIdle();
  }

  async #closeIdle(): Promise<void> {
    while (this.#openCount > this.#max) {
      const idle = this.#leastRecent();
      if (idle === null) return;
      await idle.closeIdle().catch((error: unknown) => this.#failures.push(error));
    }
  }

  #leastRecent(): OpenCollection | null {
    for (const collection of this.#recent) {
      if (!collection.isIdle) continue;
      this.#recent.delete(collection);
      return collection;
    }
    return null;
  }

  /** Ends the collection of a folder, whose files are about to go. */
  async abandon(folder: string): Promise<void> {
    await this.#byFolder
      .get(folder)
      ?.abandon()
      .catch((error: unknown) => {
        // What is open goes with its files; only defects of ours go on.
        assert(!isLynseError(error, "INTERNAL"), "dropping a collection meets no defect");
      });
  }

  /** Ends all collections in folders whose paths begin so. */
  async abandonAll(beginning: string): Promise<void> {
    for (const folder of [...this.#byFolder.keys()]) if (folder.startsWith(beginning)) await this.abandon(folder);
  }

  /** Closes all for good. Resolves to what went wrong, after everything was tried. */
  async close(): Promise<unknown[]> {
    for (const collection of [...this.#byFolder.values()]) {
      await collection.close().catch((error: unknown) => this.#failures.push(error));
    }
    return this.#failures;
  }
}
