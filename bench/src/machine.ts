/**
 * Where was it measured?
 */
import { execFileSync } from "node:child_process";
import { cpus, loadavg, totalmem } from "node:os";
import { fileURLToPath } from "node:url";

export interface Machine {
  readonly cpu: string;
  readonly cores: number;
  readonly memoryGigabytes: number;
  readonly platform: string;
  readonly node: string;
  /** Load of the last minute when the run began: above about 0.5, others were at work and the times are noisy. */
  readonly loadAtStart: number;
  /** Commit of the working tree; null outside a repository. */
  readonly commit: string | null;
}

function commit(): string | null {
  try {
    const directory = fileURLToPath(new URL("..", import.meta.url));
    const args = ["-C", directory, "rev-parse", "--short", "HEAD"];
    return execFileSync("git", args, { encoding: "utf8", stdio: ["ignore", "pipe", "ignore"] }).trim();
  } catch {
    return null;
  }
}

/** Processes that wanted to run, on average over the last minute. */
export function loadNow(): number {
  return loadavg()[0] ?? 0;
}

/** This machine, now. */
export function describeMachine(): Machine {
  return {
    cpu: cpus()[0]?.model ?? "unknown",
    cores: cpus().length,
    memoryGigabytes: Math.round(totalmem() / 2 ** 30),
    platform: `${process.platform} ${process.arch}`,
    node: process.version,
    loadAtStart: loadNow(),
    commit: commit(),
  };
}
