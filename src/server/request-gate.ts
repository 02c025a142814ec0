/**
 * Which requests run now, which wait, and which are turned away?
 *
 * Two bounds and one courtesy. At most `runningMax` handlers run at a time and at most `queuedMax` wait, in order; more are
 * refused. And once handlers have kept the event loop for some milliseconds in one turn, the next ones wait for another
 * turn: many requests arriving at the same time would otherwise run back to back, and hold up timers and health checks.
 */

/** Time that handlers may take of one turn of the event loop before others must wait, milliseconds. */
const turnMs = 4;

export class RequestGate {
  readonly #runningMax: number;
  readonly #queuedMax: number;
  /** Starts of requests that wait; `#first` is the next one's place. */
  #queue: (() => void)[] = [];
  #first = 0;
  #running = 0;
  #turnStart = 0;
  #isTurnOpen = false;

  constructor(runningMax: number, queuedMax: number) {
    this.#runningMax = runningMax;
    this.#queuedMax = queuedMax;
  }

  get running(): number {
    return this.#running;
  }

  get queued(): number {
    return this.#queue.length - this.#first;
  }

  /** Calls `start` now or later, in order; false where too many wait. Every start needs one `leave`. */
  enter(start: () => void): boolean {
    if (this.queued === 0 && this.#mayStart()) {
      this.#running += 1;
      start();
      return true;
    }
    if (this.queued >= this.#queuedMax && this.#running >= this.#runningMax) return false;
    this.#queue.push(start);
    return true;
  }

  /** Ends what a start began. */
  leave(): void {
    this.#running -= 1;
    // In a turn of its own: the caller is still inside of a request.
    if (this.queued > 0) this.#openTurn();
  }

  #mayStart(): boolean {
    if (this.#running >= this.#runningMax) return false;
    this.#openTurn();
    return performance.now() - this.#turnStart < turnMs;
  }

  /** Notes when this turn of the event loop began, and goes on with the queue in the next one. */
  #openTurn(): void {
    if (this.#isTurnOpen) return;
    this.#isTurnOpen = true;
    this.#turnStart = performance.now();
    setImmediate(() => {
      this.#isTurnOpen = false;
      this.#drain();
    });
  }

  #drain(): void {
    while (this.queued > 0 && this.#mayStart()) {
      const start = this.#queue[this.#first]!;
      this.#first += 1;
      this.#running += 1;
      start();
    }
    if (this.#first > 1024 || this.queued === 0) {
      this.#queue = this.#queue.slice(this.#first);
      this.#first = 0;
    }
  }
}
