/**
 * How is the server run that the HTTP workload asks?
 *
 * As its users do: `lynse serve` of the built package in a process of its own, without a line a request in its log. What
 * it costs is read from the system, so that the measurement costs it nothing.
 */
import { type ChildProcess, spawn } from "node:child_process";
import { readFileSync } from "node:fs";
import { join } from "node:path";

/** Clock ticks a second in /proc/[pid]/stat, the same on every Linux that Node.js runs on. */
const ticksPerSecond = 100;
const bytesPerMiB = 1024 * 1024;

export class ServerProcess {
  readonly url: string;
  readonly #child: ChildProcess;

  private constructor(child: ChildProcess, url: string) {
    this.#child = child;
    this.url = url;
  }

  /** Starts a server over `directory`; resolves when it listens. */
  static async start(packageDirectory: string, directory: string): Promise<ServerProcess> {
    const args = [join(packageDirectory, "cli/main.js"), "serve", "--port", "0", "--data-dir", directory];
    const child = spawn(process.execPath, [...args, "--log-level", "warn", "--no-audit-log"], {
      stdio: ["ignore", "ignore", "pipe"],
    });
    const url = await new Promise<string>((resolve, reject) => {
      let said = "";
      child.stderr.setEncoding("utf8").on("data", (text: string) => {
        said += text;
        const found = /listening on (\S+)/.exec(said)?.[1];
        if (found !== undefined) resolve(found);
      });
      child.once("exit", (code) => reject(new Error(`the server ended with ${code}: ${said.trim()}`)));
    });
    return new ServerProcess(child, url);
  }

  /** Processor time so far, seconds, all threads; NaN where the system does not tell. */
  cpuSeconds(): number {
    if (process.platform !== "linux") return Number.NaN;
    const line = readFileSync(`/proc/${this.#child.pid}/stat`, "utf8");
    const fields = line.slice(line.lastIndexOf(")") + 2).split(" ");
    return (Number(fields[11]) + Number(fields[12])) / ticksPerSecond;
  }

  /** Resident memory, MiB; NaN where the system does not tell. */
  residentMiB(): number {
    if (process.platform !== "linux") return Number.NaN;
    const status = readFileSync(`/proc/${this.#child.pid}/status`, "utf8");
    return (Number(/^VmRSS:\s*(\d+) kB/m.exec(status)?.[1]) * 1024) / bytesPerMiB;
  }

  /** Stops it as a service manager does; resolves when it has ended. */
  async stop(): Promise<void> {
    if (this.#child.exitCode !== null || this.#child.signalCode !== null) return;
    const ended = new Promise((resolve) => this.#child.once("exit", resolve));
    this.#child.kill("SIGTERM");
    await ended;
  }
}
