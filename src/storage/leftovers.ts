/**
 * What may a crash have left in a collection's folder?
 *
 * Unfinished files, generations that no manifest names, and blobs of a collection that was dropped or replaced. Whatever
 * has another name is not ours.
 */
import { removeStagedBlobs } from "./blob-store.js";
import type { FileSystem } from "./file-system.js";
import { generationFolder } from "./generation-files.js";
import { blobFolderName, isBlobFolder, type Manifest } from "./manifest.js";
import { unfinishedEnding } from "./replace-file.js";

/** Removes what a crash may have left beside what `manifest` names (null: there is no collection). */
export async function removeLeftovers(fs: FileSystem, folder: string, manifest: Manifest | null): Promise<void> {
  const current = manifest === null ? [] : [`g${manifest.generation}`, blobFolderName(manifest)];
  for (const { name, isFolder } of await fs.list(folder)) {
    const isOurs = /^g\d+$/.test(name) || isBlobFolder(name);
    if (isFolder && isOurs && !current.includes(name)) await fs.removeFolder(`${folder}/${name}`);
    if (!isFolder && name === `manifest.json${unfinishedEnding}`) await fs.remove(`${folder}/${name}`);
  }
  if (manifest === null) return;
  const blobs = `${folder}/${blobFolderName(manifest)}`;
  await removeStagedBlobs(fs, blobs);
  // A blob that was written, or removed, shortly before a kill is found so from now on: that must outlast a power loss.
  if (await fs.exists(blobs)) await fs.syncFolder(blobs);
  const inner = generationFolder(folder, manifest.generation);
  for (const { name } of await fs.list(inner)) {
    if (name.startsWith("derived-") && name.endsWith(unfinishedEnding)) await fs.remove(`${inner}/${name}`);
  }
}
