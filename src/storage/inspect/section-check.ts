/**
 * Is every byte of a section file as it was written?
 *
 * As `readSectionFile`, but nothing is kept: two tables and one buffer, whatever the size. What the sections mean is for
 * their readers to say.
 */
import { isLynseError } from "../../errors.js";
import { TimeSlice } from "../../time-slice.js";
import { decodeFileHeader, type FileHeader, type FileKind, fileHeaderBytes } from "../file-header.js";
import type { FileHandle, FileSystem } from "../file-system.js";
import { padTo8 } from "../log-frame.js";

const tableBytesMax = 1024 * 1024;
const readBytesMax = 4 * 1024 * 1024;

/** What is wrong with a section file, and where. */
export interface SectionProblem {
  readonly offset: number;
  readonly problem: string;
  /** True where the file is of a newer version, not damaged. */
  readonly isTooNew: boolean;
  /** True where nothing that is read is hurt. */
  readonly isHarmless: boolean;
}

export interface SectionCheck {
  /** Null where it cannot be believed. */
  readonly header: FileHeader | null;
  readonly problems: readonly SectionProblem[];
}

/** Reads all of the file at `path`. */
export async function checkSectionFile(
  fs: FileSystem,
  path: string,
  kind: FileKind,
  options: { readonly onBytes?: (bytes: number) => void; readonly signal?: AbortSignal | undefined } = {},
): Promise<SectionCheck> {
  const handle = await fs.open(path, "read");
  try {
    return await new SectionChecker(fs, handle, path, await handle.size(), options).check(kind);
  } finally {
    await handle.close();
  }
}

class SectionChecker {
  readonly #fs: FileSystem;
  readonly #handle: FileHandle;
  readonly #path: string;
  readonly #fileBytes: number;
  readonly #options: Parameters<typeof checkSectionFile>[3] & object;
  readonly #problems: SectionProblem[] = [];
  readonly #slice = new TimeSlice();
  #buffer = new Uint8Array(0);

  constructor(
    fs: FileSystem,
    handle: FileHandle,
    path: string,
    fileBytes: number,
    options: Parameters<typeof checkSectionFile>[3] & object,
  ) {
    this.#fs = fs;
    this.#handle = handle;
    this.#path = path;
    this.#fileBytes = fileBytes;
    this.#options = options;
  }

  async check(kind: FileKind): Promise<SectionCheck> {
    const head = await this.#read(0, fileHeaderBytes + 8);
    let header: FileHeader;
    try {
      header = decodeFileHeader(this.#fs, head, kind, this.#path);
    } catch (error) {
      if (!isLynseError(error, "CORRUPT") && !isLynseError(error, "FORMAT_TOO_NEW")) throw error;
      const isTooNew = error.code === "FORMAT_TOO_NEW";
      const problem = isTooNew ? "the file was written by a newer version" : "the header does not match its checksum";
      this.#add(0, problem, { isTooNew });
      return { header: null, problems: this.#problems };
    }
    if (head.length < fileHeaderBytes + 8) {
      this.#add(head.length, "the file ends inside its table");
      return { header, problems: this.#problems };
    }
    const view = new DataView(head.buffer, head.byteOffset, head.length);
    await this.#checkSections(view.getUint32(fileHeaderBytes, true), view.getUint32(fileHeaderBytes + 4, true));
    return { header, problems: this.#problems };
  }

  async #checkSections(tableBytes: number, tableCrc: number): Promise<void> {
    const tableAt = fileHeaderBytes + 8;
    if (tableBytes > tableBytesMax || tableAt + tableBytes > this.#fileBytes) {
      this.#add(fileHeaderBytes, "the size of the table is impossible");
      return;
    }
    const text = await this.#read(tableAt, tableBytes);
    if (this.#fs.crc32(text) !== tableCrc) {
      this.#add(fileHeaderBytes, "the table does not match its checksum");
      return;
    }
    const entries = entriesOf(new TextDecoder().decode(text));
    if (entries === null) {
      this.#add(tableAt, "the table cannot be read");
      return;
    }
    let at = tableAt + tableBytes;
    for (const { name, bytes, crc } of entries) {
      const start = padTo8(at);
      await this.#checkPadding(at, start);
      if (start + bytes > this.#fileBytes) {
        this.#add(this.#fileBytes, `the file ends inside section ${name}`);
        return;
      }
      if ((await this.#crcOf(start, bytes)) !== crc) this.#add(start, `section ${name} does not match its checksum`);
      at = start + bytes;
    }
    await this.#checkPadding(at, padTo8(at));
    if (this.#fileBytes > padTo8(at)) this.#add(padTo8(at), "bytes follow the last section", { isHarmless: true });
  }

  async #crcOf(start: number, length: number): Promise<number> {
    let crc = 0;
    for (let done = 0; done < length; ) {
      const part = await this.#read(start + done, Math.min(readBytesMax, length - done));
      if (part.length === 0) break;
      crc = this.#fs.crc32(part, crc);
      done += part.length;
      this.#options.onBytes?.(part.length);
      this.#options.signal?.throwIfAborted();
      if (this.#slice.isDue()) await this.#slice.giveWay();
    }
    return crc;
  }

  async #checkPadding(from: number, to: number): Promise<void> {
    if (from >= to || from >= this.#fileBytes) return;
    const bytes = await this.#read(from, to - from);
    if (bytes.some((byte) => byte !== 0))
      this.#add(from, "bytes between two sections are not zero", { isHarmless: true });
  }

  /** Bytes that are there, valid until the next call. */
  async #read(start: number, length: number): Promise<Uint8Array> {
    const wanted = Math.max(0, Math.min(length, this.#fileBytes - start));
    if (this.#buffer.length < wanted) this.#buffer = new Uint8Array(wanted);
    const count = await this.#handle.read(this.#buffer.subarray(0, wanted), start);
    return this.#buffer.subarray(0, count);
  }

  #add(offset: number, problem: string, { isTooNew = false, isHarmless = false } = {}): void {
    this.#problems.push({ offset, problem, isTooNew, isHarmless });
  }
}

interface TableEntry {
  readonly name: string;
  readonly bytes: number;
  readonly crc: number;
}

function entriesOf(text: string): TableEntry[] | null {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    return null;
  }
  if (!Array.isArray(value)) return null;
  const isEntry = (each: unknown): each is TableEntry => {
    if (typeof each !== "object" || each === null) return false;
    const { name, bytes, crc } = each as Partial<TableEntry>;
    return typeof name === "string" && Number.isSafeInteger(bytes) && (bytes as number) >= 0 && typeof crc === "number";
  };
  return value.every(isEntry) ? value : null;
}
