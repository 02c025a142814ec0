/**
 * How does the soak run its server, and what does the server cost?
 *
 * `lynse serve` in a process of its own, on a free port, killed or stopped and started again.
 */
import { type ChildProcess, spawn } from "node:child_process";
import { readdirSync, readFileSync, readlinkSync } from "node:fs";

export class SoakServer {
  readonly url: string;
  /** It was told to end, or has ended. */
  isEnding = false;
  readonly #child: ChildProcess;
  readonly #ended: Promise<number | null>;

  private constructor(child: ChildProcess, ended: Promise<number | null>, url: string) {
    this.#child = child;
    this.#ended = ended;
    this.url = url;
  }

  /** Starts a server on a folder; `lynse` is the path of the built program. */
  static async start(lynse: string, folder: string, snapshots: string): Promise<SoakServer> {
    const place = ["--data-dir", folder, "--snapshot-dir", snapshots];
    const settings = ["--port", "0", "--log-level", "error", "--no-audit-log", "--shutdown-grace-secs", "10"];
    const child = spawn(process.execPath, [lynse, "serve", ...place, ...settings], {
      stdio: ["ignore", "pipe", "pipe"],
    });
    let said = "";
    const ended = new Promise<number | null>((resolve) => child.once("close", resolve));
    const url = await new Promise<string>((resolve, reject) => {
      const take = (text: string): void => {
        said = (said + text).slice(-4000);
        const found = /listening on (\S+)/.exec(said)?.[1];
        if (found !== undefined) resolve(found);
      };
      child.stdout.setEncoding("utf8").on("data", take);
      child.stderr.setEncoding("utf8").on("data", take);
      void ended.then((code) => reject(new Error(`the server ended with ${code} before it listened: ${said}`)));
    });
    const server = new SoakServer(child, ended, url);
    void ended.then(() => {
      server.isEnding = true;
    });
    return server;
  }

  /** Kills the server; resolves when it is gone. */
  async kill(): Promise<void> {
    this.isEnding = true;
    this.#child.kill("SIGKILL");
    await this.#ended;
  }

  /** Asks the server to end; resolves to its exit code. */
  async stop(): Promise<number | null> {
    this.isEnding = true;
    this.#child.kill("SIGTERM");
    return this.#ended;
  }

  /** Memory, bytes, and open files of the process; zeros where the system does not tell. */
  cost(): { readonly memory: number; readonly files: number } {
    try {
      const folder = `/proc/${this.#child.pid}`;
      const kilobytes = /VmRSS:\s+(\d+)/.exec(readFileSync(`${folder}/status`, "utf8"))?.[1] ?? "0";
      return { memory: Number(kilobytes) * 1024, files: readdirSync(`${folder}/fd`).length };
    } catch {
      return { memory: 0, files: 0 };
    }
  }

  /** Open files of the process that have no name any more; 0 where the system does not tell. */
  deletedFiles(): number {
    let count = 0;
    try {
      const folder = `/proc/${this.#child.pid}/fd`;
      for (const name of readdirSync(folder)) {
        try {
          if (readlinkSync(`${folder}/${name}`).endsWith(" (deleted)")) count += 1;
        } catch {
          // Closed meanwhile.
        }
      }
    } catch {
      return 0;
    }
    return count;
  }
}
