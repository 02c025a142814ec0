/**
 * How does a reader take up what another process committed?
 *
 * By the log, where the writer went on in the same generation; by opening the collection again, where another generation was
 * swapped in, or where the log could not be followed. What was known before can be read until the new state counts, and
 * after a failure.
 */
import { isLynseError } from "../errors.js";
import { Follower } from "./follower.js";
import type { Generation } from "./generation.js";
import type { PresentGeneration } from "./present-generation.js";
import type { RunExclusive } from "./vector-field.js";

export interface GenerationRefreshOptions {
  readonly present: PresentGeneration;
  readonly exclusive: RunExclusive;
  /** Opens the collection's files again: the generation that another process has swapped in. */
  readonly reopen: () => Promise<Generation>;
  /** Whether the collection is there, for a reader that does not find it; waits while its database is replaced. */
  readonly isThere: () => Promise<boolean>;
  /** In a reader that takes up commits by itself: how long a look for them counts, milliseconds; null in others. */
  readonly followIntervalMs: number | null;
  /** Told when another generation counts. */
  readonly reopened: () => void;
}

export class GenerationRefresh {
  readonly #options: GenerationRefreshOptions;
  readonly #present: PresentGeneration;
  readonly #follower: Follower | null;
  /** The present generation cannot be continued from its log. */
  #mustReopen = false;

  constructor(options: GenerationRefreshOptions) {
    this.#options = options;
    this.#present = options.present;
    const followed = { present: () => this.#present.generation.store, refresh: () => this.run() };
    this.#follower = options.followIntervalMs === null ? null : new Follower(followed, options.followIntervalMs);
  }

  /** True where reads take up what another process commits. */
  get isFollowing(): boolean {
    return this.#follower !== null;
  }

  /** Takes up what the writing process committed since. */
  async run(): Promise<void> {
    this.#present.checkOpen();
    if (!this.#present.isReadOnly) return;
    await this.#options.exclusive(async () => {
      if (!this.#present.isClosed) await this.#takeUp();
    });
  }

  /** In a reader that follows: as `run`, where there is something new. */
  async catchUp(): Promise<void> {
    this.#present.checkOpen();
    await this.#follower?.catchUp();
    this.#present.checkOpen();
  }

  async #takeUp(): Promise<void> {
    const old = this.#present.generation;
    if (!this.#mustReopen && !(await this.#hasNewGeneration(old))) {
      try {
        return await old.follow();
      } catch (error) {
        // A part may have been taken in, beyond the rows that are visible: this generation can be read, not continued.
        this.#mustReopen = true;
        // A writer whose disk failed may have taken back a commit that was read here: the files have the last word.
        if (!isLynseError(error, "CORRUPT")) throw error;
      }
    }
    this.#present.succeed(await this.#options.reopen());
    this.#mustReopen = false;
    await old.retire();
    this.#options.reopened();
  }

  async #hasNewGeneration({ store }: Generation): Promise<boolean> {
    try {
      return await store.hasNewGeneration();
    } catch (error) {
      // While its database is replaced the collection is nowhere for a moment.
      if (!isLynseError(error, "CLOSED") || !(await this.#options.isThere())) throw error;
      return store.hasNewGeneration();
    }
  }
}
