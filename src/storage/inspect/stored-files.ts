/**
 * Which files of a generation are there, and are they what their names say?
 *
 * As `GenerationFiles.open`, but one file that is missing or of another generation does not hide the others: what can be
 * opened is, and what is wrong is told. A header that is damaged does not make the rest of its file unreadable, since the
 * manifest says the same.
 */
import { isLynseError } from "../../errors.js";
import type { Dtype } from "../../types.js";
import { decodeFileHeader, type FileKind, fileHeaderBytes, saltBytes } from "../file-header.js";
import { type FileHandle, type FileSystem, isMissingFile } from "../file-system.js";
import { generationFolder } from "../generation-files.js";
import type { Manifest } from "../manifest.js";
import type { FindingList } from "./finding.js";

const componentBytes = { float32: 4, float16: 2 } as const;
const dtypeCodes = { float32: 0, float16: 1 } as const;

export interface StoredVectors {
  /** `default` for the vectors of the rows. */
  readonly name: string;
  readonly path: string;
  readonly dim: number;
  readonly dtype: Dtype;
  /** Bytes of a vector. */
  readonly stride: number;
  /** Null where the file cannot be read. */
  readonly handle: FileHandle | null;
  readonly bytes: number;
}

export class StoredFiles {
  readonly fs: FileSystem;
  readonly manifest: Manifest;
  /** Folder of the generation. */
  readonly folder: string;
  readonly saltBytes: Uint8Array;
  readonly logPath: string;
  readonly #log: FileHandle | null;
  readonly logBytes: number;
  /** Null where no dimension is fixed. */
  readonly vectors: StoredVectors | null;
  readonly fields: readonly StoredVectors[];

  private constructor(
    fs: FileSystem,
    folder: string,
    manifest: Manifest,
    log: { readonly path: string; readonly handle: FileHandle | null; readonly bytes: number },
    vectors: StoredVectors | null,
    fields: readonly StoredVectors[],
  ) {
    this.fs = fs;
    this.manifest = manifest;
    this.folder = generationFolder(folder, manifest.generation);
    this.saltBytes = saltBytes(manifest.salt);
    this.logPath = log.path;
    this.#log = log.handle;
    this.logBytes = log.bytes;
    this.vectors = vectors;
    this.fields = fields;
  }

  /** Opens, for reading, what there is of the collection in `folder`; tells `findings` what is wrong. */
  static async open(fs: FileSystem, folder: string, manifest: Manifest, findings: FindingList): Promise<StoredFiles> {
    const inner = generationFolder(folder, manifest.generation);
    const { dim, dtype, vectorFields = [] } = manifest.config;
    const logPath = `${inner}/log-000001.lynse`;
    const log = await openFile(fs, logPath, "LYNSELOG", manifest, null, findings);
    const openVectors = async (name: string, shape: { dim: number; dtype: Dtype }): Promise<StoredVectors> => {
      const path = `${inner}/vectors-${name}.lynse`;
      const { handle, bytes } = await openFile(fs, path, "LYNSEVEC", manifest, shape, findings);
      return { name, path, ...shape, stride: shape.dim * componentBytes[shape.dtype], handle, bytes };
    };
    const vectors = dim === null ? null : await openVectors("default", { dim, dtype });
    const fields: StoredVectors[] = [];
    for (const field of vectorFields)
      fields.push(await openVectors(field.name, { dim: field.dim, dtype: field.dtype }));
    return new StoredFiles(fs, folder, manifest, { path: logPath, ...log }, vectors, fields);
  }

  /** The log; null where it cannot be read. */
  get log(): FileHandle | null {
    return this.#log;
  }

  /** All vector files, the rows' own first. */
  get vectorFiles(): readonly StoredVectors[] {
    return this.vectors === null ? this.fields : [this.vectors, ...this.fields];
  }

  async close(): Promise<void> {
    const handles = [this.#log, ...this.vectorFiles.map(({ handle }) => handle)];
    await Promise.all(handles.map((handle) => handle?.close()));
  }
}

async function openFile(
  fs: FileSystem,
  path: string,
  kind: FileKind,
  { generation, salt }: Manifest,
  shape: { readonly dim: number; readonly dtype: Dtype } | null,
  findings: FindingList,
): Promise<{ readonly handle: FileHandle | null; readonly bytes: number }> {
  const what = kind === "LYNSELOG" ? "log" : "vector file";
  const advice = 'run "lynse repair", or restore the collection from a backup';
  let handle: FileHandle;
  try {
    handle = await fs.open(path, "read");
  } catch (error) {
    const isMissing = isMissingFile(error);
    const problem = isMissing ? `the ${what} is missing` : `the ${what} cannot be read: ${messageOf(error)}`;
    const affects = kind === "LYNSELOG" ? "every row" : "all vectors in it";
    const code = isMissing ? "missing-file" : "unreadable";
    findings.add({ severity: "error", code, file: path, problem, affects, advice });
    return { handle: null, bytes: 0 };
  }
  try {
    const bytes = new Uint8Array(fileHeaderBytes);
    const count = await handle.read(bytes, 0);
    const header = decodeFileHeader(fs, bytes.subarray(0, count), kind, path);
    const isSame = header.generation === generation && header.salt === salt;
    const isShape = shape === null || (header.dim === shape.dim && header.dtype === dtypeCodes[shape.dtype]);
    if (!isSame || !isShape) {
      const problem = isSame ? "it holds vectors of another shape" : "it belongs to another collection or generation";
      findings.add({ severity: "error", code: "file-header", file: path, offset: 0, problem, advice });
    }
  } catch (error) {
    if (!isLynseError(error)) throw error;
    const isTooNew = error.code === "FORMAT_TOO_NEW";
    findings.add({
      severity: "error",
      code: isTooNew ? "format-too-new" : error.code === "CORRUPT" ? "file-header" : "unreadable",
      file: path,
      offset: 0,
      problem: isTooNew ? "a newer version of lynsedb wrote it" : `the header of the ${what} is damaged`,
      advice: isTooNew ? "upgrade lynsedb" : advice,
    });
  }
  return { handle, bytes: await handle.size() };
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
