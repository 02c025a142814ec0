/**
 * Who uses a collection, and is its engine open?
 *
 * What handles hold on to: an engine that is opened when it is used, and may be closed while nobody uses it. A use keeps
 * it open until the use ends. Once the collection was closed by a caller, or dropped, it stays so; who opens it by name
 * gets another one. Opening and closing never overlap, so that the files have one owner at a time.
 */
import { collectionClosed, isLynseError } from "../errors.js";
import type { CollectionEngine } from "./collection-engine.js";

/** Makes the engine of a collection that is not open. */
export type EngineOpener = () => Promise<CollectionEngine>;

/** Told of changes that the number of open engines depends on. */
export interface OpenCollectionOwner {
  /** An engine is about to be opened. */
  makeRoom(): Promise<void>;
  /** An engine is being closed, or could not be opened. */
  closed(): void;
  /** The collection was closed by a caller, or dropped, and nothing of it is open any more. */
  ended(collection: OpenCollection): void;
  /** Nobody uses the collection any more. */
  released(collection: OpenCollection): void;
}

export interface CollectionPlace {
  readonly folder: string;
  readonly databaseName: string;
  readonly name: string;
}

export class OpenCollection {
  readonly folder: string;
  readonly databaseName: string;
  readonly name: string;
  readonly #reopen: EngineOpener;
  readonly #owner: OpenCollectionOwner;
  #engine: CollectionEngine | null = null;
  /** The engine that is being opened or closed, or what keeps it from being opened. */
  #change: Promise<unknown> | null;
  #users = 0;
  #wasOpen = false;
  #isEnded = false;
  #isDropped = false;

  /**
   * @param reopen Opens what was closed while nobody used it.
   * @param before What must have ended before it is opened for the first time.
   */
  constructor(
    { folder, databaseName, name }: CollectionPlace,
    reopen: EngineOpener,
    owner: OpenCollectionOwner,
    before: Promise<unknown> | null = null,
  ) {
    this.folder = folder;
    this.databaseName = databaseName;
    this.name = name;
    this.#reopen = reopen;
    this.#owner = owner;
    this.#change = null;
    if (before !== null) void this.#during(before).catch(() => {});
  }

  /** True once it was closed by a caller, or dropped. */
  get isEnded(): boolean {
    return this.#isEnded || (this.#engine?.isClosed ?? false);
  }

  /** True where the collection was dropped. */
  get isDropped(): boolean {
    return this.#isDropped;
  }

  /** True for one that nobody uses and that was never open: nobody has heard of it. */
  get isUnknown(): boolean {
    return !this.#wasOpen && this.#users === 0 && this.#change === null;
  }

