/**
 * Are the indexes of a collection whole that is about to get a name?
 *
 * Heads are checked whenever they are opened; blocks of a disk index only when a search reads them. An index is made of the
 * vectors, so one that is damaged is left out, and built again once the collection is open.
 */
import { throwIfAborted } from "../query/exact-search.js";
import type { FileSystem } from "../storage/file-system.js";
import { generationFolder } from "../storage/generation-files.js";
import type { StagedCollection } from "../storage/stage-snapshot.js";
import { checkBlockFile, isBlockFile } from "./inspect/block-file-check.js";

/** Removes indexes with a damaged block from a staged collection, durably. */
export async function dropDamagedIndexes(
  fs: FileSystem,
  { folder, manifest }: StagedCollection,
  signal: AbortSignal | undefined,
): Promise<void> {
  const generation = generationFolder(folder, manifest.generation);
  let isChanged = false;
  for (const { name, isFolder } of await fs.list(generation)) {
    if (!isFolder || (await isWhole(fs, `${generation}/${name}`, signal))) continue;
    await fs.removeFolder(`${generation}/${name}`);
    isChanged = true;
  }
  if (isChanged) await fs.syncFolder(generation);
}

async function isWhole(fs: FileSystem, folder: string, signal: AbortSignal | undefined): Promise<boolean> {
  for (const { name } of await fs.list(folder)) {
    if (!isBlockFile(name)) continue;
    const problems = await checkBlockFile(fs, `${folder}/${name}`, {
      onBytes: () => throwIfAborted(signal),
      signal: undefined,
    });
    if (problems.length > 0) return false;
  }
  return true;
}
