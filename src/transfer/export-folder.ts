/**
 * How do the files of an export become a folder?
 *
 * One after the other, each made durable and remembered with its length and checksum; the manifest, which lists them, is the
 * last. The folder takes its name when it is whole (`storage/write-beside.ts`).
 */
import { LynseError } from "../errors.js";
import type { FileSystem } from "../storage/file-system.js";
import { parentFolder } from "../storage/replace-file.js";
import { writeBeside } from "../storage/write-beside.js";
import { type ExportContents, type ExportFile, encodeExportManifest, exportManifestName } from "./export-manifest.js";
import { FileSink } from "./file-sink.js";

/** The files of one export: those being written, and those that are done. */
export class ExportFiles {
  readonly finished: ExportFile[] = [];
  readonly #fs: FileSystem;
  /** Where they are written; it gets its name later. */
  readonly folder: string;
  #open: FileSink[] = [];

  constructor(fs: FileSystem, folder: string) {
    this.#fs = fs;
    this.folder = folder;
  }

  async create(name: string): Promise<FileSink> {
    const sink = await FileSink.create(this.#fs, this.folder, name);
    this.#open.push(sink);
    return sink;
  }

  /** Makes the open files durable. */
  async finish(): Promise<void> {
    for (const file of await Promise.all(this.#open.map((sink) => sink.finish()))) this.finished.push(file);
    this.#open = [];
  }

  /** Writes the manifest, behind everything else; resolves to the bytes of all files. */
  async seal(contents: Omit<ExportContents, "files">): Promise<number> {
    const manifest = encodeExportManifest({ ...contents, files: [...this.finished] }, (bytes) => this.#fs.crc32(bytes));
    const sink = await this.create(exportManifestName);
    await sink.write(manifest);
    await this.finish();
    return this.finished.reduce((sum, { bytes }) => sum + bytes, 0);
  }

  /** Closes what is open still. */
  async abandon(): Promise<void> {
    for (const sink of this.#open) await sink.abandon().catch(() => {});
    this.#open = [];
  }
}

/** Writes the folder `path`; `TARGET_EXISTS`, `NO_SPACE`, `IO_ERROR`. */
export async function writeExportFolder<T>(
  fs: FileSystem,
  path: string,
  write: (files: ExportFiles) => Promise<T>,
): Promise<T> {
  const parent = parentFolder(path);
  if (!(await fs.exists(parent))) {
    throw new LynseError("IO_ERROR", `${path} cannot be written: there is no folder ${parent}; create it first`, {
      path,
      errno: "ENOENT",
    });
  }
  return writeBeside(fs, path, async (folder) => {
    const files = new ExportFiles(fs, folder);
    try {
      return await write(files);
    } catch (error) {
      await files.abandon();
      throw error;
    }
  });
}
