/**
 * Which files make up one generation of a collection?
 *
 * `g<generation>/` with the log, once the dimension is known the vector file, and one more for each named vector field.
 * Opened and closed together.
 */
import { assert, LynseError } from "../errors.js";
import { corruptFile } from "./corrupt-file.js";
import { decodeFileHeader, encodeFileHeader, fileHeaderBytes, saltBytes } from "./file-header.js";
import { type FileHandle, type FileSystem, isMissingFile } from "./file-system.js";
import type { LogPosition } from "./log-position.js";
import type { CollectionConfig, Manifest, VectorFieldConfig } from "./manifest.js";
import { isVectorFieldName } from "./vector-field-name.js";
import { VectorFile, type VectorFileShape } from "./vector-file.js";

/** A vector file and how many of its vectors are meant. */
export interface VectorCount {
  readonly file: VectorFile;
  readonly count: number;
}

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
  #fields: readonly VectorFile[] = [];
  /** Open files of named fields: those of the configuration, and those that a failed change of it left. */
  readonly #fieldFiles = new Map<string, VectorFile>();

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

  /** Files of the named vector fields, by field number. */
  get fields(): readonly VectorFile[] {
    return this.#fields;
  }

  /** Every vector file, with the number of its vectors at a position. */
  vectorCounts({ rowCount, slotCounts }: LogPosition): VectorCount[] {
    const counts = this.#fields.map((file, field) => ({ file, count: slotCounts[field] ?? 0 }));
    return this.#vectors === null ? counts : [{ file: this.#vectors, count: rowCount }, ...counts];
  }

  /** True when all vectors before a position have a file that is open. */
  hasVectorsOf({ rowCount, slotCounts }: LogPosition): boolean {
    return (rowCount === 0 || this.#vectors !== null) && slotCounts.length <= this.#fields.length;
  }

  /** `CORRUPT` unless the vector files hold what was written before a position. */
  async checkVectorBytes(position: LogPosition): Promise<void> {
    if (!this.hasVectorsOf(position))
      throw corruptFile(this.logPath, 0, "there are vectors, but no dimension is known");
    for (const { file, count } of this.vectorCounts(position)) {
      if (count === 0) continue;
      const size = await file.handle.size();
      if (size < file.bytesOf(count)) throw corruptFile(file.path, size, `the file ends before vector ${count}`);
    }
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
      await files.createFields(config.vectorFields ?? []);
      files.adoptFields(config.vectorFields ?? []);
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
    if (this.#vectors !== null) {
      this.#assertSame(this.#vectors, { dim, dtype });
      return;
    }
    const vectors = await VectorFile.create(this.fs, this.#vectorPath(), this.#shapeOf({ dim, dtype }));
    try {
      await this.fs.syncFolder(this.folder);
    } catch (error) {
      await vectors.handle.close();
      throw error;
    }
    this.#vectors = vectors;
  }

  /** Creates the files of those named fields that have none, durably with their names. */
  async createFields(configs: readonly VectorFieldConfig[]): Promise<void> {
    const created = new Map<string, VectorFile>();
    try {
      for (const config of configs) {
        const file = this.#fieldFiles.get(config.name);
        if (file !== undefined) this.#assertSame(file, config);
        else created.set(config.name, await VectorFile.create(this.fs, this.#fieldPath(config), this.#shapeOf(config)));
      }
      if (created.size > 0) await this.fs.syncFolder(this.folder);
    } catch (error) {
      await Promise.all(Array.from(created.values(), (file) => file.handle.close()));
      throw error;
    }
    for (const [name, file] of created) this.#fieldFiles.set(name, file);
  }

  /** Takes the fields of a manifest that counts; their files are open. */
  adoptFields(configs: readonly VectorFieldConfig[]): void {
    this.#fields = configs.map(({ name }) => {
      const file = this.#fieldFiles.get(name);
      assert(file !== undefined, "the file of a field is opened before the field counts");
      return file;
    });
  }

  /** Opens the vector files that the configuration asks for and that are not open yet. */
  async openVectors(config: CollectionConfig, mode: "read" | "write"): Promise<void> {
    const { dim, dtype, vectorFields = [] } = config;
    if (dim !== null && this.#vectors === null) {
      this.#vectors = await VectorFile.open(this.fs, this.#vectorPath(), mode, this.#shapeOf({ dim, dtype }));
    }
    for (const field of vectorFields) {
      if (this.#fieldFiles.has(field.name)) continue;
      const file = await VectorFile.open(this.fs, this.#fieldPath(field), mode, this.#shapeOf(field));
      this.#fieldFiles.set(field.name, file);
    }
    this.adoptFields(vectorFields);
  }

  async close(): Promise<void> {
    const vectors = [this.#vectors, ...this.#fieldFiles.values()];
    await Promise.all([this.log.close(), ...vectors.map((file) => file?.handle.close())]);
  }

  /**
   * A change of the configuration that failed may count, and what it created may be named by the manifest on disk: a
   * file of another shape must not take its place.
   */
  #assertSame(file: VectorFile, { dim, dtype }: Pick<VectorFileShape, "dim" | "dtype">): void {
    if (file.dim === dim && file.dtype === dtype) return;
    throw new LynseError(
      "IO_ERROR",
      `${file.path} was created for ${file.dim} components of ${file.dtype} by a change that failed half-way, and now ` +
        `${dim} of ${dtype} were asked for; close and reopen the database, then try again`,
      { file: file.path, expected: file.dim, got: dim },
    );
  }

  #shapeOf({ dim, dtype }: Pick<VectorFileShape, "dim" | "dtype">): VectorFileShape {
    return { generation: this.generation, salt: this.salt, dim, dtype };
  }

  #vectorPath(): string {
    return `${this.folder}/vectors-default.lynse`;
  }

  #fieldPath({ name }: VectorFieldConfig): string {
    assert(isVectorFieldName(name), "the name of a field can be part of the name of a file");
    return `${this.folder}/vectors-${name}.lynse`;
  }
}

function logPathOf(folder: string, generation: number): string {
  return `${generationFolder(folder, generation)}/log-000001.lynse`;
}
