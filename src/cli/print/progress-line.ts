/**
 * How far is a long command?
 *
 * On a terminal one line that is painted over a few times a second; elsewhere a plain line every few seconds, so that a
 * log stays readable. Always on the error output: results go elsewhere. Printing part of the command line.
 */
import { formatCount, formatDuration } from "./quantity.js";

export interface ProgressOutput {
  readonly isInteractive: boolean;
  readonly width: number;
  write(text: string): void;
}

const paintEveryMs = 100;
const plainEveryMs = 5000;

export class ProgressLine {
  readonly #output: ProgressOutput;
  readonly #now: () => number;
  readonly #startedAt: number;
  #lastAt: number;
  #isPainted = false;

  constructor(output: ProgressOutput, now: () => number = () => performance.now()) {
    this.#output = output;
    this.#now = now;
    this.#startedAt = now();
    this.#lastAt = this.#startedAt;
  }

  /** `rows` are done, which is `share` (0 to 1) of all where that is known. */
  update(rows: number, share: number | null): void {
    const now = this.#now();
    if (now - this.#lastAt < (this.#output.isInteractive ? paintEveryMs : plainEveryMs)) return;
    this.#lastAt = now;
    const elapsedMs = now - this.#startedAt;
    const rate = `${formatCount(Math.round((rows / elapsedMs) * 1000))} rows/s`;
    const left = share === null || share <= 0 ? "" : `, ${formatDuration((elapsedMs * (1 - share)) / share)} left`;
    const percent = share === null ? "" : `${Math.floor(share * 100)}%`;
    const facts = `${formatCount(rows)} rows, ${rate}${left}`;
    if (!this.#output.isInteractive) {
      this.#output.write(`${percent === "" ? "" : `${percent}  `}${facts}\n`);
      return;
    }
    // Two brackets, four columns of percent, three blanks, and the last column stays free.
    const room = this.#output.width - facts.length - 10;
    const bar = share === null || room < 8 ? "" : `${drawBar(share, Math.min(room, 30))} `;
    const line = `${bar}${percent === "" ? "" : `${percent.padStart(4)}  `}${facts}`;
    this.#output.write(`\r${line.slice(0, this.#output.width - 1)}\u001b[K`);
    this.#isPainted = true;
  }

  /** Removes the painted line. */
  end(): void {
    if (this.#isPainted) this.#output.write("\r\u001b[K");
    this.#isPainted = false;
  }
}

function drawBar(share: number, width: number): string {
  const filled = Math.round(Math.min(1, share) * width);
  return `[${"#".repeat(filled)}${".".repeat(width - filled)}]`;
}
