/**
 * Which index builds were asked for, how far are they, and how did they end?
 *
 * A build has an id by which its client follows it to the end, however long that takes; how it ended is remembered for a
 * while. The metrics read the counts.
 */
import { randomBytes } from "node:crypto";
import type { Progress } from "../client/collection.js";
import { LynseError } from "../errors.js";

/** Where a build is. */
export interface BuildPlace {
  readonly databaseName: string;
  readonly collectionName: string;
}

/** What a build is given. */
interface BuildCalls {
  readonly signal: AbortSignal;
  readonly onProgress: (progress: Progress) => void;
}

/** A build that runs or has ended. */
export class IndexBuild {
  readonly id = randomBytes(16).toString("base64url");
  readonly place: BuildPlace;
  readonly vectors: number;
  readonly startedAt = performance.now();
  /** Settles when the build has ended. */
  readonly ended: Promise<void>;
  readonly #controller = new AbortController();
  #state: "building" | "built" | "failed" = "building";
  #progress: Progress | null = null;
  #failure: unknown = null;
  /** Clock time of the end. */
  #endedAt = 0;

  constructor(place: BuildPlace, vectors: number, build: (calls: BuildCalls) => Promise<void>) {
    this.place = place;
    this.vectors = vectors;
    this.ended = this.#run(build);
    // Who follows the build is told by `failure`.
    this.ended.catch(() => {});
  }

  get state(): "building" | "built" | "failed" {
    return this.#state;
  }

  /** Rows done, and rows in all; null before the first are. */
  get progress(): Progress | null {
    return this.#progress;
  }

  /** Share of the rows that is done. */
  get ratio(): number {
    if (this.#state === "built") return 1;
    const { done, total = 0 } = this.#progress ?? { done: 0 };
    return total === 0 ? 0 : Math.min(1, done / total);
  }

  /** Why it failed. */
  get failure(): unknown {
    return this.#failure;
  }

  get endedAt(): number {
    return this.#endedAt;
  }

  /** Time that it took, or has taken so far. */
  get seconds(): number {
    return ((this.#state === "building" ? performance.now() : this.#endedAt) - this.startedAt) / 1000;
  }

  /** Ends the build, unless it has ended. */
  cancel(): void {
    this.#controller.abort(new LynseError("ABORTED", "the build was cancelled"));
  }

  async #run(build: (calls: BuildCalls) => Promise<void>): Promise<void> {
    try {
      const onProgress = (progress: Progress): void => {
        this.#progress = progress;
      };
      await build({ signal: this.#controller.signal, onProgress });
      this.#state = "built";
    } catch (error) {
      this.#state = "failed";
      this.#failure = error;
      throw error;
    } finally {
      this.#endedAt = performance.now();
    }
  }
}

/** Time that the end of a build is remembered. */
const rememberMs = 10 * 60_000;
/** Ends remembered at most. */
const endedMax = 1_000;

export class IndexBuilds {
  readonly #running = new Set<IndexBuild>();
  /** Builds that run, and those that have ended, in the order of their beginnings. */
  readonly #known = new Map<string, IndexBuild>();
  readonly #counts = { started: 0, completed: 0, failed: 0 };
  #last: IndexBuild | null = null;
  #tellEnd: (build: IndexBuild) => void = () => {};

  /** Begins a build of an index over `vectors` vectors. */
  start(place: BuildPlace, vectors: number, run: (calls: BuildCalls) => Promise<void>): IndexBuild {
    this.#forget();
    const build = new IndexBuild(place, vectors, run);
    this.#running.add(build);
    this.#known.set(build.id, build);
    this.#counts.started += 1;
    const end = (outcome: "completed" | "failed"): void => {
      this.#running.delete(build);
      this.#counts[outcome] += 1;
      this.#last = build;
      this.#tellEnd(build);
    };
    build.ended.then(
      () => end("completed"),
      () => end("failed"),
    );
    return build;
  }

  /** A build of a collection by its id; `CLOSED` where it is not known. */
  find({ databaseName, collectionName }: BuildPlace, id: string): IndexBuild {
    const build = this.#known.get(id);
    const { place } = build ?? {};
    if (build !== undefined && place?.databaseName === databaseName && place.collectionName === collectionName) {
      return build;
    }
    const shown = id.slice(0, 64);
    throw new LynseError(
      "CLOSED",
      `build ${JSON.stringify(shown)} is not known: it ended long ago, or the server was restarted; look at index_state in /stats`,
      { build_id: shown },
    );
  }

  get counts(): Readonly<Record<"started" | "completed" | "failed", number>> {
    return this.#counts;
  }

  get running(): number {
    return this.#running.size;
  }

  /** Vectors of the builds that run. */
  get runningVectors(): number {
    let sum = 0;
    for (const { vectors } of this.#running) sum += vectors;
    return sum;
  }

  /** Share of the vectors of all builds that run which is done; 0 without a build. */
  get runningRatio(): number {
    let done = 0;
    for (const build of this.#running) done += build.ratio * build.vectors;
    return done / Math.max(1, this.runningVectors);
  }

  /** The build that ended last. */
  get last(): IndexBuild | null {
    return this.#last;
  }

  /** Tells `listener`, the one there is, of every build that ends. */
  onEnded(listener: (build: IndexBuild) => void): void {
    this.#tellEnd = listener;
  }

  /** Forgets ends that are old, or too many. */
  #forget(): void {
    const before = performance.now() - rememberMs;
    let tooMany = this.#known.size - this.#running.size - endedMax;
    for (const [id, build] of this.#known) {
      if (build.state === "building") continue;
      if (tooMany <= 0 && build.endedAt > before) continue;
      this.#known.delete(id);
      tooMany -= 1;
    }
  }
}
