/**
 * Which generation of a collection is the current one, and how is the collection configured?
 *
 * One file, replaced as a whole. `salt` is the salt of the generation's log: a manifest and a log of two collections,
 * or of two lives of one name, never pass for a pair.
 */
import { assert } from "../errors.js";
import { limits } from "../limits.js";
import type { Dtype, JsonValue } from "../types.js";
import { corruptFile } from "./corrupt-file.js";
import type { FileSystem } from "./file-system.js";
import { replaceFile } from "./replace-file.js";
import { encodeSealedJson, readSealedJson } from "./sealed-json.js";
import { isVectorFieldName } from "./vector-field-name.js";

/** What is fixed about a named vector field, and its index. */
export interface VectorFieldConfig {
  readonly name: string;
  readonly dim: number;
  readonly dtype: Dtype;
  /** Name of the metric. */
  readonly metric: string;
  /** Name of the index in use. */
  readonly index: string | null;
  /** What it was built with, so that it can be built again. */
  readonly indexParameters?: { readonly [name: string]: number } | null;
}

/** What is fixed about a collection, apart from its rows. */
export interface CollectionConfig {
  /** Length of the vectors; null until the first write fixes it. */
  readonly dim: number | null;
  readonly dtype: Dtype;
  /** Name of the index in use. */
  readonly index: string | null;
  /** What it was built with, so that it can be built again. */
  readonly indexParameters?: { readonly [name: string]: number } | null;
  /** Name of the index that gives the metric when there is none in use. */
  readonly defaultIndex: string | null;
  readonly description: string | null;
  /** ISO-8601. */
  readonly createdAt: string;
  /** Named vector fields in order of creation, never reordered or removed: a field's number is its position. */
  readonly vectorFields?: readonly VectorFieldConfig[];
  /** Options of full text search. */
  readonly text?: { readonly [name: string]: JsonValue };
  /** What makes vectors of documents. */
  readonly embedder?: { readonly name: string; readonly dim: number };
}

export interface Manifest {
  /** From 1; one more with every generation. */
  readonly generation: number;
  readonly salt: string;
  readonly config: CollectionConfig;
  /** Name of the folder of its blobs. Default `"blobs"`; another one where another collection was put into its place. */
  readonly blobs?: string;
}

const format = "lynsedb collection";

/** True when `after` begins with the fields of `before`; their metric and index may have changed. */
export function continuesFields(before: readonly VectorFieldConfig[], after: readonly VectorFieldConfig[]): boolean {
  return before.every(({ name, dim, dtype }, at) => {
    const field = after[at];
    return field !== undefined && field.name === name && field.dim === dim && field.dtype === dtype;
  });
}

/** Folder of a collection's blobs, in its own. */
export function blobFolderName({ blobs = "blobs" }: Pick<Manifest, "blobs">): string {
  return blobs;
}

/** True for names that folders of blobs have. */
export function isBlobFolder(name: string): boolean {
  return /^blobs(-[0-9a-f]{16})?$/.test(name);
}

/** Path of the manifest of the collection in `folder`. */
export function manifestPath(folder: string): string {
  return `${folder}/manifest.json`;
}

/** Replaces the manifest; durable when it resolves. */
export async function writeManifest(fs: FileSystem, folder: string, manifest: Manifest): Promise<void> {
  const { generation, salt, config, blobs } = manifest;
  const json = jsonOf(config);
  assert(configOf(json) !== null, "a configuration that is written can be read");
  const other = blobs === undefined ? {} : { blobs };
  const bytes = encodeSealedJson(fs, format, { generation, salt, config: json, ...other });
  await replaceFile(fs, manifestPath(folder), bytes);
}

/** The manifest; null when there is none. */
export async function readManifest(fs: FileSystem, folder: string): Promise<Manifest | null> {
  const file = manifestPath(folder);
  const members = await readSealedJson(fs, file, format);
  if (members === null) return null;
  const { generation, salt, blobs } = members;
  const config = configOf(members["config"]);
  if (typeof generation !== "number" || !Number.isSafeInteger(generation) || generation < 1) {
    throw corruptFile(file, 0, "the generation is not a positive integer");
  }
  if (typeof salt !== "string" || !/^[0-9a-f]{16}$/.test(salt)) throw corruptFile(file, 0, "the salt is malformed");
  if (config === null) throw corruptFile(file, 0, "the configuration is malformed");
  if (blobs === undefined) return { generation, salt, config };
  if (typeof blobs !== "string" || !isBlobFolder(blobs)) throw corruptFile(file, 0, "the folder of blobs is malformed");
  return { generation, salt, config, blobs };
}

