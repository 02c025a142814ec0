/**
 * How do the tests run a server as its users do?
 *
 * `lynse serve`, built, in a process of its own on a free port of loopback.
 */
import { type ChildProcess, spawn } from "node:child_process";
import { lynsePath } from "../cli/run-lynse.js";

export interface ServeOptions {
  readonly args?: readonly string[];
  readonly env?: Readonly<Record<string, string>>;
}

export interface ServeExit {
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
  readonly stdout: string;
  readonly stderr: string;
}

/** A server that listens. */
export interface ServeProcess {
  readonly child: ChildProcess;
  /** Where it listens, without a slash at the end. */
  readonly url: string;
  /** Resolves when the process has ended, with what it wrote. */
  readonly exited: Promise<ServeExit>;
}

/** Starts the program; resolves when it ends. */
export function spawnServe(options: ServeOptions): {
  readonly child: ChildProcess;
  readonly exited: Promise<ServeExit>;
} {
  const { args = [], env = {} } = options;
  const child = spawn(process.execPath, [lynsePath, "serve", ...args], {
    env: { PATH: process.env["PATH"], HOME: process.env["HOME"], ...env },
    stdio: ["ignore", "pipe", "pipe"],
  });
  let stdout = "";
  let stderr = "";
  child.stdout.setEncoding("utf8").on("data", (text: string) => {
    stdout += text;
  });
  child.stderr.setEncoding("utf8").on("data", (text: string) => {
    stderr += text;
  });
  const exited = new Promise<ServeExit>((resolve, reject) => {
    child.once("error", reject);
    child.once("close", (code, signal) => resolve({ code, signal, stdout, stderr }));
  });
  return { child, exited };
}

/** Starts a server and waits until it says where it listens. */
export async function startServe(options: ServeOptions = {}): Promise<ServeProcess> {
  const args = ["--port", "0", ...(options.args ?? [])];
  const { child, exited } = spawnServe({ ...options, args });
  const listening = new Promise<string>((resolve) => {
    let said = "";
    child.stderr?.on("data", (text: string) => {
      said += text;
      const url = /listening on (\S+)/.exec(said)?.[1];
      if (url !== undefined) resolve(url);
    });
  });
  const ended = exited.then(({ code, stdout, stderr }): never => {
    throw new Error(`the server ended with ${code} before it listened: ${stderr}${stdout}`);
  });
  const url = await Promise.race([listening, ended]);
  ended.catch(() => {});
  return { child, url, exited };
}
