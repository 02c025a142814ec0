/**
 * What would a crash, a full disk or a failing device have left behind?
 *
 * A file system for tests with two images: what was written, which the running program sees, and what was made durable.
 * A power loss keeps the durable image and, of everything since, nothing, all of it, a part up to a torn write, or any
 * selection in any mixture, as a seed decides. New names, renames and removals survive for certain only after a sync of
 * their folder; a sync that fails loses some of the writes it was asked for, as on Linux, while the program still sees
 * them. Every call is counted, so that a test can crash or fail at each of them in turn.
 */
import type { LynseError } from "../errors.js";
import { crc32 } from "./crc32.js";
import type { FileHandle, FileSystem, FolderEntry, ProcessIdentity } from "./file-system.js";
import { MemoryFile, MemoryFileSystem } from "./memory-file-system.js";
import { operationError } from "./operation-error.js";
import { parentFolder } from "./replace-file.js";
import { SeededRandom } from "./seeded-random.js";
import { readFully, readFullyNow, writeFully } from "./transfer.js";

/** What a power loss does to everything that was not made durable. */
export type Loss = "dropped" | "kept" | "torn" | "reordered";

export interface FaultPlan {
  /** The program ends in the middle of this changing call, counted from 1. */
  readonly crashAtChange?: number;
  /** This call fails, counted from 1 over all calls. */
  readonly failAtCall?: number;
  /** Name of the error of `failAtCall`, `ENOSPC` or `EIO`. */
  readonly errno?: string;
  /** Every later call that makes a file longer fails too, until `heal`. */
  readonly staysFull?: boolean;
  /** Reads and writes move a few bytes at a time. */
  readonly isShort?: boolean;
}

type Change =
  | { readonly kind: "write"; readonly position: number; readonly bytes: Uint8Array }
  | { readonly kind: "truncate"; readonly size: number };

/** A file with its durable content and the changes since. */
interface Tracked {
  durable: MemoryFile;
  pending: Change[];
}

type NameChange = { readonly folder: string; readonly apply: (names: Map<string, Tracked | null>) => void };

/** What the plan says of one call; calls may overlap, so each keeps its own. */
interface Call {
  readonly fails: boolean;
  readonly crashes: boolean;
}

/** Thrown by every call after the crash; no error of the package, so nothing may catch and keep it. */
export class CrashError extends Error {
  override readonly name = "CrashError";
}

/** Files that fail on purpose. */
export class FaultyFileSystem implements FileSystem {
  readonly identity: ProcessIdentity;
  /** Calls so far, and those among them that change something. */
  calls = 0;
  changes = 0;
  /** Name of every call, for messages of tests. */
  readonly trace: string[] = [];
  #live = new MemoryFileSystem();
  #plan: FaultPlan;
  readonly #random: SeededRandom;
  /** Names as the program sees them, and as they would survive. Null is a folder. */
  readonly #names = new Map<string, Tracked | null>();
  readonly #durableNames = new Map<string, Tracked | null>();
  #pendingNames: NameChange[] = [];
  #isCrashed = false;
  #isFull = false;

  constructor(seed: number, plan: FaultPlan = {}, identity: ProcessIdentity = freshIdentity()) {
    this.#random = new SeededRandom(seed);
    this.#plan = plan;
    this.identity = identity;
  }

  /** Sets other faults and counts calls from the start. */
  arm(plan: FaultPlan): void {
    this.#plan = plan;
    this.#isFull = false;
    this.calls = 0;
    this.changes = 0;
    this.trace.length = 0;
  }

  /** No more faults; what is lost stays lost. */
  heal(): void {
    this.arm({});
  }

  /** True when the program ended as planned. */
  get isCrashed(): boolean {
    return this.#isCrashed;
  }

