/**
 * How does storage reach real files?
 *
 * `FileSystem` on Node's `fs`. File descriptors are plain numbers, so a handle counts the operations under way and
 * closes only after them: a number that the system gave to another file meanwhile would be read instead.
 */
import {
  close,
  closeSync,
  constants,
  fdatasync,
  fstat,
  fstatSync,
  fsync,
  ftruncate,
  openSync,
  promises,
  read,
  readSync,
  write,
  writeSync,
} from "node:fs";
import { promisify } from "node:util";
import { crc32 as nativeCrc32 } from "node:zlib";
import { LynseError } from "../errors.js";
import type { FileHandle, FileSystem, FolderEntry, ProcessIdentity } from "./file-system.js";
import { nodeProcessIdentity } from "./node-process-identity.js";
import { operationError } from "./operation-error.js";
import { readFully, readFullyNow, writeFully } from "./transfer.js";

const closeAsync = promisify(close);
const fdatasyncAsync = promisify(fdatasync);
const fstatAsync = promisify(fstat);
const fsyncAsync = promisify(fsync);
const ftruncateAsync = promisify(ftruncate);

/** Waits between attempts to rename on Windows, where a virus scanner may hold the file for a moment, milliseconds. */
const renameWaitsMs = [5, 10, 20, 50, 100, 200, 400, 800];

/** What systems answer where a file cannot have a second name: another volume, a volume or a policy without links. */
const linklessErrnos = new Set(["EXDEV", "EPERM", "EACCES", "ENOTSUP", "EOPNOTSUPP", "ENOSYS", "EMLINK", "EISDIR"]);

function errnoOf(error: unknown): string {
  return error instanceof Error && "code" in error && typeof error.code === "string" ? error.code : "UNKNOWN";
}

function checkFileSize(path: string, size: number, bytesMax: number): void {
  if (size <= bytesMax) return;
  const text = `${path} has ${size} bytes, at most ${bytesMax} were expected`;
  throw new LynseError("LIMIT_EXCEEDED", text, { file: path, max: bytesMax, got: size });
}

/** Runs an operation of the system; a failure becomes the package's error. */
async function attempt<T>(operation: string, file: string, run: () => Promise<T>): Promise<T> {
  try {
    return await run();
  } catch (error) {
    throw operationError(operation, file, errnoOf(error), error);
  }
}

class NodeFileHandle implements FileHandle {
  readonly #path: string;
  readonly #fd: number;
  #underWay = 0;
  #isClosed = false;
  #whenIdle: (() => void) | null = null;

  constructor(path: string, fd: number) {
    this.#path = path;
    this.#fd = fd;
  }

