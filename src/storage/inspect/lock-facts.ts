/**
 * Who holds the writer lock of a root, as far as its file tells?
 *
 * A look that takes nothing: see `writer-lock.ts` for what counts.
 */
import { isLynseError } from "../../errors.js";
import type { FileSystem } from "../file-system.js";
import { readSealedJson } from "../sealed-json.js";

export interface LockFacts {
  readonly file: string;
  /** `"dead"`: the process is gone, the next writer takes over. `"elsewhere"`: of another machine, judged by its beat. */
  readonly holder: "free" | "running" | "dead" | "elsewhere" | "unknown" | "unreadable";
  readonly pid: number | null;
  readonly host: string | null;
  /** Age of the last sign of life, milliseconds; negative where a clock is ahead of ours. */
  readonly beatAgeMs: number | null;
}

/** Null where no lock was ever taken. */
export async function readLockFacts(fs: FileSystem, root: string, nowMs: number): Promise<LockFacts | null> {
  const names = (await fs.list(root)).map(({ name }) => name).filter((name) => /^writer-\d{6,15}\.lock$/.test(name));
  const last = names.sort((one, other) => numberOf(one) - numberOf(other)).at(-1);
  if (last === undefined) return null;
  const file = `${root}/${last}`;
  const nothing = { file, pid: null, host: null, beatAgeMs: null };
  try {
    const members = await readSealedJson(fs, file, "lynsedb writer lock");
    if (members === null) return null;
    const { state, pid, host, space, startMark, beatAt } = members;
    if (typeof pid !== "number" || typeof host !== "string" || typeof beatAt !== "string") {
      return { ...nothing, holder: "unreadable" };
    }
    const facts = { file, pid, host, beatAgeMs: nowMs - Date.parse(beatAt) };
    if (state !== "held") return { ...facts, holder: "free" };
    if (space !== fs.identity.space) return { ...facts, holder: "elsewhere" };
    const found = await fs.identity.stateOf(pid, typeof startMark === "string" ? startMark : null);
    return { ...facts, holder: found === "gone" ? "dead" : found };
  } catch (error) {
    if (isLynseError(error)) return { ...nothing, holder: "unreadable" };
    throw error;
  }
}

function numberOf(name: string): number {
  return Number(/\d+/.exec(name)?.[0]);
}
