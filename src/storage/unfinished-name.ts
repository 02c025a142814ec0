/**
 * What is a copy called while it is written, and is it written still?
 *
 * `<target>.<pid>-<start>-<space>-<salt>.tmp`, beside the target: the name appears together with the folder or file, so
 * there is no moment at which nobody knows whose it is. The writer is known as in the writer lock, by its pid within a
 * space of pids and by its start. One of another space (another machine or container, or before a restart) is never judged.
 */
import { newSalt } from "./file-header.js";
import type { FileSystem, ProcessState } from "./file-system.js";
import { unfinishedEnding } from "./replace-file.js";

const pattern = /^(.+)\.([0-9a-z]+)-([0-9a-z]*)-([0-9a-z]+)-[0-9a-f]{16}\.tmp$/s;

/** The name of a copy that is not finished, taken apart. */
export interface UnfinishedName {
  /** What it was to be called. */
  readonly target: string;
  /** `"elsewhere"`: of a process that nothing is known of here. */
  readonly writer: ProcessState | "elsewhere";
}

/** A fresh path beside `target` for what will be `target`. */
export function unfinishedPath(fs: Pick<FileSystem, "identity" | "crc32">, target: string): string {
  const { pid, startMark } = fs.identity;
  return `${target}.${pid.toString(36)}-${shortMark(startMark)}-${spaceOf(fs)}-${newSalt()}${unfinishedEnding}`;
}

/** Null for the name of anything else. */
export async function parseUnfinishedName(
  fs: Pick<FileSystem, "identity" | "crc32">,
  name: string,
): Promise<UnfinishedName | null> {
  const [, target, pidText, mark, space] = pattern.exec(name) ?? [];
  if (target === undefined) return null;
  const pid = Number.parseInt(pidText!, 36);
  if (space !== spaceOf(fs) || !Number.isSafeInteger(pid)) return { target, writer: "elsewhere" };
  return { target, writer: await fs.identity.stateOf(pid, longMark(mark!)) };
}

/** Starts are counted in ticks, a decimal number; one that is not counts as unknown. */
function shortMark(mark: string | null): string {
  return mark !== null && /^[1-9]\d{0,14}$/.test(mark) ? Number(mark).toString(36) : "";
}

function longMark(text: string): string | null {
  return text === "" ? null : String(Number.parseInt(text, 36));
}

function spaceOf(fs: Pick<FileSystem, "identity" | "crc32">): string {
  return fs.crc32(new TextEncoder().encode(fs.identity.space)).toString(36);
}
