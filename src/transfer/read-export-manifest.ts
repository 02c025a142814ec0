/**
 * What does the manifest of an export that anybody may have written say?
 *
 * Everything is checked before a file that it names is looked at: names lead nowhere else, counts can be counted, settings
 * are those that a collection can have.
 */
import { checkTextSettings, storedTextSettings } from "../engine/text-settings.js";
import { checkDim } from "../engine/vector-input.js";
import { isLynseError, LynseError } from "../errors.js";
import { parseIndexName } from "../index/index-name.js";
import { checkIndexParameters } from "../index/index-parameters.js";
import { checkLimit, limits } from "../limits.js";
import type { FileSystem } from "../storage/file-system.js";
import type { VectorFieldConfig } from "../storage/manifest.js";
import { checkVectorFieldName } from "../storage/vector-field-name.js";
import type { Dtype, JsonValue } from "../types.js";
import {
  additionsVersion,
  type ExportContents,
  type ExportedBlobs,
  type ExportedConfig,
  type ExportedField,
  type ExportedRows,
  type ExportedSparse,
  type ExportFile,
  exportFormat,
  exportManifestName,
  exportType,
  exportVersions,
  isIntactManifest,
} from "./export-manifest.js";
import { damagedExport, refusedExport } from "./transfer-error.js";

/** Longest manifest: stop words, a description and the most named fields fit many times. */
const manifestBytesMax = 16 * 1024 * 1024;

/** The manifest of the export in `folder`; `CORRUPT`, `FORMAT_TOO_NEW`, `INVALID_ARGUMENT`. */
export async function readExportManifest(
  fs: FileSystem,
  folder: string,
): Promise<{ readonly contents: ExportContents; readonly byteLength: number }> {
  const file = `${folder}/${exportManifestName}`;
  const bytes = await fs.readFile(file, manifestBytesMax);
  if (bytes === null) throw await noExport(fs, folder);
  let value: unknown;
  let text = "";
  try {
    text = new TextDecoder("utf-8", { fatal: true }).decode(bytes);
    value = JSON.parse(text);
  } catch {
    throw damagedExport(file, "the manifest is no JSON text");
  }
  try {
    const isIntact = (checksum: JsonValue | undefined): boolean =>
      isIntactManifest(bytes, checksum, (each) => fs.crc32(each));
    const contents = new ManifestReader(file).contents(value, isIntact);
    // LynseDB's manifests have no checksums: one that has, and not in its place, lost the name of a member.
    if (contents.files === null && text.includes('"crc32"')) throw damagedExport(file, "it holds unknown checksums");
    return { contents, byteLength: bytes.length };
  } catch (error) {
    // What the checks of settings say does not know of any file.
    if (!isLynseError(error) || error.details["file"] === file) throw error;
    throw new LynseError(error.code, refusedExport(file, error.message).message, { ...error.details, file }, error);
  }
}

async function noExport(fs: FileSystem, folder: string): Promise<LynseError> {
  const what = (await fs.exists(folder)) ? `there is no ${exportManifestName} in it` : "there is no such folder";
  return new LynseError("IO_ERROR", `${folder} is no export of a collection: ${what}`, {
    file: folder,
    errno: "ENOENT",
  });
}

type Members = { readonly [name: string]: JsonValue };

class ManifestReader {
  readonly #file: string;
  readonly #names = new Set<string>();

  constructor(file: string) {
    this.#file = file;
  }

