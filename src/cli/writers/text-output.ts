/**
 * How does text get into a file of an export?
 *
 * Collected into blocks of about a MiB, encoded a block at a time. Writer layer of the command line.
 */
import type { OutputFile } from "./output-file.js";

const blockLength = 1 << 20;
const encoder = new TextEncoder();

export class TextOutput {
  readonly file: OutputFile;
  #parts: string[] = [];
  #length = 0;

  constructor(file: OutputFile) {
    this.file = file;
  }

  /** Adds a line; `flush` follows when `isFull` says so. */
  add(line: string): void {
    this.#parts.push(line);
    this.#length += line.length + 1;
  }

  get isFull(): boolean {
    return this.#length >= blockLength;
  }

  async flush(): Promise<void> {
    if (this.#parts.length === 0) return;
    const text = `${this.#parts.join("\n")}\n`;
    this.#parts = [];
    this.#length = 0;
    await this.file.write(encoder.encode(text));
  }
}
