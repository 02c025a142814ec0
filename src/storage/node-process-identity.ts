/**
 * Who is this process, and does another one still run?
 *
 * On Linux a process is known by its pid within (host, boot, pid namespace), and by its start in clock ticks, which a
 * later process with the same pid does not share (proc(5), field 22 of /proc/[pid]/stat). Elsewhere only the pid is
 * known, and a live pid counts as unknown.
 */
import { readFileSync, readlinkSync } from "node:fs";
import { hostname } from "node:os";
import type { ProcessIdentity, ProcessState } from "./file-system.js";

/** Identity of the running process. */
export function nodeProcessIdentity(): ProcessIdentity {
  const host = hostname();
  const boot = firstLine("/proc/sys/kernel/random/boot_id");
  const namespace = linkTarget("/proc/self/ns/pid");
  return {
    pid: process.pid,
    host,
    space: [host, boot ?? process.platform, namespace ?? ""].join(" "),
    startMark: startMarkOf(process.pid),
    startedAtMs: Math.round(Date.now() - process.uptime() * 1000),
    stateOf: async (pid, startMark) => stateOf(pid, startMark),
  };
}

function stateOf(pid: number, startMark: string | null): ProcessState {
  try {
    process.kill(pid, 0);
  } catch (error) {
    // EPERM: it runs, under another user.
    if (!(error instanceof Error && "code" in error && error.code === "EPERM")) return "gone";
  }
  const mark = startMarkOf(pid);
  if (startMark === null || mark === null) return "unknown";
  return mark === startMark ? "running" : "gone";
}

/** Start of a process in clock ticks since boot; null where the system does not tell. */
function startMarkOf(pid: number): string | null {
  const line = firstLine(`/proc/${pid}/stat`);
  if (line === null) return null;
  // The second field is the program's name in brackets and may hold anything, brackets too: count from the last one.
  const fields = line.slice(line.lastIndexOf(")") + 2).split(" ");
  // A zombie holds a pid but no files, and will never write again.
  if (fields[0] === "Z" || fields[0] === "X") return "ended";
  return fields[19] ?? null;
}

function firstLine(path: string): string | null {
  try {
    return readFileSync(path, "utf8").split("\n")[0]!;
  } catch {
    return null;
  }
}

function linkTarget(path: string): string | null {
  try {
    return readlinkSync(path);
  } catch {
    return null;
  }
}
