/**
 * Which files make up one generation of a collection?
 *
 * `g<generation>/` with the log and, once the dimension is known, the vector file. Opened and closed together.
 */
import { corruptFile } from "./corrupt-file.js";
import { decodeFileHeader, encodeFileHeader, fileHeaderBytes, saltBytes } from "./file-header.js";
import { type FileHandle, type FileSystem, isMissingFile } from "./file-system.js";
import type { CollectionConfig, Manifest } from "./manifest.js";
import { VectorFile } from "./vector-file.js";

/** Folder of a generation. */
export function generationFolder(folder: string, generation: number): string {
  return `${folder}/g${generation}`;
}

export class GenerationFiles {
  readonly fs: FileSystem;
  readonly generation: number;
  readonly salt: string;
  /** The salt as it stands in frames. */
  readonly saltBytes: Uint8Array;
  readonly folder: string;
  readonly logPath: string;
  readonly log: FileHandle;
  #vectors: VectorFile | null = null;

  private constructor(
    fs: FileSystem,
    folder: string,
    manifest: Pick<Manifest, "generation" | "salt">,
    log: FileHandle,
  ) {
    this.fs = fs;
    this.generation = manifest.generation;
    this.salt = manifest.salt;
    this.saltBytes = saltBytes(manifest.salt);
    this.folder = generationFolder(folder, manifest.generation);
    this.logPath = logPathOf(folder, manifest.generation);
    this.log = log;
  }

  /** The vector file; null while the dimension is not fixed. */
  get vectors(): VectorFile | null {
    return this.#vectors;
  }

  /** Creates the files of an empty generation, durably. What stood in its folder is removed. */
  static async create(fs: FileSystem, folder: string, manifest: Manifest): Promise<GenerationFiles> {
    const { generation, salt, config } = manifest;
    await fs.removeFolder(generationFolder(folder, generation));
    await fs.makeFolder(generationFolder(folder, generation));
    const log = await fs.open(logPathOf(folder, generation), "write");
    const files = new GenerationFiles(fs, folder, manifest, log);
    try {
      await log.write(encodeFileHeader(fs, { kind: "LYNSELOG", generation, salt }), 0);
      await log.sync();
      if (config.dim === null) await fs.syncFolder(files.folder);
      else await files.createVectors(config.dim, config.dtype);
      await fs.syncFolder(folder);
    } catch (error) {
      await files.close();
      throw error;
    }
    return files;
  }

  /** Opens and verifies the files that a manifest names. */
  static async open(
    fs: FileSystem,
    folder: string,
    manifest: Manifest,
    mode: "read" | "write",
  ): Promise<GenerationFiles> {
    const path = logPathOf(folder, manifest.generation);
    let log: FileHandle;
    try {
      if (mode === "write" && !(await fs.exists(path))) throw corruptFile(path, 0, "the file is missing");
      log = await fs.open(path, mode);
    } catch (error) {
      throw isMissingFile(error) ? corruptFile(path, 0, "the file is missing") : error;
    }
    const files = new GenerationFiles(fs, folder, manifest, log);
    try {
      const bytes = new Uint8Array(fileHeaderBytes);
      const count = await log.read(bytes, 0);
      const header = decodeFileHeader(fs, bytes.subarray(0, count), "LYNSELOG", path);
      if (header.generation !== manifest.generation || header.salt !== manifest.salt) {
        throw corruptFile(path, 0, "the file belongs to another collection or generation");
      }
      await files.openVectors(manifest.config, mode);
    } catch (error) {
      await files.close();
      throw error;
    }
    return files;
  }

  /** Creates the vector file, durably with its name. */
  async createVectors(dim: number, dtype: CollectionConfig["dtype"]): Promise<void> {
    const { generation, salt } = this;
    const vectors = await VectorFile.create(this.fs, this.#vectorPath(), { generation, salt, dim, dtype });
    try {
      await this.fs.syncFolder(this.folder);
    } catch (error) {
      await vectors.handle.close();
      throw error;
    }
    this.#vectors = vectors;
  }

  /** Opens the vector file where the configuration has a dimension. */
  async openVectors(config: CollectionConfig, mode: "read" | "write"): Promise<void> {
    const { dim, dtype } = config;
    if (dim === null || this.#vectors !== null) return;
    const { generation, salt } = this;
    this.#vectors = await VectorFile.open(this.fs, this.#vectorPath(), mode, { generation, salt, dim, dtype });
  }

  async close(): Promise<void> {
    await Promise.all([this.log.close(), this.#vectors?.handle.close()]);
  }

  #vectorPath(): string {
    return `${this.folder}/vectors-default.lynse`;
  }
}

function logPathOf(folder: string, generation: number): string {
  return `${generationFolder(folder, generation)}/log-000001.lynse`;
}