type JsonMembers = { readonly [key: string]: JsonValue };

function isObject(value: JsonValue | undefined): value is JsonMembers {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

/** Members that are undefined are left out. */
function jsonOf({ vectorFields, embedder, ...rest }: CollectionConfig): JsonMembers {
  return {
    ...rest,
    ...(vectorFields === undefined ? {} : { vectorFields: vectorFields.map((field) => ({ ...field })) }),
    ...(embedder === undefined ? {} : { embedder: { ...embedder } }),
  };
}

function configOf(value: JsonValue | undefined): CollectionConfig | null {
  if (!isObject(value)) return null;
  const { dim, dtype, index, defaultIndex, description, createdAt } = value;
  const indexParameters = parametersOf(value["indexParameters"]);
  const vectorFields = vectorFieldsOf(value["vectorFields"]);
  const text = value["text"];
  const embedder = embedderOf(value["embedder"]);
  if (indexParameters === null || vectorFields === null || embedder === null) return null;
  if (text !== undefined && !isObject(text)) return null;
  if (!(dim === null || isDim(dim)) || !isDtype(dtype)) return null;
  if (!isText(index) || !isText(defaultIndex) || !isText(description) || typeof createdAt !== "string") return null;
  return {
    ...{ dim, dtype, index, defaultIndex, description, createdAt },
    ...(indexParameters === undefined ? {} : { indexParameters }),
    ...(vectorFields === undefined ? {} : { vectorFields }),
    ...(text === undefined ? {} : { text }),
    ...(embedder === undefined ? {} : { embedder }),
  };
}

/** Undefined where there are none, null where they are malformed. */
function vectorFieldsOf(value: JsonValue | undefined): readonly VectorFieldConfig[] | null | undefined {
  if (value === undefined) return undefined;
  if (!Array.isArray(value)) return null;
  const fields: VectorFieldConfig[] = [];
  const taken = new Set<string>();
  for (const each of value as readonly JsonValue[]) {
    const field = vectorFieldOf(each);
    if (field === null || taken.has(field.name.toLowerCase())) return null;
    taken.add(field.name.toLowerCase());
    fields.push(field);
  }
  return fields;
}

function vectorFieldOf(value: JsonValue): VectorFieldConfig | null {
  if (!isObject(value)) return null;
  const { name, dim, dtype, metric, index } = value;
  const indexParameters = parametersOf(value["indexParameters"]);
  if (!isVectorFieldName(name) || !isDim(dim) || !isDtype(dtype) || typeof metric !== "string") return null;
  if (!isText(index) || indexParameters === null) return null;
  const field = { name, dim, dtype, metric, index };
  return indexParameters === undefined ? field : { ...field, indexParameters };
}

/** Undefined where there is none, null where it is malformed. */
function embedderOf(value: JsonValue | undefined): CollectionConfig["embedder"] | null {
  if (value === undefined) return undefined;
  if (!isObject(value)) return null;
  const { name, dim } = value;
  return typeof name === "string" && isDim(dim) ? { name, dim } : null;
}

/** Null where they are malformed. */
function parametersOf(value: JsonValue | undefined): { [name: string]: number } | null | undefined {
  if (value === undefined || value === null) return undefined;
  if (!isObject(value) || !Object.values(value).every((member) => typeof member === "number")) return null;
  return { ...(value as { [name: string]: number }) };
}

function isDim(value: JsonValue | undefined): value is number {
  return typeof value === "number" && Number.isInteger(value) && value >= 1 && value <= limits.dimMax;
}

function isDtype(value: JsonValue | undefined): value is Dtype {
  return value === "float32" || value === "float16";
}

function isText(value: JsonValue | undefined): value is string | null {
  return value === null || typeof value === "string";
}