  /** The machine after a power loss: files as they are found by the next start. */
  afterPowerLoss(loss: Loss, seed: number): FaultyFileSystem {
    const random = new SeededRandom(seed);
    const names = new Map(this.#durableNames);
    for (const change of survivors(this.#pendingNames, loss, random)) change.apply(names);
    const next = new FaultyFileSystem(seed);
    const copies = new Map<Tracked, Tracked>();
    for (const [path, tracked] of names) {
      if (!hasParents(names, path)) continue;
      if (tracked !== null && !copies.has(tracked)) {
        copies.set(tracked, { durable: contentAfterLoss(tracked, loss, random), pending: [] });
      }
      const copy = tracked === null ? null : copies.get(tracked)!;
      next.#names.set(path, copy);
      next.#durableNames.set(path, copy);
    }
    next.#live = liveOf(next.#names);
    return next;
  }

  /** The machine after the program was killed: nothing is lost, but what was not durable is not durable yet. */
  afterKill(seed: number): FaultyFileSystem {
    const next = new FaultyFileSystem(seed);
    next.#live = this.#live;
    for (const [path, tracked] of this.#names) next.#names.set(path, tracked);
    for (const [path, tracked] of this.#durableNames) next.#durableNames.set(path, tracked);
    next.#pendingNames = [...this.#pendingNames];
    return next;
  }

  async open(path: string, mode: "read" | "write"): Promise<FileHandle> {
    const isNew = mode === "write" && !this.#names.has(path);
    const call = this.#step(mode === "read" ? "open" : "open for writing", path, isNew);
    const handle = await this.#live.open(path, mode);
    if (isNew) this.#link(path);
    this.crashIfDue(call);
    return new FaultyFileHandle(this, path, handle, this.#names.get(path)!);
  }

  async openExclusive(path: string, bytes: Uint8Array): Promise<boolean> {
    const call = this.#step("create", path, true);
    if (!(await this.#live.openExclusive(path, bytes))) return false;
    this.#link(path).pending.push({ kind: "write", position: 0, bytes: bytes.slice() });
    this.crashIfDue(call);
    return true;
  }

  async readFile(path: string, bytesMax: number): Promise<Uint8Array | null> {
    this.#step("read", path, false);
    return this.#live.readFile(path, bytesMax);
  }

  readFileNow(path: string, bytesMax: number): Uint8Array | null {
    this.#step("read", path, false);
    return this.#live.readFileNow(path, bytesMax);
  }

  async rename(from: string, to: string): Promise<void> {
    const call = this.#step("rename", from, true);
    await this.#live.rename(from, to);
    const tracked = this.#names.get(from)!;
    this.#changeNames(parentFolder(to), (names) => {
      if (names.get(from) === tracked) names.delete(from);
      names.set(to, tracked);
      if (tracked !== null) return;
      for (const [name, inner] of [...names]) {
        if (!name.startsWith(`${from}/`)) continue;
        names.delete(name);
        names.set(to + name.slice(from.length), inner);
      }
    });
    this.crashIfDue(call);
  }

  async link(from: string, to: string): Promise<boolean> {
    const call = this.#step("link", from, true);
    await this.#live.link(from, to);
    const tracked = this.#names.get(from)!;
    this.#changeNames(parentFolder(to), (names) => void names.set(to, tracked));
    this.crashIfDue(call);
    return true;
  }

  async remove(path: string): Promise<void> {
    const call = this.#step("remove", path, true);
    await this.#live.remove(path);
    const tracked = this.#names.get(path);
    if (tracked !== undefined) {
      this.#changeNames(parentFolder(path), (names) => {
        if (names.get(path) === tracked) names.delete(path);
      });
    }
    this.crashIfDue(call);
  }

  async removeFolder(path: string): Promise<void> {
    const call = this.#step("remove", path, true);
    await this.#live.removeFolder(path);
    for (const [name, tracked] of [...this.#names]) {
      if (name !== path && !name.startsWith(`${path}/`)) continue;
      this.#changeNames(parentFolder(name), (names) => {
        if (names.get(name) === tracked) names.delete(name);
      });
    }
    this.crashIfDue(call);
  }

  async makeFolder(path: string): Promise<void> {
    const call = this.#step("create folder", path, true);
    await this.#live.makeFolder(path);
    const missing: string[] = [];
    for (let at = path; !isRoot(at) && !this.#names.has(at); at = parentFolder(at)) missing.push(at);
    for (const folder of missing.reverse()) {
      this.#changeNames(parentFolder(folder), (names) => void names.set(folder, null));
    }
    this.crashIfDue(call);
  }

  async list(path: string): Promise<readonly FolderEntry[]> {
    this.#step("list", path, false);
    return this.#live.list(path);
  }

  async exists(path: string): Promise<boolean> {
    this.#step("look up", path, false);
    return this.#live.exists(path);
  }

  async syncFolder(path: string): Promise<void> {
    const call = this.#step("sync folder", path, true);
    await this.#live.syncFolder(path);
    this.crashIfDue(call);
    this.#pendingNames = this.#pendingNames.filter((change) => {
      if (change.folder !== path) return true;
      change.apply(this.#durableNames);
      return false;
    });
  }

  crc32(bytes: Uint8Array, previous = 0): number {
    return crc32(bytes, previous);
  }

  async freeBytes(): Promise<number | null> {
    return null;
  }

  /** Everything in a folder as the program sees it, by path; null is a folder. Counts as no call. */
  contentsOf(folder: string): Map<string, Uint8Array | null> {
    const contents = new Map<string, Uint8Array | null>();
    for (const [path, tracked] of this.#names) {
      if (!path.startsWith(`${folder}/`)) continue;
      contents.set(path, tracked === null ? null : this.#live.readFileNow(path, Number.MAX_SAFE_INTEGER));
    }
    return contents;
  }

  /** Removes a folder from both images, as if it had never been; for machines that have just lost power. */
  async forget(folder: string): Promise<void> {
    await this.#live.removeFolder(folder);
    for (const names of [this.#names, this.#durableNames]) {
      for (const name of [...names.keys()]) if (name === folder || name.startsWith(`${folder}/`)) names.delete(name);
    }
  }

  /** Turns one bit of a file over, in both images. */
  async flipBit(path: string, bit: number): Promise<void> {
    const handle = await this.#live.open(path, "write");
    const byte = new Uint8Array(1);
    handle.readNow(byte, bit >> 3);
    byte[0]! ^= 1 << (bit & 7);
    await handle.write(byte, bit >> 3);
    this.#names.get(path)?.durable.write(byte, bit >> 3);
  }

  /** @internal Counts a call of a handle; `growsBy` more bytes are wanted. */
  step(operation: string, path: string, isChange: boolean, growsBy = 0): Call {
    const call = this.#step(operation, path, isChange);
    if (this.#isFull && growsBy > 0) throw operationError(operation, path, "ENOSPC");
    return call;
  }

  /** @internal Ends the program where the plan says so, after the change was made but before it could be durable. */
  crashIfDue(call: Call): void {
    if (!call.crashes) return;
    this.#isCrashed = true;
    throw new CrashError("the program ends here");
  }

  /** @internal Bytes that one transfer may move. */
  transferBytes(wanted: number): number {
    return this.#plan.isShort === true ? Math.min(wanted, 1 + this.#random.below(7)) : wanted;
  }

  /** @internal What a sync that failed did: some changes became durable, the others never will, and no one is told. */
  losePending(tracked: Tracked): void {
    for (const change of tracked.pending) if (this.#random.oneIn(2)) applyChange(tracked.durable, change);
    tracked.pending = [];
  }

  /** @internal The error of a call that fails. */
  failure(operation: string, path: string): LynseError {
    if (this.#plan.staysFull === true) this.#isFull = true;
    return operationError(operation, path, this.#plan.errno ?? "EIO");
  }

  #step(operation: string, path: string, isChange: boolean): Call {
    if (this.#isCrashed) throw new CrashError("the program has ended");
    this.calls++;
    if (isChange) this.changes++;
    this.trace.push(`${operation} ${path}`);
    const fails = this.calls === this.#plan.failAtCall;
    // Writes and syncs fail half done: their handle sees to it.
    if (fails && operation !== "write" && operation !== "sync") throw this.failure(operation, path);
    if (this.#isFull && (operation === "create" || operation === "create folder")) {
      throw operationError(operation, path, "ENOSPC");
    }
    return { fails, crashes: isChange && this.changes === this.#plan.crashAtChange };
  }

  #link(path: string): Tracked {
    const tracked: Tracked = { durable: new MemoryFile(), pending: [] };
    this.#changeNames(parentFolder(path), (names) => void names.set(path, tracked));
    return tracked;
  }

  #changeNames(folder: string, apply: NameChange["apply"]): void {
    apply(this.#names);
    this.#pendingNames.push({ folder, apply });
  }
}

class FaultyFileHandle implements FileHandle {
  readonly #fs: FaultyFileSystem;
  readonly #path: string;
  readonly #handle: FileHandle;
  readonly #tracked: Tracked;

  constructor(fs: FaultyFileSystem, path: string, handle: FileHandle, tracked: Tracked) {
    this.#fs = fs;
    this.#path = path;
    this.#handle = handle;
    this.#tracked = tracked;
  }

  async read(target: Uint8Array, position: number): Promise<number> {
    this.#fs.step("read", this.#path, false);
    return readFully((bytes, at) => this.#handle.read(this.#short(bytes), at), target, position);
  }

  readNow(target: Uint8Array, position: number): number {
    this.#fs.step("read", this.#path, false);
    return readFullyNow((bytes, at) => this.#handle.readNow(this.#short(bytes), at), target, position);
  }

  async write(source: Uint8Array, position: number): Promise<void> {
    const growsBy = position + source.length - (await this.#handle.size());
    const call = this.#fs.step("write", this.#path, true, growsBy);
    // A write that fails has written a part: the case that a caller must clear up.
    const bytes = call.fails ? source.subarray(0, source.length >> 1) : source;
    const step = async (part: Uint8Array, at: number): Promise<number> => {
      const moved = this.#short(part);
      await this.#handle.write(moved, at);
      this.#tracked.pending.push({ kind: "write", position: at, bytes: moved.slice() });
      return moved.length;
    };
    await writeFully(step, bytes, position, () => operationError("write", this.#path, "ENOSPC"));
    if (call.fails) throw this.#fs.failure("write", this.#path);
    this.#fs.crashIfDue(call);
  }

  async sync(): Promise<void> {
    const call = this.#fs.step("sync", this.#path, true);
    if (call.fails) {
      this.#fs.losePending(this.#tracked);
      throw this.#fs.failure("sync", this.#path);
    }
    this.#fs.crashIfDue(call);
    for (const change of this.#tracked.pending) applyChange(this.#tracked.durable, change);
    this.#tracked.pending = [];
  }

  async truncate(size: number): Promise<void> {
    const growsBy = size - (await this.#handle.size());
    const call = this.#fs.step("truncate", this.#path, true, growsBy);
    await this.#handle.truncate(size);
    this.#tracked.pending.push({ kind: "truncate", size });
    this.#fs.crashIfDue(call);
  }

  async size(): Promise<number> {
    this.#fs.step("size", this.#path, false);
    return this.#handle.size();
  }

  async close(): Promise<void> {
    await this.#handle.close();
  }

  #short(bytes: Uint8Array): Uint8Array {
    return bytes.subarray(0, this.#fs.transferBytes(bytes.length));
  }
}

/** Every process of a test is another one, on a machine of its own kind; the ones before have ended. */
function freshIdentity(): ProcessIdentity {
  const startMark = String(++identities);
  return {
    pid: 1,
    host: "faulty",
    space: "faulty",
    startMark,
    startedAtMs: Date.now(),
    stateOf: async (_pid, mark) => (mark === startMark ? "running" : "gone"),
  };
}

let identities = 0;

function survivors<T>(changes: readonly T[], loss: Loss, random: SeededRandom): readonly T[] {
  if (loss === "dropped") return [];
  if (loss === "kept") return changes;
  if (loss === "torn") return changes.slice(0, random.below(changes.length + 1));
  return changes.filter(() => random.oneIn(2));
}

function contentAfterLoss(tracked: Tracked, loss: Loss, random: SeededRandom): MemoryFile {
  const file = new MemoryFile();
  file.write(tracked.durable.content, 0);
  const kept = survivors(tracked.pending, loss, random);
  for (const change of kept) applyChange(file, change);
  if (loss === "torn" && kept.length < tracked.pending.length) tear(file, tracked.pending[kept.length]!, random);
  if (loss === "reordered") for (const change of tracked.pending) if (random.oneIn(3)) tear(file, change, random);
  return file;
}

/** Applies a part of a write: a prefix, a suffix (zeros before it), or only the new size. */
function tear(file: MemoryFile, change: Change, random: SeededRandom): void {
  if (change.kind === "truncate") return;
  const { bytes, position } = change;
  const cut = random.below(bytes.length + 1);
  const part = random.below(3);
  if (part === 0) file.write(bytes.subarray(0, cut), position);
  else if (part === 1) file.write(bytes.subarray(cut), position + cut);
  else if (position + cut > file.size) file.truncate(position + cut);
}

function applyChange(file: MemoryFile, change: Change): void {
  if (change.kind === "write") file.write(change.bytes, change.position);
  else file.truncate(change.size);
}

function hasParents(names: ReadonlyMap<string, Tracked | null>, path: string): boolean {
  for (let at = parentFolder(path); !isRoot(at); at = parentFolder(at)) if (names.get(at) !== null) return false;
  return true;
}

function isRoot(path: string): boolean {
  return path === "/" || path === ".";
}

function liveOf(names: ReadonlyMap<string, Tracked | null>): MemoryFileSystem {
  const contents = new Map<string, Uint8Array | null>();
  for (const [path, tracked] of names) contents.set(path, tracked === null ? null : tracked.durable.content.slice());
  return MemoryFileSystem.of(contents);
}
