/**
 * Which generation of a collection is the current one, and how is the collection configured?
 *
 * One file, replaced as a whole. `salt` is the salt of the generation's log: a manifest and a log of two collections,
 * or of two lives of one name, never pass for a pair.
 */
import { limits } from "../limits.js";
import type { Dtype, JsonValue } from "../types.js";
import { corruptFile } from "./corrupt-file.js";
import type { FileSystem } from "./file-system.js";
import { replaceFile } from "./replace-file.js";
import { encodeSealedJson, readSealedJson } from "./sealed-json.js";

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
}

export interface Manifest {
  /** From 1; one more with every generation. */
  readonly generation: number;
  readonly salt: string;
  readonly config: CollectionConfig;
}

const format = "lynsedb collection";

/** Path of the manifest of the collection in `folder`. */
export function manifestPath(folder: string): string {
  return `${folder}/manifest.json`;
}

/** Replaces the manifest; durable when it resolves. */
export async function writeManifest(fs: FileSystem, folder: string, manifest: Manifest): Promise<void> {
  const { generation, salt, config } = manifest;
  const bytes = encodeSealedJson(fs, format, { generation, salt, config: { ...config } });
  await replaceFile(fs, manifestPath(folder), bytes);
}

/** The manifest; null when there is none. */
export async function readManifest(fs: FileSystem, folder: string): Promise<Manifest | null> {
  const file = manifestPath(folder);
  const members = await readSealedJson(fs, file, format);
  if (members === null) return null;
  const { generation, salt } = members;
  const config = configOf(members["config"]);
  if (typeof generation !== "number" || !Number.isSafeInteger(generation) || generation < 1) {
    throw corruptFile(file, 0, "the generation is not a positive integer");
  }
  if (typeof salt !== "string" || !/^[0-9a-f]{16}$/.test(salt)) throw corruptFile(file, 0, "the salt is malformed");
  if (config === null) throw corruptFile(file, 0, "the configuration is malformed");
  return { generation, salt, config };
}

function configOf(value: JsonValue | undefined): CollectionConfig | null {
  if (typeof value !== "object" || value === null || Array.isArray(value)) return null;
  const { dim, dtype, index, defaultIndex, description, createdAt } = value as { [key: string]: JsonValue };
  const indexParameters = parametersOf((value as { [key: string]: JsonValue })["indexParameters"]);
  if (indexParameters === null) return null;
  const isDim = dim === null || (typeof dim === "number" && Number.isInteger(dim) && dim >= 1 && dim <= limits.dimMax);
  if (!isDim || (dtype !== "float32" && dtype !== "float16")) return null;
  if (!isText(index) || !isText(defaultIndex) || !isText(description) || typeof createdAt !== "string") return null;
  const config: CollectionConfig = { dim, dtype, index, defaultIndex, description, createdAt };
  return indexParameters === undefined ? config : { ...config, indexParameters };
}

/** Null where they are malformed. */
function parametersOf(value: JsonValue | undefined): { [name: string]: number } | null | undefined {
  if (value === undefined || value === null) return undefined;
  if (typeof value !== "object" || Array.isArray(value)) return null;
  if (!Object.values(value).every((member) => typeof member === "number")) return null;
  return { ...(value as { [name: string]: number }) };
}

function isText(value: JsonValue | undefined): value is string | null {
  return value === null || typeof value === "string";
}
