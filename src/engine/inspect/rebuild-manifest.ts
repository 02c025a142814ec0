/**
 * What did a manifest say that is damaged or gone?
 *
 * First what of it can still be read: where the text is JSON that makes sense, and its salt is that of the log, it is believed,
 * whatever its checksum says. Otherwise what the headers of the files tell: generation, salt, dimensions. What no file tells
 * (the metric where no index is there, options of text search, the embedder, the description) is told to be lost.
 */
import { isLynseError } from "../../errors.js";
import { parseIndexName } from "../../index/index-name.js";
import {
  decodeFileHeader,
  type FileHeader,
  type FileKind,
  fileHeaderBytes,
  saltBytes,
} from "../../storage/file-header.js";
import type { FileSystem } from "../../storage/file-system.js";
import { generationFolder } from "../../storage/generation-files.js";
import { LogSurvey } from "../../storage/inspect/log-survey.js";
import {
  type CollectionConfig,
  type Manifest,
  manifestPath,
  readManifest,
  type VectorFieldConfig,
} from "../../storage/manifest.js";
import { MemoryFileSystem } from "../../storage/memory-file-system.js";
import { encodeSealedJson, sealedBytesMax } from "../../storage/sealed-json.js";
import { readSectionFile } from "../../storage/section-file.js";
import type { Dtype, JsonValue } from "../../types.js";

export interface RebuiltManifest {
  readonly manifest: Manifest;
  /** What could not be known, in words. */
  readonly unknowable: readonly string[];
}

const dtypes: readonly Dtype[] = ["float32", "float16"];

/** A manifest for the collection in `folder`, whose own cannot be read; null where no file tells enough. */
export async function rebuildManifest(fs: FileSystem, folder: string, nowMs: number): Promise<RebuiltManifest | null> {
  const generation = await generationOf(fs, folder);
  if (generation === null) return null;
  const log = await headerOf(fs, `${generationFolder(folder, generation)}/log-000001.lynse`, "LYNSELOG");
  const vectors = await headerOf(fs, `${generationFolder(folder, generation)}/vectors-default.lynse`, "LYNSEVEC");
  const salt = log?.salt ?? vectors?.salt ?? null;
  if (salt === null) return null;
  const read = await readableManifest(fs, folder);
  const isSame = read !== null && read.generation === generation && read.salt === salt;
  if (isSame && fitsFiles(read, vectors)) {
    return { manifest: read, unknowable: ["whether the settings are what they were: their checksum was damaged"] };
  }
  return manifestOfHeaders(fs, folder, { generation, salt, vectors, createdAtMs: nowMs });
}

function fitsFiles({ config: { dim, dtype } }: Manifest, vectors: FileHeader | null): boolean {
  if (vectors === null) return true;
  return vectors.dim === dim && dtypes[vectors.dtype] === dtype;
}

/**
 * The generation that counted. A finished one that is being removed and an unfinished one may stand beside it: the newest
 * that was committed to after it took over, else the oldest, which has everything.
 */
async function generationOf(fs: FileSystem, folder: string): Promise<number | null> {
  const numbers: number[] = [];
  for (const { name, isFolder } of await fs.list(folder)) {
    if (isFolder && /^g\d+$/.test(name)) numbers.push(Number(name.slice(1)));
  }
  numbers.sort((one, other) => one - other);
  for (const number of [...numbers].reverse()) if (await wasCommittedTo(fs, folder, number)) return number;
  return numbers[0] ?? null;
}

async function wasCommittedTo(fs: FileSystem, folder: string, generation: number): Promise<boolean> {
  const inner = generationFolder(folder, generation);
  if ((await fs.list(inner)).some(({ name }) => /^derived-\d+\.lynse$/.test(name))) return true;
  const path = `${inner}/log-000001.lynse`;
  const header = await headerOf(fs, path, "LYNSELOG");
  if (header === null) return false;
  const handle = await fs.open(path, "read");
  try {
    const log = { fs, handle, saltBytes: saltBytes(header.salt), bytes: await handle.size() };
    const survey = new LogSurvey(log, { readsTexts: false });
    for await (const event of survey.events()) {
      if (event.kind === "frame" && event.header.syncedBytes > fileHeaderBytes) return true;
    }
    return false;
  } finally {
    await handle.close();
  }
}

/** What the text of the manifest says, whatever its checksum; null where it makes no sense. */
async function readableManifest(fs: FileSystem, folder: string): Promise<Manifest | null> {
  const path = manifestPath(folder);
  try {
    const bytes = await fs.readFile(path, sealedBytesMax);
    if (bytes === null) return null;
    const end = bytes.indexOf(0x0a);
    const text = new TextDecoder().decode(end === -1 ? bytes : bytes.subarray(0, end));
    const { format, version: _, ...members } = JSON.parse(text) as { [name: string]: JsonValue };
    const sealed = encodeSealedJson(fs, String(format), members);
    return await readManifest(MemoryFileSystem.of(new Map([[path, sealed]])), folder);
  } catch (error) {
    if (error instanceof SyntaxError || error instanceof TypeError || isLynseError(error)) return null;
    throw error;
  }
}

