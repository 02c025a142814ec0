/**
 * How does long work on the main thread let other work run?
 *
 * A slice counts the time since it last gave way; `due` is cheap enough to ask once a few hundred rows. Importable by
 * every layer; imports nothing.
 */

/** Time that long work may hold the event loop before it gives way, milliseconds. */
const sliceMs = 4;

/** Resolves after the event loop has run other work. */
export function yieldToEventLoop(): Promise<void> {
  if (typeof setImmediate === "function") return new Promise((resolve) => setImmediate(resolve));
  return new Promise((resolve) => setTimeout(resolve, 0));
}

/** Tells long work when to give way: `if (slice.isDue()) await slice.giveWay();`. */
export class TimeSlice {
  #startedAt = performance.now();

  /** True when this slice has held the event loop for its share. */
  isDue(): boolean {
    return performance.now() - this.#startedAt >= sliceMs;
  }

  /** Lets other work run and begins a new slice. */
  async giveWay(): Promise<void> {
    await yieldToEventLoop();
    this.#startedAt = performance.now();
  }
}