  read(target: Uint8Array, position: number): Promise<number> {
    const step = (bytes: Uint8Array, at: number): Promise<number> =>
      new Promise((resolve, reject) => {
        read(this.#fd, bytes, 0, bytes.length, at, (error, count) => (error ? reject(error) : resolve(count)));
      });
    return this.#run("read", () => readFully(step, target, position));
  }

  readNow(target: Uint8Array, position: number): number {
    this.#assertOpen("read");
    try {
      return readFullyNow((bytes, at) => readSync(this.#fd, bytes, 0, bytes.length, at), target, position);
    } catch (error) {
      throw operationError("read", this.#path, errnoOf(error), error);
    }
  }

  write(source: Uint8Array, position: number): Promise<void> {
    const step = (bytes: Uint8Array, at: number): Promise<number> =>
      new Promise((resolve, reject) => {
        write(this.#fd, bytes, 0, bytes.length, at, (error, count) => (error ? reject(error) : resolve(count)));
      });
    const stuck = (): Error => Object.assign(new Error("the file takes no more bytes"), { code: "ENOSPC" });
    return this.#run("write", () => writeFully(step, source, position, stuck));
  }

  sync(): Promise<void> {
    return this.#run("sync", () => fdatasyncAsync(this.#fd));
  }

  truncate(size: number): Promise<void> {
    return this.#run("truncate", () => ftruncateAsync(this.#fd, size));
  }

  size(): Promise<number> {
    return this.#run("size", async () => (await fstatAsync(this.#fd)).size);
  }

  async close(): Promise<void> {
    if (this.#isClosed) return;
    this.#isClosed = true;
    if (this.#underWay > 0) {
      await new Promise<void>((resolve) => {
        this.#whenIdle = resolve;
      });
    }
    await attempt("close", this.#path, () => closeAsync(this.#fd));
  }

  async #run<T>(operation: string, run: () => Promise<T>): Promise<T> {
    this.#assertOpen(operation);
    this.#underWay++;
    try {
      return await run();
    } catch (error) {
      throw operationError(operation, this.#path, errnoOf(error), error);
    } finally {
      this.#underWay--;
      if (this.#underWay === 0) this.#whenIdle?.();
    }
  }

  #assertOpen(operation: string): void {
    if (!this.#isClosed) return;
    throw new LynseError("CLOSED", `${operation} of ${this.#path}: the file was closed; open the collection again`, {
      operation,
      file: this.#path,
    });
  }
}

/** The file system of the machine. */
export class NodeFileSystem implements FileSystem {
  readonly identity: ProcessIdentity = nodeProcessIdentity();

  async open(path: string, mode: "read" | "write"): Promise<FileHandle> {
    const flags = mode === "read" ? constants.O_RDONLY : constants.O_RDWR | constants.O_CREAT;
    try {
      return new NodeFileHandle(path, openSync(path, flags, 0o644));
    } catch (error) {
      throw operationError(mode === "read" ? "open" : "open for writing", path, errnoOf(error), error);
    }
  }

  async openExclusive(path: string, bytes: Uint8Array): Promise<boolean> {
    let fd: number;
    try {
      fd = openSync(path, "wx", 0o644);
    } catch (error) {
      if (errnoOf(error) === "EEXIST") return false;
      throw operationError("create", path, errnoOf(error), error);
    }
    // On the calling thread from end to end, so that other processes find the file empty for as short a time as can be.
    try {
      for (let done = 0; done < bytes.length; ) done += writeSync(fd, bytes, done, bytes.length - done, done);
      closeSync(fd);
    } catch (error) {
      closeSync(fd);
      await this.remove(path);
      throw operationError("create", path, errnoOf(error), error);
    }
    return true;
  }

  async readFile(path: string, bytesMax: number): Promise<Uint8Array | null> {
    let handle: FileHandle;
    try {
      handle = await this.open(path, "read");
    } catch (error) {
      if (error instanceof LynseError && error.details["errno"] === "ENOENT") return null;
      throw error;
    }
    try {
      const size = await handle.size();
      checkFileSize(path, size, bytesMax);
      const bytes = new Uint8Array(size);
      const count = await handle.read(bytes, 0);
      return bytes.subarray(0, count);
    } finally {
      await handle.close();
    }
  }

  readFileNow(path: string, bytesMax: number): Uint8Array | null {
    let fd = -1;
    try {
      fd = openSync(path, constants.O_RDONLY);
      const { size } = fstatSync(fd);
      checkFileSize(path, size, bytesMax);
      const bytes = new Uint8Array(size);
      const count = readFullyNow((part, at) => readSync(fd, part, 0, part.length, at), bytes, 0);
      return bytes.subarray(0, count);
    } catch (error) {
      const errno = errnoOf(error);
      if (error instanceof LynseError) throw error;
      if (errno === "ENOENT") return null;
      throw operationError("read", path, errno, error);
    } finally {
      if (fd >= 0) closeSync(fd);
    }
  }

  async rename(from: string, to: string): Promise<void> {
    for (let attempts = 0; ; attempts++) {
      try {
        return await promises.rename(from, to);
      } catch (error) {
        const errno = errnoOf(error);
        const isHeld = process.platform === "win32" && (errno === "EPERM" || errno === "EBUSY" || errno === "EACCES");
        const waitMs = renameWaitsMs[attempts];
        if (!isHeld || waitMs === undefined) throw operationError("rename", from, errno, error);
        await new Promise((resolve) => setTimeout(resolve, waitMs));
      }
    }
  }

  async link(from: string, to: string): Promise<boolean> {
    try {
      await promises.link(from, to);
      return true;
    } catch (error) {
      const errno = errnoOf(error);
      if (linklessErrnos.has(errno)) return false;
      throw operationError("link", from, errno, error);
    }
  }

  remove(path: string): Promise<void> {
    return attempt("remove", path, () => promises.rm(path, { force: true }));
  }

  removeFolder(path: string): Promise<void> {
    return attempt("remove", path, () => promises.rm(path, { force: true, recursive: true, maxRetries: 3 }));
  }

  async makeFolder(path: string): Promise<void> {
    await attempt("create folder", path, () => promises.mkdir(path, { recursive: true }));
  }

  async list(path: string): Promise<readonly FolderEntry[]> {
    try {
      const entries = await promises.readdir(path, { withFileTypes: true });
      return entries
        .map((entry) => ({ name: entry.name, isFolder: entry.isDirectory() }))
        .sort((a, b) => (a.name < b.name ? -1 : 1));
    } catch (error) {
      if (errnoOf(error) === "ENOENT") return [];
      throw operationError("list", path, errnoOf(error), error);
    }
  }

  async exists(path: string): Promise<boolean> {
    try {
      await promises.access(path);
      return true;
    } catch (error) {
      if (errnoOf(error) === "ENOENT") return false;
      throw operationError("look up", path, errnoOf(error), error);
    }
  }

  async syncFolder(path: string): Promise<void> {
    // Windows has no such operation: NTFS journals names by itself.
    if (process.platform === "win32") return;
    await attempt("sync folder", path, async () => {
      const fd = openSync(path, constants.O_RDONLY);
      try {
        await fsyncAsync(fd);
      } finally {
        closeSync(fd);
      }
    });
  }

  crc32(bytes: Uint8Array, previous = 0): number {
    return nativeCrc32(bytes, previous);
  }

  async freeBytes(path: string): Promise<number | null> {
    try {
      const { bavail, bsize } = await promises.statfs(path);
      return bavail * bsize;
    } catch {
      return null;
    }
  }
}
