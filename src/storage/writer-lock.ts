/**
 * Who may write to this directory?
 *
 * One process at a time. The root holds `writer-<epoch>.lock`; the file with the highest epoch names the holder, or
 * says that nobody holds it. To take the lock is to create the file of the next epoch, which the system lets one
 * process do, and to see that none is higher. The highest file is never removed, only its lower ones, so an epoch is
 * given out once: two processes that find the same dead holder cannot both succeed, and one that was held up cannot
 * undo another's success (argued in docs/internals/file-format.md).
 *
 * A holder on this machine is judged by its process; pids of another machine or container say nothing, so there a sign
 * of life counts: the holder rewrites its file every ten seconds. A process that slept through a takeover notices
 * before its next write (`assertHeld`).
 */
import { isLynseError, LynseError } from "../errors.js";
import type { FileHandle, FileSystem } from "./file-system.js";
import { decodeSealedJson, encodeSealedJson, sealedBytesMax } from "./sealed-json.js";

/** Time between two signs of life, milliseconds. */
const beatMs = 10_000;
/** Age of the last sign of life at which a holder elsewhere counts as dead, milliseconds. */
const staleMs = 60_000;
/** How far a holder's clock may be ahead before it says nothing of its life, milliseconds. */
const aheadMs = 15_000;
/** Age of our own last sign of life at which a write looks at the lock again, milliseconds. */
const recheckMs = 25_000;
/** How often a lock file that cannot be read is looked at again, and the time between; a holder writes it at once. */
const unreadableAttempts = 40;
const unreadableWaitMs = 25;

/** How long a holder that cannot be judged is watched: some times what passes between two signs of life, milliseconds. */
const watchMs = 35_000;

const format = "lynsedb writer lock";
const namePattern = /^writer-(\d{6,15})\.lock$/;

interface LockState {
  readonly state: "held" | "free";
  readonly pid: number;
  readonly host: string;
  readonly space: string;
  readonly startMark: string | null;
  readonly startedAt: string;
  readonly beatAt: string;
}

/** The right to write to a root, until it is released. */
export class WriterLock {
  readonly #fs: FileSystem;
  readonly #root: string;
  readonly #epoch: number;
  readonly #handle: FileHandle;
  readonly #timer: ReturnType<typeof setInterval>;
  #beatAtMs = Date.now();
  #beating: Promise<void> | null = null;
  #isLost = false;
  #isReleased = false;

