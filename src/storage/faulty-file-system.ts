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

type Entries = Map<string, Node>;

/** A folder with the names in it, as the program sees them and as they would survive. */
class Folder {
  readonly live: Entries = new Map();
  readonly durable: Entries = new Map();
}

type Node = Tracked | Folder;

/** A change of names, made durable by a sync of `folder`. */
interface NameChange {
  readonly folder: Folder;
  /** Makes it in the entries that `of` gives for a folder. */
  readonly apply: (of: (folder: Folder) => Entries) => void;
}

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
  #top = new Folder();
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
    const entries = new Map<Folder, Entries>();
    const of = (folder: Folder): Entries => {
      const known = entries.get(folder) ?? new Map(folder.durable);
      entries.set(folder, known);
      return known;
    };
    for (const change of survivors(this.#pendingNames, loss, random)) change.apply(of);
    const next = new FaultyFileSystem(seed);
    const copies = new Map<Tracked, Tracked>();
    const copy = (from: Folder, to: Folder): void => {
      for (const [name, node] of of(from)) {
        let survivor: Node;
        if (node instanceof Folder) {
          survivor = new Folder();
          copy(node, survivor);
        } else {
          survivor = copies.get(node) ?? { durable: contentAfterLoss(node, loss, random), pending: [] };
          copies.set(node, survivor);
        }
        to.live.set(name, survivor);
        to.durable.set(name, survivor);
      }
    };
    copy(this.#top, next.#top);
    next.#live = liveOf(next.#top);
    return next;
  }

  /** The machine after the program was killed: nothing is lost, but what was not durable is not durable yet. */
  afterKill(seed: number): FaultyFileSystem {
    const next = new FaultyFileSystem(seed);
    next.#live = this.#live;
    next.#top = this.#top;
    next.#pendingNames = [...this.#pendingNames];
    return next;
  }

  async open(path: string, mode: "read" | "write"): Promise<FileHandle> {
    const isNew = mode === "write" && this.#nodeAt(path) === undefined;
    const call = this.#step(mode === "read" ? "open" : "open for writing", path, isNew);
    const handle = await this.#live.open(path, mode);
    if (isNew) this.#create(path);
    this.crashIfDue(call);
    return new FaultyFileHandle(this, path, handle, this.#fileAt(path));
  }

  async openExclusive(path: string, bytes: Uint8Array): Promise<boolean> {
    const call = this.#step("create", path, true);
    if (!(await this.#live.openExclusive(path, bytes))) return false;
    this.#create(path).pending.push({ kind: "write", position: 0, bytes: bytes.slice() });
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
    const node = this.#nodeAt(from)!;
    const [source, target] = [this.#folderOf(from), this.#folderOf(to)];
    this.#changeNames(target, (of) => {
      if (of(source).get(nameOf(from)) === node) of(source).delete(nameOf(from));
      of(target).set(nameOf(to), node);
    });
    this.crashIfDue(call);
  }

  async link(from: string, to: string): Promise<boolean> {
    const call = this.#step("link", from, true);
    await this.#live.link(from, to);
    this.#set(to, this.#fileAt(from));
    this.crashIfDue(call);
    return true;
  }

  async remove(path: string): Promise<void> {
    const call = this.#step("remove", path, true);
    await this.#live.remove(path);
    if (this.#nodeAt(path) !== undefined) this.#unset(this.#folderOf(path), nameOf(path));
    this.crashIfDue(call);
  }

  async removeFolder(path: string): Promise<void> {
    const call = this.#step("remove", path, true);
    await this.#live.removeFolder(path);
    const node = this.#nodeAt(path);
    if (node instanceof Folder) {
      this.#clear(node);
      this.#unset(this.#folderOf(path), nameOf(path));
    }
    this.crashIfDue(call);
  }

  async makeFolder(path: string): Promise<void> {
    const call = this.#step("create folder", path, true);
    await this.#live.makeFolder(path);
    const missing: string[] = [];
    for (let at = path; !isRoot(at) && this.#nodeAt(at) === undefined; at = parentFolder(at)) missing.push(at);
    for (const folder of missing.reverse()) this.#set(folder, new Folder());
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
    const folder = this.#nodeAt(path);
    this.#pendingNames = this.#pendingNames.filter((change) => {
      if (change.folder !== folder) return true;
      change.apply(durableEntries);
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
    const node = this.#nodeAt(folder);
    const paths = node instanceof Folder ? pathsIn(node, folder) : [];
    const bytesOf = (path: string, inner: Node): Uint8Array | null =>
      inner instanceof Folder ? null : this.#live.readFileNow(path, Number.MAX_SAFE_INTEGER);
    return new Map(paths.map(([path, inner]) => [path, bytesOf(path, inner)]));
  }

  /** Removes a folder from both images, as if it had never been, after a power loss; false where there is none. */
  async forget(folder: string): Promise<boolean> {
    if (this.#nodeAt(folder) === undefined) return false;
    await this.#live.removeFolder(folder);
    const parent = this.#folderOf(folder);
    parent.live.delete(nameOf(folder));
    parent.durable.delete(nameOf(folder));
    return true;
  }

  /** Turns one bit of a file over, in both images. */
  async flipBit(path: string, bit: number): Promise<void> {
    await this.damage(path, (bytes) => {
      bytes[bit >> 3]! ^= 1 << (bit & 7);
      return bytes;
    });
  }

  /** Gives a file other content, in both images; resolves to every path of the file. */
  async damage(path: string, change: (bytes: Uint8Array) => Uint8Array): Promise<string[]> {
    const file = this.#fileAt(path);
    const bytes = change(this.#live.readFileNow(path, Number.MAX_SAFE_INTEGER)!);
    const handle = await this.#live.open(path, "write");
    await handle.truncate(bytes.length);
    await handle.write(bytes, 0);
    file.durable.truncate(bytes.length);
    file.durable.write(bytes, 0);
    file.pending = [];
    return pathsIn(this.#top, "/").flatMap(([each, node]) => (node === file ? [each] : []));
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

  #create(path: string): Tracked {
    const tracked: Tracked = { durable: new MemoryFile(), pending: [] };
    this.#set(path, tracked);
    return tracked;
  }

  #set(path: string, node: Node): void {
    const folder = this.#folderOf(path);
    this.#changeNames(folder, (of) => void of(folder).set(nameOf(path), node));
  }

  #unset(folder: Folder, name: string): void {
    const node = folder.live.get(name);
    this.#changeNames(folder, (of) => {
      if (of(folder).get(name) === node) of(folder).delete(name);
    });
  }

  /** Removes every name in a folder, the innermost first. */
  #clear(folder: Folder): void {
    for (const [name, node] of [...folder.live]) {
      if (node instanceof Folder) this.#clear(node);
      this.#unset(folder, name);
    }
  }

  #changeNames(folder: Folder, apply: NameChange["apply"]): void {
    apply(liveEntries);
    this.#pendingNames.push({ folder, apply });
  }

  #nodeAt(path: string): Node | undefined {
    let node: Node | undefined = this.#top;
    for (const name of path.split("/")) {
      if (name === "" || name === ".") continue;
      node = node instanceof Folder ? node.live.get(name) : undefined;
    }
    return node;
  }

  #fileAt(path: string): Tracked {
    return this.#nodeAt(path) as Tracked;
  }

  #folderOf(path: string): Folder {
    return this.#nodeAt(parentFolder(path)) as Folder;
  }
}

function liveEntries(folder: Folder): Entries {
  return folder.live;
}

function durableEntries(folder: Folder): Entries {
  return folder.durable;
}

function nameOf(path: string): string {
  return path.slice(path.lastIndexOf("/") + 1);
}

/** Everything in a folder, a folder before what it holds. */
function pathsIn(folder: Folder, path: string): [string, Node][] {
  return [...folder.live].flatMap(([name, node]): [string, Node][] => {
    const inner = path === "/" ? `/${name}` : `${path}/${name}`;
    return [[inner, node], ...(node instanceof Folder ? pathsIn(node, inner) : [])];
  });
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

function isRoot(path: string): boolean {
  return path === "/" || path === ".";
}

function liveOf(top: Folder): MemoryFileSystem {
  const bytes = new Map<Tracked, Uint8Array>();
  const bytesOf = (node: Tracked): Uint8Array => {
    const known = bytes.get(node) ?? node.durable.content.slice();
    bytes.set(node, known);
    return known;
  };
  const paths = pathsIn(top, "/");
  return MemoryFileSystem.of(
    new Map(paths.map(([path, node]) => [path, node instanceof Folder ? null : bytesOf(node)])),
  );
}
