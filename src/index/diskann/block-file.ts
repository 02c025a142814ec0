/**
 * How are the blocks of an index kept in a file?
 *
 * A sector with the header, then blocks of one size. Blocks are only ever appended: a block that changes is written
 * again at the end, and the list of where each one lies belongs to the state that `serialize` gives away. So every
 * state that was given away stays readable for as long as its file is there, whatever happens to later writes.
 *
 *     header:  0 "LYNSEDSK"   8 u32 version   12 u32 CRC-32 of bytes 16 to 40   16 u32 dim   20 u32 maxDegree
 *              24 u32 bytes of a node   28 u32 bytes of a block   32 u32 salt   36 u32 kind (1 graph, 2 posting lists)
 */
import { LynseError } from "../../errors.js";
import { corruptFile } from "../../storage/corrupt-file.js";
import { type FileHandle, isMissingFile } from "../../storage/file-system.js";
import type { IndexFolder } from "../vector-index.js";
import { sectorBytes } from "./block-shape.js";

const magic = "LYNSEDSK";
const version = 1;
const headerBytes = 40;
/** What files of blocks are called; others in the folder are left alone. */
const namePattern = /^blocks-[0-9a-f]{8}\.lyn$/;

/** What a file's header says. */
export interface FileShape {
  readonly kind: "graph" | "lists";
  readonly dim: number;
  readonly maxDegree: number;
  readonly nodeBytes: number;
  readonly blockBytes: number;
}

export class BlockFile {
  readonly folder: IndexFolder;
  readonly name: string;
  /** Marks the blocks of this file. */
  readonly salt: number;
  readonly blockBytes: number;
  /** True where blocks can be appended. */
  readonly isWritable: boolean;
  readonly #handle: FileHandle;

  private constructor(
    folder: IndexFolder,
    name: string,
    salt: number,
    blockBytes: number,
    handle: FileHandle,
    isWritable: boolean,
  ) {
    this.isWritable = isWritable;
    this.folder = folder;
    this.name = name;
    this.salt = salt;
    this.blockBytes = blockBytes;
    this.#handle = handle;
  }

  get path(): string {
    return `${this.folder.path}/${this.name}`;
  }

  /** Creates an empty file; it is durable after `sync`. */
  static async create(folder: IndexFolder, shape: FileShape): Promise<BlockFile> {
    await folder.fs.makeFolder(folder.path);
    const salt = globalThis.crypto.getRandomValues(new Uint32Array(1))[0]!;
    const name = fileName(salt);
    const handle = await folder.fs.open(`${folder.path}/${name}`, "write");
    try {
      await handle.truncate(0);
      const sector = new Uint8Array(sectorBytes);
      sector.set(encodeHeader(folder, shape, salt));
      await handle.write(sector, 0);
    } catch (error) {
      await handle.close();
      await folder.fs.remove(`${folder.path}/${name}`);
      throw error;
    }
    return new BlockFile(folder, name, salt, shape.blockBytes, handle, true);
  }

  /** Opens a file that must have this shape and at least `blocks` blocks; null where it has not. */
  static async open(folder: IndexFolder, shape: FileShape, salt: number, blocks: number): Promise<BlockFile | null> {
    const name = fileName(salt);
    let handle: FileHandle;
    try {
      handle = await folder.fs.open(`${folder.path}/${name}`, "read");
    } catch (error) {
      if (isMissingFile(error)) return null;
      throw error;
    }
    try {
      const found = new Uint8Array(headerBytes);
      const expected = encodeHeader(folder, shape, salt);
      const bytes = sectorBytes + blocks * shape.blockBytes;
      const isWhole = (await handle.size()) >= bytes && (await handle.read(found, 0)) === headerBytes;
      if (isWhole && found.every((byte, at) => byte === expected[at])) {
        return new BlockFile(folder, name, salt, shape.blockBytes, handle, false);
      }
    } catch (error) {
      await handle.close();
      throw error;
    }
    await handle.close();
    return null;
  }

