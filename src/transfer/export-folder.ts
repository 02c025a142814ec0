/**
 * How does a folder of files appear all at once?
 *
 * It is written beside the target, every file and name in it made durable, and takes the target's name at the end. What
 * fails before leaves a folder whose name says that it is unfinished, at the most.
 */
import { LynseError } from "../errors.js";
import type { FileSystem } from "../storage/file-system.js";
import { parentFolder } from "../storage/replace-file.js";
import { type ExportContents, type ExportFile, encodeExportManifest, exportManifestName } from "./export-manifest.js";
import { FileSink } from "./file-sink.js";

/** The files of one export: those being written, and those that are done. */
export class ExportFiles {
  readonly finished: ExportFile[] = [];
  readonly #fs: FileSystem;
  readonly #folder: string;
  #open: FileSink[] = [];

  constructor(fs: FileSystem, folder: string) {
    this.#fs = fs;
    this.#folder = folder;
  }

  async create(name: string): Promise<FileSink> {
    const sink = await FileSink.create(this.#fs, this.#folder, name);
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
  await checkTarget(fs, path, parent);
  const unfinished = `${path}.tmp-${globalThis.crypto.randomUUID()}`;
  const files = new ExportFiles(fs, unfinished);
  try {
    await fs.makeFolder(unfinished);
    const result = await write(files);
    await fs.syncFolder(unfinished);
    await checkTarget(fs, path, parent);
    await fs.rename(unfinished, path);
    await fs.syncFolder(parent);
    return result;
  } catch (error) {
    await files.abandon();
    // What cannot be removed is no export, and says so by its name.
    await fs.removeFolder(unfinished).catch(() => {});
    throw error;
  }
}

async function checkTarget(fs: FileSystem, path: string, parent: string): Promise<void> {
  if (await fs.exists(path)) {
    throw new LynseError("TARGET_EXISTS", `${path} exists; choose another path for the export, or remove it first`, {
      path,
    });
  }
  if (await fs.exists(parent)) return;
  throw new LynseError("IO_ERROR", `${path} cannot be written: there is no folder ${parent}; create it first`, {
    path,
    errno: "ENOENT",
  });
}