async function headerOf(fs: FileSystem, path: string, kind: FileKind): Promise<FileHeader | null> {
  if (!(await fs.exists(path))) return null;
  const handle = await fs.open(path, "read");
  try {
    const bytes = new Uint8Array(fileHeaderBytes);
    const count = await handle.read(bytes, 0);
    return decodeFileHeader(fs, bytes.subarray(0, count), kind, path);
  } catch (error) {
    if (isLynseError(error, "CORRUPT")) return null;
    throw error;
  } finally {
    await handle.close();
  }
}

async function manifestOfHeaders(
  fs: FileSystem,
  folder: string,
  known: { generation: number; salt: string; vectors: FileHeader | null; createdAtMs: number },
): Promise<RebuiltManifest | null> {
  const { generation, salt, vectors } = known;
  const inner = generationFolder(folder, generation);
  const unknowable = ["the description, options of text search and the embedder: set them again where there were any"];
  const fields = await fieldsOf(fs, inner, salt);
  const index = await indexOf(fs, inner, "default");
  if (index === null)
    unknowable.push("the metric: it is inner product now; set it again with an index of the right metric");
  const named: VectorFieldConfig[] = [];
  for (const { name, dim, dtype } of await inOrder(fs, inner, salt, fields)) {
    const own = await indexOf(fs, inner, name);
    if (own === null) unknowable.push(`the metric of vector field ${name}: it is inner product now`);
    const metric = own === null ? "ip" : parseIndexName(own).metric;
    named.push({ name, dim, dtype, metric, index: own });
  }
  if (named.length > 1) unknowable.push("the order of the vector fields, where several have the same shape");
  const config: CollectionConfig = {
    dim: vectors?.dim ?? null,
    dtype: dtypes[vectors?.dtype ?? 0] ?? "float32",
    index,
    defaultIndex: index,
    description: null,
    createdAt: new Date(known.createdAtMs).toISOString(),
    ...(named.length === 0 ? {} : { vectorFields: named }),
  };
  const blobs = (await fs.list(folder)).find(({ name, isFolder }) => isFolder && /^blobs-[0-9a-f]{16}$/.test(name));
  const other = blobs === undefined ? {} : { blobs: blobs.name };
  return { manifest: { generation, salt, config, ...other }, unknowable };
}

interface FoundField {
  readonly name: string;
  readonly dim: number;
  readonly dtype: Dtype;
}

async function fieldsOf(fs: FileSystem, inner: string, salt: string): Promise<FoundField[]> {
  const found: FoundField[] = [];
  for (const { name } of await fs.list(inner)) {
    const field = /^vectors-([A-Za-z0-9_-]{1,128})\.lynse$/.exec(name)?.[1];
    if (field === undefined || field === "default") continue;
    const header = await headerOf(fs, `${inner}/${name}`, "LYNSEVEC");
    const dtype = dtypes[header?.dtype ?? -1];
    if (header !== null && header.salt === salt && dtype !== undefined)
      found.push({ name: field, dim: header.dim, dtype });
  }
  return found;
}

/** Fields in the order of their numbers, as far as the log's frames tell: by dimension and by the checksum of their vectors. */
async function inOrder(
  fs: FileSystem,
  inner: string,
  salt: string,
  fields: readonly FoundField[],
): Promise<FoundField[]> {
  if (fields.length < 2 || !(await fs.exists(`${inner}/log-000001.lynse`))) return [...fields];
  const handle = await fs.open(`${inner}/log-000001.lynse`, "read");
  const placed: FoundField[] = [];
  try {
    const log = { fs, handle, saltBytes: saltBytes(salt), bytes: await handle.size() };
    for await (const event of new LogSurvey(log, { readsTexts: false }).events()) {
      if (event.kind !== "frame" || event.content.kind !== "fieldVectors") continue;
      const { part, dim } = event.content;
      if (part.fieldNumber >= fields.length || placed[part.fieldNumber] !== undefined) continue;
      for (const field of fields) {
        if (field.dim !== dim || placed.includes(field)) continue;
        const stride = dim * (field.dtype === "float32" ? 4 : 2);
        const bytes = new Uint8Array(part.count * stride);
        const file = await fs.open(`${inner}/vectors-${field.name}.lynse`, "read");
        await file.read(bytes, fileHeaderBytes + part.firstSlot * stride).finally(() => file.close());
        if (fs.crc32(bytes) === part.vectorsCrc) placed[part.fieldNumber] = field;
      }
    }
  } finally {
    await handle.close();
  }
  const rest = fields.filter((field) => !placed.includes(field));
  return fields.map((_, number) => placed[number] ?? rest.shift()!);
}

/** Name of the newest index of a field whose head can be read. */
async function indexOf(fs: FileSystem, inner: string, field: string): Promise<string | null> {
  const names = (await fs.list(inner)).map(({ name }) => name);
  for (const name of names.filter((each) => each.startsWith(`index-${field}-`)).reverse()) {
    try {
      const { sections } = await readSectionFile(fs, `${inner}/${name}/head.lynse`, "LYNSEIDX", () => {});
      const { name: index } = JSON.parse(new TextDecoder().decode(sections.get("folder.description"))) as {
        name: string;
      };
      return parseIndexName(index).name;
    } catch (error) {
      if (!isLynseError(error) && !(error instanceof SyntaxError)) throw error;
    }
  }
  return null;
}
