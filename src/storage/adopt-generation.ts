/**
 * How does a staged collection take a name, at once, whoever had it before?
 *
 * Its generation is moved beside the one that counts, as the next one, and the manifest is replaced: the one atomic step.
 * A crash before it leaves a folder that no manifest names, which the next writable open removes.
 */
import { isLynseError } from "../errors.js";
import { decodeFileHeader, encodeFileHeader, type FileKind, fileHeaderBytes } from "./file-header.js";
import type { FileSystem } from "./file-system.js";
import { generationFolder } from "./generation-files.js";
import { removeLeftovers } from "./leftovers.js";
import { readManifest, writeManifest } from "./manifest.js";
import { parentFolder } from "./replace-file.js";
import type { StagedCollection } from "./stage-snapshot.js";

/** Puts a staged collection into `folder`, durably. Must not overlap with a write to the collection that is there. */
export async function adoptGeneration(fs: FileSystem, staged: StagedCollection, folder: string): Promise<void> {
  const { manifest } = staged;
  const last = await lastGeneration(fs, folder);
  const generation = last === 0 ? manifest.generation : last + 1;
  if (last === 0) {
    await fs.makeFolder(folder);
    // As for a new collection: a manifest that can be seen is the commit, so its folders are durable first.
    await fs.syncFolder(parentFolder(parentFolder(folder)));
    await fs.syncFolder(parentFolder(folder));
    await fs.syncFolder(folder);
    await removeLeftovers(fs, folder, null);
  }
  const from = generationFolder(staged.folder, manifest.generation);
  if (generation !== manifest.generation) await renumber(fs, from, generation);
  // Blobs of the collection that is there must not be found in the folder that the next manifest names.
  const blobs = last === 0 ? "blobs" : `blobs-${manifest.salt}`;
  await fs.removeFolder(generationFolder(folder, generation));
  await fs.rename(from, generationFolder(folder, generation));
  if (await fs.exists(`${staged.folder}/blobs`)) await fs.rename(`${staged.folder}/blobs`, `${folder}/${blobs}`);
  await fs.syncFolder(folder);
  await writeManifest(fs, folder, { ...manifest, generation, ...(last === 0 ? {} : { blobs }) });
  await fs.removeFolder(staged.folder);
}

/** Largest number of a generation that is or was in a collection's folder; 0 where there is no collection. */
async function lastGeneration(fs: FileSystem, folder: string): Promise<number> {
  let last = 0;
  try {
    const manifest = await readManifest(fs, folder);
    if (manifest === null) return 0;
    last = manifest.generation;
  } catch (error) {
    // A damaged collection is a reason to restore it.
    if (!isLynseError(error, "CORRUPT")) throw error;
  }
  for (const { name } of await fs.list(folder)) {
    const match = /^g(\d{1,15})$/.exec(name);
    if (match !== null) last = Math.max(last, Number(match[1]));
  }
  return Math.max(last, 1);
}

/** Writes another number into the headers of a generation's files, durably. */
async function renumber(fs: FileSystem, folder: string, generation: number): Promise<void> {
  for (const { name, isFolder } of await fs.list(folder)) {
    const path = `${folder}/${name}`;
    if (isFolder) {
      if (await fs.exists(`${path}/head.lynse`)) await renumberFile(fs, `${path}/head.lynse`, "LYNSEIDX", generation);
      continue;
    }
    const kind = name.startsWith("log-") ? "LYNSELOG" : name.startsWith("vectors-") ? "LYNSEVEC" : "LYNSEDER";
    await renumberFile(fs, path, kind, generation);
  }
}

async function renumberFile(fs: FileSystem, path: string, kind: FileKind, generation: number): Promise<void> {
  const handle = await fs.open(path, "write");
  try {
    const bytes = new Uint8Array(fileHeaderBytes);
    const count = await handle.read(bytes, 0);
    const header = decodeFileHeader(fs, bytes.subarray(0, count), kind, path);
    await handle.write(encodeFileHeader(fs, { ...header, generation }), 0);
    await handle.sync();
  } finally {
    await handle.close();
  }
}
