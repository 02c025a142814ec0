/**
 * What may a crash have left in a collection's folder?
 *
 * Unfinished files, generations that no manifest names, and the blobs of a collection that was dropped. Whatever has another name is not ours.
 */
import { blobFolderName, removeStagedBlobs } from "./blob-store.js";
import type { FileSystem } from "./file-system.js";
import { generationFolder } from "./generation-files.js";
import { unfinishedEnding } from "./replace-file.js";

/** Removes what a crash may have left beside `generation` (null: beside nothing). */
export async function removeLeftovers(fs: FileSystem, folder: string, generation: number | null): Promise<void> {
  const current = generation === null ? null : `g${generation}`;
  for (const { name, isFolder } of await fs.list(folder)) {
    if (isFolder && /^g\d+$/.test(name) && name !== current) await fs.removeFolder(`${folder}/${name}`);
    if (!isFolder && name === `manifest.json${unfinishedEnding}`) await fs.remove(`${folder}/${name}`);
  }
  if (generation === null) {
    await fs.removeFolder(`${folder}/${blobFolderName}`);
    return;
  }
  await removeStagedBlobs(fs, folder);
  const inner = generationFolder(folder, generation);
  for (const { name } of await fs.list(inner)) {
    if (name.startsWith("derived-") && name.endsWith(unfinishedEnding)) await fs.remove(`${inner}/${name}`);
  }
}
