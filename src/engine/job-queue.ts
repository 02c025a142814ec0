/**
 * Which task runs next, and when is a run over?
 *
 * The platform-neutral half of a pool with threads: runs take turns, so that a long one does not hold up a short one, and
 * each run tells its concurrent tasks apart by slots. A run settles once, when none of its tasks is under way any more.
 * Nothing here waits, and nothing that `next` or `onResult` throws gets past the run that it belongs to.
 */
import { abortedBy, type KernelTask, type RunOptions } from "../kernel/kernel-pool.js";

/** A task taken from the queue; goes back to it with `finish` or `fail`, once. */
export interface Job {
  readonly run: JobRun;
  readonly slot: number;
  readonly task: KernelTask;
}

class JobRun {
  readonly #next: (slot: number) => KernelTask | null;
  readonly #options: RunOptions;
  readonly #resolve: () => void;
  readonly #reject: (error: unknown) => void;
  /** Highest first, so that the lowest is taken first. */
  readonly #freeSlots: number[] = [];
  #underWay = 0;
  #failure: { readonly error: unknown } | null = null;
  /** True when no more tasks will be taken from it. */
  isOver = false;

  constructor(
    next: (slot: number) => KernelTask | null,
    options: RunOptions,
    slots: number,
    settle: { readonly resolve: () => void; readonly reject: (error: unknown) => void },
  ) {
    this.#next = next;
    this.#options = options;
    this.#resolve = settle.resolve;
    this.#reject = settle.reject;
    for (let slot = slots - 1; slot >= 0; slot--) this.#freeSlots.push(slot);
  }

  /** Tasks that it could have under way together from now on. */
  get slots(): number {
    return this.isOver ? 0 : this.#freeSlots.length + this.#underWay;
  }

  /** True when the run is over and none of its tasks is under way. */
  get isSettled(): boolean {
    return this.isOver && this.#underWay === 0;
  }

  /** The next task for a free slot; null when no slot is free or the run is over. */
  take(): Job | null {
    const { signal } = this.#options;
    for (let slot = this.#freeSlots.pop(); slot !== undefined && !this.isOver; slot = this.#freeSlots.pop()) {
      if (signal?.aborted === true) {
        this.end(abortedBy(signal));
        return null;
      }
      let task: KernelTask | null;
      try {
        task = this.#next(slot);
      } catch (error) {
        this.end(error);
        return null;
      }
      if (task !== null) {
        this.#underWay += 1;
        return { run: this, slot, task };
      }
    }
    // Slots that `next` gave null for are not free again: those left are the ones under way.
    if (this.#underWay === 0) this.isOver = true;
    this.#settle();
    return null;
  }

  /** Takes a task back that returned `result`. */
  finish(slot: number, result: number): void {
    try {
      if (this.#failure === null) this.#options.onResult?.(result, slot);
    } catch (error) {
      this.#failure = { error };
      this.isOver = true;
    }
    this.#giveBack(slot);
  }

  /** Takes a task back that failed. */
  fail(slot: number, error: unknown): void {
    this.#failure ??= { error };
    this.isOver = true;
    this.#giveBack(slot);
  }

  /** Lets the run fail when the tasks under way have ended. */
  end(error: unknown): void {
    this.#failure ??= { error };
    this.isOver = true;
    this.#settle();
  }

  #giveBack(slot: number): void {
    this.#freeSlots.push(slot);
    this.#underWay -= 1;
    this.#settle();
  }

  #settle(): void {
    if (!this.isSettled) return;
    if (this.#failure === null) this.#resolve();
    else this.#reject(this.#failure.error);
  }
}

export class JobQueue {
  readonly #runs: JobRun[] = [];
  #turn = 0;

  /** True when no run is left. */
  get isEmpty(): boolean {
    return this.#runs.length === 0;
  }

  /** Tasks that the runs could have under way together. */
  get slots(): number {
    let slots = 0;
    for (const run of this.#runs) slots += run.slots;
    return slots;
  }

  /** Queues a run that uses `slots` slots; settles as `KernelPool.run` does. */
  add(next: (slot: number) => KernelTask | null, options: RunOptions, slots: number): Promise<void> {
    return new Promise((resolve, reject) => {
      this.#runs.push(new JobRun(next, options, slots, { resolve, reject }));
    });
  }

  /** A task of the run whose turn it is; null when no run has one now. */
  take(): Job | null {
    for (let tries = this.#runs.length; tries > 0; tries--) {
      if (this.#turn >= this.#runs.length) this.#turn = 0;
      const run = this.#runs[this.#turn];
      if (run === undefined) return null;
      this.#turn += 1;
      const job = run.take();
      if (job !== null) return job;
      if (run.isSettled) this.#remove(run);
    }
    return null;
  }

  finish({ run, slot }: Job, result: number): void {
    run.finish(slot, result);
    if (run.isSettled) this.#remove(run);
  }

  fail({ run, slot }: Job, error: unknown): void {
    run.fail(slot, error);
    if (run.isSettled) this.#remove(run);
  }

  /** Lets all runs fail when their tasks under way have ended. */
  endAll(error: unknown): void {
    for (const run of [...this.#runs]) {
      run.end(error);
      if (run.isSettled) this.#remove(run);
    }
  }

  #remove(run: JobRun): void {
    const index = this.#runs.indexOf(run);
    if (index < 0) return;
    this.#runs.splice(index, 1);
    if (index < this.#turn) this.#turn -= 1;
  }
}