  /** True while closing the engine would lose nothing and interrupt nobody. */
  get isIdle(): boolean {
    const engine = this.#engine;
    if (engine === null || this.#users > 0 || this.#change !== null || this.isEnded) return false;
    const { buffer } = engine.pending;
    return (buffer === null || buffer.isEmpty) && !engine.indexes.isWorking;
  }

  /** Runs a task with the engine, which is opened for it where it has to be; where it is open the task begins at once. */
  async use<T>(task: (engine: CollectionEngine) => T | Promise<T>): Promise<T> {
    this.#users += 1;
    try {
      return await task(this.#engine ?? (await this.#opened()));
    } finally {
      this.#release();
    }
  }

  /** The engine, which stays open until `release` is called; it is opened where it has to be. */
  async hold(): Promise<{ readonly engine: CollectionEngine; readonly release: () => void }> {
    this.#users += 1;
    try {
      return { engine: this.#engine ?? (await this.#opened()), release: once(() => this.#release()) };
    } catch (error) {
      this.#release();
      throw error;
    }
  }

  /**
   * As `hold` where the engine is open. Where it is not: `engine` is null, and it is not opened until `release` is called.
   */
  async holdAsItIs(): Promise<{ readonly engine: CollectionEngine | null; readonly release: () => void }> {
    this.#users += 1;
    const release = once(() => this.#release());
    while (this.#change !== null) await this.#change.catch(() => {});
    const engine = this.isEnded ? null : this.#engine;
    if (engine !== null || this.isEnded) return { engine, release };
    let resume = (): void => {};
    void this.#during(
      new Promise<void>((resolve) => {
        resume = resolve;
      }),
    );
    return {
      engine,
      release: () => {
        resume();
        release();
      },
    };
  }

  /** Opens the engine by `open` where it is not open. True if this call did it; `CLOSED` when it has ended. */
  async openBy(open: EngineOpener): Promise<boolean> {
    this.#users += 1;
    try {
      for (;;) {
        this.#checkNotEnded();
        if (this.#change !== null) {
          // Another call's failure is not this one's.
          await this.#change.catch(() => {});
        } else if (this.#engine !== null) {
          return false;
        } else {
          await this.#open(open);
          return true;
        }
      }
    } finally {
      this.#release();
    }
  }

  async #opened(): Promise<CollectionEngine> {
    for (;;) {
      this.#checkNotEnded();
      if (this.#engine !== null) return this.#engine;
      if (this.#change !== null) {
        await this.#change.catch(() => {});
        continue;
      }
      await this.#open(this.#reopen).catch((error: unknown) => {
        // A reader finds out only now that another process has dropped it, and may make another one of that name.
        if (!isLynseError(error, "COLLECTION_NOT_FOUND") && !isLynseError(error, "DATABASE_NOT_FOUND")) throw error;
        this.#isDropped = true;
        throw collectionClosed(this.name);
      });
    }
  }

  #open(open: EngineOpener): Promise<void> {
    const opening = async (): Promise<void> => {
      await this.#owner.makeRoom();
      try {
        this.#engine = await open();
        this.#wasOpen = true;
        if (!this.#isEnded) this.#isDropped = false;
      } catch (error) {
        this.#owner.closed();
        throw error;
      }
    };
    return this.#during(opening());
  }

  /** Keeps everything else from opening or closing the engine meanwhile. */
  async #during(change: Promise<unknown>): Promise<void> {
    this.#change = change;
    try {
      await change;
    } finally {
      if (this.#change === change) this.#change = null;
    }
  }

  #release(): void {
    this.#users -= 1;
    if (this.#users === 0) this.#owner.released(this);
  }

  /** Closes the engine of one that is idle; it is opened again when it is used. */
  async closeIdle(): Promise<void> {
    const engine = this.#engine!;
    this.#engine = null;
    this.#owner.closed();
    await this.#during(engine.close());
  }

  /** Commits, checkpoints and closes it for good. */
  close(): Promise<void> {
    return this.#end((engine) => engine.close());
  }

  /** As `close`, for one whose files are about to go. */
  abandon(): Promise<void> {
    this.#isDropped = true;
    return this.#end((engine) => engine.abandon());
  }

  async #end(close: (engine: CollectionEngine) => Promise<void>): Promise<void> {
    const isFirst = !this.#isEnded;
    this.#isEnded = true;
    while (this.#change !== null && this.#engine === null) await this.#change.catch(() => {});
    // It stays at hand: handles ask a closed engine what it was.
    const engine = this.#engine;
    try {
      if (engine === null) return;
      if (isFirst) this.#owner.closed();
      await this.#during(close(engine));
    } finally {
      this.#owner.ended(this);
    }
  }

  /** Resolves when nothing is being opened or closed. */
  async settled(): Promise<void> {
    while (this.#change !== null) await this.#change.catch(() => {});
  }

  #checkNotEnded(): void {
    if (this.#isEnded) throw collectionClosed(this.name);
  }
}

function once(task: () => void): () => void {
  let isDone = false;
  return () => {
    if (isDone) return;
    isDone = true;
    task();
  };
}
