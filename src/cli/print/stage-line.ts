/**
 * What is a long command doing now?
 *
 * On a terminal one line that is painted over; elsewhere a plain line for each stage, without the figures that change.
 * Always on the error output: results go elsewhere. Printing part of the command line.
 */
import type { ProgressOutput } from "./progress-line.js";

const paintEveryMs = 100;

export class StageLine {
  readonly #output: ProgressOutput;
  readonly #now: () => number;
  #stage = "";
  #lastAt = Number.NEGATIVE_INFINITY;
  #isPainted = false;

  constructor(output: ProgressOutput, now: () => number = () => performance.now()) {
    this.#output = output;
    this.#now = now;
  }

  /** `stage` is what is being done; `share` (0 to 1) how much of it is done, where that is known. */
  show(stage: string, share: number | null = null): void {
    const isNew = stage !== this.#stage;
    this.#stage = stage;
    if (!this.#output.isInteractive) {
      if (isNew) this.#output.write(`${stage}\n`);
      return;
    }
    const now = this.#now();
    if (!isNew && now - this.#lastAt < paintEveryMs) return;
    this.#lastAt = now;
    const text = share === null ? stage : `${stage} ${Math.floor(Math.min(1, share) * 100)}%`;
    this.#output.write(`\r${text.slice(0, this.#output.width - 1)}\u001b[K`);
    this.#isPainted = true;
  }

  /** Removes the painted line. */
  end(): void {
    if (this.#isPainted) this.#output.write("\r\u001b[K");
    this.#isPainted = false;
  }
}
