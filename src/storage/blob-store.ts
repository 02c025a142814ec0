/**
 * Where are a collection's blobs?
 *
 * `blobs/` beside the generations, a file a blob, named after the SHA-256 of its key: keys may hold anything and be longer
 * than a file name. A file takes its name when it is whole and durable, and is never changed under it, so that readers in
 * any process, and hard links, see one write or another. Compactions don't touch the folder; it goes with the collection.
 *
 * Writing has two steps: `stage` takes as long as the bytes take, `commit` is a rename. Who runs commits and removals one
 * at a time, and nothing else meanwhile, finds in `files` the blobs of one moment.
 */
import { LynseError } from "../errors.js";
import { type BlobHead, readBlobContent, readBlobHead, writeBlobFile } from "./blob-file.js";
import { corruptFile } from "./corrupt-file.js";
import { newSalt } from "./file-header.js";
import { type FileHandle, type FileSystem, isMissingFile } from "./file-system.js";
import { unfinishedEnding } from "./replace-file.js";

/** A blob, without its content. */
export interface BlobInfo {
  readonly key: string;
  readonly bytes: number;
}

/** A blob that is durable, but not under its key yet. One of the two ends it. */
export interface StagedBlob {
  /** Gives it its key, durably, in place of the blob that has it. */
  commit(): Promise<void>;
  /** Removes what was written. */
  discard(): Promise<void>;
}

/** Name of the finished file of a blob. */
const finishedName = /^[0-9a-f]{64}\.lynse$/;

export class BlobStore {
  /** Whose files the blobs are. */
  readonly fs: FileSystem;
  readonly #collectionFolder: string;
  readonly #folder: string;
  readonly #assertMayWrite: () => Promise<unknown>;
  /** The folder is there, durably. */
  #isFolderMade = false;

  /**
   * @param assertMayWrite Called before every write; throws when this process may not.
   * @param name Name of the folder within that of the collection, as the manifest has it.
   */
  constructor(fs: FileSystem, collectionFolder: string, assertMayWrite: () => Promise<unknown>, name = "blobs") {
    this.fs = fs;
    this.#collectionFolder = collectionFolder;
    this.#folder = `${collectionFolder}/${name}`;
    this.#assertMayWrite = assertMayWrite;
  }

  /** Writes a blob, durably, under a name that nobody looks for. */
  async stage(key: string, content: Uint8Array): Promise<StagedBlob> {
    await this.#assertMayWrite();
    await this.#makeFolder();
    const fs = this.fs;
    const path = await this.#pathOf(key);
    const staged = `${path}.${newSalt()}${unfinishedEnding}`;
    try {
      const handle = await fs.open(staged, "write");
      try {
        await writeBlobFile(fs, handle, key, content);
        await handle.sync();
      } finally {
        await handle.close();
      }
    } catch (error) {
      await fs.remove(staged).catch(() => {});
      throw error;
    }
    return {
      commit: async () => {
        await this.#assertMayWrite();
        await fs.rename(staged, path);
        await fs.syncFolder(this.#folder);
      },
      discard: () => fs.remove(staged),
    };
  }

  /** Size and parts of a blob as it was when it was found; null without one. `CORRUPT` with file and offset. */
  async open<T>(key: string, read: (blob: OpenBlob) => Promise<T>): Promise<T | null> {
    const path = await this.#pathOf(key);
    return this.#withFile(path, async (handle) => {
      const head = await readBlobHead(this.fs, handle, path);
      if (head.key !== key) throw corruptFile(path, 0, "the file holds the blob of another key");
      return read(new OpenBlob(this.fs, handle, path, head));
    });
  }

  /** Removes a blob, durably; false where there is none. */
  async remove(key: string): Promise<boolean> {
    const path = await this.#pathOf(key);
    await this.#assertMayWrite();
    if (!(await this.fs.exists(path))) return false;
    await this.fs.remove(path);
    await this.fs.syncFolder(this.#folder);
    return true;
  }

  /** All blobs whose keys begin with `prefix`, in order of their keys. */
  async list(prefix: string): Promise<BlobInfo[]> {
    const found: BlobInfo[] = [];
    for (const path of await this.files()) {
      const head = await this.#withFile(path, (handle) => readBlobHead(this.fs, handle, path));
      if (head?.key.startsWith(prefix) === true) found.push({ key: head.key, bytes: head.contentBytes });
    }
    return found.sort((a, b) => (a.key < b.key ? -1 : 1));
  }

  /** Paths of the files of all blobs: what a copy of the collection must have beside its generation. */
  async files(): Promise<string[]> {
    const entries = await this.fs.list(this.#folder);
    const files = entries.filter(({ name, isFolder }) => !isFolder && finishedName.test(name));
    return files.map(({ name }) => `${this.#folder}/${name}`);
  }

  /** Null where the file is missing, or has gone meanwhile. */
  async #withFile<T>(path: string, use: (handle: FileHandle) => Promise<T>): Promise<T | null> {
    let handle: FileHandle;
    try {
      handle = await this.fs.open(path, "read");
    } catch (error) {
      if (isMissingFile(error)) return null;
      throw error;
    }
    try {
      return await use(handle);
    } finally {
      await handle.close();
    }
  }

  async #makeFolder(): Promise<void> {
    if (this.#isFolderMade) return;
    await this.fs.makeFolder(this.#folder);
    await this.fs.syncFolder(this.#collectionFolder);
    this.#isFolderMade = true;
  }

  async #pathOf(key: string): Promise<string> {
    return `${this.#folder}/${await blobFileName(key)}`;
  }
}

/** A blob whose file is open. */
class OpenBlob {
  readonly bytes: number;
  readonly #fs: FileSystem;
  readonly #handle: FileHandle;
  readonly #path: string;
  readonly #head: BlobHead;

  constructor(fs: FileSystem, handle: FileHandle, path: string, head: BlobHead) {
    this.bytes = head.contentBytes;
    this.#fs = fs;
    this.#handle = handle;
    this.#path = path;
    this.#head = head;
  }

  /** Bytes `[from, to)`, within the blob; verified, the caller's own. */
  read(from: number, to: number): Promise<Uint8Array<ArrayBuffer>> {
    return readBlobContent(this.#fs, this.#handle, this.#path, this.#head, from, to);
  }
}

/** Removes what interrupted writes left in a folder of blobs. */
export async function removeStagedBlobs(fs: FileSystem, folder: string): Promise<void> {
  for (const { name, isFolder } of await fs.list(folder)) {
    if (!isFolder && name.endsWith(unfinishedEnding)) await fs.remove(`${folder}/${name}`);
  }
}

/** Name of the finished file of the blob with this key. */
export async function blobFileName(key: string): Promise<string> {
  return `${await sha256(key)}.lynse`;
}

async function sha256(text: string): Promise<string> {
  const { subtle } = globalThis.crypto;
  if (subtle === undefined) {
    throw new LynseError(
      "UNSUPPORTED",
      "blobs need SHA-256 of the Web Crypto API, which browsers give to pages over https only",
    );
  }
  const digest = new Uint8Array(await subtle.digest("SHA-256", new TextEncoder().encode(text)));
  return Array.from(digest, (byte) => byte.toString(16).padStart(2, "0")).join("");
}
