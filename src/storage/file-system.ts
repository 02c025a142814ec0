/**
 * Which file operations does storage stand on?
 *
 * The contract between storage and the platform. Everything above asks only for what is written here, so that the same
 * code runs on real files, in memory, and on files that fail on purpose. Paths are joined with `/` on every platform.
 *
 * Invariants: an operation of the system that fails becomes a `LynseError` (`NO_SPACE`, else `IO_ERROR` with
 * `operation`, `file` and `errno` in its details); written bytes are durable only after `sync`, a new name, a rename or
 * a removal only after `syncFolder` of its folder. Lowest file of the layer; imports only the errors.
 */
import { isLynseError } from "../errors.js";

/** An open file. Operations may overlap; `close` waits for those under way. */
export interface FileHandle {
  /** Fills `target` from `position` unless the file ends before. Resolves to the number of bytes read. */
  read(target: Uint8Array, position: number): Promise<number>;
  /** The same, on the calling thread: for a few small reads that the page cache answers. */
  readNow(target: Uint8Array, position: number): number;
  /** Writes all of `source`, or fails. The file grows where needed; a gap reads as zeros. */
  write(source: Uint8Array, position: number): Promise<void>;
  /** Makes everything written and the size durable. */
  sync(): Promise<void>;
  /** Cuts or zero-extends the file to `size` bytes. */
  truncate(size: number): Promise<void>;
  size(): Promise<number>;
  close(): Promise<void>;
}

/** A name in a folder. */
export interface FolderEntry {
  readonly name: string;
  readonly isFolder: boolean;
}

/** What is known of another process. `"unknown"`: it runs, but nothing tells whether it is the one meant. */
export type ProcessState = "running" | "gone" | "unknown";

/** Who this process is, for the writer lock. */
export interface ProcessIdentity {
  readonly pid: number;
  /** Host name, for messages. */
  readonly host: string;
  /** Names the space in which `pid` is unique: host, boot and pid namespace. Pids of two spaces say nothing. */
  readonly space: string;
  /** Start of the process as the system counts it, exact and never reused with the same pid; null where unknown. */
  readonly startMark: string | null;
  /** Start of the process, milliseconds since 1970, to about a second. */
  readonly startedAtMs: number;
  /** State of the process of this space that had `pid` and `startMark`. */
  stateOf(pid: number, startMark: string | null): Promise<ProcessState>;
}

export interface FileSystem {
  /** Who asks. */
  readonly identity: ProcessIdentity;
  /**
   * Opens a file; `"write"` reads and writes, and creates it where it is missing. A missing file opened for reading
   * fails with an error that `isMissingFile` recognises.
   */
  open(path: string, mode: "read" | "write"): Promise<FileHandle>;
  /** Creates a file that holds `bytes`; resolves to false, and writes nothing, when the name is taken. */
  openExclusive(path: string, bytes: Uint8Array): Promise<boolean>;
  /** The whole file; null when it is missing. `LIMIT_EXCEEDED` above `bytesMax`, before anything is allocated. */
  readFile(path: string, bytesMax: number): Promise<Uint8Array | null>;
  /** The same, on the calling thread: for a small file that is looked at again and again. */
  readFileNow(path: string, bytesMax: number): Uint8Array | null;
  /** Gives a file another name, atomically replacing a file of that name; or a folder, whose new name is not taken. */
  rename(from: string, to: string): Promise<void>;
  /** Gives a file a second name, which is not taken; resolves to false where the volume has no such thing. */
  link(from: string, to: string): Promise<boolean>;
  /** Removes a file; resolves also when it is missing. */
  remove(path: string): Promise<void>;
  /** Removes a folder with everything in it; resolves also when it is missing. */
  removeFolder(path: string): Promise<void>;
  /** Creates a folder and its parents; resolves also when it exists. */
  makeFolder(path: string): Promise<void>;
  /** What a folder holds, sorted by name; empty when it is missing. */
  list(path: string): Promise<readonly FolderEntry[]>;
  exists(path: string): Promise<boolean>;
  /** Makes new names, renames and removals in a folder durable. */
  syncFolder(path: string): Promise<void>;
  /** CRC-32 (IEEE 802.3, as in zlib) of `bytes`, continued from `previous`. */
  crc32(bytes: Uint8Array, previous?: number): number;
  /** Bytes that this process may still write to the volume of `path`; null where unknown. */
  freeBytes(path: string): Promise<number | null>;
}

/** True for the error of opening a file that is missing. */
export function isMissingFile(error: unknown): boolean {
  return isLynseError(error, "IO_ERROR") && error.details["errno"] === "ENOENT";
}
