/**
 * How does storage work where there is no disk?
 *
 * A tree of files in memory: for databases that need not outlive the process, and for tests. Nothing is ever lost in
 * it, so syncing does nothing. An open file stays readable after its name was removed or given to another file.
 */
import { LynseError } from "../errors.js";
import { crc32 } from "./crc32.js";
import type { FileHandle, FileSystem, FolderEntry, ProcessIdentity } from "./file-system.js";
import { operationError } from "./operation-error.js";

/** A file's content; grows by doubling. */
export class MemoryFile {
  #bytes = new Uint8Array(0);
  #size = 0;

  get size(): number {
    return this.#size;
  }

  /** The content, valid until the next change. */
  get content(): Uint8Array {
    return this.#bytes.subarray(0, this.#size);
  }

  read(target: Uint8Array, position: number): number {
    const count = Math.max(0, Math.min(target.length, this.#size - position));
    target.set(this.#bytes.subarray(position, position + count), 0);
    return count;
  }

  write(source: Uint8Array, position: number): void {
    // As on real files: a write of nothing does not move the end.
    if (source.length === 0) return;
    if (position + source.length > this.#size) this.truncate(position + source.length);
    this.#bytes.set(source, position);
  }

  truncate(size: number): void {
    if (size > this.#bytes.length) {
      const grown = new Uint8Array(Math.max(size, this.#bytes.length * 2));
      grown.set(this.content);
      this.#bytes = grown;
    }
    if (size < this.#size) this.#bytes.fill(0, size, this.#size);
    this.#size = size;
  }
}

class MemoryFileHandle implements FileHandle {
  readonly #path: string;
  readonly #file: MemoryFile;
  readonly #isWritable: boolean;
  #isClosed = false;

  constructor(path: string, file: MemoryFile, isWritable: boolean) {
    this.#path = path;
    this.#file = file;
    this.#isWritable = isWritable;
  }

  async read(target: Uint8Array, position: number): Promise<number> {
    return this.readNow(target, position);
  }

  readNow(target: Uint8Array, position: number): number {
    this.#assertOpen("read");
    return this.#file.read(target, position);
  }

  async write(source: Uint8Array, position: number): Promise<void> {
    this.#assertWritable("write");
    this.#file.write(source, position);
  }

  async sync(): Promise<void> {
    this.#assertOpen("sync");
  }

  async truncate(size: number): Promise<void> {
    this.#assertWritable("truncate");
    this.#file.truncate(size);
  }

  async size(): Promise<number> {
    this.#assertOpen("size");
    return this.#file.size;
  }

  async close(): Promise<void> {
    this.#isClosed = true;
  }

  #assertWritable(operation: string): void {
    this.#assertOpen(operation);
    if (!this.#isWritable) throw operationError(operation, this.#path, "EBADF");
  }

  #assertOpen(operation: string): void {
    if (!this.#isClosed) return;
    throw new LynseError("CLOSED", `${operation} of ${this.#path}: the file was closed; open the collection again`, {
      operation,
      file: this.#path,
    });
  }
}

/** A process of its own: locks of other memory file systems never meet it. */
function memoryIdentity(): ProcessIdentity {
  const isThis = (pid: number): boolean => pid === 1;
  return {
    pid: 1,
    host: "memory",
    space: "memory",
    startMark: "0",
    startedAtMs: Date.now(),
    stateOf: async (pid, startMark) => (isThis(pid) && startMark === "0" ? "running" : "gone"),
  };
}

/** Files in memory. */
export class MemoryFileSystem implements FileSystem {
  readonly identity: ProcessIdentity;
  /** Path to content; null for a folder. The root and "." always exist. */
  readonly #nodes = new Map<string, MemoryFile | null>();

  constructor(identity: ProcessIdentity = memoryIdentity()) {
    this.identity = identity;
  }

  /** A file system with these files, by path; null makes a folder. Paths with the same array are names of one file. */
  static of(contents: ReadonlyMap<string, Uint8Array | null>): MemoryFileSystem {
    const made = new MemoryFileSystem();
    const files = new Map<Uint8Array, MemoryFile>();
    for (const [path, bytes] of contents) {
      let file: MemoryFile | null = null;
      if (bytes !== null) {
        file = files.get(bytes) ?? new MemoryFile();
        if (!files.has(bytes)) file.write(bytes, 0);
        files.set(bytes, file);
      }
      made.#nodes.set(path, file);
    }
    return made;
  }

  async open(path: string, mode: "read" | "write"): Promise<FileHandle> {
    const operation = mode === "read" ? "open" : "open for writing";
    const found = this.#nodes.get(path);
    if (found === null || isRoot(path)) throw operationError(operation, path, "EISDIR");
    if (found !== undefined) return new MemoryFileHandle(path, found, mode === "write");
    if (mode === "read") throw operationError(operation, path, "ENOENT");
    return new MemoryFileHandle(path, this.#createFile(operation, path), true);
  }

  async openExclusive(path: string, bytes: Uint8Array): Promise<boolean> {
    if (this.#nodes.has(path) || isRoot(path)) return false;
    this.#createFile("create", path).write(bytes, 0);
    return true;
  }

  async readFile(path: string, bytesMax: number): Promise<Uint8Array | null> {
    return this.readFileNow(path, bytesMax);
  }

  readFileNow(path: string, bytesMax: number): Uint8Array | null {
    const file = this.#nodes.get(path);
    if (file === undefined) return null;
    if (file === null) throw operationError("open", path, "EISDIR");
    if (file.size > bytesMax) {
      throw new LynseError("LIMIT_EXCEEDED", `${path} has ${file.size} bytes, at most ${bytesMax} were expected`, {
        file: path,
        max: bytesMax,
        got: file.size,
      });
    }
    return file.content.slice();
  }

  async rename(from: string, to: string): Promise<void> {
    const file = this.#nodes.get(from);
    if (file === undefined || !this.#isFolder(parentOf(to))) throw operationError("rename", from, "ENOENT");
    if (file === null) return this.#renameFolder(from, to);
    if (this.#nodes.get(to) === null) throw operationError("rename", from, "EISDIR");
    this.#nodes.delete(from);
    this.#nodes.set(to, file);
  }

  #renameFolder(from: string, to: string): void {
    if (this.#nodes.has(to)) throw operationError("rename", from, "EEXIST");
    if (to.startsWith(`${from}/`)) throw operationError("rename", from, "EINVAL");
    for (const [name, node] of [...this.#nodes]) {
      if (name !== from && !name.startsWith(`${from}/`)) continue;
      this.#nodes.delete(name);
      this.#nodes.set(to + name.slice(from.length), node);
    }
  }

  async link(from: string, to: string): Promise<boolean> {
    const file = this.#nodes.get(from);
    if (file === undefined || !this.#isFolder(parentOf(to))) throw operationError("link", from, "ENOENT");
    if (file === null) throw operationError("link", from, "EISDIR");
    if (this.#nodes.has(to)) throw operationError("link", from, "EEXIST");
    this.#nodes.set(to, file);
    return true;
  }

  async remove(path: string): Promise<void> {
    if (this.#isFolder(path)) throw operationError("remove", path, "EISDIR");
    this.#nodes.delete(path);
  }

  async removeFolder(path: string): Promise<void> {
    for (const name of [...this.#nodes.keys()]) {
      if (name === path || name.startsWith(`${path}/`)) this.#nodes.delete(name);
    }
  }

  async makeFolder(path: string): Promise<void> {
    const missing: string[] = [];
    for (let at = path; !this.#isFolder(at); at = parentOf(at)) {
      if (this.#nodes.has(at)) throw operationError("create folder", path, at === path ? "EEXIST" : "ENOTDIR");
      missing.push(at);
    }
    for (const folder of missing.reverse()) this.#nodes.set(folder, null);
  }

  async list(path: string): Promise<readonly FolderEntry[]> {
    if (this.#nodes.get(path) instanceof MemoryFile) throw operationError("list", path, "ENOTDIR");
    const entries: FolderEntry[] = [];
    for (const [name, node] of this.#nodes) {
      if (parentOf(name) === path)
        entries.push({ name: name.slice(name.lastIndexOf("/") + 1), isFolder: node === null });
    }
    return entries.sort((a, b) => (a.name < b.name ? -1 : 1));
  }

  async exists(path: string): Promise<boolean> {
    return isRoot(path) || this.#nodes.has(path);
  }

  async syncFolder(path: string): Promise<void> {
    if (!this.#isFolder(path)) throw operationError("sync folder", path, "ENOENT");
  }

  crc32(bytes: Uint8Array, previous = 0): number {
    return crc32(bytes, previous);
  }

  async freeBytes(): Promise<number | null> {
    return null;
  }

  #isFolder(path: string): boolean {
    return isRoot(path) || this.#nodes.get(path) === null;
  }

  #createFile(operation: string, path: string): MemoryFile {
    if (!this.#isFolder(parentOf(path))) throw operationError(operation, path, "ENOENT");
    const file = new MemoryFile();
    this.#nodes.set(path, file);
    return file;
  }
}

function isRoot(path: string): boolean {
  return path === "/" || path === ".";
}

function parentOf(path: string): string {
  const cut = path.lastIndexOf("/");
  if (cut < 0) return ".";
  return cut === 0 ? "/" : path.slice(0, cut);
}
