/**
 * How does a test run programs beside itself, and hear from them?
 *
 * A program tells messages, each one line of JSON on its standard output.
 */
import { type ChildProcess, spawn } from "node:child_process";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";

/** What a program tells. */
export interface Message {
  readonly ready?: number;
  /** Commits that the writer has made so far. */
  readonly commits?: number;
  /** What else the writer has done. */
  readonly did?: string;
  /** Looks that a reader has taken so far, and states that it has seen. */
  readonly looks?: number;
  readonly states?: number;
  readonly error?: { readonly code?: string; readonly message: string; readonly details?: Record<string, unknown> };
}

export class Child {
  readonly messages: Message[] = [];
  readonly #process: ChildProcess;
  readonly #ended: Promise<number | null>;
  readonly #listeners = new Set<() => void>();
  #isEnded = false;

  /** @param script A file beside this one. */
  constructor(script: string, args: readonly string[]) {
    const path = fileURLToPath(new URL(script, import.meta.url));
    this.#process = spawn(process.execPath, [path, ...args], { stdio: ["ignore", "pipe", "inherit"] });
    const lines = createInterface(this.#process.stdout!);
    lines.on("line", (line) => {
      this.messages.push(JSON.parse(line) as Message);
      for (const listener of this.#listeners) listener();
    });
    const told = new Promise((resolve) => lines.on("close", resolve));
    this.#ended = new Promise((resolve) => {
      this.#process.on("close", async (code) => {
        await told;
        this.#isEnded = true;
        for (const listener of this.#listeners) listener();
        resolve(code);
      });
    });
  }

  get pid(): number {
    return this.#process.pid!;
  }

  /** The first message like this, once there is one; undefined when the program ended without. */
  async told(isLike: (message: Message) => boolean): Promise<Message | undefined> {
    for (;;) {
      const found = this.messages.find(isLike);
      if (found !== undefined || this.#isEnded) return found;
      await new Promise<void>((resolve) => {
        const listener = (): void => {
          this.#listeners.delete(listener);
          resolve();
        };
        this.#listeners.add(listener);
      });
    }
  }

  /** Resolves when it is ready, or has failed, to what it said of that. */
  ready(): Promise<Message | undefined> {
    return this.told(({ ready, error }) => ready !== undefined || error !== undefined);
  }

  signal(name: "SIGSTOP" | "SIGCONT" | "SIGTERM"): void {
    this.#process.kill(name);
  }

  /** Kills the program; resolves when all that it told has arrived. */
  async kill(): Promise<void> {
    this.#process.kill("SIGKILL");
    await this.#ended;
  }

  /** Resolves to the exit code. */
  ended(): Promise<number | null> {
    return this.#ended;
  }
}
