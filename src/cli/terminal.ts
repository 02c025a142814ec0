/**
 * What is on the other end of the command's input and output?
 *
 * Results go to the standard output, everything else to the error output. Writing waits for a slow reader, and a reader
 * that went away (`lynse query … | head`) ends the command quietly. The only part of the command line that touches the
 * process's streams, besides `readers/byte-source.ts`.
 */
import { once } from "node:events";
import { createInterface } from "node:readline/promises";
import { LynseError } from "../errors.js";

const widthDefault = 80;

export class Terminal {
  #isOutputClosed = false;
  #outputError: Error | null = null;

  constructor() {
    process.stdout.on("error", (error: NodeJS.ErrnoException) => {
      if (error.code === "EPIPE") this.#isOutputClosed = true;
      else this.#outputError = error;
    });
    process.stderr.on("error", () => {});
  }

  /** True when the reader of the output went away: nobody is left to tell. */
  get isOutputClosed(): boolean {
    return this.#isOutputClosed;
  }

  /** Columns for a table; null where the output is no terminal. */
  get tableWidth(): number | null {
    return process.stdout.isTTY ? process.stdout.columns || widthDefault : null;
  }

  /** True where the output is a terminal and NO_COLOR (no-color.org) is not set. */
  get hasColour(): boolean {
    return process.stdout.isTTY === true && !process.env["NO_COLOR"] && process.env["TERM"] !== "dumb";
  }

  /** True when a question can be asked. */
  get canAsk(): boolean {
    return process.stdin.isTTY === true && process.stderr.isTTY === true;
  }

  /** True when the error output is a terminal, where a line can be painted over. */
  get isInteractive(): boolean {
    return process.stderr.isTTY === true;
  }

  /** Columns of the error output. */
  get width(): number {
    return process.stderr.columns || widthDefault;
  }

  /** Writes a line of the result. */
  async print(line: string): Promise<void> {
    this.#checkOutput();
    if (process.stdout.write(`${line}\n`)) return;
    await new Promise<void>((resolve) => {
      const events = ["drain", "close", "error"] as const;
      const goOn = (): void => {
        for (const event of events) process.stdout.removeListener(event, goOn);
        resolve();
      };
      for (const event of events) process.stdout.on(event, goOn);
    });
    this.#checkOutput();
  }

  /** Resolves when everything that was printed is written, or throws when it cannot be. */
  async flush(): Promise<void> {
    await new Promise<void>((resolve) => process.stdout.write("", () => resolve()));
    this.#checkOutput();
  }

  /** Writes to the error output. */
  write(text: string): void {
    process.stderr.write(text);
  }

  /** Asks a question that is answered with yes or no; anything but yes is no. */
  async confirm(question: string): Promise<boolean> {
    const lines = createInterface({ input: process.stdin, output: process.stderr });
    try {
      const closed = once(lines, "close").then(() => "");
      const answer = await Promise.race([lines.question(`${question} [y/N] `), closed]);
      return /^y(?:es)?$/i.test(answer.trim());
    } finally {
      lines.close();
    }
  }

  #checkOutput(): void {
    if (this.#isOutputClosed) throw new LynseError("ABORTED", "the reader of the output went away");
    if (this.#outputError === null) return;
    const reason = this.#outputError.message;
    throw new LynseError("IO_ERROR", `cannot write the output (${reason}); make room or write elsewhere`, { reason });
  }
}
