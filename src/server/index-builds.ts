/**
 * Which index builds were asked for, and how did they go?
 *
 * Routes run builds through `run`; the metrics read the counts.
 */

export class IndexBuilds {
  readonly #running = new Set<{ readonly vectors: number; readonly startedAt: number }>();
  readonly #counts = { started: 0, completed: 0, failed: 0 };
  #lastVectors = 0;
  #lastSeconds = 0;
  #totalSeconds = 0;

  /** Runs a build of an index over `vectors` vectors. */
  async run<T>(vectors: number, build: () => Promise<T>): Promise<T> {
    const entry = { vectors, startedAt: performance.now() };
    this.#running.add(entry);
    this.#counts.started += 1;
    try {
      const result = await build();
      this.#counts.completed += 1;
      return result;
    } catch (error) {
      this.#counts.failed += 1;
      throw error;
    } finally {
      this.#running.delete(entry);
      this.#lastVectors = vectors;
      this.#lastSeconds = (performance.now() - entry.startedAt) / 1000;
      this.#totalSeconds += this.#lastSeconds;
    }
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

  get lastVectors(): number {
    return this.#lastVectors;
  }

  get lastSeconds(): number {
    return this.#lastSeconds;
  }

  get totalSeconds(): number {
    return this.#totalSeconds;
  }
}