  contents(value: unknown, isIntact: (checksum: JsonValue | undefined) => boolean): ExportContents {
    const manifest = this.#object(value, "the manifest");
    if (manifest["export_type"] !== exportType || manifest["export_format"] !== exportFormat) {
      throw this.#refuse(`it is no ${exportFormat}`);
    }
    const dtype = this.#dtype(manifest["vector_dtype"]);
    this.#checkVersion(manifest, dtype);
    const collection = this.#text(manifest["collection_name"], "collection_name");
    const dimension = manifest["dimension"];
    const dim = dimension === 0 ? null : checkDim(dimension);
    const live = this.#rows(manifest, "vectors_file", "metadata_file");
    if (dim === null && live.count > 0) throw this.#refuse("it has rows, and no dimension");
    const given = manifest["lynsedb_typescript"];
    if (given === undefined) {
      const config = { dim, dtype, index: "FLAT-IP", defaultIndex: "FLAT-IP", description: null };
      return { collection, config, live, deleted: null, fields: [], sparse: null, blobs: null, files: null };
    }
    const additions = this.#object(given, "lynsedb_typescript");
    const version = this.#count(additions["version"], "lynsedb_typescript.version");
    if (version > additionsVersion) {
      throw new LynseError(
        "FORMAT_TOO_NEW",
        `${this.#file} was written by a newer version of lynsedb; upgrade it to import this`,
        { file: this.#file, found: version, supported: additionsVersion },
      );
    }
    if (!isIntact(additions["crc32"])) throw damagedExport(this.#file, "it does not match its checksum");
    const { deleted } = additions;
    return {
      collection,
      config: this.#config(additions["config"], dim, dtype),
      live,
      deleted: deleted === null ? null : this.#rows(this.#object(deleted, "deleted"), "vectorsFile", "metadataFile"),
      fields: this.#fields(additions["vectorFields"]),
      sparse: this.#sparse(additions["sparse"]),
      blobs: this.#blobs(additions["blobs"]),
      files: this.#list(additions["files"], "files").map((each) => this.#exportFile(each)),
    };
  }

  #checkVersion({ export_version: version, byte_order: order }: Members, dtype: Dtype): void {
    if (typeof version === "number" && version > Math.max(...Object.values(exportVersions))) {
      throw new LynseError(
        "FORMAT_TOO_NEW",
        `${this.#file} has format version ${version}, which this one cannot read`,
        {
          file: this.#file,
          found: version,
        },
      );
    }
    if (version !== exportVersions[dtype]) throw this.#refuse(`version ${JSON.stringify(version)} holds no ${dtype}`);
    if (order !== "little-endian") throw this.#refuse(`byte order ${JSON.stringify(order)} is not little-endian`);
  }

  #rows(members: Members, vectorsName: string, metadataName: string): ExportedRows {
    const count = this.#count(members["count"], "count");
    checkLimit("rowsMax", count, `${this.#file}: the number of rows`);
    return {
      count,
      vectorsFile: this.#fileName(members[vectorsName], vectorsName),
      metadataFile: this.#fileName(members[metadataName], metadataName),
    };
  }

  #config(value: JsonValue | undefined, dim: number | null, dtype: Dtype): ExportedConfig {
    const config = this.#object(value, "config");
    if (config["dim"] !== dim || config["dtype"] !== dtype) throw this.#refuse("config is of another dim or dtype");
    const { index, defaultIndex, description, embedder, text } = config;
    if (typeof description === "string") checkLimit("descriptionLengthMax", description.length, "the description");
    const parameters = this.#parameters(index, config["indexParameters"]);
    return {
      dim,
      dtype,
      index: this.#indexName(index),
      ...(parameters === null ? {} : { indexParameters: parameters }),
      defaultIndex: this.#indexName(defaultIndex),
      description: description === null ? null : this.#text(description, "description"),
      ...(text === undefined ? {} : { text: storedTextSettings(checkTextSettings(text)) }),
      ...(embedder === undefined ? {} : { embedder: this.#embedder(embedder) }),
    };
  }

  #indexName(value: JsonValue | undefined): string | null {
    return value === null ? null : parseIndexName(this.#text(value, "index")).name;
  }

  #parameters(index: JsonValue | undefined, given: JsonValue | undefined): { [name: string]: number } | null {
    if (given === undefined || given === null || typeof index !== "string") return null;
    return { ...checkIndexParameters(parseIndexName(index), this.#object(given, "indexParameters")) };
  }

  #embedder(value: JsonValue): { name: string; dim: number } {
    const { name, dim } = this.#object(value, "embedder");
    return { name: this.#text(name, "embedder.name"), dim: checkDim(dim) };
  }

  #fields(value: JsonValue | undefined): ExportedField[] {
    const taken: string[] = [];
    const fields = this.#list(value, "vectorFields").map((each) => {
      const field = this.#object(each, "vectorFields");
      const config = this.#fieldConfig(this.#object(field["config"], "config"), taken);
      taken.push(config.name);
      const count = this.#count(field["count"], "count");
      const vectorsFile = this.#fileName(field["vectorsFile"], "vectorsFile");
      return { config, count, vectorsFile, rowsFile: this.#fileName(field["rowsFile"], "rowsFile") };
    });
    checkLimit("vectorFieldsMax", fields.length, "the number of named vector fields");
    return fields;
  }