  /** Removes the files of blocks in a folder that nobody needs. */
  static async removeOthers(folder: IndexFolder, isNeeded: (name: string) => boolean): Promise<void> {
    for (const { name, isFolder } of await folder.fs.list(folder.path)) {
      if (isFolder || !namePattern.test(name) || isNeeded(name)) continue;
      await folder.fs.remove(`${folder.path}/${name}`);
    }
  }

  /** Where a place in units of blocks lies in the file. */
  positionOf(place: number): number {
    return sectorBytes + place * this.blockBytes;
  }

  /** Reads from the file on the calling thread. */
  readNow(target: Uint8Array, place: number): void {
    this.#checkLength(this.#handle.readNow(target, this.positionOf(place)), target, place);
  }

  async read(target: Uint8Array, place: number): Promise<void> {
    this.#checkLength(await this.#handle.read(target, this.positionOf(place)), target, place);
  }

  /** Throws `CORRUPT` unless `bytes` is block `number` as it was written at `place`. */
  verify(bytes: Uint8Array, number: number, place: number): void {
    const view = new DataView(bytes.buffer, bytes.byteOffset, 16);
    if (view.getUint32(0, true) !== this.folder.fs.crc32(bytes.subarray(4))) {
      throw corruptFile(this.path, this.positionOf(place), `block ${number} does not match its checksum`);
    }
    if (view.getUint32(4, true) !== number || view.getUint32(12, true) !== this.salt) {
      throw corruptFile(this.path, this.positionOf(place), `block ${number} was expected, another one found`);
    }
  }

  /** As `verify` for a block whose number the caller does not know. */
  verifyAny(bytes: Uint8Array, place: number): void {
    this.verify(bytes, new DataView(bytes.buffer, bytes.byteOffset, 16).getUint32(4, true), place);
  }

  /** Completes a block's header: number, count, salt and checksum. */
  seal(bytes: Uint8Array, number: number, count: number): void {
    const view = new DataView(bytes.buffer, bytes.byteOffset, 16);
    view.setUint32(4, number, true);
    view.setUint32(8, count, true);
    view.setUint32(12, this.salt, true);
    view.setUint32(0, this.folder.fs.crc32(bytes.subarray(4)), true);
  }

  /** Writes whole blocks, sealed, at `place`. */
  async write(bytes: Uint8Array, place: number): Promise<void> {
    await this.#handle.write(bytes, this.positionOf(place));
  }

  /** Makes the blocks and the file's name durable. */
  async sync(): Promise<void> {
    await this.#handle.sync();
    await this.folder.fs.syncFolder(this.folder.path);
  }

  /** The same file for writing. */
  async forWriting(): Promise<BlockFile> {
    const handle = await this.folder.fs.open(this.path, "write");
    return new BlockFile(this.folder, this.name, this.salt, this.blockBytes, handle, true);
  }

  async close(): Promise<void> {
    await this.#handle.close();
  }

  async remove(): Promise<void> {
    await this.close();
    await this.folder.fs.remove(this.path);
  }

  #checkLength(count: number, target: Uint8Array, place: number): void {
    if (count === target.length) return;
    throw corruptFile(this.path, this.positionOf(place) + count, "the file ends inside its blocks");
  }
}

function fileName(salt: number): string {
  return `blocks-${salt.toString(16).padStart(8, "0")}.lyn`;
}

function encodeHeader({ fs }: IndexFolder, shape: FileShape, salt: number): Uint8Array {
  const bytes = new Uint8Array(headerBytes);
  const view = new DataView(bytes.buffer);
  for (let at = 0; at < magic.length; at++) bytes[at] = magic.charCodeAt(at);
  const kind = shape.kind === "graph" ? 1 : 2;
  const fields = [shape.dim, shape.maxDegree, shape.nodeBytes, shape.blockBytes, salt, kind];
  view.setUint32(8, version, true);
  fields.forEach((field, at) => void view.setUint32(16 + 4 * at, field, true));
  view.setUint32(12, fs.crc32(bytes.subarray(16)), true);
  return bytes;
}

/** The error of a call that its signal ended. */
export function throwIfAborted(signal: AbortSignal | undefined): void {
  if (signal?.aborted === true) {
    throw new LynseError("ABORTED", "the call was ended by its AbortSignal", {}, signal.reason);
  }
}
