/**
 * How do the tests run the `lynse` command?
 *
 * As its users do: the built program in a process of its own, on real files, its output read from pipes.
 */
import { spawn } from "node:child_process";
import { fileURLToPath } from "node:url";

/** The built program. */
export const lynsePath = fileURLToPath(new URL("../../dist/cli/main.js", import.meta.url));

export interface LynseResult {
  readonly code: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

export interface LynseOptions {
  /** Data directory, given by the environment. */
  readonly data: string;
  /** Folder in which the command runs. */
  readonly folder: string;
  /** Text for the standard input; otherwise it is empty. */
  readonly input?: string;
  /** Further variables of the environment. */
  readonly env?: Readonly<Record<string, string>>;
}

export async function runLynse(args: readonly string[], options: LynseOptions): Promise<LynseResult> {
  const child = spawn(process.execPath, [lynsePath, ...args], {
    cwd: options.folder,
    env: { ...process.env, LYNSE_DATA_DIR: options.data, ...options.env },
    stdio: "pipe",
  });
  let stdout = "";
  let stderr = "";
  child.stdout.setEncoding("utf8").on("data", (text: string) => {
    stdout += text;
  });
  child.stderr.setEncoding("utf8").on("data", (text: string) => {
    stderr += text;
  });
  // A command that refuses its arguments ends before it reads its input.
  child.stdin.on("error", () => {});
  child.stdin.end(options.input ?? "");
  const code = await new Promise<number | null>((resolve, reject) => {
    child.once("error", reject);
    child.once("close", resolve);
  });
  return { code, stdout, stderr };
}