  #fieldConfig(given: Members, taken: readonly string[]): VectorFieldConfig {
    const { name, index } = given;
    checkVectorFieldName(name, taken);
    const parameters = this.#parameters(index, given["indexParameters"]);
    // A metric is what exact searches by it are called.
    const metric = this.#text(given["metric"], "metric");
    const flat = parseIndexName(`FLAT-${metric.toUpperCase().replaceAll("_", "-")}`);
    return {
      name,
      dim: checkDim(given["dim"]),
      dtype: this.#dtype(given["dtype"]),
      metric: flat.metric,
      index: this.#indexName(index),
      ...(parameters === null ? {} : { indexParameters: parameters }),
    };
  }

  #sparse(value: JsonValue | undefined): ExportedSparse | null {
    if (value === null) return null;
    const { count, file } = this.#object(value, "sparse");
    return { count: this.#count(count, "sparse.count"), file: this.#fileName(file, "sparse.file") };
  }

  #blobs(value: JsonValue | undefined): ExportedBlobs | null {
    // Not there before blobs were exported.
    if (value === null || value === undefined) return null;
    const { count, contentFile, listFile } = this.#object(value, "blobs");
    return {
      count: this.#count(count, "blobs.count"),
      contentFile: this.#fileName(contentFile, "blobs.contentFile"),
      listFile: this.#fileName(listFile, "blobs.listFile"),
    };
  }

  #exportFile(value: JsonValue): ExportFile {
    const { name, bytes, crc32 } = this.#object(value, "files");
    if (typeof crc32 !== "string" || !/^[0-9a-f]{8}$/.test(crc32)) throw this.#refuse("a checksum is malformed");
    return {
      name: this.#text(name, "files.name"),
      bytes: this.#count(bytes, "files.bytes"),
      crc32: Number.parseInt(crc32, 16),
    };
  }

  /** The name of a file in the export's own folder, and of no other file of the export. */
  #fileName(value: JsonValue | undefined, what: string): string {
    const name = this.#text(value, what);
    if (!/^[A-Za-z0-9_-][A-Za-z0-9._-]{0,127}$/.test(name) || name.includes("..") || this.#names.has(name)) {
      throw this.#refuse(`${what} is ${JSON.stringify(name)}, which is no name of a file of its own in the folder`);
    }
    this.#names.add(name);
    return name;
  }

  #dtype(value: JsonValue | undefined): Dtype {
    if (value === "float32" || value === "float16") return value;
    throw this.#refuse(`vectors of type ${JSON.stringify(value)}; float32 and float16 can be read`);
  }

  #count(value: JsonValue | undefined, what: string): number {
    if (typeof value === "number" && Number.isSafeInteger(value) && value >= 0) return value;
    throw this.#refuse(`${what} is ${JSON.stringify(value)}, a whole number from 0 on is wanted`);
  }

  #text(value: JsonValue | undefined, what: string): string {
    if (typeof value === "string") return value;
    throw this.#refuse(`${what} is ${JSON.stringify(value)?.slice(0, 40)}, a text is wanted`);
  }

  #list(value: JsonValue | undefined, what: string): readonly JsonValue[] {
    if (Array.isArray(value) && value.length <= limits.vectorFieldsMax * 4) return value;
    throw this.#refuse(`${what} is no list that can be taken`);
  }

  #object(value: unknown, what: string): Members {
    if (typeof value === "object" && value !== null && !Array.isArray(value)) return value as Members;
    throw this.#refuse(`${what} is no JSON object`);
  }

  #refuse(what: string): LynseError {
    return refusedExport(this.#file, what);
  }
}