  /** @internal For `acquireWriterLock`. */
  constructor(fs: FileSystem, root: string, epoch: number, handle: FileHandle) {
    this.#fs = fs;
    this.#root = root;
    this.#epoch = epoch;
    this.#handle = handle;
    // A beat that fails is not lost: `assertHeld` tries again before the next write, and tells.
    this.#timer = setInterval(() => void this.#beat().catch(() => {}), beatMs);
    if (typeof this.#timer === "object") this.#timer.unref();
  }

  /** Throws `LOCKED` when another process has taken over. Costs nothing while signs of life are recent. */
  async assertHeld(): Promise<void> {
    if (!this.#isLost && Date.now() - this.#beatAtMs > recheckMs) await this.#beat();
    if (!this.#isLost) return;
    throw new LynseError(
      "LOCKED",
      `this process gave no sign of life for so long that another one took over ${this.#root}; open it again`,
      { root: this.#root },
    );
  }

  /** Gives the right back. */
  async release(): Promise<void> {
    if (this.#isReleased) return;
    this.#isReleased = true;
    clearInterval(this.#timer);
    await this.#beating?.catch(() => {});
    try {
      if (!this.#isLost) await writeFree(this.#fs, this.#handle);
    } finally {
      await this.#handle.close();
    }
  }

  #beat(): Promise<void> {
    this.#beating ??= this.#beatOnce().finally(() => {
      this.#beating = null;
    });
    return this.#beating;
  }

  async #beatOnce(): Promise<void> {
    if ((await highestEpoch(this.#fs, this.#root)) > this.#epoch) {
      this.#isLost = true;
      return;
    }
    await this.#handle.write(lockBytes(this.#fs, "held"), 0);
    this.#beatAtMs = Date.now();
  }
}

/** Takes the right to write to `root`, which is created where it is missing. `LOCKED` names the holder. */
export async function acquireWriterLock(fs: FileSystem, root: string): Promise<WriterLock> {
  await fs.makeFolder(root);
  for (;;) {
    const highest = await highestEpoch(fs, root);
    if (highest > 0) {
      const state = await readState(fs, lockPath(root, highest));
      if (state === "changed") continue;
      if (state !== "unreadable" && state.state === "held") await checkStale(fs, root, highest, state);
    }
    const epoch = highest + 1;
    const path = lockPath(root, epoch);
    if (!(await fs.openExclusive(path, lockBytes(fs, "held")))) continue;
    let handle: FileHandle | null = null;
    try {
      // While this process was held up, others may have passed this epoch and removed its file before we created it.
      if ((await highestEpoch(fs, root)) !== epoch) {
        await fs.remove(path);
        continue;
      }
      handle = await fs.open(path, "write");
      await removeLower(fs, root, epoch);
      return new WriterLock(fs, root, epoch, handle);
    } catch (error) {
      await giveUp(fs, path, handle);
      throw error;
    }
  }
}

/**
 * Takes the lock away from a holder of which nobody can tell whether it lives, as one of another machine whose clock is hours
 * ahead: it is watched for `watchedMs`, and `LOCKED` where a sign of life comes, or the process is known to run. The lock is free
 * afterwards, under the next epoch: should the holder wake up, it finds that it has lost. Resolves to false where there
 * was no holder. Lock files that are removed by hand would let epochs begin again, and such a holder write on.
 */
export async function breakWriterLock(fs: FileSystem, root: string, watchedMs = watchMs): Promise<boolean> {
  const epoch = await highestEpoch(fs, root);
  const holder = epoch === 0 ? "changed" : await readState(fs, lockPath(root, epoch));
  if (holder === "changed" || (holder !== "unreadable" && holder.state === "free")) return false;
  const { identity } = fs;
  const isHere = holder !== "unreadable" && holder.space === identity.space;
  const found = isHere ? await identity.stateOf(holder.pid, holder.startMark) : "unknown";
  if (found === "running") await checkStale(fs, root, epoch, holder as LockState);
  for (const until = Date.now() + watchedMs; found === "unknown" && Date.now() < until; ) {
    await new Promise((resolve) => setTimeout(resolve, Math.min(watchedMs, 500)));
    await checkSilent(fs, root, epoch, holder);
  }
  const path = lockPath(root, epoch + 1);
  const isCreated = await fs.openExclusive(path, lockBytes(fs, "free"));
  if (isCreated && (await highestEpoch(fs, root)) === epoch + 1) {
    await removeLower(fs, root, epoch + 1);
    return true;
  }
  if (isCreated) await fs.remove(path);
  throw new LynseError("LOCKED", `another process took the lock of ${root} meanwhile; close it there`, { root });
}

/** Throws `LOCKED` where something has changed about a holder that was watched. */
async function checkSilent(
  fs: FileSystem,
  root: string,
  epoch: number,
  before: LockState | "unreadable",
): Promise<void> {
  const now = (await highestEpoch(fs, root)) === epoch ? await readState(fs, lockPath(root, epoch)) : "changed";
  if (JSON.stringify(now) === JSON.stringify(before)) return;
  const who = typeof now === "string" ? "somebody" : `process ${now.pid} on host ${now.host}`;
  throw new LynseError("LOCKED", `${who} gave a sign of life in ${root} just now: the lock stays; close it there`, {
    root,
  });
}

/** Says in a lock file just created that nobody holds it: it would shut out this very process until it ends. */
async function giveUp(fs: FileSystem, path: string, opened: FileHandle | null): Promise<void> {
  try {
    const handle = opened ?? (await fs.open(path, "write"));
    try {
      await writeFree(fs, handle);
    } finally {
      await handle.close();
    }
  } catch {
    // The disk fails on: the error that led here is the one to tell.
  }
}

/** Tried twice, because a lock that is not given back shuts out this process until it ends. */
async function writeFree(fs: FileSystem, handle: FileHandle): Promise<void> {
  const bytes = lockBytes(fs, "free");
  try {
    await handle.write(bytes, 0);
  } catch {
    await handle.write(bytes, 0);
  }
}

function lockPath(root: string, epoch: number): string {
  return `${root}/writer-${String(epoch).padStart(6, "0")}.lock`;
}

async function highestEpoch(fs: FileSystem, root: string): Promise<number> {
  let highest = 0;
  for (const { name } of await fs.list(root)) highest = Math.max(highest, Number(namePattern.exec(name)?.[1] ?? 0));
  return highest;
}

async function removeLower(fs: FileSystem, root: string, epoch: number): Promise<void> {
  for (const { name } of await fs.list(root)) {
    if (Number(namePattern.exec(name)?.[1] ?? epoch) < epoch) await fs.remove(`${root}/${name}`);
  }
}

/** Always of the same length, so that it can be rewritten in place. */
function lockBytes(fs: FileSystem, state: LockState["state"]): Uint8Array {
  const { pid, host, space, startMark, startedAtMs } = fs.identity;
  const startedAt = new Date(startedAtMs).toISOString();
  const beatAt = new Date().toISOString();
  return encodeSealedJson(fs, format, { state, pid, host, space, startMark, startedAt, beatAt });
}

/** What a lock file says; `"changed"` when it is gone, `"unreadable"` when its writer died before it was complete. */
async function readState(fs: FileSystem, path: string): Promise<LockState | "changed" | "unreadable"> {
  for (let attempts = 0; attempts < unreadableAttempts; attempts++) {
    const bytes = await fs.readFile(path, sealedBytesMax);
    if (bytes === null) return "changed";
    try {
      // Intact bytes of this format were written by `lockBytes`.
      return decodeSealedJson(fs, bytes, format, path) as unknown as LockState;
    } catch (error) {
      if (!isLynseError(error, "CORRUPT")) throw error;
    }
    await new Promise((resolve) => setTimeout(resolve, unreadableWaitMs));
  }
  return "unreadable";
}

/** Throws `LOCKED` unless the holder is dead. */
async function checkStale(fs: FileSystem, root: string, epoch: number, holder: LockState): Promise<void> {
  const { identity } = fs;
  const { pid, host, startedAt } = holder;
  const details = { root, pid, host, startedAt };
  if (holder.space === identity.space) {
    if (pid === identity.pid) {
      if (!isSameStart(holder, fs)) return;
      const text = `${root} is already open for writing in this process; use that client, or close it first`;
      throw new LynseError("LOCKED", text, details);
    }
    const state = await identity.stateOf(pid, holder.startMark);
    if (state === "gone") return;
    const advice = "close it there, open here with readOnly: true, or run `lynse serve` and let both connect to it";
    const file = lockPath(root, epoch);
    const doubt =
      state === "unknown" ? `; if process ${pid} is not its writer (${file} says so), ${unlockAdvice(root)}` : "";
    const text = `${root} is being written by process ${pid} on ${host}, started ${startedAt}: ${advice}${doubt}`;
    throw new LynseError("LOCKED", text, details);
  }
  const silentMs = Date.now() - Date.parse(holder.beatAt);
  if (silentMs > staleMs) return;
  const silence = `last sign of life ${Math.max(0, Math.round(silentMs / 1000))} s ago, taken over after ${staleMs / 1000} s`;
  const ahead =
    `its last sign of life, in ${lockPath(root, epoch)}, is ${Math.round(-silentMs / 1000)} s ahead of the clock here, ` +
    "so it cannot be told whether it lives: set both clocks";
  const isAhead = silentMs < -aheadMs;
  const text =
    `${root} is being written by process ${pid} on host ${host}, started ${startedAt} (${isAhead ? ahead : silence}): ` +
    "close it there, open here with readOnly: true, or run `lynse serve` and let both connect to it" +
    (isAhead ? `; if it is gone, ${unlockAdvice(root)}` : "");
  throw new LynseError("LOCKED", text, { ...details, silentMs });
}

function unlockAdvice(root: string): string {
  return `run \`lynse unlock --data ${root}\`, which waits for a sign of life and takes the lock away where none comes`;
}

/** Whether a holder with our pid is this very process. */
function isSameStart(holder: LockState, fs: FileSystem): boolean {
  const { startMark, startedAtMs } = fs.identity;
  if (startMark !== null && holder.startMark !== null) return startMark === holder.startMark;
  return Math.abs(Date.parse(holder.startedAt) - startedAtMs) < 2000;
}
